// What a kind of change of the fleet is: how one is written down, what it makes of the state, and what follows for those who are connected.
// A change itself is plain data that survives JSON. What only the store knows (an id, the serials that were revoked) is in it once it is
// written, so that the same changes, in the same order, make the same fleet anywhere.

import type { SendWhen } from '#control-plane/publish/publication.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Policy } from '#policy/policy/policy.ts';
import type { FleetState } from './fleet-state.ts';

/** Where a change is written. */
export interface Writing {
  readonly store: Store;
  readonly tenant: string;
  /** Read policies, by the id that the store gave: see FleetState. */
  readonly policies: Map<number, Policy>;
}

/** Nothing was written, and nothing changes. */
export interface Refused<Why extends string> {
  readonly kind: 'refused';
  readonly refusal: Why;
}

/** What is to be done about a change once it is applied. In this order. */
export interface Consequences {
  /** Its stream is closed, and the agent told why. */
  readonly closes?: { readonly host: string; readonly reason: string };
  /** Somebody is contained, or was, as of this revision. */
  readonly containedAt?: number;
  readonly joined?: string;
  /** Nothing is kept of the host any more. */
  readonly removed?: string;
  /** Policy is sent again, after a hold. */
  readonly holdEnded?: 'yes';
  /** Whose an address is may be another: its holders are told and, later, stored. */
  readonly claims?: 'settled';
  /** What is published of it; absent: nothing. */
  readonly send?: SendWhen;
  /** `awaited`: somebody may wait for it. */
  readonly attention?: 'awaited';
  /** What was not written with it: its revision, and what the audit log is told. */
  readonly owes?: { readonly revision?: number; readonly notes?: readonly AuditNote[] };
}

/** `Asked` is what a change is asked with, `Outcome` what comes of writing it: mostly both are the change itself. */
export interface ChangeKind<Change, Asked = Change, Outcome = Change> {
  /** All of it in one transaction, or nothing. */
  write(to: Writing, asked: Asked): Promise<Outcome>;
  apply(state: FleetState, change: Change): Consequences;
}

/** A kind of which nothing is written as it comes: what outlives the process of it is owed, or written with others'. */
export async function unwritten<Change>(_to: Writing, change: Change): Promise<Change> {
  return change;
}
