// A store that lacks history holds: agents keep what they have until an operator goes on from it. An activation ends a hold, too
// (policy-changes.ts).

import type { AuditNote } from '#control-plane/store/audit.ts';
import type { StoreHold } from '#control-plane/store/lineage.ts';
import type { ChangeKind } from './change-kind.ts';

/** It holds at once; that it does is written when its turn comes. */
export interface HoldBegan {
  readonly kind: 'hold-began';
  readonly hold: StoreHold;
}

export const holdBegan: ChangeKind<HoldBegan> = {
  async write({ store, tenant }, change) {
    const { kind, since, why } = change.hold;
    await store.beginHold({ tenant, hold: { kind, since, why } });
    return change;
  },
  apply(state, { hold }) {
    state.hold ??= hold;
    return { send: 'changed' };
  },
};

/** What is numbered from now on is of a lineage of its own. */
export interface HoldEnded {
  readonly kind: 'hold-ended';
  readonly revision: number;
  readonly lineage: string;
  /** Lineages that hosts showed, and that this store never had. */
  readonly shown: readonly string[];
  readonly note: Omit<AuditNote, 'action' | 'target'>;
}

export const holdEnded: ChangeKind<HoldEnded, Omit<HoldEnded, 'lineage'>> = {
  async write({ store, tenant }, asked) {
    const { revision, shown, note } = asked;
    return { ...asked, lineage: await store.endHold({ tenant, revision, shown, note }) };
  },
  apply(state, { revision, lineage }) {
    Object.assign(state, { revision, lineage, hold: undefined });
    return { holdEnded: 'yes', send: 'always' };
  },
};
