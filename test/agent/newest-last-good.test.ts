// Which of two policies a start takes, what the disk holds or the copy under /run, and whose copies it does not believe.

import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeLastGood, encodeLastGood } from '#agent/state/last-good-codec.ts';
import { digestOfLastGood, writeRunCopy } from '#agent/state/last-good-run-copy.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { fallbackDirectory, makeFallbackDirectory } from '#agent/state/run-directory.ts';
import { openStateDirectory, type StateDirectory } from '#agent/state/state-directory.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';

let root: string;
let state: StateDirectory;
let fallback: string;
let elsewhere: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'segwall-newest-'));
  state = openStateDirectory(join(root, 'agent'));
  fallback = fallbackDirectory(state.path);
  elsewhere = `${fallback}.elsewhere`;
  enrol('one');
});
afterEach(() => {
  for (const path of [fallback, elsewhere]) rmSync(path, { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
});

const enrol = (key: string) => {
  mkdirSync(state.identityPath, { recursive: true });
  writeFileSync(join(state.identityPath, 'key.pem'), key);
  writeFileSync(join(state.identityPath, 'agent.json'), '{"controlPlane":"cp:7443","host":"h1","tenant":"default"}');
};

const record = (revision: number) =>
  encodeLastGood({
    ruleSet: hostRuleSet({ revision, addresses: ['10.0.0.1'], peers: {}, allowIn: [] }),
    epoch: 1,
    numbering: emptyNumbering,
    markMask: defaultMarks.mask,
    essentials: [],
  });

/** As when the disk no longer takes what comes. */
const keepInterim = async (revision: number) => {
  const follows = digestOfLastGood(await state.readLastGood());
  await writeRunCopy(state.path, { bytes: record(revision), follows });
};

const newest = async () => {
  const found = await openLastGoodStore(state).read();
  return found.kind === 'found' ? `${found.place} ${found.record.ruleSet.revision}` : found.kind;
};

describe('which is the newer', () => {
  type Step = `disk ${number}` | `interim ${number}`;
  const rows: readonly (readonly [string, readonly Step[], string])[] = [
    ['nothing anywhere', [], 'none'],
    ['only the disk', ['disk 1'], 'disk 1'],
    ['the first policy found a full disk', ['interim 1'], 'until-reboot 1'],
    ['the copy of what the disk did not take', ['disk 1', 'interim 2'], 'until-reboot 2'],
    ['the same revision with later numbers and epoch', ['disk 2', 'interim 2'], 'until-reboot 2'],
    ['a control plane put back from a backup', ['disk 9', 'interim 3'], 'until-reboot 3'],
    ['a copy that stayed after the disk took the same', ['disk 1', 'interim 2', 'disk 2'], 'disk 2'],
    ['a copy that stayed after the disk took more', ['disk 1', 'interim 2', 'disk 3'], 'disk 3'],
  ];
  test.each(rows)('%s', async (_, steps, expected) => {
    for (const step of steps) {
      const [place, revision] = step.split(' ');
      if (place === 'disk') await state.writeLastGood(record(Number(revision)));
      else await keepInterim(Number(revision));
    }
    expect(await newest()).toBe(expected);
  });

  test('a damaged disk gives its word to the copy, and is told of', async () => {
    await state.writeLastGood(record(1));
    await keepInterim(2);
    writeFileSync(join(state.path, 'last-good', 'current'), 'torn');
    expect(await openLastGoodStore(state).read()).toMatchObject({
      place: 'until-reboot',
      revisionOnDisk: 0,
      problem: expect.stringContaining('current'),
    });
  });

  test('a damaged copy gives its word to the disk, and is told of', async () => {
    await state.writeLastGood(record(1));
    await keepInterim(2);
    const path = join(fallback, 'last-good');
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    expect(await openLastGoodStore(state).read()).toMatchObject({
      place: 'disk',
      problem: expect.stringContaining(path),
    });
  });

  test('a damaged copy and nothing else is no host that never had a policy', async () => {
    await keepInterim(1);
    writeFileSync(join(fallback, 'last-good'), '');
    expect(await newest()).toBe('damaged');
  });
});

describe('whose copy is not believed', () => {
  const planted: readonly (readonly [string, () => void])[] = [
    ['that of an enrolment before this one', () => enrol('another')],
    [
      'that in a folder that is a link',
      () => {
        // Beside it: /run is a file system of its own on a booted machine.
        renameSync(fallback, elsewhere);
        symlinkSync(elsewhere, fallback);
      },
    ],
    ['that in a folder of another user', () => chownSync(fallback, 65_534, 65_534)],
    ['that in a folder others may write to', () => chmodSync(fallback, 0o770)],
    [
      'that which is a link',
      () => {
        const path = join(fallback, 'last-good');
        cpSync(path, join(root, 'copy'));
        rmSync(path);
        symlinkSync(join(root, 'copy'), path);
      },
    ],
    ['that which another user owns', () => chownSync(join(fallback, 'last-good'), 65_534, 65_534)],
  ];
  test.each(planted)('%s', async (_, plant) => {
    await state.writeLastGood(record(1));
    await keepInterim(2);
    expect(await newest()).toBe('until-reboot 2');
    plant();
    expect(await newest()).toBe('disk 1');
  });

  test('nor is a panic flag in a folder that others may write to, and nothing is put there', () => {
    makeFallbackDirectory(state.path);
    writeFileSync(join(fallback, 'panic'), '{"since":1,"reason":"planted"}');
    expect(openPanicFlag(state.path).read()).toMatchObject({ reason: 'planted' });
    chmodSync(fallback, 0o777);
    expect(openPanicFlag(state.path).read()).toBeUndefined();
    expect(() => makeFallbackDirectory(state.path)).toThrow(/EPERM/);
  });
});

test('an essential entry comes back with whose it is, and none with words that are no user', () => {
  const entry = { name: 'cp', direction: 'outbound', peers: { kind: 'any' }, services: [{ kind: 'any' }] } as const;
  const written = encodeLastGood({
    ruleSet: hostRuleSet({ addresses: ['10.0.0.1'] }),
    epoch: 1,
    numbering: emptyNumbering,
    markMask: defaultMarks.mask,
    essentials: [entry, { ...entry, owner: { uid: 7 } }],
  });
  expect(decodeLastGood(written)).toMatchObject({
    value: { essentials: [entry, { ...entry, owner: { uid: 7 } }] },
  });
  const bad = Buffer.from(written).toString('latin1').replace('"uid":7', '"uid":"0 accept"');
  expect(decodeLastGood(Buffer.from(bad, 'latin1'))).toMatchObject({ ok: false });
});
