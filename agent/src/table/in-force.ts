// What this agent has put into force, as the steps of enforcement share it: read by all of them, written in the
// enforcer's turns only.

import type { Table } from '#agent-core/table/table.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import type { HostRuleSet } from '#model/rule-set.ts';

export interface InForce {
  readonly ruleSet: HostRuleSet;
  readonly table: Table;
  readonly epoch: number;
  readonly digest: string;
}

/** Whether a change is on disk when it is acknowledged, or soon after. */
export type Saving = 'now' | 'soon';

export interface Held {
  current(): InForce | undefined;
  /** A start found it; what follows from it is the start's. */
  found(next: InForce): void;
  /** Puts it on disk, and has fingerprint and units follow it. */
  keep(next: InForce, when?: Saving): Promise<void>;
  /** Whether someone at the console opened the host: what is held then is not in the kernel. */
  isOpened(): boolean;
  /** With what our state rule says of marks. */
  stateOf(state: Pick<TableState, 'revision' | 'epoch' | 'digest'>, table: Table): TableState;
}
