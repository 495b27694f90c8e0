// A CA is made where the one that hosts trust is lost: a key that lies there without its certificate may be somebody's only copy, and is kept.

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeLostCa } from '#control-plane/data/lost-ca.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { scratchDirectory } from './scratch-directory.ts';

const now = millis(Date.parse('2026-03-01T10:20:30Z'));

test('a key without its certificate is kept aside, told of, and not overwritten, however often', async () => {
  const data = await scratchDirectory();
  const pki = join(data, 'pki');
  await mkdir(pki);
  const kept = join(pki, 'ca-key.pem.kept-2026-03-01T10:20:30.000Z');
  await writeFile(join(pki, 'ca-key.pem'), 'the only copy\n', { mode: 0o600 });
  const made = assertOk(await makeLostCa({ data, now }));
  expect(made).toEqual({ fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/), keptKey: kept });
  expect(await readFile(kept, 'utf8')).toBe('the only copy\n');
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  expect(await readFile(join(pki, 'ca-key.pem'), 'utf8')).toContain('PRIVATE KEY');
  expect(await makeLostCa({ data, now })).toMatchObject({ ok: false, error: expect.stringContaining('is there') });
  expect((await readdir(pki)).sort()).toEqual(['ca-key.pem', 'ca-key.pem.kept-2026-03-01T10:20:30.000Z', 'ca.pem']);
});

test('where there is none, nothing is told', async () => {
  const made = assertOk(await makeLostCa({ data: await scratchDirectory(), now }));
  expect(made).toEqual({ fingerprint: expect.any(String) });
});
