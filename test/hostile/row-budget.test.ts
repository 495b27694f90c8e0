// However many large pages are asked for at once, those on their way are bounded, and their places come back.

import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { RowBudget } from '#control-plane/api/row-budget.ts';

test('two of the largest pages at once, then a refusal with when to ask again, then room once one is sent', () => {
  const budget = new RowBudget();
  const first = new EventEmitter();
  budget.take(100_000, first as never);
  budget.take(99_000, new EventEmitter() as never);
  expect(() => budget.take(1001, new EventEmitter() as never)).toThrow(
    expect.objectContaining({ code: 'busy', details: { retryAfterSeconds: 2 } }),
  );
  budget.take(1000, new EventEmitter() as never);
  first.emit('close');
  budget.take(100_000, new EventEmitter() as never);
});
