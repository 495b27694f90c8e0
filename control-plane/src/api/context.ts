// What the routes of the operator API work on.

import type { DiskRoom } from '#control-plane/data/disk-room.ts';
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
  /** Of the data directory's disk; undefined where the system does not tell. */
  readonly disk: () => DiskRoom | undefined;
}
