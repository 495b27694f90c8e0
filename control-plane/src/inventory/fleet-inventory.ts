// The inventory of a live fleet: hosts with what their agents report and operators labelled, their units and containers, and the external and
// virtual workloads of the active policy. Whose an address is, AddressClaims decides; here it becomes what workloads have. Holds no clock and does no IO.

import { type Address, familyOf } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr, rangeOf } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import { factPrefix, type Labels, namePattern } from '#model/label.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { err, ok, type Result } from '#model/result.ts';
import { AddressClaims } from '#policy/claims/address-claims.ts';
import { defaultClaimLimits, type PendingClaim } from '#policy/claims/address-standing.ts';
import type { RememberedHost } from '#policy/claims/claiming-host.ts';
import type { FleetChange } from '#policy/compile/fleet-compiler.ts';
import type { Inventory, Peer, Workload, WorkloadQuarantine } from '#policy/policy/policy.ts';
import { containmentWithin, peersKept } from './containment.ts';
import { type DeclaredVirtual, declaredVirtuals } from './declared-virtuals.ts';
import type { ContainerEntry, HostContainers } from './host-containers.ts';
import type { HostUnits, UnitEntry } from './host-units.ts';

/** What is known of one enrolled host. Facts are without their prefix. */
export interface HostEntry {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly facts: Labels;
  readonly labels: Labels;
  /** Its certificates are revoked: it keeps its addresses, and others cut it off, until it is removed. */
  readonly isRevoked?: boolean;
  /** CIDRs that its token or an operator lets it claim; absent where neither gave any. */
  readonly ranges?: readonly string[];
  /** The peers of its quarantine, as the operator wrote them. */
  readonly quarantine?: readonly string[];
  readonly units: HostUnits;
  readonly containers: HostContainers;
}

/** What an operator says of a workload. */
export type OperatorsWord = Pick<HostEntry, 'labels' | 'quarantine'>;

export interface OperatedEntry {
  readonly said: OperatorsWord;
  set(next: OperatorsWord): void;
}

/** An address that one has and others claim too. */
export interface AddressConflict {
  readonly address: Address;
  readonly holder: string;
  /** Names of hosts and external workloads whose claim is pending, in code-unit order. */
  readonly claimants: readonly string[];
}

export class FleetInventory {
  readonly #hosts = new Map<string, HostEntry>();
  /** Name of a unit's or container's workload to its host's. */
  readonly #insideHosts = new Map<string, string>();
  #ofPolicy: ReadonlyMap<string, Workload> = new Map();
  /** External and virtual workloads of the active policy that no host has the name of. */
  #declared: ReadonlyMap<string, Workload> = new Map();
  #virtual: ReadonlyMap<string, DeclaredVirtual> = new Map();
  readonly #stale = new Set<string>();
  /** Hosts that are quarantined, or have a unit or container that is, and may keep some peers: what those mean may change. */
  readonly #quarantined = new Set<string>();
  readonly #workloads = new Map<string, Workload>();
  readonly #changed = new Set<string>();
  #inventory: Inventory | undefined;
  #holdingChanges = new Set<string>();
  readonly claims: AddressClaims;
  /** The control plane's up time at the last change that was given one. */
  #at = 0;

  constructor(claims?: AddressClaims) {
    this.claims = claims ?? new AddressClaims({ limits: defaultClaimLimits, reserved: [], proxies: [] });
  }

  host(name: string): HostEntry | undefined {
    return this.#hosts.get(name);
  }

  /** The host of the unit workload of this name, and the unit. */
  unit(name: string): { readonly host: HostEntry; readonly unit: UnitEntry } | undefined {
    const host = this.#hosts.get(this.#insideHosts.get(name) ?? '');
    const unit = host?.units.get(name);
    return host === undefined || unit === undefined ? undefined : { host, unit };
  }

  /** The host of the container workload of this name, and the container, whether it runs or is remembered. */
  container(name: string): { readonly host: HostEntry; readonly container: ContainerEntry } | undefined {
    const host = this.#hosts.get(this.#insideHosts.get(name) ?? '');
    const container = host?.containers.get(name);
    return host === undefined || container === undefined ? undefined : { host, container };
  }

