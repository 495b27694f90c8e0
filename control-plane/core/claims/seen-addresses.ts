// The address from which the control plane sees each host talk. It is evidence for that host, unless a proxy or several hosts talk
// from it. Several do when their times overlap: a successor that takes over a dead host's address does not share it. Pure: times are
// given, in milliseconds of the control plane's own up time.

import { type Address, isShareable } from '#model/address.ts';
import { type AddressRange, rangesContain } from '#model/address-range.ts';

interface SeenHost {
  readonly address: Address;
  /** Of its newest connection. */
  readonly since: number;
  heard: number;
}

interface Talkers {
  readonly hosts: Set<string>;
  isShared: boolean;
  /** Who was heard last, and who before that was another: of thousands behind one address, enough to know whether any other overlaps. */
  last?: string;
  lastOther?: string;
}

/** What of it outlives the process. */
export interface RememberedSeen {
  readonly address: Address;
  readonly isShared: boolean;
}

export class SeenAddresses {
  readonly #proxies: readonly AddressRange[];
  readonly #hosts = new Map<string, SeenHost>();
  readonly #talkers = new Map<Address, Talkers>();

  /** `proxies` are normalised: what talks from there may be any host. */
  constructor(proxies: readonly AddressRange[]) {
    this.#proxies = proxies;
  }

  /** The address that it was last seen talking from; absent also where that says nothing of a host (loopback, a proxy). */
  of(host: string): Address | undefined {
    return this.#hosts.get(host)?.address;
  }

  isShared(address: Address): boolean {
    return this.#talkers.get(address)?.isShared === true;
  }

  /** Hosts that were last seen there. */
  talkers(address: Address): Iterable<string> {
    return this.#talkers.get(address)?.hosts ?? [];
  }

  isProxy(address: Address): boolean {
    return rangesContain(this.#proxies, address);
  }

  /** A connection begins. Returns addresses that were shared and are no more. */
  connected(host: string, address: Address | undefined, at: number): readonly Address[] {
    const usable = address !== undefined && isShareable(address) && !this.isProxy(address) ? address : undefined;
    const before = this.of(host);
    if (usable === undefined) return this.forget(host);
    const left = before === usable ? [] : this.forget(host);
    this.#hosts.set(host, { address: usable, since: at, heard: at });
    noteHeard(this.#join(usable, host), host);
    return left;
  }

  /** A host as a store remembers it; it has not been heard since. */
  remember(host: string, { address, isShared }: RememberedSeen): void {
    if (!isShareable(address) || this.isProxy(address)) return;
    this.#hosts.set(host, { address, since: Number.NEGATIVE_INFINITY, heard: Number.NEGATIVE_INFINITY });
    const talkers = this.#join(address, host);
    talkers.isShared ||= isShared;
  }

  /** To be called once all hosts are remembered: what only one of them talks from is not shared any more. */
  remembered(): void {
    for (const talkers of this.#talkers.values()) talkers.isShared &&= talkers.hosts.size > 1;
  }

  /** A message came. Returns the address where it shows that several hosts talk from it, the first time. */
  heard(host: string, at: number): Address | undefined {
    const address = this.overheard(host, at);
    if (address !== undefined) this.share(address);
    return address;
  }

  share(address: Address): void {
    const talkers = this.#talkers.get(address);
    if (talkers !== undefined) talkers.isShared = true;
  }

  /** As `heard`, but that it is shared is still to be said. */
  overheard(host: string, at: number): Address | undefined {
    const seen = this.#hosts.get(host);
    if (seen === undefined) return undefined;
    seen.heard = at;
    const talkers = this.#talkers.get(seen.address);
    if (talkers === undefined || talkers.isShared) return undefined;
    noteHeard(talkers, host);
    const { lastOther } = talkers;
    return lastOther !== undefined && overlaps(seen, this.#hosts.get(lastOther)) ? seen.address : undefined;
  }

  /** Returns its address where that was shared and is no more. */
  forget(host: string): readonly Address[] {
    const address = this.of(host);
    if (address === undefined) return [];
    this.#hosts.delete(host);
    const talkers = this.#talkers.get(address);
    talkers?.hosts.delete(host);
    if (talkers !== undefined) forgetHeard(talkers, host);
    if (talkers === undefined || talkers.hosts.size === 0) {
      this.#talkers.delete(address);
      return [];
    }
    if (!talkers.isShared || talkers.hosts.size > 1) return [];
    talkers.isShared = false;
    return [address];
  }

  #join(address: Address, host: string): Talkers {
    const talkers = this.#talkers.get(address) ?? { hosts: new Set<string>(), isShared: false };
    talkers.hosts.add(host);
    this.#talkers.set(address, talkers);
    return talkers;
  }
}

function noteHeard(talkers: Talkers, host: string): void {
  if (talkers.last === host) return;
  if (talkers.last !== undefined) talkers.lastOther = talkers.last;
  talkers.last = host;
}

/** Whoever was heard before those two is heard again soon, if it talks from there. */
function forgetHeard(talkers: Talkers, host: string): void {
  if (talkers.last === host) {
    if (talkers.lastOther === undefined) delete talkers.last;
    else talkers.last = talkers.lastOther;
    delete talkers.lastOther;
  } else if (talkers.lastOther === host) delete talkers.lastOther;
}

function overlaps(a: SeenHost, b: SeenHost | undefined): boolean {
  return b !== undefined && a.heard > b.since && b.heard > a.since;
}
