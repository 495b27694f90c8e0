// How many rows of the store may be on their way to operators at once: a page is bounded by its `limit`, and this bounds the pages. Rows
// take their place before they are read and give it back when the answer is sent, or its reader is gone.

import type { ServerResponse } from 'node:http';
import { ApiError } from '../answers/api-error.ts';

/** Two of the largest pages of flows, some 100 MB. */
const mostRows = 200_000;
const retryAfterSeconds = 2;

export class RowBudget {
  #rows = 0;

  /** Throws an ApiError where there is no room. */
  take(rows: number, answer: Pick<ServerResponse, 'once'>): void {
    if (this.#rows + rows > mostRows) {
      throw new ApiError(
        'busy',
        'other large answers are on their way; ask again when they are sent, or for less (limit)',
        {
          retryAfterSeconds,
        },
      );
    }
    this.#rows += rows;
    answer.once('close', () => {
      this.#rows -= rows;
    });
  }
}
