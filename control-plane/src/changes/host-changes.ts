// Hosts that come, speak of themselves, and go.

import { entryFromReport, type ReportedHost } from '#control-plane/inventory/host-entries.ts';
import { renamedHosts, type StoredYielding, type YieldedName } from '#control-plane/inventory/name-yielding.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { JoinTokenSpending, spendJoinToken } from '#control-plane/store/tokens.ts';
import type { HostEvent } from '#model/host-event.ts';
import type { Millis } from '#model/time.ts';
import { type ChangeKind, type Refused, unwritten } from './change-kind.ts';
import type { FleetState } from './fleet-state.ts';

/** A host of that name is one of the fleet. */
export interface Enrolled {
  readonly kind: 'enrolled';
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
  readonly at: Millis;
  /** By its token, as are those that follow. */
  readonly labels: Readonly<Record<string, string>>;
  /** CIDRs that it may claim. */
  readonly ranges?: readonly string[];
  /** It may be silent for so long before it is removed. */
  readonly silenceMs?: number;
  /** What was discovered, and gave its name up for it. */
  readonly yielded?: readonly YieldedName[];
  readonly revision: number;
}

/** The name keeps its labels, ranges, addresses and quarantine; a revocation was of the identity that is gone. */
export interface IdentityRenewed {
  readonly kind: 'identity-renewed';
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
  readonly at: Millis;
  /** Of the certificates of those before. */
  readonly serials: readonly string[];
  readonly revision: number;
}

type Spending = Parameters<typeof spendJoinToken>[1];
export type JoinRefusal = Extract<JoinTokenSpending, { kind: 'refused' }>['refusal'];

export interface JoinAsked extends Pick<Spending, 'hash' | 'host' | 'at' | 'isOfPolicy' | 'renewal'> {
  readonly kind: 'enrolled';
  readonly enrolment: string;
  readonly yielding?: StoredYielding | undefined;
  readonly revision: number;
}

export const enrolled: ChangeKind<Enrolled, JoinAsked, Enrolled | IdentityRenewed | Refused<JoinRefusal>> = {
  async write({ store }, { kind, hash, isOfPolicy, renewal, yielding, ...asked }) {
    const { host, at, enrolment } = asked;
    const spending = await store.spendJoinToken({
      ...{ hash, host, at, enrolment },
      ...(isOfPolicy === undefined ? {} : { isOfPolicy }),
      ...(renewal === undefined ? {} : { renewal }),
      ...(yielding === undefined ? {} : { yielding: yielding.change }),
    });
    if (spending.kind === 'refused') return spending;
    const { tenant } = spending;
    if (spending.kind === 'renewed') return { ...asked, kind: 'identity-renewed', tenant, serials: spending.serials };
    const { labels, ranges, ephemeralMs: silenceMs } = spending;
    return {
      ...{ kind, ...asked, tenant, labels },
      ...(ranges === undefined ? {} : { ranges }),
      ...(silenceMs === undefined ? {} : { silenceMs }),
      ...(yielding === undefined ? {} : { yielded: yielding.yielded }),
    };
  },
  apply(state, { host, enrolment, at, labels, ranges, silenceMs, yielded, revision }) {
    if (yielded !== undefined) rename(state, yielded);
    state.enrolments.begin(host, enrolment);
    state.history.set(host, { enrolledAt: at, agentVersion: '' });
    if (silenceMs === undefined) state.silenceMs.delete(host);
    else state.silenceMs.set(host, silenceMs);
    state.inventory.setHost({
      ...{ name: host, addresses: [], facts: new Map(), labels: new Map(Object.entries(labels)) },
      ...(ranges === undefined ? {} : { ranges }),
      ...{ units: new Map(), containers: new Map() },
    });
    state.revision = revision;
    return { joined: host, send: 'changed', owes: { revision } };
  },
};

