import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeWhole } from '#agent/state/durable-file.ts';

test('writes of one file at once come after one another, and the last asked is the one that stays', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-whole-'));
  try {
    const path = join(directory, 'names');
    await Promise.all(Array.from({ length: 20 }, (_, at) => writeWhole(path, Buffer.from(`content ${at}`))));
    expect(await readFile(path, 'utf8')).toBe('content 19');
    expect(await readdir(directory)).toEqual(['names']);
  } finally {
    await rm(directory, { recursive: true });
  }
});
