// The containers of a host that its agent discovers: which of its claims are believed, and the workload names they get. A container
// that is gone is no workload any more; what operators said of it stays under its name, for its engine may make it anew, and its quarantine
// stays where its host reports none any more: only an operator ends that.

import type { ReportedContainer } from '#control-plane/agents/agent-backend.ts';
import type { Address } from '#model/address.ts';
import type { Labels } from '#model/label.ts';
import { limits } from '#wire/limits.ts';
import { discoveredName } from './discovered-names.ts';
import { reportedAddresses } from './host-report.ts';

export interface ContainerEntry {
  /** As its engine calls it. */
  readonly container: string;
  /** Its own, in code-unit order; none while it does not run. */
  readonly addresses: readonly Address[];
  /** Those of them by which other hosts can reach it, too. */
  readonly reachable: readonly Address[];
  readonly labels: Labels;
  /** Peers of its own quarantine, as the operator wrote them. */
  readonly quarantine?: readonly string[];
}

/** By workload name. */
export type HostContainers = ReadonlyMap<string, ContainerEntry>;

/** `reported` undefined: the host discovers none. The same object where nothing changed. */
export function withReportedContainers(request: {
  readonly host: string;
  readonly known: HostContainers;
  readonly reported: readonly ReportedContainer[] | undefined;
  /** The host's own addresses are not believed to be a container's. */
  readonly hostAddresses: readonly Address[];
  /** Whether another workload has this name. */
  readonly isTaken: (name: string) => boolean;
}): HostContainers {
  const { host, known, reported, hostAddresses, isTaken } = request;
  const containers = new Map<string, ContainerEntry>();
  for (const [name, entry] of known) {
    if (reported === undefined ? entry.quarantine !== undefined : isRemembered(entry))
      containers.set(name, { ...entry, addresses: [], reachable: [] });
  }
  if (reported === undefined) return isSame(known, containers) ? known : containers;
  const nameOf = new Map([...known].map(([name, { container }]) => [container, name]));
  const read = reported.map(({ name, addresses, reachable }) => ({
    name,
    addresses: reportedAddresses(addresses),
    reachable: reportedAddresses(reachable),
  }));
  const holders = addressHolders(known, read);
  const ofHost = new Set(hostAddresses);
  const isHere = (name: string) => containers.has(name) || known.has(name) || isTaken(name);
  for (const { name: container, addresses, reachable } of read) {
    const own = addresses.filter((address) => !ofHost.has(address) && holders.get(address) === container);
    if (own.length === 0) continue;
    const name = nameOf.get(container) ?? discoveredName({ kind: 'container', host, own: container }, isHere);
    if (containers.size >= limits.reportedContainers && !containers.has(name)) continue;
    nameOf.set(container, name);
    const before = known.get(name);
    containers.set(name, {
      container,
      addresses: own,
      reachable: reachable.filter((address) => own.includes(address)),
      labels: before?.labels ?? new Map(),
      ...(before?.quarantine === undefined ? {} : { quarantine: before.quarantine }),
    });
  }
  return isSame(known, containers) ? known : containers;
}

/**
 * Which container has which address, as its engine calls it. A container may set what is another's: one that two report stays with who
 * had it, if that one reports it still, and else is neither's, so that neither has the other's rights.
 */
function addressHolders(
  known: HostContainers,
  reported: readonly { readonly name: string; readonly addresses: readonly Address[] }[],
): ReadonlyMap<Address, string | undefined> {
  const before = new Map<Address, string>();
  for (const { container, addresses } of known.values())
    for (const address of addresses) before.set(address, container);
  const holders = new Map<Address, string | undefined>();
  for (const { name, addresses } of reported) {
    for (const address of addresses) {
      const isContested = holders.has(address) && holders.get(address) !== name;
      if (!isContested || before.get(address) === name) holders.set(address, name);
      else if (before.get(address) !== holders.get(address)) holders.set(address, undefined);
    }
  }
  return holders;
}

function isRemembered({ labels, quarantine }: ContainerEntry): boolean {
  return labels.size > 0 || quarantine !== undefined;
}

function isSame(a: HostContainers, b: HostContainers): boolean {
  const text = (containers: HostContainers) =>
    JSON.stringify(
      [...containers].map(([name, entry]) => [name, entry.container, entry.addresses, entry.reachable]).sort(),
    );
  return text(a) === text(b);
}
