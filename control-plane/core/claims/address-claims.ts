// Who holds which address in a live fleet, and which claims are pending and why (docs/reference/policy.md, "Whose address is it").
// One address is settled at a time, from its claimants and its holder; a change settles what it touches and nothing else. Pure: the
// time is given with each change, in milliseconds of the control plane's own up time. What comes of it, and must outlive the process, is
// taken from `outcome`.
//
// Of one address, in this order: a virtual workload's are held by the hosts it selects. A holder keeps it while its claim stands, or
// while it is contained. A holder that was silent for the grace time loses it to a host seen talking from it. What nobody holds
// goes to an external workload, then to the claimant that talks from it, then to one whose ranges have it, then to the first.

import type { Address } from '#model/address.ts';
import { type AddressRange, rangesContain } from '#model/address-range.ts';
import type { ClaimLimits, PendingClaim, PendingReason } from './address-standing.ts';
import { ClaimOutcome } from './claim-outcome.ts';
import type { ClaimingHost, Containment, RememberedHost } from './claiming-host.ts';
import { SeenAddresses } from './seen-addresses.ts';
import { type VirtualAddresses, VirtualClaims } from './virtual-claims.ts';

export type Owner = { readonly kind: 'host' | 'external' | 'virtual'; readonly name: string };

/**
 * Whose claim an unsettled address is about: every claimant's, or one host's alone, while those of others stand as they were settled. An address
 * that a whole fleet claims then costs what changed. `holder`: only time has passed.
 */
type Concerned = 'all' | 'holder' | ClaimingHost;

export interface AddressClaimsOptions {
  readonly limits: ClaimLimits;
  /** Normalised: the control plane's own addresses and what else no host may claim without a range that holds it. */
  readonly reserved: readonly AddressRange[];
  /** Normalised. */
  readonly proxies: readonly AddressRange[];
}

export class AddressClaims {
  readonly #options: AddressClaimsOptions;
  readonly #seen: SeenAddresses;
  readonly #hosts = new Map<string, ClaimingHost>();
  readonly #absent = new Set<ClaimingHost>();
  readonly #claimants = new Map<Address, Set<ClaimingHost>>();
  readonly #holders = new Map<Address, Owner>();
  readonly #externals = new Map<Address, string>();
  readonly #virtual = new VirtualClaims();
  /** Addresses that somebody else than their holder talks from. */
  readonly #contested = new Set<Address>();
  readonly #unsettled = new Map<Address, Concerned>();
  readonly #pendingHosts = new Set<string>();
  readonly outcome = new ClaimOutcome();

  constructor(options: AddressClaimsOptions) {
    this.#options = options;
    this.#seen = new SeenAddresses(options.proxies);
  }

  // ---- questions

  /** The host, external or virtual workload that holds the address now. */
  holderOf(address: Address): Owner | undefined {
    const virtual = this.#virtual.nameOf(address);
    return virtual === undefined ? this.#holders.get(address) : { kind: 'virtual', name: virtual };
  }

  /** Its own, or a virtual workload's that it holds. */
  holdsAddress(host: string, address: Address): boolean {
    return this.#hosts.get(host)?.held.has(address) === true || this.#virtual.heldBy(host).has(address);
  }

  /** Those by which other hosts know the host. */
  heldBy(host: string): ReadonlySet<Address> {
    return this.#hosts.get(host)?.held ?? new Set();
  }

  /** Addresses of virtual workloads that the host holds now. */
  virtualHeldBy(host: string): ReadonlySet<Address> {
    return this.#virtual.heldBy(host);
  }

  /** Absent: the address is no virtual workload's. */
  mayHoldVirtual(host: string, address: Address): boolean | undefined {
    return this.#virtual.mayHold(host, address);
  }

  /** Hosts that hold a virtual workload's address now. */
  holdersOfVirtual(address: Address): ReadonlySet<string> {
    return this.#virtual.holdersOf(address);
  }

  externalHolds(name: string, address: Address): boolean {
    const holder = this.#holders.get(address);
    return holder?.kind === 'external' && holder.name === name;
  }

  pendingOf(host: string): readonly PendingClaim[] {
    const pending = this.#hosts.get(host)?.pending ?? new Map<Address, PendingReason>();
    return [...pending].map(([address, reason]) => ({ address, reason }));
  }

