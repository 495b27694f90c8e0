// Which epoch comes next: none that may have been stamped, whatever came of the load it was given to; and which marks are cleared before one
// comes again.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { createMarkEpochs } from '#agent/table/epochs.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import { assertOk, err, ok } from '#model/result.ts';
import { createFakeNft } from '#test/support/fake-nft.ts';
import { hostRuleSet } from './rule-sets.ts';

const log = pino({ level: 'silent' });

/** What is in force each time an epoch is asked for, what comes, and which epoch a sweep leaves. */
async function asked(...current: readonly number[]) {
  const told: string[] = [];
  const epochs = createMarkEpochs({
    marks: defaultMarks,
    log,
    sweepMarks: async ({ but }) => {
      told.push(`swept but ${defaultMarks.epochOf(but)}`);
      return ok(0);
    },
  });
  epochs.believe();
  for (const one of current) told.push(String(assertOk(await epochs.next(one))));
  return told;
}

test.each([
  ['loads that succeed', [1, 2, 3], ['2', '3', '4']],
  ['a load that failed', [1, 1], ['2', '3']],
  ['loads that failed, and one that did not', [1, 1, 1, 4], ['2', '3', '4', '5']],
  ['a start over a kernel that is ahead', [1, 40], ['2', '41']],
  ['a failed load before the middle', [2046, 2046, 2046], ['2047', 'swept but 2046', '2048', '2049']],
  ['a failed load at the middle', [2047, 2047], ['swept but 2047', '2048', '2049']],
  ['failed loads across the wrap', [4094, 4094, 4094], ['4095', 'swept but 4094', '1', '2']],
  ['a load after the wrap', [4095, 1], ['swept but 4095', '1', '2']],
] as const)('epochs after %s', async (_, current, expected) => {
  expect(await asked(...current)).toEqual(expected);
});

test('an epoch whose marks could not be cleared is asked for again', async () => {
  let sweeps = 0;
  const epochs = createMarkEpochs({
    marks: defaultMarks,
    log,
    sweepMarks: async () => {
      sweeps += 1;
      return sweeps === 1 ? err('told to fail') : ok(0);
    },
  });
  epochs.believe();
  expect((await epochs.next(4095)).ok).toBe(false);
  expect(await epochs.next(4095)).toEqual(ok(1));
});

test.each(['refused', 'taken'] as const)(
  'a change that nft failed at, and that the kernel has %s, leaves its epoch to nobody',
  async (kernel) => {
    const directory = mkdtempSync(join(tmpdir(), 'segwall-epochs-'));
    try {
      const nft = createFakeNft();
      const stated: number[] = [];
      let fails = false;
      const enforcer = createEnforcer({
        nft: {
          ...nft,
          async apply(script) {
            for (const [, epoch] of script.matchAll(/epoch=(\d+)/g)) stated.push(Number(epoch));
            if (!fails) return nft.apply(script);
            if (kernel === 'taken') await nft.apply(script);
            return err('nft did not finish within 60 s');
          },
        },
        stateDirectory: openStateDirectory(directory),
        essentials: () => [],
        log,
        sweepMarks: async () => ok(0),
      });
      await enforcer.start();
      const peers = { web: ['10.0.0.7', '10.0.0.8'] };
      const policy = { addresses: ['10.0.0.1'], peers, inbound: 'enforce' } as const;
      await enforcer.apply(hostRuleSet({ ...policy, revision: 1, allowIn: ['web: tcp/80, tcp/81, tcp/82'] }));
      stated.length = 0;
      fails = true;
      const failed = await enforcer.apply(hostRuleSet({ ...policy, revision: 2, allowIn: ['web: tcp/80, tcp/81'] }));
      expect(failed.kind).toBe('refused');
      const burnt = new Set(stated);
      stated.length = 0;
      fails = false;
      expect(await enforcer.apply(hostRuleSet({ ...policy, revision: 3, allowIn: ['web: tcp/80'] }))).toMatchObject({
        kind: 'applied',
      });
      expect(burnt.size).toBeGreaterThan(0);
      expect(stated.filter((epoch) => burnt.has(epoch))).toEqual([]);
      expect(stated.length).toBeGreaterThan(0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
