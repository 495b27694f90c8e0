// Who is cut off from the others: quarantine, its release, revocation. `cutOff` are the addresses that others cut off, or did until now.

import { cutOffDetails } from '#control-plane/inventory/containment.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Address } from '#model/address.ts';
import type { Millis } from '#model/time.ts';
import type { ChangeKind, Consequences } from './change-kind.ts';
import type { FleetState } from './fleet-state.ts';

interface Containing {
  readonly cutOff: readonly Address[];
  readonly revision: number;
  readonly actor: string;
  readonly at: Millis;
}

export interface Quarantined extends Containing {
  readonly kind: 'quarantined';
  readonly workload: string;
  /** As the operator wrote them. */
  readonly peers: readonly string[];
}

export const quarantined: ChangeKind<Quarantined> = {
  async write({ store, tenant }, change) {
    const { workload, peers, revision } = change;
    const details = { peers, ...containmentDetails(change) };
    const note = { ...noteOf(change, workload), action: 'quarantined', details };
    await store.changeQuarantine({ tenant, workload, revision, peers, note });
    return change;
  },
  apply: (state, change) => setQuarantine(state, change, change.peers),
};

export interface Released extends Containing {
  readonly kind: 'released';
  readonly workload: string;
}

export const released: ChangeKind<Released> = {
  async write({ store, tenant }, change) {
    const { workload, revision } = change;
    const note = { ...noteOf(change, workload), action: 'quarantine-released', details: containmentDetails(change) };
    await store.changeQuarantine({ tenant, workload, revision, note });
    return change;
  },
  apply: (state, change) => setQuarantine(state, change, undefined),
};

/** It stays in the inventory. */
export interface Revoked extends Containing {
  readonly kind: 'revoked';
  readonly host: string;
  /** Of its certificates, which were good until now. */
  readonly serials: readonly string[];
}

export const revoked: ChangeKind<Revoked, Omit<Revoked, 'serials'>> = {
  async write({ store, tenant }, asked) {
    const { host, revision } = asked;
    const note = { ...noteOf(asked, host), action: 'agent-revoked', details: containmentDetails(asked) };
    return { ...asked, serials: await store.revokeCertificates({ tenant, host, revision, note }) };
  },
  apply(state, { host, at, serials, revision }) {
    const entry = state.inventory.host(host);
    state.enrolments.revoke(host, { at, serials });
    state.revision = revision;
    if (entry !== undefined) state.inventory.setHost({ ...entry, isRevoked: true });
    return {
      closes: { host, reason: 'the certificate of this host is revoked' },
      ...{ containedAt: revision, claims: 'settled', send: 'always', attention: 'awaited' },
    };
  },
};

function setQuarantine(
  state: FleetState,
  { workload, cutOff, revision }: Quarantined | Released,
  peers: readonly string[] | undefined,
): Consequences {
  const managed = state.inventory.operated(workload);
  state.revision = revision;
  if (managed !== undefined) {
    const { quarantine: _before, ...rest } = managed.said;
    managed.set(peers === undefined ? rest : { ...rest, quarantine: peers });
  }
  return { containedAt: revision, send: cutOff.length === 0 ? 'changed' : 'always', attention: 'awaited' };
}

function noteOf({ actor, at }: Containing, target: string): Pick<AuditNote, 'at' | 'actor' | 'target'> {
  return { at, actor, target };
}

function containmentDetails({ cutOff, revision }: Containing) {
  return { ...cutOffDetails(cutOff), revision };
}