  /** Hosts with pending claims. */
  pendingHosts(): ReadonlySet<string> {
    return this.#pendingHosts;
  }

  /** Externals' addresses that a host holds, or a virtual workload has. */
  externalsPending(): readonly { readonly external: string; readonly address: Address; readonly holder: string }[] {
    return [...this.#externals].flatMap(([address, external]) => {
      const holder = this.holderOf(address);
      const isItsOwn = holder === undefined || (holder.kind === 'external' && holder.name === external);
      return isItsOwn ? [] : [{ external, address, holder: holder.name }];
    });
  }

  seenOf(host: string): { readonly address: Address; readonly isShared: boolean } | undefined {
    const address = this.#seen.of(host);
    return address === undefined ? undefined : { address, isShared: this.#seen.isShared(address) };
  }

  isShared(address: Address): boolean {
    return this.#seen.isShared(address);
  }

  /** Hosts that were last seen talking from the address. */
  talkers(address: Address): Iterable<string> {
    return this.#seen.talkers(address);
  }

  /** In up time; undefined where it is connected, or is no host. */
  absentSinceOf(host: string): number | undefined {
    return this.#hosts.get(host)?.absentSince;
  }

  // ---- changes

  /** To be called for every host before the first change, then `remembered`. */
  remember(given: RememberedHost): void {
    const { name, seen } = given;
    const host: ClaimingHost = {
      name,
      reported: new Set(given.reported),
      ranges: given.ranges,
      containment: given.containment,
      absentSince: given.absentSince,
      held: new Set(given.held),
      pending: new Map(),
    };
    this.#hosts.set(name, host);
    this.#absent.add(host);
    if (seen !== undefined) this.#seen.remember(name, seen);
    for (const address of host.held) this.#holders.set(address, { kind: 'host', name });
    for (const address of this.#claimed(host)) this.#claimantsOf(address).add(host);
  }

  remembered(): void {
    this.#seen.remembered();
  }

  /** A host that enrols; it holds nothing before it talks. */
  enrolled(name: string, ranges: readonly AddressRange[] | undefined, at: number): void {
    this.remember({ name, reported: [], ranges, containment: 'none', absentSince: at, held: [] });
  }

  connected(name: string, seenFrom: Address | undefined, at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    host.absentSince = undefined;
    this.#absent.delete(host);
    this.#reclaim(host, () => {
      for (const address of this.#seen.connected(name, seenFrom, at)) this.#unsettle(address, 'all');
    });
    for (const address of this.#claimed(host)) this.#unsettle(address, host);
    this.#settle(at);
  }

  disconnected(name: string, at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined || host.absentSince !== undefined) return;
    host.absentSince = at;
    this.#absent.add(host);
    for (const address of host.pending.keys()) this.#unsettle(address, host);
    this.#settle(at);
  }

  /** Gives the address where this shows that several hosts talk from it, and nobody has said so: then it is to be `share`d. */
  overheard(name: string, at: number): Address | undefined {
    return this.#seen.overheard(name, at);
  }

  /** Several hosts talk from it: `advance` is due. */
  share(address: Address): void {
    this.#seen.share(address);
    this.#unsettle(address, 'all');
  }

  /** Returns whether this has shown that several hosts talk from one address: then `advance` is due. */
  heard(name: string, at: number): boolean {
    const address = this.overheard(name, at);
    if (address === undefined) return false;
    this.share(address);
    return true;
  }

  reported(name: string, addresses: readonly Address[], at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    this.#reclaim(host, () => {
      host.reported = new Set(addresses);
    });
    this.#settle(at);
  }

  /** `undefined`: it has no ranges, and may claim what is free, up to the limit. */
  allowed(name: string, ranges: readonly AddressRange[] | undefined, at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    host.ranges = ranges;
    if (host.containment === 'contained' && ranges !== undefined) this.#giveUpOutside(host, ranges);
    this.#unsettleAllOf(host);
    this.#settle(at);
  }

  contained(name: string, containment: Containment, at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined || host.containment === containment) return;
    host.containment = containment;
    this.#unsettleAllOf(host);
    this.#settle(at);
  }

  removed(name: string, at: number): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    this.#unsettleAllOf(host);
    for (const address of this.#claimed(host)) this.#unclaim(host, address);
    for (const address of [...host.held]) {
      this.#release(host, address);
      this.#unsettle(address, 'all');
    }
    for (const address of this.#seen.forget(name)) this.#unsettle(address, 'all');
    this.#hosts.delete(name);
    this.#absent.delete(host);
    this.#settle(at);
  }

  /** Of the active policy. A host that holds such an address keeps it: the policy's claim waits like any other. */
  setExternals(externals: ReadonlyMap<string, readonly Address[]>, at: number): void {
    const next = new Map<Address, string>();
    for (const [name, addresses] of externals) for (const address of addresses) next.set(address, name);
    for (const [address, name] of this.#externals) {
      if (next.get(address) === name) continue;
      this.#externals.delete(address);
      if (this.externalHolds(name, address)) this.#holders.delete(address);
      this.#unsettle(address, 'all');
      this.outcome.touch(name);
    }
    for (const [address, name] of next) {
      if (this.#externals.has(address)) continue;
      this.#externals.set(address, name);
      this.#unsettle(address, 'all');
      this.outcome.touch(name);
    }
    this.#settle(at);
  }

  /** An operator's word on who may hold an address: it takes effect at once, also where another host holds it. */
  setVirtual(workloads: readonly VirtualAddresses[], at: number): void {
    for (const address of this.#virtual.replace(workloads)) this.#unsettle(address, 'all');
    this.#settle(at);
  }

  /** A label of the host is another: it may be selected as a holder, or no more. */
  relabelled(name: string, at: number): void {
    if (this.#virtual.isEmpty) return;
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    for (const address of this.#claimed(host)) if (this.#virtual.has(address)) this.#unsettle(address, host);
    this.#settle(at);
  }

  /** Ends leases, passes addresses on, and settles what `heard` has shown. Linear in hosts that are away and addresses that wait for it. */
  advance(at: number): void {
    const { leaseMs } = this.#options.limits;
    for (const host of this.#absent) {
      if (host.containment !== 'none' || at - (host.absentSince ?? at) < leaseMs) continue;
      const ended = [...host.held].sort();
      this.#unsettleAllOf(host);
      this.#reclaim(host, () => {
        host.reported = new Set();
        for (const address of this.#seen.forget(host.name)) this.#unsettle(address, 'all');
      });
      if (ended.length > 0) this.outcome.tell({ kind: 'lease-ended', host: host.name, addresses: ended });
    }
    for (const address of this.#contested) {
      if (this.#isContested(address)) this.#unsettle(address, 'holder');
      else this.#contested.delete(address);
    }
    this.#settle(at);
  }

  /**
   * A contained host keeps what it holds whatever it says, strangers' addresses too that it claimed before; everybody cuts those off. An operator's
   * word on what it may hold ends that, but for the address that it was seen at.
   */
  #giveUpOutside(host: ClaimingHost, ranges: readonly AddressRange[]): void {
    for (const address of [...host.held]) {
      if (rangesContain(ranges, address) || this.#talksFrom(host, address)) continue;
      this.#release(host, address);
      this.#unsettle(address, 'all');
    }
  }

  // ---- one address

  #unsettle(address: Address, concerned: Concerned): void {
    const before = this.#unsettled.get(address);
    const isSame = before === undefined || before === 'holder' || before === concerned;
    if (isSame) this.#unsettled.set(address, concerned);
    else if (concerned !== 'holder') this.#unsettled.set(address, 'all');
  }

  #settle(at: number): void {
    for (const [address, concerned] of this.#unsettled) {
      this.#unsettled.delete(address);
      this.#settleOne(address, { concerned, at });
    }
  }

  #settleOne(address: Address, { concerned, at }: { readonly concerned: Concerned; readonly at: number }): void {
    const claimants = this.#claimants.get(address) ?? new Set<ClaimingHost>();
    const one = typeof concerned === 'string' ? [] : [concerned].filter((host) => claimants.has(host));
    const asked = concerned === 'all' ? claimants : one;
    if (this.#virtual.has(address)) {
      this.#settleVirtual(address, asked);
      return;
    }
    for (const name of [...this.#virtual.holdersOf(address)]) this.#letGoVirtual(name, address);
    const before = this.#holders.get(address);
    this.#keepOrRelease(address, at);
    if (!this.#holders.has(address)) this.#giveTo(address, before === undefined ? asked : claimants);
    const told = this.#holders.get(address) === before ? asked : claimants;
    for (const host of told) {
      const reason = host.held.has(address) ? undefined : this.#refusal(host, address);
      this.#setPending(host, address, reason);
      if (reason?.kind === 'held-by' && this.#talksAlone(host, address)) this.#contested.add(address);
    }
  }

  #settleVirtual(address: Address, claimants: Iterable<ClaimingHost>): void {
    const holder = this.#holders.get(address);
    if (holder !== undefined) {
      const host = holder.kind === 'host' ? this.#hosts.get(holder.name) : undefined;
      if (host !== undefined) this.#release(host, address);
      else this.#holders.delete(address);
      this.outcome.touch(holder.name);
    }
    this.#contested.delete(address);
    for (const host of claimants) {
      const { isChanged, pending } = this.#virtual.settle(host, address);
      if (isChanged) this.outcome.virtualChanged(host.name);
      this.#setPending(host, address, pending);
    }
  }

  #letGoVirtual(host: string, address: Address): void {
    if (this.#virtual.letGo(host, address)) this.outcome.virtualChanged(host);
  }

  #keepOrRelease(address: Address, at: number): void {
    const owner = this.#holders.get(address);
    const holder = owner?.kind === 'host' ? this.#hosts.get(owner.name) : undefined;
    if (holder === undefined || holder.containment === 'contained') return;
    if (!this.#stands(holder, address)) {
      this.#release(holder, address);
      return;
    }
    const { absentSince } = holder;
    if (absentSince === undefined || at - absentSince < this.#options.limits.graceMs) return;
    const newcomer = this.#loneTalker(address);
    if (newcomer === undefined || newcomer === holder || newcomer.containment === 'contained') return;
    this.#release(holder, address);
    this.#hold(newcomer, address);
    this.outcome.tell({ kind: 'passed', address, from: holder.name, to: newcomer.name });
  }

  #loneTalker(address: Address): ClaimingHost | undefined {
    if (this.#seen.isShared(address)) return undefined;
    for (const name of this.#seen.talkers(address)) {
      const host = this.#hosts.get(name);
      if (host !== undefined && host.absentSince === undefined) return host;
    }
    return undefined;
  }

  #isContested(address: Address): boolean {
    for (const name of this.#seen.talkers(address)) {
      if (this.#hosts.get(name)?.held.has(address) === false) return true;
    }
    return false;
  }

  #isHolder(host: ClaimingHost, address: Address): boolean {
    const holder = this.#holders.get(address);
    return holder?.kind === 'host' && holder.name === host.name;
  }

  /** Whether the claim by which the host holds the address is still made, and still good. */
  #stands(host: ClaimingHost, address: Address): boolean {
    if (this.#talksFrom(host, address)) return true;
    if (!host.reported.has(address)) return false;
    return host.ranges === undefined || rangesContain(host.ranges, address);
  }

  #giveTo(address: Address, claimants: Iterable<ClaimingHost>): void {
    const external = this.#externals.get(address);
    if (external !== undefined) {
      this.#holders.set(address, { kind: 'external', name: external });
      this.outcome.touch(external);
      return;
    }
    const good = [...claimants].filter(
      (host) => host.absentSince === undefined && this.#refusal(host, address) === undefined,
    );
    const best =
      good.find((host) => this.#talksAlone(host, address)) ??
      good.find(({ ranges }) => ranges !== undefined) ??
      good.at(0);
    if (best !== undefined) this.#hold(best, address);
  }

  /** Why the host does not hold the address; undefined: it may. */
  #refusal(host: ClaimingHost, address: Address): PendingReason | undefined {
    const holder = this.#holders.get(address);
    if (holder !== undefined) return { kind: 'held-by', holder: holder.name };
    if (this.#talksAlone(host, address)) return undefined;
    if (host.containment === 'contained') return { kind: 'contained' };
    const { ranges } = host;
    if (ranges !== undefined) return rangesContain(ranges, address) ? undefined : { kind: 'outside-ranges' };
    const { reserved, limits } = this.#options;
    if (rangesContain(reserved, address) || this.#seen.isProxy(address)) return { kind: 'reserved' };
    if (this.#seen.isShared(address)) return { kind: 'shared-seen-address' };
    const seen = this.#seen.of(host.name);
    const claimed = host.held.size - (seen !== undefined && host.held.has(seen) ? 1 : 0);
    return claimed < limits.withoutRanges ? undefined : { kind: 'too-many', allowed: limits.withoutRanges };
  }

  /** Seen there, now or when it was last seen, and nobody else. */
  #talksFrom(host: ClaimingHost, address: Address): boolean {
    return this.#seen.of(host.name) === address && !this.#seen.isShared(address);
  }

  #talksAlone(host: ClaimingHost, address: Address): boolean {
    return host.absentSince === undefined && this.#talksFrom(host, address);
  }

  #hold(host: ClaimingHost, address: Address): void {
    host.held.add(address);
    this.#holders.set(address, { kind: 'host', name: host.name });
    this.outcome.holderIs(address, host.name);
    this.outcome.touch(host.name);
  }

  #release(host: ClaimingHost, address: Address): void {
    host.held.delete(address);
    this.outcome.touch(host.name);
    if (this.#isHolder(host, address)) {
      this.#holders.delete(address);
      this.outcome.holderIs(address, undefined);
    }
    // There is room for one more of those that were too many.
    for (const [waiting, { kind }] of host.pending) if (kind === 'too-many') this.#unsettle(waiting, host);
  }

  /** What nobody waits for is not told: an absent host's claim, and one that is made by talking from a shared address alone. */
  #setPending(host: ClaimingHost, address: Address, reason: PendingReason | undefined): void {
    const isTold = host.absentSince === undefined && (host.reported.has(address) || !this.#seen.isShared(address));
    const next = isTold ? reason : undefined;
    const before = host.pending.get(address);
    if (next === undefined) {
      this.#endPending(host, address);
      return;
    }
    if (before !== undefined && isSameReason(before, next)) return;
    host.pending.set(address, next);
    this.#pendingHosts.add(host.name);
    this.outcome.pendingChanged(host.name);
  }

  #endPending(host: ClaimingHost, address: Address): void {
    if (!host.pending.delete(address)) return;
    if (host.pending.size === 0) this.#pendingHosts.delete(host.name);
    this.outcome.pendingChanged(host.name);
  }

  // ---- who claims what

  #claimed(host: ClaimingHost): ReadonlySet<Address> {
    const seen = this.#seen.of(host.name);
    return seen === undefined || host.reported.has(seen) ? host.reported : new Set([...host.reported, seen]);
  }

  /** Makes a change to what the host claims, and unsettles the difference. */
  #reclaim(host: ClaimingHost, change: () => void): void {
    const before = this.#claimed(host);
    change();
    const after = this.#claimed(host);
    for (const address of before) if (!after.has(address)) this.#unclaim(host, address);
    for (const address of after) {
      if (before.has(address)) continue;
      this.#claimantsOf(address).add(host);
      this.#unsettle(address, host);
    }
  }

  #unclaim(host: ClaimingHost, address: Address): void {
    const claimants = this.#claimants.get(address);
    claimants?.delete(host);
    if (claimants?.size === 0) this.#claimants.delete(address);
    this.#endPending(host, address);
    this.#letGoVirtual(host.name, address);
    this.#unsettle(address, host);
  }

  #claimantsOf(address: Address): Set<ClaimingHost> {
    const claimants = this.#claimants.get(address) ?? new Set<ClaimingHost>();
    this.#claimants.set(address, claimants);
    return claimants;
  }

  #unsettleAllOf(host: ClaimingHost): void {
    for (const address of this.#claimed(host)) this.#unsettle(address, host);
    for (const address of host.held) this.#unsettle(address, host);
  }
}

function isSameReason(a: PendingReason, b: PendingReason): boolean {
  if (a.kind === 'held-by') return b.kind === 'held-by' && a.holder === b.holder;
  if (a.kind === 'not-a-holder') return b.kind === 'not-a-holder' && a.virtual === b.virtual;
  return a.kind === b.kind;
}
