// Room to wait: however many places some operators fill, another one finds room for what he asks first.

import { expect, test } from 'vitest';
import { TurnQueue } from '#control-plane/judging/judging-queue.ts';

const most = { all: 4, each: 2 };

test.each([
  ['two fill all places', ['a', 'a', 'b', 'b'], 2],
  ['four have one each', ['a', 'b', 'c', 'd'], 1],
])('where %s another one has room for one, and no more, and takes his turn', (_, others, rounds) => {
  const queue = new TurnQueue<string>(most);
  for (const [at, who] of others.entries()) expect(queue.add(who, `${who}${at}`)).toBe('queued');
  expect([queue.add('z', 'z0'), queue.add('z', 'z1')]).toEqual(['queued', 'full']);
  const turns = Array.from({ length: others.length + 1 }, () => queue.next());
  expect(turns.indexOf('z0')).toBe(others.length / rounds);
  expect(queue.next()).toBeUndefined();
});

test('there is a bound on all that wait, of however many', () => {
  const queue = new TurnQueue<number>(most);
  const added = Array.from({ length: 10 }, (_, at) => queue.add(`operator-${at}`, at));
  expect(added.filter((one) => one === 'queued')).toHaveLength(2 * most.all);
  expect(added.at(-1)).toBe('full');
});
