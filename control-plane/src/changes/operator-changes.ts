// What else operators say of hosts and what is inside of them: labels, allowed addresses, and where the control plane is.

import type { StoredAnnouncement } from '#control-plane/store/announcement.ts';
import type { Millis } from '#model/time.ts';
import type { ChangeKind } from './change-kind.ts';

export interface Labelled {
  readonly kind: 'labelled';
  readonly workload: string;
  readonly set: Readonly<Record<string, string>>;
  /** Keys. */
  readonly remove: readonly string[];
  readonly revision: number;
  readonly actor: string;
  readonly at: Millis;
}

export const labelled: ChangeKind<Labelled> = {
  async write({ store, tenant }, change) {
    const { workload, set, remove, revision, actor, at } = change;
    const note = { at, actor, action: 'labels-changed', target: workload, details: { set, remove, revision } };
    await store.changeLabels({ tenant, workload, set, remove, revision, note });
    return change;
  },
  apply(state, { workload, set, remove, revision }) {
    const managed = state.inventory.operated(workload);
    state.revision = revision;
    if (managed !== undefined) {
      const labels = new Map([...managed.said.labels].filter(([key]) => !remove.includes(key)));
      for (const [key, value] of Object.entries(set)) labels.set(key, value);
      managed.set({ ...managed.said, labels });
    }
    return { send: 'changed', attention: 'awaited' };
  },
};

/** In one audit entry. */
const addressesTold = 32;

export interface AddressesAllowed {
  readonly kind: 'addresses-allowed';
  readonly host: string;
  /** CIDRs; absent: it has none, and may claim what is free, up to the limit. */
  readonly ranges?: readonly string[];
  readonly revision: number;
  readonly actor: string;
  readonly at: Millis;
}

export const addressesAllowed: ChangeKind<AddressesAllowed> = {
  async write({ store, tenant }, change) {
    const { host, ranges, revision, actor, at } = change;
    const details = { addresses: (ranges ?? []).slice(0, addressesTold), count: ranges?.length ?? 0, revision };
    const note = { at, actor, action: 'addresses-allowed', target: host, details };
    await store.setHostRanges({ tenant, host, revision, note, ...(ranges === undefined ? {} : { ranges }) });
    return change;
  },
  apply(state, { host, ranges, revision }) {
    const before = state.inventory.host(host);
    state.revision = revision;
    if (before !== undefined) {
      const { ranges: _old, ...rest } = before;
      state.inventory.setHost(ranges === undefined ? rest : { ...rest, ranges });
    }
    return { claims: 'settled', send: 'changed' };
  },
};

/** Without addresses: what was announced is withdrawn. */
export interface Announced {
  readonly kind: 'announced';
  readonly announcement: StoredAnnouncement;
  readonly before: readonly string[];
}

export const announced: ChangeKind<Announced> = {
  async write({ store, tenant }, change) {
    const { announcement, before } = change;
    const { addresses, at, by: actor } = announcement;
    const note = {
      ...{ at, actor, target: 'control-planes' },
      ...(addresses.length > 0
        ? { action: 'control-planes-announced', details: { addresses, before } }
        : { action: 'announcement-withdrawn', details: { before } }),
    };
    await store.saveAnnouncement({ tenant, announcement, note });
    return change;
  },
  apply(state, { announcement }) {
    state.announcement = announcement;
    return {};
  },
};
