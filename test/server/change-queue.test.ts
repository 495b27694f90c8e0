// The queue of changes: one at a time, settled together, and nobody hears of a change before it is settled.

import { expect, test } from 'vitest';
import { ChangeQueue, mostOfOne, QueueFull } from '#control-plane/fleet/change-queue.ts';

test('changes run in order, and those that wait together are settled once, before their callers hear', async () => {
  const log: string[] = [];
  const queue = new ChangeQueue({ settle: () => log.push('settled') });
  const change = (name: string) =>
    queue
      .run(async () => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
      })
      .then(() => log.push(`${name} told`));
  await Promise.all([change('a'), change('b')]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'settled', 'a told', 'b told']);
});

test('a change that fails fails alone', async () => {
  let settled = 0;
  const queue = new ChangeQueue({ settle: () => (settled += 1) });
  const results = await Promise.allSettled([
    queue.run(async () => 1),
    queue.run(async () => {
      throw new Error('disk full');
    }),
    queue.run(async () => 3),
  ]);
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
    1,
    'Error: disk full',
    3,
  ]);
  expect(settled).toBe(1);
});

test('what cannot be settled is told to all it was for, and the queue goes on', async () => {
  let isBroken = true;
  const queue = new ChangeQueue({
    settle: () => {
      if (isBroken) throw new Error('does not compile');
    },
  });
  await expect(queue.run(async () => 1)).rejects.toThrow('does not compile');
  isBroken = false;
  expect(await queue.run(async () => 2)).toBe(2);
});

test('a change asked for by a change is settled too', async () => {
  let settled = 0;
  const queue = new ChangeQueue({ settle: () => (settled += 1) });
  let inner: Promise<number> | undefined;
  await queue.run(async () => {
    inner = queue.run(async () => 2);
  });
  expect(await inner).toBe(2);
  await queue.quiet();
  expect(settled).toBe(1);
});

test('a stopped queue ends what waits and refuses the rest', async () => {
  const queue = new ChangeQueue({ settle: () => undefined });
  const waiting = queue.run(async () => 1);
  const stopping = queue.stop();
  await expect(queue.run(async () => 2)).rejects.toThrow(/stopping/);
  await stopping;
  expect(await waiting).toBe(1);
});

test('a stopped queue leaves what hosts cause, which they cause again, and ends what operators asked', async () => {
  const ran: string[] = [];
  const queue = new ChangeQueue({ settle: () => undefined });
  const hosts = Array.from({ length: 1000 }, (_, at) => queue.soon(`host-${at}`, async () => void ran.push('host')));
  const told = Promise.allSettled(hosts);
  const asked = queue.run(async () => void ran.push('operator'));
  await queue.stop();
  await asked;
  expect((await told).filter(({ status }) => status === 'rejected').length).toBe(1000);
  expect(ran).toEqual(['operator']);
});

test('containment goes before what else operators ask, however much of it waits', async () => {
  const order: string[] = [];
  const queue = new ChangeQueue({ settle: () => order.push('settled') });
  const change = (name: string) => async () => void order.push(name);
  const labels = Array.from({ length: 500 }, (_, at) => queue.run(change(`label ${at}`)));
  const report = queue.soon('report', change('report'));
  const quarantine = queue.run(change('quarantine'), { lane: 'containment', who: 'ann' });
  await Promise.all([...labels, report, quarantine]);
  expect(order.indexOf('quarantine')).toBe(0);
  expect(order).toHaveLength(502 + order.filter((one) => one === 'settled').length);
});

test('operators take turns: one whose pipeline asks hundreds of changes keeps nobody waiting behind all of them', async () => {
  const order: string[] = [];
  const queue = new ChangeQueue({ settle: () => order.push('settled') });
  const change = (who: string, at: number) =>
    queue.run(async () => void order.push(`${who} ${at}`), { lane: 'operators', who });
  const pipeline = Array.from({ length: 500 }, (_, at) => change('ci', at));
  await Promise.all([change('ann', 0), change('ann', 1)]);
  expect(order.slice(0, 4)).toEqual(['ci 0', 'ann 0', 'ci 1', 'ann 1']);
  await Promise.all(pipeline);
  expect(order.filter((one) => one.startsWith('ci'))).toEqual(pipeline.map((_, at) => `ci ${at}`));
});

test('one operator alone leaves others half of the room', async () => {
  const queue = new ChangeQueue({ settle: () => undefined });
  const ask = (who: string) => queue.run(async () => who, { lane: 'operators', who });
  const asked = await Promise.allSettled([...Array.from({ length: mostOfOne + 2 }, () => ask('ci')), ask('ann')]);
  const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason instanceof QueueFull] : []));
  expect(refused).toEqual([true, true]);
  expect(asked.at(-1)).toEqual({ status: 'fulfilled', value: 'ann' });
});
