// Changes of policy come into force one after the other, operators taking turns: whoever applies without a pause, in whatever quantity, overtakes
// nobody, and nobody's policy is judged twice for it.

import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { judgedChange } from '#control-plane/api/judged-change.ts';
import { Judging } from '#control-plane/judging/judging.ts';
import { PolicyTurns } from '#control-plane/judging/policy-turns.ts';
import { err, ok } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '#test/server/fleet-under-test.ts';

const forever = new AbortController().signal;

async function operators() {
  const { fleet, storePath } = await fleetUnderTest();
  const log = pino({ level: 'silent' });
  const judging = new Judging({ fleet, storePath, tenant, now: () => millis(Date.now()), log, work: 'changes' });
  onTestFinished(() => judging.stop());
  const turns = new PolicyTurns();
  const landed: string[] = [];
  const apply = async (operator: string, { mode = 'enforce', gone = forever } = {}) => {
    const files = [{ path: 'policy.yaml', text: shopPolicy({ mode }) }];
    let round = 0;
    await judgedChange(
      { fleet, judging, turns },
      {
        job: { kind: 'review', source: { kind: 'files', files }, tests: 'run' },
        by: { operator, gone },
        async assertWanted() {
          round += 1;
        },
        async publish({ policy, prepared, beside }) {
          const activated = await fleet.activate({
            ...{ policy, source: { kind: 'files' as const, files }, kind: 'apply' as const },
            ...(prepared === undefined ? {} : { prepared }),
            judged: { beside, hostNames: 'refused' },
            note: { actor: `operator/${operator}`, action: 'policy-applied', target: 'policy' },
          });
          if (activated.ok) landed.push(`${operator} in round ${round}`);
          return activated.ok ? ok(activated.value) : err(activated.error);
        },
      },
    );
  };
  return { apply, landed };
}

test('a pipeline that applies over and over, the same or another policy: the others land at their turn, judged once', async () => {
  const { apply, landed } = await operators();
  const asked = [apply('bot'), apply('bot', { mode: 'observe' }), apply('bot', { mode: 'observe' }), apply('ann')];
  await Promise.all([...asked, apply('bob')]);
  expect(landed).toEqual(['bot', 'bot', 'ann', 'bob', 'bot'].map((who) => `${who} in round 1`));
});

test('who waits beyond his room is told so, and whoever is gone, or fails, holds up nobody', async () => {
  const { apply, landed } = await operators();
  const [first, waiting] = [new AbortController(), new AbortController()];
  const asked = [apply('bot', { gone: first.signal }), apply('bot', { mode: 'none' })];
  asked.push(apply('bot', { gone: waiting.signal }), apply('bot'), apply('bot'));
  const outcomes = Promise.allSettled([...asked, apply('bot'), apply('ann')]);
  waiting.abort();
  first.abort();
  expect((await outcomes).map((one) => (one.status === 'rejected' ? one.reason.code : 'landed'))).toEqual([
    ...['busy', 'policy-invalid', 'busy', 'landed', 'landed', 'busy', 'landed'],
  ]);
  expect(landed.sort()).toEqual(['ann in round 1', 'bot in round 1', 'bot in round 1']);
});
