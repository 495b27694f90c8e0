// Every kind of change of the fleet. A change that is not listed here does not happen: the state has no other writer.

import { certificateIssued, certificateUsed } from './certificate-changes.ts';
import type { ChangeKind, Consequences } from './change-kind.ts';
import { quarantined, released, revoked } from './containment-changes.ts';
import type { FleetState } from './fleet-state.ts';
import { holdBegan, holdEnded } from './hold-changes.ts';
import { enrolled, hostReported, hostTold, identityRenewed, namesYielded, removed } from './host-changes.ts';
import { addressesAllowed, announced, labelled } from './operator-changes.ts';
import { activated, canaryFailed, canaryStarted, draftDeleted } from './policy-changes.ts';
import { addressShared, hostConnected, hostLeft, revisionAdvanced, timePassed } from './time-changes.ts';

export const changeKinds = {
  activated,
  'address-shared': addressShared,
  'addresses-allowed': addressesAllowed,
  announced,
  'canary-failed': canaryFailed,
  'canary-started': canaryStarted,
  'certificate-issued': certificateIssued,
  'certificate-used': certificateUsed,
  'draft-deleted': draftDeleted,
  enrolled,
  'hold-began': holdBegan,
  'hold-ended': holdEnded,
  'host-connected': hostConnected,
  'host-left': hostLeft,
  'host-reported': hostReported,
  'host-told': hostTold,
  'identity-renewed': identityRenewed,
  labelled,
  'names-yielded': namesYielded,
  quarantined,
  released,
  removed,
  'revision-advanced': revisionAdvanced,
  revoked,
  'time-passed': timePassed,
};

export type Kinds = typeof changeKinds;
export type KindName = keyof Kinds;

// biome-ignore format: one line a part
export type ChangeOf<Name extends KindName> = Kinds[Name] extends ChangeKind<infer Change, infer _A, infer _O> ? Change : never;
export type AskedOf<Name extends KindName> = Parameters<Kinds[Name]['write']>[1];
export type OutcomeOf<Name extends KindName> = Awaited<ReturnType<Kinds[Name]['write']>>;

/** Plain data, told apart by `kind`. */
export type Change = { [Name in KindName]: ChangeOf<Name> }[KindName];
export type Asked = { [Name in KindName]: AskedOf<Name> }[KindName];

/** The kind of a value is that of its name: what TypeScript cannot follow through a union of functions. */
export function kindOf<Name extends KindName>(value: { readonly kind: Name }) {
  return changeKinds[value.kind] as unknown as ChangeKind<ChangeOf<Name>, AskedOf<Name>, OutcomeOf<Name>>;
}

/** The same changes in the same order make the same state. A policy that a change names has been put to the state's `policies` before. */
export function applyChange(state: FleetState, change: Change): Consequences {
  return kindOf(change).apply(state, change as never);
}
