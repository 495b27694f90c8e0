// The inventory of a live fleet: hosts with what their agents report and operators labelled, their units and containers, and the external workloads
// of the active policy. An address that two of them claim is given to neither until one lets go. Holds no clock and does no IO.

import { type Address, familyOf } from '#model/address.ts';
import { normaliseRanges, parseCidr, rangeOf } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import { factPrefix, type Labels, namePattern } from '#model/label.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { FleetChange } from '#policy/fleet-compiler.ts';
import type { Inventory, Peer, Workload, WorkloadQuarantine } from '#policy/policy.ts';
import type { ContainerEntry, HostContainers } from './host-containers.ts';
import type { HostUnits, UnitEntry } from './host-units.ts';

/** What is known of one enrolled host. Facts are without their prefix. */
export interface HostEntry {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly facts: Labels;
  readonly labels: Labels;
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

export interface AddressConflict {
  readonly address: Address;
  /** Names of workloads, in code-unit order; two at least. */
  readonly claimants: readonly string[];
}

export interface ConflictChange {
  readonly kind: 'began' | 'ended';
  readonly conflict: AddressConflict;
}

export class FleetInventory {
  readonly #hosts = new Map<string, HostEntry>();
  /** Name of a unit's or container's workload to its host's. */
  readonly #insideHosts = new Map<string, string>();
  #externals: ReadonlyMap<string, Workload> = new Map();
  readonly #claims = new Map<Address, Set<string>>();
  readonly #conflicts = new Map<Address, AddressConflict>();
  readonly #stale = new Set<string>();
  #conflictChanges: ConflictChange[] = [];
  /** Hosts that are quarantined or have a unit that is. */
  readonly #quarantined = new Set<string>();
  readonly #workloads = new Map<string, Workload>();
  readonly #changed = new Set<string>();
  #inventory: Inventory | undefined;

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

  hostNames(): IterableIterator<string> {
    return this.#hosts.keys();
  }

  setHost(entry: HostEntry): void {
    this.#move(entry.name, claimsOf(this.#hosts.get(entry.name)), claimsOf(entry));
    this.#forgetInside(entry.name);
    this.#hosts.set(entry.name, entry);
    const inside = [...entry.units.values(), ...entry.containers.values()];
    const quarantines = [entry.quarantine, ...inside.map(({ quarantine }) => quarantine)];
    if (quarantines.every((quarantine) => quarantine === undefined)) this.#quarantined.delete(entry.name);
    else this.#quarantined.add(entry.name);
    for (const name of insideOf(entry)) this.#insideHosts.set(name, entry.name);
    this.#stale.add(entry.name);
  }

  removeHost(name: string): void {
    this.#move(name, claimsOf(this.#hosts.get(name)), []);
    this.#forgetInside(name);
    this.#hosts.delete(name);
    this.#quarantined.delete(name);
    this.#stale.add(name);
  }

