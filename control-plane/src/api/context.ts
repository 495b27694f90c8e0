// What the routes of the operator API work on.

import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Millis } from '#model/time.ts';
import type { Store } from '../store/store.ts';
import type { RowBudget } from './row-budget.ts';

export interface ApiContext {
  readonly fleet: Fleet;
  readonly store: Store;
  readonly tenant: string;
  readonly now: () => Millis;
  readonly rows: RowBudget;
  readonly version: string;
  /** Flow rows that went for want of room, since the process started. */
  readonly prunedFlows: () => number;
}
