// A change that the table refused is made again until it is taken: for addresses, and for what names stand for.

import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createNames } from '#agent/dns/names.ts';
import { encodeLearntNames } from '#agent/dns/names-file.ts';
import { createOwedChange } from '#agent/enforce/owed-change.ts';
import { defaultSettings } from '#agent/settings/settings-reader.ts';
import type { ApplyOutcome } from '#agent/table/apply-outcome.ts';
import type { Address } from '#model/address.ts';
import { ok } from '#model/result.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { withNames } from '#test/names/rule-sets.ts';
import { createFakeNft } from '#test/support/fake-nft.ts';

const log = pino({ level: 'silent' });
const refused: ApplyOutcome = { kind: 'refused', revision: 1, reason: 'nft is busy' };
const applied: ApplyOutcome = { kind: 'applied', revision: 1 };
const unexpected = (error: unknown) => {
  throw error;
};
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'segwall-owed-'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

test.each([
  ['taken', [applied], 1],
  ['with nothing in force', [undefined], 1],
  ['refused twice', [refused, refused, applied], 3],
])('a change that is %s is tried until it is taken, and not after', async (_, outcomes, tries) => {
  let made = 0;
  const change = createOwedChange({
    make: async () => {
      made += 1;
      return outcomes[made - 1];
    },
    what: 'it could not follow',
    failed: unexpected,
    log,
  });
  await change.ask();
  expect(made).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made).toBe(tries);
  change.close();
});

test('who is closed asks no more', async () => {
  let made = 0;
  const change = createOwedChange({
    make: async () => {
      made += 1;
      return refused;
    },
    what: 'it could not follow',
    failed: unexpected,
    log,
  });
  await change.ask();
  change.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(made).toBe(1);
});

test('what a name stands for is put into the table until it is taken', async () => {
  const ruleSet = withNames(hostRuleSet({ addresses: ['10.0.0.1'] }), { far: 'far.test' });
  await writeFile(
    join(directory, 'names'),
    encodeLearntNames([['far.test', '10.0.0.7' as Address, Date.now() + 3_600_000]]),
  );
  const names = createNames({
    settings: { ...defaultSettings.names, resolvers: ['127.0.0.1' as Address] },
    stateDirectory: directory,
    nft: createFakeNft(),
    log,
    liveAmong: async () => ok(new Set<Address>()),
    learning: 'off',
  });
  // Of a policy that is in force, whose table was made before the name was known.
  await names.prepare(ruleSet);
  const outcomes = ['refused', 'refused', 'done'] as const;
  let made = 0;
  const stop = new AbortController();
  const running = names.run({
    signal: stop.signal,
    async relearn() {
      made += 1;
      return outcomes[made - 1] ?? 'done';
    },
  });
  await vi.advanceTimersByTimeAsync(4000);
  expect(made).toBe(1);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(made).toBe(3);
  stop.abort();
  await vi.advanceTimersByTimeAsync(1000);
  await running;
  names.close();
});
