// What a host's entry in the fleet becomes: from the store at a start, and from a report of its agent. Values in, values out.

import type { HostReport } from '#control-plane/agents/agent-backend.ts';
import type { StoredFleet, StoredHost } from '#control-plane/store/hosts.ts';
import { type Address, parseAddress } from '#model/address.ts';
import type { Labels } from '#model/label.ts';
import type { Millis } from '#model/time.ts';
import { type HostEntry, operatorsWord, type RememberedClaims } from './fleet-inventory.ts';
import { type ContainerEntry, withReportedContainers } from './host-containers.ts';
import { reportedAddresses, reportedFacts } from './host-report.ts';
import { type UnitEntry, withReportedUnits } from './host-units.ts';

/** What the store remembers of an agent, beside what is live. */
export interface HostHistory {
  readonly enrolledAt: Millis;
  readonly agentVersion: string;
  readonly lastConnectedAt?: Millis;
}

/** Every host as the store remembers it, with what its agent was last known by. */
export function storedEntries(
  stored: Pick<StoredFleet, 'hosts' | 'labels' | 'quarantines' | 'holders' | 'upMs' | 'revokedHosts'>,
): readonly {
  readonly entry: HostEntry;
  readonly history: HostHistory;
  readonly remembered: RememberedClaims;
}[] {
  const labels = Map.groupBy(stored.labels, (label) => label.workload);
  const labelsOf = (name: string): Labels => new Map((labels.get(name) ?? []).map(({ key, value }) => [key, value]));
  const quarantines = new Map(stored.quarantines.map(({ workload, peers }) => [workload, peers]));
  const operatorsOf = (name: string) => operatorsWord(labelsOf(name), quarantines.get(name));
  const revoked = new Set(stored.revokedHosts);
  const held = Map.groupBy(stored.holders, ({ host }) => host);
  return stored.hosts.map((host) => {
    const { name, addresses, facts, units, containers, ranges } = host;
    const entry: HostEntry = {
      name,
      addresses: reportedAddresses(addresses),
      facts: new Map(Object.entries(facts)),
      ...operatorsOf(name),
      ...(ranges === undefined ? {} : { ranges }),
      ...(revoked.has(name) ? { isRevoked: true } : {}),
      units: new Map(
        Object.entries(units).map(([own, unit]): [string, UnitEntry] => [own, { unit, ...operatorsOf(own) }]),
      ),
      containers: new Map(
        Object.entries(containers).map(([own, seen]): [string, ContainerEntry] => [
          own,
          {
            container: seen.container,
            addresses: reportedAddresses(seen.addresses),
            reachable: reportedAddresses(seen.reachable),
            ...operatorsOf(own),
          },
        ]),
      ),
    };
    const remembered = rememberedClaims(host, { held: held.get(name) ?? [], upMs: stored.upMs });
    return { entry, history: storedHistory(host), remembered };
  });
}

/** A host that was connected when the process ended is absent from now on. */
function rememberedClaims(
  { seen, absentSince }: StoredHost,
  given: { readonly held: readonly { readonly address: string }[]; readonly upMs: number },
): RememberedClaims {
  const addresses = (texts: readonly string[]) =>
    texts.flatMap((text) => {
      const address = parseAddress(text);
      return address.ok ? [address.value] : [];
    });
  const [seenAddress] = addresses(seen === undefined ? [] : [seen.address]);
  return {
    absentSince: absentSince ?? given.upMs,
    held: addresses(given.held.map(({ address }) => address)),
    ...(seenAddress === undefined ? {} : { seen: { address: seenAddress, isShared: seen?.isShared === true } }),
  };
}

function storedHistory({ enrolledAt, agentVersion, lastConnectedAt }: StoredHost): HostHistory {
  return { enrolledAt, agentVersion, ...(lastConnectedAt === undefined ? {} : { lastConnectedAt }) };
}

/** What is inside of it, as the store keeps it. */
export function storedInside({ units, containers }: HostEntry): Pick<StoredHost, 'units' | 'containers'> {
  return {
    units: Object.fromEntries([...units].map(([name, { unit }]) => [name, unit])),
    containers: Object.fromEntries(
      [...containers].map(([name, { container, addresses, reachable }]) => [name, { container, addresses, reachable }]),
    ),
  };
}

/** What a host's agent says, as far as it is believed: plain data, as the store keeps it. */
export interface ReportedHost extends Pick<StoredHost, 'facts' | 'units' | 'containers'> {
  readonly addresses: readonly Address[];
  /** `claims`: the host itself says that it has other addresses, and nothing else. */
  readonly news: 'same' | 'claims' | 'changed';
}

export interface ReportedEntry {
  readonly reported: ReportedHost;
  /** Workloads inside the host that are no more. */
  readonly forgotten: readonly string[];
}

/** What operators said of the host, and of what is inside of it, stays. */
export function entryFromReport(before: HostEntry, reported: ReportedHost): HostEntry {
  const { addresses, facts, news } = reported;
  const said = { ...before, addresses, facts: new Map(Object.entries(facts)) };
  if (news !== 'changed') return said;
  const units = Object.entries(reported.units).map(([name, unit]): [string, UnitEntry] => [
    name,
    { labels: new Map(), ...before.units.get(name), unit },
  ]);
  const containers = Object.entries(reported.containers).map(([name, seen]): [string, ContainerEntry] => [
    name,
    {
      labels: new Map(),
      ...before.containers.get(name),
      container: seen.container,
      addresses: reportedAddresses(seen.addresses),
      reachable: reportedAddresses(seen.reachable),
    },
  ]);
  return { ...said, units: new Map(units), containers: new Map(containers) };
}

/** `isTaken`: whether a workload elsewhere has a name already. */
export function reportedEntry(input: {
  readonly before: HostEntry;
  readonly report: HostReport;
  readonly agentVersion: string;
  readonly isTaken: (name: string) => boolean;
}): ReportedEntry {
  const { before, report, agentVersion, isTaken } = input;
  const { name: host } = before;
  const addresses = reportedAddresses(report.addresses);
  const facts = reportedFacts(report.facts, agentVersion);
  const units = withReportedUnits({ host, known: before.units, reported: report.units, isTaken });
  const containers = withReportedContainers({
    host,
    known: before.containers,
    reported: report.containers,
    hostAddresses: addresses,
    isTaken: (name) => units.has(name) || isTaken(name),
  });
  const isSame = sameLabels(before.facts, facts) && units === before.units && containers === before.containers;
  const news = !isSame ? 'changed' : sameList(before.addresses, addresses) ? 'same' : 'claims';
  const inside = storedInside({ ...before, units, containers });
  return {
    reported: { addresses, facts: Object.fromEntries(facts), ...inside, news },
    forgotten: [...before.units.keys(), ...before.containers.keys()].filter(
      (name) => !units.has(name) && !containers.has(name),
    ),
  };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

function sameLabels(a: Labels, b: Labels): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
