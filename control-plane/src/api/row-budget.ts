// How many rows of the store may be on their way to operators at once: a page is bounded by its `limit`, and this bounds the pages. Rows
// take their place before they are read and give it back when the answer is sent, or its reader is gone, which unread-answers.ts sees to. One
// operator may not take all of it.

import type { ServerResponse } from 'node:http';
import { ApiError } from '../answers/api-error.ts';
import type { Operator } from './authentication.ts';

/** Two of the largest pages of flows, some 100 MB; one of them for one operator. */
const mostRows = { all: 200_000, operator: 100_000 } as const;
const retryAfterSeconds = 2;

export interface RowReader {
  readonly operator: Pick<Operator, 'name'>;
  readonly answer: Pick<ServerResponse, 'once'>;
}

export class RowBudget {
  #all = 0;
  readonly #ofOperator = new Map<string, number>();

  /** Throws an ApiError where there is no room. */
  take(rows: number, { operator: { name }, answer }: RowReader): void {
    const own = this.#ofOperator.get(name) ?? 0;
    const isOwn = own + rows > mostRows.operator;
    if (isOwn || this.#all + rows > mostRows.all) {
      const whose = isOwn ? `of operator ${name}` : 'of others';
      throw new ApiError(
        'busy',
        `large answers ${whose} are on their way; ask again when they are read, or for less (limit)`,
        { retryAfterSeconds },
      );
    }
    this.#all += rows;
    this.#ofOperator.set(name, own + rows);
    answer.once('close', () => {
      this.#all -= rows;
      const left = (this.#ofOperator.get(name) ?? 0) - rows;
      if (left > 0) this.#ofOperator.set(name, left);
      else this.#ofOperator.delete(name);
    });
  }
}
