// Who holds the addresses of virtual workloads: any of the hosts that it selects, one at a time or all at once, and no other. Its selection is an
// operator's word, so nothing of what settles an address of one host counts: no incumbent, no lease, no range. A host that is quarantined
// or revoked keeps what it holds and gains nothing. Called by AddressClaims.

import type { Address } from '#model/address.ts';
import type { PendingReason } from './address-standing.ts';
import type { ClaimingHost } from './claiming-host.ts';

/** Addresses of a virtual workload, and whether a host may hold them. One object as long as neither changes. */
export interface VirtualAddresses {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly mayHold: (host: string) => boolean;
}

type Claimant = Pick<ClaimingHost, 'name' | 'containment' | 'absentSince'>;

export interface VirtualSettlement {
  readonly isChanged: boolean;
  /** Absent: the host holds it. */
  readonly pending?: PendingReason;
}

const none: ReadonlySet<never> = new Set();

export class VirtualClaims {
  readonly #workloads = new Map<Address, VirtualAddresses>();
  readonly #heldBy = new Map<string, Set<Address>>();
  readonly #holders = new Map<Address, Set<string>>();

  get isEmpty(): boolean {
    return this.#workloads.size === 0;
  }

  has(address: Address): boolean {
    return this.#workloads.has(address);
  }

  /** The virtual workload's name. */
  nameOf(address: Address): string | undefined {
    return this.#workloads.get(address)?.name;
  }

  /** Absent: the address is no virtual workload's. */
  mayHold(host: string, address: Address): boolean | undefined {
    return this.#workloads.get(address)?.mayHold(host);
  }

  heldBy(host: string): ReadonlySet<Address> {
    return this.#heldBy.get(host) ?? none;
  }

  holdersOf(address: Address): ReadonlySet<string> {
    return this.#holders.get(address) ?? none;
  }

  /** From now on these. Returns addresses whose virtual workload is another than before, or none any more. */
  replace(workloads: readonly VirtualAddresses[]): readonly Address[] {
    const next = new Map(workloads.flatMap((workload) => workload.addresses.map((address) => [address, workload])));
    const changed: Address[] = [];
    for (const address of this.#workloads.keys()) {
      if (next.has(address)) continue;
      this.#workloads.delete(address);
      changed.push(address);
    }
    for (const [address, workload] of next) {
      if (this.#workloads.get(address) === workload) continue;
      this.#workloads.set(address, workload);
      changed.push(address);
    }
    return changed;
  }

  /** What comes of the host's claim to an address that is a virtual workload's. */
  settle(host: Claimant, address: Address): VirtualSettlement {
    const workload = this.#workloads.get(address);
    const isHeld = this.heldBy(host.name).has(address);
    if (workload === undefined || !workload.mayHold(host.name)) {
      const pending = { kind: 'not-a-holder', virtual: workload?.name ?? '' } as const;
      return { isChanged: this.letGo(host.name, address), pending };
    }
    if (isHeld) return { isChanged: false };
    if (host.containment === 'contained' || host.absentSince !== undefined) {
      return { isChanged: false, pending: { kind: 'contained' } };
    }
    this.#take(host.name, address);
    return { isChanged: true };
  }

  /** Returns whether the host held it. */
  letGo(host: string, address: Address): boolean {
    const held = this.#heldBy.get(host);
    if (held?.delete(address) !== true) return false;
    if (held.size === 0) this.#heldBy.delete(host);
    const holders = this.#holders.get(address);
    holders?.delete(host);
    if (holders?.size === 0) this.#holders.delete(address);
    return true;
  }

  #take(host: string, address: Address): void {
    const held = this.#heldBy.get(host) ?? new Set();
    this.#heldBy.set(host, held.add(address));
    const holders = this.#holders.get(address) ?? new Set();
    this.#holders.set(address, holders.add(host));
  }
}
