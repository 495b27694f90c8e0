// Files of the state directory that hold what nobody wrote on purpose: each is told as damaged or passed over, and nothing throws.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '#agent/settings/settings-files.ts';
import { decodeLastGood } from '#agent/state/last-good-codec.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { parseSettingsFile } from '#model/settings-text.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'segwall-damaged-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const whole = {
  version: 1,
  epoch: 1,
  decisions: [['a', 1]],
  nextDecision: 2,
  classes: [],
  nextClass: 1,
  essentials: [],
};

test.each([
  ['null', /version undefined/],
  ['[]', /version undefined/],
  ['{"version":1}', /does not hold what it should/],
  [JSON.stringify({ ...whole, essentials: undefined }), /does not hold/],
  [JSON.stringify({ ...whole, essentials: [null] }), /does not hold/],
  [JSON.stringify({ ...whole, essentials: [{ name: 'a', peers: [1], services: [] }] }), /does not hold/],
  [JSON.stringify({ ...whole, decisions: 'ab' }), /does not hold/],
  [JSON.stringify({ ...whole, decisions: [['a', -1]] }), /does not hold/],
  [JSON.stringify({ ...whole, nextDecision: 1.5 }), /does not hold/],
  [JSON.stringify({ ...whole, markMask: 2 ** 33 }), /does not hold/],
  [JSON.stringify(whole), /the rule set of the last good file/],
])('a last good file with the header %s is damaged', (header, reason) => {
  const record = decodeLastGood(Buffer.from(`${header}\nx`));
  expect(record.ok ? 'taken' : record.error).toMatch(reason);
});

test.each(['1e999', '-1', '1e300', '"x"', 'null'])('a panic since %s is one since the file was made', (since) => {
  writeFileSync(join(directory, 'panic'), `{"since":${since},"reason":"x"}`);
  const panic = openPanicFlag(directory).read();
  expect(new Date(panic?.since ?? Number.NaN).getUTCFullYear()).toBeGreaterThan(2020);
});

test.each([
  ['an alias to itself', 'units: &a [*a]\n'],
  ['an alias', 'units: &a [x]\nessential: *a\n'],
  ['an alias to nothing', 'units: *a\n'],
  ['brackets without end', `units: ${'['.repeat(20_000)}`],
])('settings with %s are refused', async (_, text) => {
  const path = join(directory, 'agent.yaml');
  writeFileSync(path, text);
  expect(await readSettings(path, 'required')).toMatchObject({ ok: false });
  expect(parseSettingsFile(path, text)).toMatchObject({ ok: false });
});
