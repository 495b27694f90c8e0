// What an agent says comes behind an operator's word: a discovered workload whose name a policy, a rollback or an enrolment wants gives it
// up for one that ends in a digest, and what belongs to it goes along: labels, quarantine, flows, and who names it as a peer. Never the other way
// round. Values in, values out; the fleet stores and sends.

import type { NameChange } from '#control-plane/store/workload-names.ts';
import type { FlowRecord } from '#model/flow.ts';
import type { Millis } from '#model/time.ts';
import { type Discovered, digestName, plainName } from './discovered-names.ts';
import type { FleetInventory, HostEntry } from './fleet-inventory.ts';
import { storedInside } from './host-entries.ts';

/** A record of what is inside of the host, under an earlier name: its agent may have spooled it before it heard of the new one. */
export function withCurrentName(entry: HostEntry, record: FlowRecord): FlowRecord {
  const { workload } = record.end;
  if (workload === undefined || workload === entry.name || entry.units.has(workload) || entry.containers.has(workload))
    return record;
  for (const [name, what] of discoveredIn(entry))
    if (plainName(what) === workload) return { ...record, end: { ...record.end, workload: name } };
  return record;
}

function* discoveredIn({ name: host, units, containers }: HostEntry): Generator<readonly [string, Discovered]> {
  for (const [name, { unit }] of units) yield [name, { kind: 'unit', host, own: unit }];
  for (const [name, { container }] of containers) yield [name, { kind: 'container', host, own: container }];
}

export interface YieldedName extends Discovered {
  readonly from: string;
  readonly to: string;
}

export interface Yielding {
  readonly yielded: readonly YieldedName[];
  /** Hosts as they are then: with what was renamed in them, and with peers of quarantines that named it. */
  readonly hosts: readonly HostEntry[];
}

/** The same as the store takes it, with what the audit log tells of each host. */
export interface StoredYielding {
  readonly yielded: readonly YieldedName[];
  readonly change: NameChange;
}

/** In one audit entry. */
const namesTold = 32;

export function storedYielding(
  { yielded, hosts }: Yielding,
  given: { readonly tenant: string; readonly at: Millis; readonly wantedBy: string },
): StoredYielding {
  const { tenant, at, wantedBy } = given;
  const entries = new Map(hosts.map((entry) => [entry.name, entry]));
  const byHost = [...Map.groupBy(yielded, ({ host }) => host)];
  const renamed = byHost.flatMap(([host, of]) => {
    const entry = entries.get(host);
    if (entry === undefined) return [];
    return { host, ...storedInside(entry), names: new Map(of.map(({ from, to }) => [from, to])) };
  });
  const peers = new Map<string, readonly string[]>();
  for (const entry of hosts)
    for (const [name, { quarantine }] of [[entry.name, entry] as const, ...entry.units, ...entry.containers])
      if (quarantine !== undefined) peers.set(name, quarantine);
  const notes = byHost.map(([target, of]) => ({
    at,
    actor: 'control-plane',
    action: 'names-yielded',
    target,
    details: {
      wantedBy,
      names: of.slice(0, namesTold).map(({ kind, own, from, to }) => ({ [kind]: own, from, to })),
      count: of.length,
    },
  }));
  return { yielded, change: { tenant, hosts: renamed, peers, notes } };
}

type Names = Pick<FleetInventory, 'unit' | 'container' | 'host' | 'hosts'>;

/** What gives up which of the names; undefined where nothing has to. */
export function yieldingOf(
  wanted: Iterable<string>,
  { inventory, isTaken }: { readonly inventory: Names; readonly isTaken: (name: string) => boolean },
): Yielding | undefined {
  const names = new Set(wanted);
  const given = new Set<string>();
  const isNoMore = (name: string) => names.has(name) || given.has(name) || isTaken(name);
  const yielded: YieldedName[] = [];
  for (const from of names) {
    const what = discoveredAs(inventory, from);
    if (what === undefined) continue;
    const to = digestName(what, isNoMore);
    given.add(to);
    yielded.push({ ...what, from, to });
  }
  if (yielded.length === 0) return undefined;
  return { yielded, hosts: renamedHosts(inventory.hosts(), yielded) };
}

/** Those of the hosts in which something has another name then, as they are then. */
export function renamedHosts(
  hosts: Iterable<HostEntry>,
  yielded: readonly Pick<YieldedName, 'from' | 'to'>[],
): readonly HostEntry[] {
  const renames = new Map(yielded.map(({ from, to }) => [from, to]));
  return [...hosts].flatMap((host) => {
    const after = renamedIn(host, renames);
    return after === host ? [] : after;
  });
}

function discoveredAs(inventory: Names, name: string): Discovered | undefined {
  const unit = inventory.unit(name);
  if (unit !== undefined) return { kind: 'unit', host: unit.host.name, own: unit.unit.unit };
  const boxed = inventory.container(name);
  return boxed && { kind: 'container', host: boxed.host.name, own: boxed.container.container };
}

interface Quarantinable {
  readonly quarantine?: readonly string[];
}

/** The same object where nothing in it has one of the names. */
function renamedIn(host: HostEntry, renames: ReadonlyMap<string, string>): HostEntry {
  const peersOf = <Entry extends Quarantinable>(entry: Entry): Entry => {
    const { quarantine } = entry;
    if (quarantine?.some((peer) => renames.has(peer)) !== true) return entry;
    return { ...entry, quarantine: quarantine.map((peer) => renames.get(peer) ?? peer) };
  };
  const inside = <Entry extends Quarantinable>(entries: ReadonlyMap<string, Entry>): ReadonlyMap<string, Entry> => {
    const next = [...entries].map(([name, entry]) => [renames.get(name) ?? name, peersOf(entry)] as const);
    const isSame = next.every(([name, entry]) => entries.get(name) === entry);
    return isSame ? entries : new Map(next);
  };
  const units = inside(host.units);
  const containers = inside(host.containers);
  const own = peersOf(host);
  return own === host && units === host.units && containers === host.containers ? host : { ...own, units, containers };
}
