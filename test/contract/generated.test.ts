// The checked-in code is what the protos say: generated again, it comes out the same.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateWire } from '../../proto/generate.ts';

test('npm run proto would change nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'segwall-generated-'));
  try {
    await generateWire(folder);
    for (const name of ['generated.js', 'generated.d.ts']) {
      const checkedIn = new URL(`../../proto/wire/${name}`, import.meta.url);
      expect(await readFile(join(folder, name), 'utf8')).toBe(await readFile(checkedIn, 'utf8'));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
