// Which hosts are gone for long enough to be forgotten, and what names them: what an operator sees before many are removed at once. Silence is
// counted in time that the control plane was up, so that its own outage makes nobody look gone. Values in, values out.

import { addressFromValue } from '#model/address.ts';
import type { Labels } from '#model/label.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import type { Peer, Policy } from '#policy/policy/policy.ts';
import type { HostEntry } from './fleet-inventory.ts';

export interface OfflineAsked {
  readonly offlineForMs: number;
  /** Over the labels of hosts; absent: all of them. */
  readonly selector?: Selector | undefined;
  /** Of these alone: what was shown. */
  readonly hosts?: ReadonlySet<string> | undefined;
}

export interface OfflineHost {
  readonly entry: HostEntry;
  readonly offlineMs: number;
}

interface Fleet {
  hosts(): Iterable<HostEntry>;
  /** Undefined where it is connected. */
  offlineMsOf(host: string): number | undefined;
  labelsOf(entry: HostEntry): Labels;
}

/** In order of names. */
export function offlineHosts(fleet: Fleet, { offlineForMs, selector, hosts }: OfflineAsked): readonly OfflineHost[] {
  const found: OfflineHost[] = [];
  for (const entry of fleet.hosts()) {
    const offlineMs = fleet.offlineMsOf(entry.name);
    if (offlineMs === undefined || offlineMs < offlineForMs || hosts?.has(entry.name) === false) continue;
    if (selector === undefined || selectorMatches(selector, fleet.labelsOf(entry))) found.push({ entry, offlineMs });
  }
  return found.sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
}

export interface Naming {
  /** PolicyTests that name it or what is inside of it. */
  readonly tests: readonly string[];
  /** "SEGMENT/RULE" and guardrails whose peers are an address of its own. */
  readonly rules: readonly string[];
  /** Workloads whose quarantine lets it in by name. */
  readonly quarantines: readonly string[];
}

/** Who names each of the hosts; one walk over the policy and one over the fleet, however many they are. */
export function namingOf(
  found: readonly OfflineHost[],
  { policy, hosts }: { readonly policy: Policy; readonly hosts: Iterable<HostEntry> },
): ReadonlyMap<string, Naming> {
  const ofHost = new Map(
    found.map(({ entry }) => [
      entry.name,
      { tests: new Set<string>(), rules: new Set<string>(), quarantines: new Set<string>() },
    ]),
  );
  const byName = new Map<string, string>();
  const byAddress = new Map<string, string>();
  for (const { entry } of found) {
    for (const name of [entry.name, ...entry.units.keys(), ...entry.containers.keys()]) byName.set(name, entry.name);
    for (const address of entry.addresses) byAddress.set(address, entry.name);
  }
  const note = (kind: keyof Naming, host: string | undefined, what: string) => {
    if (host !== undefined) ofHost.get(host)?.[kind].add(what);
  };
  for (const { name, tests } of policy.tests.values())
    for (const { from, to } of tests)
      for (const end of [from, to]) if (end.kind === 'workload') note('tests', byName.get(end.workload), name);
  const noteAddresses = (peers: readonly Peer[], what: string) => {
    for (const peer of peers)
      if (peer.kind === 'ranges')
        for (const { family, first, last } of peer.ranges)
          if (first === last) note('rules', byAddress.get(addressFromValue(family, first)), what);
  };
  for (const segment of policy.segments.values())
    for (const { name, from, to } of segment.rules) noteAddresses([...from, ...to], `${segment.name}/${name}`);
  for (const { name, deny } of policy.guardrails.values())
    for (const { from, to } of deny) noteAddresses([...from, ...to], name);
  for (const entry of hosts)
    for (const [name, { quarantine = [] }] of [[entry.name, entry] as const, ...entry.units, ...entry.containers])
      for (const peer of quarantine) note('quarantines', byName.get(peer), name);
  return new Map(
    [...ofHost].map(([host, { tests, rules, quarantines }]) => [
      host,
      { tests: [...tests].sort(), rules: [...rules].sort(), quarantines: [...quarantines].sort() },
    ]),
  );
}
