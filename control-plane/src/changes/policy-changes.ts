// Policies that come into force, for everybody or on trial.

import type { CanaryLimits } from '#control-plane/publish/canary.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { ActivationKind, NewActivation } from '#control-plane/store/policies.ts';
import type { Millis } from '#model/time.ts';
import type { Policy } from '#policy/policy/policy.ts';
import { type ChangeKind, type Refused, unwritten } from './change-kind.ts';
import { type FleetState, runningCanary } from './fleet-state.ts';

/** A policy as it is asked for: the judged one, and where its documents are. */
interface Judged {
  readonly policy: Policy;
  readonly source: NewActivation['source'];
}

export interface Activated {
  readonly kind: 'activated';
  /** The stored policy's id. */
  readonly policy: number;
  readonly revision: number;
  readonly activation: ActivationKind;
  readonly note: AuditNote;
  readonly message?: string;
  readonly commit?: string;
  /** What becomes of a canary that runs: its policy is everybody's now, or another is. */
  readonly canary?: 'promoted' | 'replaced';
  /** A hold ends with it: what its audit entry tells, and the lineages that hosts showed. */
  readonly endsHold?: { readonly details: Readonly<Record<string, unknown>>; readonly shown: readonly string[] };
  /** After a hold: that of what is numbered from now on. */
  readonly lineage?: string;
}

export type ActivationAsked = Omit<Activated, 'policy' | 'lineage'> & Judged;

export const activated: ChangeKind<Activated, ActivationAsked> = {
  async write({ store, tenant, policies }, { policy, source, ...asked }) {
    const { revision, activation, note, message, commit, endsHold } = asked;
    const id = await store.activatePolicy({
      ...{ tenant, source, revision, kind: activation, note },
      ...(message === undefined ? {} : { message }),
      ...(commit === undefined ? {} : { commit }),
      ...(endsHold === undefined ? {} : { endsHold }),
    });
    policies.set(id, policy);
    const change = { ...asked, policy: id };
    return endsHold === undefined ? change : { ...change, lineage: (await store.readLineage({ tenant })).lineage };
  },
  apply(state, { policy: id, revision, canary: end, lineage }) {
    const policy = policyOf(state, id);
    const canary = runningCanary(state);
    state.revision = revision;
    state.active = { id, revision, policy };
    if (canary !== undefined && end === 'promoted') state.canary = { state: 'promoted', canary, active: revision };
    if (canary !== undefined && end === 'replaced')
      state.canary = { state: 'failed', canary, reason: 'another policy was activated' };
    if (lineage !== undefined) Object.assign(state, { lineage, hold: undefined });
    state.inventory.setDeclared(policy.workloads);
    keepNeeded(state);
    return { ...(lineage === undefined ? {} : { holdEnded: 'yes' }), claims: 'settled', send: 'always' };
  },
};

export interface CanaryStarted {
  readonly kind: 'canary-started';
  readonly policy: number;
  readonly revision: number;
  readonly hosts: readonly string[];
  readonly limits: CanaryLimits;
  readonly note: AuditNote;
  /** Its entry in the audit log was not written with it, as nothing was. */
  readonly noted: 'owed' | 'written';
}

export const canaryStarted: ChangeKind<CanaryStarted, Omit<CanaryStarted, 'policy' | 'noted'> & Judged> = {
  async write({ store, tenant, policies }, { policy, source, ...asked }) {
    const { note } = asked;
    if (source.kind === 'files') {
      const id = await store.savePolicy({ tenant, files: source.files, note });
      policies.set(id, policy);
      return { ...asked, policy: id, noted: 'written' };
    }
    const id = source.policy;
    policies.set(id, policy);
    return { ...asked, note: { ...note, details: { ...note.details, policy: id } }, policy: id, noted: 'owed' };
  },
  apply(state, { policy: id, revision, hosts, limits, note, noted }) {
    const canary = { id, policy: policyOf(state, id), revision, hosts: new Set(hosts), limits };
    state.revision = revision;
    state.canary = { state: 'running', canary };
    keepNeeded(state);
    return { send: 'changed', owes: { revision, notes: noted === 'owed' ? [note] : [] } };
  },
};

/** Its hosts are under the active policy again. */
export interface CanaryFailed {
  readonly kind: 'canary-failed';
  readonly policy: number;
  readonly revision: number;
  readonly reason: string;
  /** One of them, where it was its doing. */
  readonly host?: string;
  readonly actor: string;
  readonly at: Millis;
}

export const canaryFailed: ChangeKind<CanaryFailed> = {
  write: unwritten,
  apply(state, { policy, revision, reason, host, actor, at }) {
    const canary = runningCanary(state);
    state.revision = revision;
    if (canary !== undefined)
      state.canary = { state: 'failed', canary, reason, ...(host === undefined ? {} : { host }) };
    keepNeeded(state);
    const note = { at, actor, action: 'canary-failed', target: 'policy', details: { policy, reason, revision } };
    return { send: 'changed', owes: { revision, notes: [note] } };
  },
};

/** Nothing that is in force is of it. */
export interface DraftDeleted {
  readonly kind: 'draft-deleted';
  readonly policy: number;
  readonly note: AuditNote;
}

export const draftDeleted: ChangeKind<DraftDeleted, DraftDeleted, DraftDeleted | Refused<'unknown' | 'activated'>> = {
  async write({ store, tenant }, change) {
    const outcome = await store.deleteDraft({ tenant, id: change.policy, note: change.note });
    return outcome === 'deleted' ? change : { kind: 'refused', refusal: outcome };
  },
  apply: () => ({}),
};

function policyOf({ policies }: FleetState, id: number): Policy {
  const policy = policies.get(id);
  if (policy === undefined) throw new Error(`policy ${id} was not read before the change that names it`);
  return policy;
}

/** What is neither in force nor on trial can be read again when a change names it. */
function keepNeeded(state: FleetState): void {
  const trial = runningCanary(state);
  for (const id of state.policies.keys()) if (id !== state.active.id && id !== trial?.id) state.policies.delete(id);
}