  /** The host that a workload of hosts is on: itself, where it is one. */
  hostOf(name: string): string {
    return this.#hosts.has(name) ? name : (this.#insideHosts.get(name) ?? name);
  }

  /** What operators may label and quarantine: a host, or a unit or container of one; and how to put what they said there. */
  operated(name: string): OperatedEntry | undefined {
    const host = this.#hosts.get(name);
    if (host !== undefined) {
      const { labels, quarantine, ...rest } = host;
      return { said: operatorsWord(labels, quarantine), set: (next) => this.setHost({ ...rest, ...next }) };
    }
    const boxed = this.container(name);
    if (boxed !== undefined) {
      const { labels, quarantine, ...container } = boxed.container;
      const containers = (next: OperatorsWord) => new Map(boxed.host.containers).set(name, { ...container, ...next });
      return {
        said: operatorsWord(labels, quarantine),
        set: (next) => this.setHost({ ...boxed.host, containers: containers(next) }),
      };
    }
    const found = this.unit(name);
    if (found === undefined) return undefined;
    const { labels, quarantine, ...unit } = found.unit;
    const units = (next: OperatorsWord) => new Map(found.host.units).set(name, { ...unit, ...next });
    return {
      said: operatorsWord(labels, quarantine),
      set: (next) => this.setHost({ ...found.host, units: units(next) }),
    };
  }

  hosts(): IterableIterator<HostEntry> {
    return this.#hosts.values();
  }

  get hostCount(): number {
    return this.#hosts.size;
  }

  hostNames(): IterableIterator<string> {
    return this.#hosts.keys();
  }

  /** What a store remembers of a host; all of them come before the first change, then `claims.remembered`. */
  rememberHost(entry: HostEntry, remembered: RememberedClaims): void {
    const { name } = entry;
    const ranges = rangesOf(entry);
    this.claims.remember({
      name,
      reported: claimsOf(entry),
      ranges,
      containment: containmentWithin(entry),
      ...remembered,
    });
    this.#put(entry);
  }