export const identityRenewed: ChangeKind<IdentityRenewed> = {
  // With the token that is spent for it.
  write: unwritten,
  apply(state, { host, enrolment, at, serials, revision }) {
    state.enrolments.revoke(host, { at, serials });
    state.enrolments.begin(host, enrolment);
    const entry = state.inventory.host(host);
    if (entry?.isRevoked === true) {
      const { isRevoked: _, ...kept } = entry;
      state.inventory.setHost(kept);
    }
    state.revision = revision;
    const closes = { host, reason: 'this host was given a new identity' };
    return { closes, send: 'changed', owes: { revision } };
  },
};

/** Its addresses belong to no workload any more, and nobody cuts them off. */
export interface Removed {
  readonly kind: 'removed';
  readonly host: string;
  /** Names of its unit and container workloads. */
  readonly inside: readonly string[];
  readonly was: 'contained' | 'free';
  readonly serials: readonly string[];
  readonly revision: number;
  readonly note: Omit<AuditNote, 'target'>;
}

export const removed: ChangeKind<Removed, Omit<Removed, 'serials'>> = {
  async write({ store, tenant }, asked) {
    const { host, inside, was, revision } = asked;
    const note = { ...asked.note, target: host, details: { ...asked.note.details, was, revision } };
    return { ...asked, serials: await store.removeHost({ tenant, host, inside, revision, note }) };
  },
  apply(state, { host, serials, revision }) {
    state.enrolments.remove(host, serials);
    state.revision = revision;
    state.inventory.removeHost(host);
    state.history.delete(host);
    state.silenceMs.delete(host);
    const closes = { host, reason: 'the certificate of this host is revoked' };
    return { closes, removed: host, claims: 'settled', send: 'changed' };
  },
};

/** What its agent says of the host, as far as it is believed. */
export interface HostReported extends ReportedHost {
  readonly kind: 'host-reported';
  readonly host: string;
  /** Unit and container workloads that are no more. */
  readonly forgotten: readonly string[];
  readonly agentVersion: string;
  /** When the stream began that it came by. */
  readonly connectedAt: Millis;
}

export const hostReported: ChangeKind<HostReported> = {
  async write({ store, tenant }, change) {
    const { host, addresses, facts, units, containers, forgotten, agentVersion, connectedAt } = change;
    const inside = { units, containers, forgotten };
    await store.updateHost({ tenant, host, addresses, facts, ...inside, agentVersion, connectedAt });
    return change;
  },
  apply(state, change) {
    const { host, agentVersion, connectedAt, news } = change;
    const enrolledAt = state.history.get(host)?.enrolledAt ?? connectedAt;
    state.history.set(host, { enrolledAt, agentVersion, lastConnectedAt: connectedAt });
    const before = state.inventory.host(host);
    if (before !== undefined && news !== 'same') state.inventory.setHost(entryFromReport(before, change));
    return {};
  },
};

/** What was discovered gives names up that an operator's word is for. */
export interface NamesYielded {
  readonly kind: 'names-yielded';
  readonly yielded: readonly YieldedName[];
}

export const namesYielded: ChangeKind<NamesYielded, { readonly kind: 'names-yielded' } & StoredYielding> = {
  async write({ store }, { kind, change, yielded }) {
    await store.renameDiscovered(change);
    return { kind, yielded };
  },
  apply(state, { yielded }) {
    rename(state, yielded);
    return { send: 'changed' };
  },
};

/** A host told what happened on it: of that the store alone keeps more than a number. */
export interface HostTold {
  readonly kind: 'host-told';
  readonly host: string;
  readonly tamperings: number;
}

interface HostTellingAsked extends HostTold {
  /** Those that are written down. */
  readonly events: readonly HostEvent[];
  readonly at: Millis;
}

export const hostTold: ChangeKind<HostTold, HostTellingAsked> = {
  async write({ store, tenant }, { events, at, ...change }) {
    await store.takeHostEvents({ tenant, host: change.host, events, at });
    return change;
  },
  apply(state, { tamperings }) {
    state.tamperings += tamperings;
    return {};
  },
};

function rename({ inventory }: FleetState, yielded: readonly YieldedName[]): void {
  for (const host of renamedHosts(inventory.hosts(), yielded)) inventory.setHost(host);
}