  /** Replaces the external workloads by those of a policy. A host's name wins over an external's. */
  setExternals(externals: ReadonlyMap<string, Workload>): void {
    const owner = (name: string) => `external ${name}`;
    for (const [name, workload] of this.#externals) {
      this.#move(owner(name), workload.addresses, externals.get(name)?.addresses ?? []);
      this.#stale.add(name);
    }
    for (const [name, workload] of externals) {
      if (!this.#externals.has(name)) this.#move(owner(name), [], workload.addresses);
      this.#stale.add(name);
    }
    this.#externals = externals;
  }

  conflicts(): readonly AddressConflict[] {
    return [...this.#conflicts.values()].sort((a, b) => compareCodeUnits(a.address, b.address));
  }

  /** What began or ended since this was last asked. */
  takeConflictChanges(): readonly ConflictChange[] {
    const changes = this.#conflictChanges;
    this.#conflictChanges = [];
    return changes;
  }

  /** The host or external workload that holds the address now. */
  holderOf(address: Address): string | undefined {
    const claimants = this.#claims.get(address);
    if (claimants === undefined || claimants.size !== 1) return undefined;
    const [claimant] = claimants;
    return claimant?.replace(/^external /, '');
  }

  /** A value: later changes make another. The first call after a change is linear in the fleet. */
  current(): Inventory {
    this.#refresh();
    this.#inventory ??= { workloads: new Map(this.#workloads), resolutions: new Map() };
    return this.#inventory;
  }

  has(name: string): boolean {
    this.#refresh();
    return this.#workloads.has(name);
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

  #workloadOf(name: string): Workload | undefined {
    const host = this.#hosts.get(name);
    const unit = host === undefined ? this.unit(name) : undefined;
    if (unit !== undefined) return this.#unitWorkload(name, unit);
    const container = host === undefined ? this.container(name) : undefined;
    if (container !== undefined) return this.#containerWorkload(name, container);
    if (host === undefined) {
      const external = this.#externals.get(name);
      return external === undefined ? undefined : { ...external, addresses: this.#undisputed(external.addresses) };
    }
    const labels = new Map(host.labels);
    for (const [key, value] of host.facts) labels.set(`${factPrefix}${key}`, value);
    const workload: Workload = { name, kind: 'host', host: name, addresses: this.#undisputed(host.addresses), labels };
    return host.quarantine === undefined
      ? workload
      : { ...workload, quarantine: this.#quarantineOf(name, host.quarantine) };
  }

  /**
   * A unit is in its host's segments until labels of its own say otherwise, and in its host's quarantine: being discovered must
   * not take it out of what protects it.
   */
  #unitWorkload(name: string, { host, unit }: { readonly host: HostEntry; readonly unit: UnitEntry }): Workload {
    const labels = new Map([...host.labels, ...unit.labels]);
    for (const [key, value] of host.facts) labels.set(`${factPrefix}${key}`, value);
    const addresses = this.#undisputed(host.addresses);
    const workload: Workload = { name, kind: 'unit', host: host.name, unit: unit.unit, addresses, labels };
    if (unit.quarantine !== undefined) return { ...workload, quarantine: this.#quarantineOf(name, unit.quarantine) };
    if (host.quarantine === undefined) return workload;
    return { ...workload, quarantine: this.#quarantineOf(host.name, host.quarantine) };
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
    if (host.quarantine === undefined) return workload;
    return { ...workload, quarantine: this.#quarantineOf(host.name, host.quarantine) };
  }

  #addressesElsewhere({ host, container }: { readonly host: HostEntry; readonly container: ContainerEntry }) {
    const { addresses: onHost, reachable } = container;
    const hidden = new Set(onHost.filter((address) => !reachable.includes(address)).map(familyOf));
    return this.#undisputed([...reachable, ...host.addresses.filter((address) => hidden.has(familyOf(address)))]);
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
    const claimed = host?.addresses ?? this.#externals.get(name)?.addresses;
    return claimed === undefined ? undefined : this.#undisputed(claimed);
  }

  #undisputed(addresses: readonly Address[]): readonly Address[] {
    const good = addresses.filter((address) => !this.#conflicts.has(address));
    return good.length === addresses.length ? addresses : good;
  }

  #move(owner: string, before: readonly Address[], after: readonly Address[]): void {
    for (const address of before) if (!after.includes(address)) this.#claim(address, (claims) => claims.delete(owner));
    for (const address of after) if (!before.includes(address)) this.#claim(address, (claims) => claims.add(owner));
  }

  #claim(address: Address, change: (claims: Set<string>) => void): void {
    const claims = this.#claims.get(address) ?? new Set<string>();
    for (const owner of claims) this.#stale.add(owner.replace(/^external /, ''));
    change(claims);
    if (claims.size === 0) this.#claims.delete(address);
    else this.#claims.set(address, claims);
    const before = this.#conflicts.get(address);
    if (claims.size < 2) {
      this.#conflicts.delete(address);
      if (before !== undefined) this.#conflictChanges.push({ kind: 'ended', conflict: before });
      return;
    }
    const conflict = {
      address,
      claimants: [...claims].map((owner) => owner.replace(/^external /, '')).sort(compareCodeUnits),
    };
    this.#conflicts.set(address, conflict);
    if (before === undefined) this.#conflictChanges.push({ kind: 'began', conflict });
  }
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