  setHost(entry: HostEntry): void {
    const { name } = entry;
    const before = this.#hosts.get(name);
    if (before === undefined) this.claims.enrolled(name, rangesOf(entry), this.#at);
    else if (before.ranges !== entry.ranges) this.claims.allowed(name, rangesOf(entry), this.#at);
    this.#put(entry);
    this.claims.contained(name, containmentWithin(entry), this.#at);
    this.claims.reported(name, claimsOf(entry), this.#at);
    if (before?.labels !== entry.labels || before.facts !== entry.facts) this.claims.relabelled(name, this.#at);
    this.#takeTouched();
  }

  /** A stream begins; `seenFrom` is the other end's address. */
  connected(name: string, given: { readonly seenFrom: Address | undefined; readonly at: number }): void {
    this.#at = given.at;
    this.claims.connected(name, given.seenFrom, given.at);
    this.#takeTouched();
  }

  disconnected(name: string, at: number): void {
    this.#at = at;
    this.claims.disconnected(name, at);
    this.#takeTouched();
  }

  /** Leases end, addresses pass on. */
  passTime(at: number): void {
    this.#at = at;
    this.claims.advance(at);
    this.#takeTouched();
  }

  #put(entry: HostEntry): void {
    this.#forgetInside(entry.name);
    this.#hosts.set(entry.name, entry);
    const inside = [...entry.units.values(), ...entry.containers.values()];
    const quarantines = [entry.quarantine, ...inside.map(({ quarantine }) => quarantine)];
    if (quarantines.every((peers = []) => peers.length === 0)) this.#quarantined.delete(entry.name);
    else this.#quarantined.add(entry.name);
    for (const name of insideOf(entry)) this.#insideHosts.set(name, entry.name);
    this.#stale.add(entry.name);
  }

  removeHost(name: string): void {
    this.#forgetInside(name);
    this.#hosts.delete(name);
    this.#quarantined.delete(name);
    this.#stale.add(name);
    this.claims.removed(name, this.#at);
    this.#takeTouched();
    if (this.#ofPolicy.has(name)) this.setDeclared(this.#ofPolicy);
  }

  /** Replaces the external and virtual workloads by those of a policy. One that has a host's name is nobody while the host is there. */
  setDeclared(ofPolicy: ReadonlyMap<string, Workload>): void {
    this.#ofPolicy = ofPolicy;
    const declared = new Map([...ofPolicy].filter(([name]) => !this.#hosts.has(name)));
    for (const name of [...this.#declared.keys(), ...declared.keys()]) this.#stale.add(name);
    this.#declared = declared;
    const externals = [...declared.values()].filter(({ kind }) => kind === 'external');
    this.claims.setExternals(new Map(externals.map(({ name, addresses }) => [name, addresses])), this.#at);
    this.#virtual = declaredVirtuals({ declared, before: this.#virtual, labelsOf: (host) => this.#labelsOf(host) });
    const virtual = [...this.#virtual.values()].map(({ claim }) => claim);
    this.claims.setVirtual(virtual, this.#at);
    this.#takeTouched();
  }

  /** Hosts that hold some address of the virtual workload now, in code-unit order. */
  holdersOfVirtual(name: string): readonly string[] {
    const addresses = this.#virtual.get(name)?.claim.addresses ?? [];
    const holders = addresses.flatMap((address) => [...this.claims.holdersOfVirtual(address)]);
    return [...new Set(holders)].sort(compareCodeUnits);
  }

  /** Hosts and externals that hold other addresses than when this was last asked. */
  takeHoldingChanges(): ReadonlySet<string> {
    const changes = this.#holdingChanges;
    this.#holdingChanges = new Set();
    return changes;
  }

  /** Addresses that more than one claims, in order. */
  conflicts(): readonly AddressConflict[] {
    const found = new Map<Address, { readonly holder: string; readonly claimants: string[] }>();
    const add = (address: Address, holder: string, claimant: string) => {
      const known = found.get(address);
      if (known === undefined) found.set(address, { holder, claimants: [claimant] });
      else known.claimants.push(claimant);
    };
    for (const host of this.claims.pendingHosts()) {
      for (const { address, reason } of this.claims.pendingOf(host))
        if (reason.kind === 'held-by') add(address, reason.holder, host);
    }
    for (const { external, address, holder } of this.claims.externalsPending()) add(address, holder, external);
    return [...found]
      .map(([address, { holder, claimants }]) => ({ address, holder, claimants: claimants.sort(compareCodeUnits) }))
      .sort((a, b) => compareCodeUnits(a.address, b.address));
  }

  pendingOf(host: string): readonly PendingClaim[] {
    return this.claims.pendingOf(host);
  }

  /** The host, external or virtual workload that holds the address now. */
  holderOf(address: Address): string | undefined {
    return this.claims.holderOf(address)?.name;
  }

  /** Whether the address is the host's own, a container's on it included; one that is only claimed is not. */
  holdsAddress(host: string, address: Address): boolean {
    return this.claims.holdsAddress(host, address);
  }

  /** What other hosts know the host itself by, in order: what it reports and what it is seen by, as far as it holds them. */
  addressesOf(host: string): readonly Address[] {
    const entry = this.#hosts.get(host);
    const containers = [...(entry?.containers.values() ?? [])].flatMap(({ reachable }) => reachable);
    const boxed = new Set(containers.filter((address) => entry?.addresses.includes(address) !== true));
    return [...this.claims.heldBy(host)].filter((address) => !boxed.has(address)).sort();
  }

  /** A value: later changes make another. The first call after a change is linear in the fleet. */
  current(): Inventory {
    this.#refresh();
    this.#inventory ??= { workloads: new Map(this.#workloads), resolutions: new Map() };
    return this.#inventory;
  }

  /** Whether a workload has the name, or a host, unit or container whose labels and quarantine wait for it, though it does not run now. */
  isTaken(name: string): boolean {
    this.#refresh();
    return this.#workloads.has(name) || this.#hosts.has(name) || this.#insideHosts.has(name);
  }

  /** Every workload that came, changed or went since this was last asked; costs what changed. */
  takeChanges(): readonly FleetChange[] {
    this.#refresh();
    const changes = [...this.#changed].map((name): FleetChange => {
      const workload = this.#workloads.get(name);
      return workload === undefined ? { kind: 'workload-removed', name } : { kind: 'workload-set', workload };
    });
    this.#changed.clear();
    return changes;
  }

  #refresh(): void {
    if (this.#stale.size === 0) return;
    // A unit has its host's addresses, labels and quarantine, a container its addresses and quarantine; a quarantine that names a workload holds for the addresses of now.
    for (const name of [...this.#stale, ...this.#quarantined]) {
      this.#stale.add(name);
      for (const inside of insideOf(this.#hosts.get(name))) this.#stale.add(inside);
    }
    for (const name of this.#stale) {
      const workload = this.#workloadOf(name);
      if (workload === undefined) this.#workloads.delete(name);
      else this.#workloads.set(name, workload);
      this.#changed.add(name);
    }
    this.#stale.clear();
    this.#inventory = undefined;
  }

  /** An address, a CIDR, the name of a workload, or a selector over the tenant. */
  parseQuarantinePeer(text: string): Result<Peer> {
    const range = parseCidr(text);
    if (range.ok) return ok({ kind: 'ranges', ranges: [range.value], source: text });
    if (namePattern.test(text)) {
      const addresses = this.#addressesOf(text);
      if (addresses === undefined) return err(`"${text}" is neither an address nor a workload of this fleet`);
      return ok({ kind: 'ranges', ranges: normaliseRanges(addresses.map(rangeOf)), source: `workload ${text}` });
    }
    const selector = parseSelector(text);
    if (selector.ok) return ok({ kind: 'tenant', selector: selector.value, text });
    return err(
      `"${text}" is not a peer; allowed are an address, a CIDR, the name of a workload, and a selector such as role == "admin"`,
    );
  }

  /** The workload that a quarantine's peer names, and the addresses that it stands for; undefined where it is no name. */
  namedPeer(text: string): { readonly workload: Workload; readonly addresses: readonly Address[] } | undefined {
    const workload = this.current().workloads.get(text);
    return workload && { workload, addresses: this.#addressesOf(text) ?? [] };
  }

  #workloadOf(name: string): Workload | undefined {
    const host = this.#hosts.get(name);
    const unit = host === undefined ? this.unit(name) : undefined;
    if (unit !== undefined) return this.#unitWorkload(name, unit);
    const container = host === undefined ? this.container(name) : undefined;
    if (container !== undefined) return this.#containerWorkload(name, container);
    if (host === undefined) {
      const declared = this.#declared.get(name);
      return declared === undefined ? undefined : { ...declared, addresses: this.#declaredAddresses(declared) };
    }
    const labels = this.#labelsOf(name);
    const workload: Workload = { name, kind: 'host', host: name, addresses: this.addressesOf(name), labels };
    const kept = peersKept(host);
    return kept === undefined ? workload : { ...workload, quarantine: this.#quarantineOf(name, kept) };
  }

  /**
   * A unit is in its host's segments until labels of its own say otherwise, and in its host's quarantine: being discovered must
   * not take it out of what protects it.
   */
  #unitWorkload(name: string, { host, unit }: { readonly host: HostEntry; readonly unit: UnitEntry }): Workload {
    const labels = new Map([...host.labels, ...unit.labels]);
    for (const [key, value] of host.facts) labels.set(`${factPrefix}${key}`, value);
    const addresses = this.addressesOf(host.name);
    const workload: Workload = { name, kind: 'unit', host: host.name, unit: unit.unit, addresses, labels };
    if (unit.quarantine !== undefined) return { ...workload, quarantine: this.#quarantineOf(name, unit.quarantine) };
    const kept = peersKept(host);
    return kept === undefined ? workload : { ...workload, quarantine: this.#quarantineOf(host.name, kept) };
  }

  /**
   * A container has labels of its own only: it was under nobody's rules before, and its host's would cut what it serves and give it what
   * its host may do. Its host's quarantine holds for it. Elsewhere it is known by its host's addresses, in families in which it has none
   * that can be reached from there.
   */
  #containerWorkload(
    name: string,
    { host, container }: { readonly host: HostEntry; readonly container: ContainerEntry },
  ): Workload | undefined {
    const { addresses: onHost, labels } = container;
    if (onHost.length === 0) return undefined;
    const addresses = this.#addressesElsewhere({ host, container });
    const workload: Workload = { name, kind: 'container', host: host.name, addresses, onHost, labels };
    if (container.quarantine !== undefined) {
      return { ...workload, quarantine: this.#quarantineOf(name, container.quarantine) };
    }
    const kept = peersKept(host);
    return kept === undefined ? workload : { ...workload, quarantine: this.#quarantineOf(host.name, kept) };
  }

  #addressesElsewhere({ host, container }: { readonly host: HostEntry; readonly container: ContainerEntry }) {
    const { addresses: onHost, reachable } = container;
    const hidden = new Set(onHost.filter((address) => !reachable.includes(address)).map(familyOf));
    return [
      ...reachable.filter((address) => this.claims.heldBy(host.name).has(address)),
      ...this.addressesOf(host.name).filter((address) => hidden.has(familyOf(address))),
    ];
  }

  #forgetInside(host: string): void {
    for (const name of insideOf(this.#hosts.get(host))) {
      this.#insideHosts.delete(name);
      this.#stale.add(name);
    }
  }

  /** A peer that names a workload that is gone matches nothing: quarantine denies more, never less. */
  #quarantineOf(name: string, texts: readonly string[]): WorkloadQuarantine {
    const peers = texts.flatMap((text) => {
      const peer = this.parseQuarantinePeer(text);
      return peer.ok ? [peer.value] : [];
    });
    return { name, peers };
  }

  #addressesOf(name: string): readonly Address[] | undefined {
    const container = this.container(name);
    // By its own address somebody else might be meant on the quarantined host.
    if (container !== undefined) return this.#addressesElsewhere(container);
    const host = this.#hosts.get(name) ?? this.unit(name)?.host;
    if (host !== undefined) return this.addressesOf(host.name);
    const declared = this.#declared.get(name);
    return declared === undefined ? undefined : this.#declaredAddresses(declared);
  }

  /** A host may hold an external's; a virtual workload has its own whoever holds them. */
  #declaredAddresses({ name, kind, addresses }: Workload): readonly Address[] {
    return kind === 'virtual' ? addresses : addresses.filter((address) => this.claims.externalHolds(name, address));
  }

  /** Of the host itself. */
  #labelsOf(name: string): Labels {
    const host = this.#hosts.get(name);
    const labels = new Map(host?.labels);
    for (const [key, value] of host?.facts ?? []) labels.set(`${factPrefix}${key}`, value);
    return labels;
  }

  #takeTouched(): void {
    for (const name of this.claims.outcome.takeTouched()) {
      this.#stale.add(name);
      this.#holdingChanges.add(name);
    }
  }
}

/** What a store knows of a host's addresses besides its report. */
export type RememberedClaims = Pick<RememberedHost, 'absentSince' | 'seen' | 'held'>;

function rangesOf({ ranges }: HostEntry): readonly AddressRange[] | undefined {
  return (
    ranges &&
    normaliseRanges(
      ranges.flatMap((text) => {
        const range = parseCidr(text);
        return range.ok ? [range.value] : [];
      }),
    )
  );
}

/** The workloads that a host has besides itself. */
function insideOf(host: HostEntry | undefined): readonly string[] {
  return host === undefined ? [] : [...host.units.keys(), ...host.containers.keys()];
}

/** The addresses that belong to a host and nobody else; bridges' ranges repeat, and are nobody's elsewhere. */
function claimsOf(host: HostEntry | undefined): readonly Address[] {
  if (host === undefined || host.containers.size === 0) return host?.addresses ?? [];
  return [...new Set([...host.addresses, ...[...host.containers.values()].flatMap(({ reachable }) => reachable)])];
}

export function operatorsWord(labels: Labels, quarantine: readonly string[] | undefined): OperatorsWord {
  return { labels, ...(quarantine === undefined ? {} : { quarantine }) };
}
