// What streams and time alone bring about. Times are the control plane's own up time. Whose an address is follows from them, and is written
// for many changes at once (address-keeping.ts).

import type { AddressChange } from '#control-plane/inventory/address-keeping.ts';
import { type ChangeKind, unwritten } from './change-kind.ts';

type Addresses<Kind extends AddressChange['kind']> = Extract<AddressChange, { kind: Kind }>;

export const hostConnected: ChangeKind<Addresses<'host-connected'>> = {
  write: unwritten,
  apply(state, { host, seenFrom, up }) {
    state.inventory.connected(host, { seenFrom, at: up });
    return {};
  },
};

export const hostLeft: ChangeKind<Addresses<'host-left'>> = {
  write: unwritten,
  apply(state, { host, up }) {
    state.inventory.disconnected(host, up);
    return {};
  },
};

export const addressShared: ChangeKind<Addresses<'address-shared'>> = {
  write: unwritten,
  apply(state, { address }) {
    state.inventory.claims.share(address);
    return {};
  },
};

export const timePassed: ChangeKind<Addresses<'time-passed'>> = {
  write: unwritten,
  apply(state, { up }) {
    state.inventory.passTime(up);
    return {};
  },
};

/** The next revision, for what is not numbered with a change of its own. */
export interface RevisionAdvanced {
  readonly kind: 'revision-advanced';
  readonly revision: number;
  readonly why: 'addresses' | 'host-reported' | 'names-yielded' | 'policy-time';
}

/**
 * It goes out whether or not the store takes its number now: a rule that expires must end on a full disk too. Should the process end before,
 * agents that hold more are sent the store's newest as a whole.
 */
export const revisionAdvanced: ChangeKind<RevisionAdvanced> = {
  write: unwritten,
  apply(state, { revision }) {
    state.revision = revision;
    return { send: 'changed', owes: { revision } };
  },
};
