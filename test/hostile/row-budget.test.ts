// However many large pages are asked for at once, those on their way are bounded, in all and for one operator, and their places come back.

import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { RowBudget } from '#control-plane/api/row-budget.ts';

const of = (name: string, answer = new EventEmitter()) => ({ operator: { name }, answer: answer as never });
const busy = expect.objectContaining({ code: 'busy', details: { retryAfterSeconds: 2 } });

test('two of the largest pages at once, then a refusal with when to ask again, then room once one is sent', () => {
  const budget = new RowBudget();
  const first = new EventEmitter();
  budget.take(100_000, of('ann', first));
  budget.take(99_000, of('bob'));
  expect(() => budget.take(1001, of('cid'))).toThrow(busy);
  budget.take(1000, of('cid'));
  first.emit('close');
  budget.take(100_000, of('ann'));
});

test('one operator that reads none of what it asks for keeps the audit log and the flows from nobody else', () => {
  const budget = new RowBudget();
  const unread: EventEmitter[] = [];
  for (let page = 0; page < 24; page += 1) {
    const answer = new EventEmitter();
    const isOver = page >= 10;
    const take = () => budget.take(10_000, of('bad', answer));
    if (isOver) expect(take).toThrow(busy);
    else take();
    unread.push(answer);
  }
  budget.take(100_000, of('ann'));
  for (const answer of unread) answer.emit('close');
  budget.take(100_000, of('bad'));
});
