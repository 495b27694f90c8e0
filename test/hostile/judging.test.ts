// What plans and suggestions may take of others: operators take turns, and one that takes too long, too much memory, or is nobody's any
// more ends alone.

import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AuthorityEnded } from '#control-plane/fleet/asker.ts';
import { Judging, type JudgingLimits } from '#control-plane/judging/judging.ts';
import type { AnswerJob } from '#control-plane/judging/judging-protocol.ts';
import { TurnQueue } from '#control-plane/judging/judging-queue.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '#test/server/fleet-under-test.ts';

const suggest: AnswerJob = { kind: 'suggest', segment: 'shop', since: 0, outside: 'comment', denied: 'comment' };
const forever = new AbortController().signal;

async function judgingUnderTest(limits: Partial<JudgingLimits> = {}) {
  const { fleet, apply, storePath } = await fleetUnderTest();
  await apply(shopPolicy());
  const log = pino({ level: 'silent' });
  const judging = new Judging({ fleet, storePath, tenant, now: () => millis(Date.now()), log, limits });
  onTestFinished(() => judging.stop());
  const ask = (operator: string, { job = suggest, gone = forever } = {}) => judging.ask(job, { operator, gone });
  return { judging, ask };
}

const textOf = async (json: Promise<Uint8Array>) => Buffer.from(await json).toString();

test('operators take turns, each in his own order, and nobody beyond his room', () => {
  const queue = new TurnQueue<string>({ all: 5, each: 3 });
  const asked = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2', 'd1', 'd2'];
  const added = asked.map((item) => queue.add(item.slice(0, 1), item));
  const [queued, full] = ['queued', 'full'];
  // The first of d finds room, where all places are taken.
  expect(added).toEqual([queued, queued, queued, 'full-for-one', queued, queued, full, queued, full]);
  expect(queue.remove('a', 'a2')).toBe(true);
  expect(queue.remove('a', 'a2')).toBe(false);
  expect(Array.from({ length: 6 }, () => queue.next())).toEqual(['a1', 'b1', 'c1', 'd1', 'a3', undefined]);
  expect(queue.add('a', 'a5')).toBe('queued');
});

describe('a job', () => {
  test('beyond the room of its operator is refused with when to ask again, and another’s is not', async () => {
    const { ask } = await judgingUnderTest({ waiting: { all: 3, each: 1 } });
    const asked = [ask('ann'), ask('ann'), ask('bob')];
    await expect(ask('ann')).rejects.toMatchObject({ code: 'busy', details: { retryAfterSeconds: 5 } });
    for (const answer of asked) expect(await textOf(answer)).toContain('"segment":"shop"');
  });

  test('that takes too long ends alone', async () => {
    const { ask } = await judgingUnderTest({ jobMs: 1 });
    await expect(ask('ann')).rejects.toMatchObject({ code: 'judging-timeout' });
  });

  test('of somebody who is gone makes room for the next, whether it ran or waited', async () => {
    const { ask } = await judgingUnderTest();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = ask('ann', { gone: first.signal });
    const waiting = ask('bob', { gone: second.signal });
    const last = ask('cid');
    second.abort();
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'busy' });
    await expect(waiting).rejects.toMatchObject({ code: 'busy' });
    expect(await textOf(last)).toContain('"segment":"shop"');
  });

  test('of somebody whose token ends while it is judged ends with that', async () => {
    const { ask } = await judgingUnderTest();
    const token = new AbortController();
    const running = ask('ann', { gone: token.signal });
    const ended = new AuthorityEnded('this token of operator ann was revoked', 'token-revoked');
    token.abort(ended);
    await expect(running).rejects.toBe(ended);
  });

  test('that needs too much memory ends alone, and so does the next', async () => {
    // Too little for the thread's own code.
    const { ask } = await judgingUnderTest({ memoryMb: 8 });
    for (const operator of ['ann', 'bob'])
      await expect(ask(operator)).rejects.toMatchObject({ code: 'judging-memory' });
  });

  test('that cannot be asked says so as the API does', async () => {
    const { ask } = await judgingUnderTest();
    await expect(ask('ann', { job: { ...suggest, segment: 'none' } })).rejects.toMatchObject({ code: 'not-found' });
    await expect(ask('ann', { job: { ...suggest, exclude: '((' } })).rejects.toMatchObject({ code: 'bad-request' });
  });
});
