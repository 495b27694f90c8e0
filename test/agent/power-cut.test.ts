// A power cut at any step of writing the last good file: what was not synced is cut to any length, what was not begun is not
// there, and one whole revision is always read back, the old or the new; the next write then works.

import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openStateDirectory } from '#agent/state/state-directory.ts';

/** The disk: steps until the cut, and what would be lost of which file. */
const disk = vi.hoisted(() => ({ stepsLeft: Number.POSITIVE_INFINITY, steps: 0, unsynced: new Map<string, number>() }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const step = () => {
    if (disk.stepsLeft <= 0) throw new Error('power cut');
    disk.stepsLeft -= 1;
    disk.steps += 1;
  };
  return {
    ...real,
    async open(path: string, flags?: string, mode?: number) {
      step();
      const handle: FileHandle = await real.open(path, flags, mode);
      return {
        writeFile: async (bytes: Uint8Array) => {
          step();
          await handle.writeFile(bytes);
          disk.unsynced.set(path, bytes.length);
        },
        sync: async () => {
          step();
          await handle.sync();
          disk.unsynced.delete(path);
        },
        close: () => handle.close(),
      };
    },
    async rename(from: string, to: string) {
      step();
      await real.rename(from, to);
      const lost = disk.unsynced.get(from);
      disk.unsynced.delete(from);
      if (lost !== undefined) disk.unsynced.set(to, lost);
    },
    async unlink(path: string) {
      step();
      await real.unlink(path);
      disk.unsynced.delete(path);
    },
  };
});

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'segwall-power-'));
});
afterEach(() => rmSync(path, { recursive: true }));

const revision = (number: number) => Buffer.from(`revision ${number} `.repeat(20));

async function write(numbers: readonly number[]): Promise<void> {
  for (const number of numbers) await openStateDirectory(path).writeLastGood(revision(number));
}

async function stepsOf(numbers: readonly number[]): Promise<number> {
  disk.stepsLeft = Number.POSITIVE_INFINITY;
  disk.steps = 0;
  await write(numbers);
  return disk.steps;
}

test.each([0, 1, 0.5])(
  'a cut at any step leaves one whole revision, with %s of what was not synced kept',
  async (kept) => {
    const steps = await stepsOf([1, 2]);
    const total = await stepsOf([3]);
    expect(steps).toBeGreaterThan(10);
    for (let cutAt = 0; cutAt <= total; cutAt += 1) {
      rmSync(join(path, 'last-good'), { recursive: true });
      await stepsOf([1, 2]);
      disk.unsynced.clear();
      disk.stepsLeft = cutAt;
      const outcome = await write([3]).then(
        () => 'written',
        () => 'cut',
      );
      expect(outcome).toBe(cutAt < total ? 'cut' : 'written');
      for (const [file, bytes] of disk.unsynced) truncateSync(file, Math.floor(bytes * kept));
      disk.unsynced.clear();
      disk.stepsLeft = Number.POSITIVE_INFINITY;
      const found = await openStateDirectory(path).readLastGood();
      const texts = [2, 3].map((number) => revision(number).toString());
      expect(found.kind, `cut at step ${cutAt}`).toBe('found');
      const text = found.kind === 'found' ? Buffer.from(found.bytes).toString() : '';
      expect(texts, `cut at step ${cutAt}`).toContain(text);
      if (outcome === 'written') expect(text).toBe(texts[1]);
      await write([4]);
      expect(await openStateDirectory(path).readLastGood()).toMatchObject({ kind: 'found' });
      expect(readdirSync(join(path, 'last-good')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
  },
);

test('the layer does lose what is not synced: a write that skips it is found torn', async () => {
  const { open } = await import('node:fs/promises');
  const handle = await open(join(path, 'torn'), 'w');
  await handle.writeFile(Buffer.from('all of it'));
  await handle.close();
  expect([...disk.unsynced]).toEqual([[join(path, 'torn'), 9]]);
});
