// Which containers run on this host, for the control plane to register as workloads: off unless the host's settings say so. Asks no
// engine: containers are found by their cgroups, their addresses in what the kernel shows of their network under /proc, and their names
// in what engines leave on disk. Needs no power beyond the agent's own. A container that uses its host's network is its host.

import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { ContainerSettings } from '#agent/settings/settings.ts';
import {
  type HostSide,
  judgeContainerAddresses,
  type RefusedAddress,
} from '#agent-core/addresses/container-addresses.ts';
import {
  type ContainerCgroup,
  containerCgroup,
  type HostRoute,
  mayHoldContainers,
  nameInDockerConfig,
  nameOfMonitor,
  parseIpv4Routes,
  parseIpv6Routes,
  podInBundle,
  routeTowards,
} from '#agent-core/host/container-identity.ts';
import type { Link, Place } from '#agent-core/netlink/link-message.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Address } from '#model/address.ts';
import { rangesContain } from '#model/address-range.ts';
import { holds } from '#model/code-unit-order.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { limits } from '#wire/limits.ts';
import type { CgroupRoot } from './cgroup-tree.ts';
import { mostPlaces, readLinkView } from './link-view.ts';
import { createLookSchedule } from './look-schedule.ts';
import { addressesOf, foldersIn, networkOf, processesIn, textOf } from './process-network.ts';

export interface DiscoveredContainer {
  readonly name: string;
  /** In code-unit order. */
  readonly addresses: readonly Address[];
  readonly reachable: readonly Address[];
}

export interface ContainerView {
  /** In code-unit order of their names. */
  readonly containers: readonly DiscoveredContainer[];
  /** Addresses that containers have set and are not believed to have. */
  readonly refused: readonly RefusedAddress[];
  /** Bridges on which containers talk past the forward path: their frames are not shown to it (br_netfilter). */
  readonly unjudgedBridges: readonly string[];
}

/** A process in it, which may be another's by now, and what it is believed to have. */
export interface ContainerNetwork {
  readonly pid: number;
  readonly addresses: ReadonlySet<Address>;
}

/** Addresses that no container is believed to have, and those of other workloads, which it may not have on a bridge that leads outside. */
export type OthersAddresses = Pick<HostSide, 'reserved' | 'isPeers'>;

export interface ContainerDiscovery {
  /** Undefined where nothing is discovered. */
  view(): ContainerView | undefined;
  /** What their sockets are looked for by. */
  networks(): readonly ContainerNetwork[];
  /** Whether one of them is believed to have it. */
  holds(address: Address): boolean;
  /** Looks now, and some times soon after: an interface came or went. */
  look(): void;
  close(): void;
}

/** In case the kernel grants no watch on cgroups. */
const lookEveryMs = 10_000;
const deepest = 8;
const mostContainers = 1024;
const nothing: ContainerView = { containers: [], refused: [], unjudgedBridges: [] };

/** Where the kernel and engines keep what is read; another root is a test's. */
export interface DiscoveryRoots {
  readonly proc: string;
  readonly sys: string;
  /** Of /var/lib and /run. */
  readonly files: string;
}

/** `changed` is called after what is seen became another, but not for what is seen first. */
export function createContainerDiscovery(options: {
  readonly settings: ContainerSettings;
  readonly root: CgroupRoot | undefined;
  readonly roots?: DiscoveryRoots;
  /** Asked at every look. */
  readonly others: () => OthersAddresses;
  readonly changed: () => void;
}): ContainerDiscovery {
  const { settings, root, changed } = options;
  if (settings.kind === 'off' || root === undefined) {
    return {
      view: () => undefined,
      networks: () => [],
      holds: () => false,
      look: () => undefined,
      close: () => undefined,
    };
  }
  const { reachable } = settings;
  const names = new Map<string, string>();
  let networks: readonly ContainerNetwork[] = [];
  let view = nothing;
  const read = (): ContainerView =>
    readContainers({
      root,
      others: options.others,
      before: view,
      roots: options.roots ?? { proc: '/proc', sys: '/sys', files: '/' },
      names,
      isReachable: (address) => rangesContain(reachable, address),
      found: (now) => {
        networks = now;
      },
    });
  view = read();
  const look = () => {
    watchFolders();
    const now = read();
    if (JSON.stringify(now) === JSON.stringify(view)) return;
    view = now;
    changed();
  };
  const watchers = new Map<string, FSWatcher>();
  const soon = createLookSchedule(look);
  const watchFolders = () => {
    const folders = new Set(foldersWithContainers(root.path));
    for (const [path, watcher] of watchers) {
      if (folders.has(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const path of folders) {
      if (watchers.has(path)) continue;
      try {
        const watcher = watch(path, { persistent: false }, soon.heard);
        watchers.set(path, watcher);
        watcher.on('error', () => {
          watcher.close();
          watchers.delete(path);
        });
      } catch {
        // It is gone, or no watch is granted: the timer looks.
      }
    }
  };
  watchFolders();
  const timer = systemClock.every(lookEveryMs, soon.asked).unref();
  return {
    view: () => view,
    networks: () => networks,
    holds: (address) => networks.some(({ addresses }) => addresses.has(address)),
    look: soon.heard,
    close() {
      timer.cancel();
      soon.close();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

export function refusedAddressText({ name, address, reason }: RefusedAddress): string {
  return `container ${name} has set ${address}, which ${reason}: it is not judged as that container’s (stop the container, or take NET_ADMIN from it)`;
}

/** Whether policy knows an address as another workload's than a container of this host. */
export function isPeersAddress(ruleSet: HostRuleSet | undefined, address: Address): boolean {
  if (ruleSet === undefined) return false;
  const { workloads, peerSets } = ruleSet;
  if (workloads.some(({ kind, addresses }) => kind === 'container' && holds(addresses, address))) return false;
  return [...peerSets.values()].some(({ addresses }) => holds(addresses, address));
}

interface Reading {
  readonly root: CgroupRoot;
  readonly roots: DiscoveryRoots;
  /** Names by engine's id, remembered while the container is there. */
  readonly names: Map<string, string>;
  readonly isReachable: (address: Address) => boolean;
  readonly others: () => OthersAddresses;
  /** What was seen before: stays where the kernel does not answer. */
  readonly before: ContainerView;
  readonly found?: (networks: readonly ContainerNetwork[]) => void;
}

/** Cost: a directory listing a slice, two small files a container, the kernel's list of links, and a question or two an address. */
export function readContainers(reading: Reading): ContainerView {
  const { roots, names } = reading;
  const found = findCgroups(reading.root.path);
  if (found.length === 0) {
    names.clear();
    reading.found?.([]);
    return nothing;
  }
  const claims = claimsOf(found.slice(0, mostContainers), reading);
  const routes = hostRoutes(roots.proc);
  const view = readLinkView(
    claims.map(({ pid }) => pid),
    (links) => placesOf(claims, { links, routes }),
  );
  if (view === undefined) return reading.before;
  // A container sets as many as it likes in its own network: they are its own to make, and not its host's to carry.
  const beyond = claims.flatMap(({ name, addresses }) =>
    addresses.slice(limits.containerAddresses, limits.containerAddresses + 1).map((address) => ({
      name,
      address,
      reason: `is beyond the ${limits.containerAddresses} that a container may have`,
    })),
  );
  const judged = judgeContainerAddresses(
    claims.map(({ name, pid, addresses }) => {
      const namespace = view.namespaces.get(pid);
      return {
        name,
        addresses: addresses.slice(0, limits.containerAddresses),
        ...(namespace === undefined ? {} : { namespace }),
      };
    }),
    {
      links: view.links,
      neighbours: view.neighbours,
      routes,
      own: new Set(addressesOf(roots.proc, 'self', textOf)),
      ...reading.others(),
    },
  );
  const devices = new Map<string, number>();
  for (const own of judged.believed)
    for (const device of new Set(own.map((one) => one.device))) devices.set(device, (devices.get(device) ?? 0) + 1);
  const containers = claims
    .flatMap(({ name }, index) => {
      const addresses = (judged.believed[index] ?? []).map(({ address }) => address).sort();
      return addresses.length === 0 ? [] : [{ name, addresses, reachable: addresses.filter(reading.isReachable) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  reading.found?.(
    claims.map(({ pid }, index) => ({
      pid,
      addresses: new Set((judged.believed[index] ?? []).map(({ address }) => address)),
    })),
  );
  const shared = [...devices].filter(([, count]) => count > 1).map(([device]) => device);
  return {
    containers: uniquelyNamed(containers),
    refused: [...judged.refused, ...beyond],
    unjudgedBridges: showsBridgedFrames(roots.proc) ? [] : shared.sort(),
  };
}

/** Where a bridge of the host would have heard what containers claim: of each the first address, then of each the second, so that none fills the list. */
function placesOf(
  claims: readonly { readonly addresses: readonly Address[] }[],
  host: { readonly links: readonly Link[]; readonly routes: readonly HostRoute[] },
): readonly Place[] {
  const bridges = new Map(host.links.filter(({ kind }) => kind === 'bridge').map(({ name, index }) => [name, index]));
  const places = new Map<string, Place>();
  for (let rank = 0; rank < limits.containerAddresses && places.size < mostPlaces; rank += 1) {
    for (const { addresses } of claims) {
      const address = addresses[rank];
      const route = address === undefined ? undefined : routeTowards(host.routes, address);
      const device = route?.gateway === undefined ? bridges.get(route?.device ?? '') : undefined;
      if (address !== undefined && device !== undefined) places.set(`${device} ${address}`, { device, address });
    }
  }
  return [...places.values()];
}

/** One a network: containers of one pod share its network, and are one workload, whatever addresses they say they have. */
function claimsOf(
  found: readonly FoundCgroup[],
  { roots, names }: Reading,
): readonly { readonly name: string; readonly pid: number; readonly addresses: readonly Address[] }[] {
  const ofHost = networkOf(roots.proc, 'self');
  const byNetwork = new Map<
    bigint,
    { readonly name: string; readonly pid: number; readonly addresses: readonly Address[] }
  >();
  const seen = new Set<string>();
  for (const cgroup of found) {
    const pid = firstProcess(cgroup.path);
    const network = pid === undefined ? undefined : networkOf(roots.proc, pid);
    if (pid === undefined || network === undefined || network === ofHost) continue;
    seen.add(cgroup.id);
    const name = names.get(cgroup.id) ?? nameOf(cgroup, roots);
    names.set(cgroup.id, name);
    const other = byNetwork.get(network);
    if (other === undefined)
      byNetwork.set(network, { name, pid: Number(pid), addresses: addressesOf(roots.proc, pid) });
    else if (name < other.name) byNetwork.set(network, { ...other, name });
  }
  for (const id of names.keys()) if (!seen.has(id)) names.delete(id);
  return [...byNetwork.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Two of one name (in two engines) are told apart by their first address. */
function uniquelyNamed(containers: readonly DiscoveredContainer[]): readonly DiscoveredContainer[] {
  const taken = new Set<string>();
  return containers.map((container) => {
    const name = taken.has(container.name) ? `${container.name}-${container.addresses[0]}` : container.name;
    taken.add(name);
    return { ...container, name };
  });
}

interface FoundCgroup extends ContainerCgroup {
  readonly path: string;
  /** Cgroups beside it, for what belongs to it. */
  readonly parent: string;
}

function findCgroups(root: string): readonly FoundCgroup[] {
  const found: FoundCgroup[] = [];
  const visit = (path: string, parent: string, depth: number) => {
    for (const name of foldersIn(path)) {
      const cgroup = containerCgroup(name, parent);
      if (cgroup !== undefined) found.push({ ...cgroup, path: join(path, name), parent: path });
      else if (depth < deepest && mayHoldContainers(name)) visit(join(path, name), name, depth + 1);
    }
  };
  visit(root, '', 0);
  return found;
}

/** The folders in which a container's cgroup can appear. */
function foldersWithContainers(root: string): readonly string[] {
  const folders: string[] = [];
  const visit = (path: string, depth: number) => {
    folders.push(path);
    if (depth === deepest) return;
    for (const name of foldersIn(path)) if (mayHoldContainers(name)) visit(join(path, name), depth + 1);
  };
  visit(root, 0);
  return folders;
}

/** Of the cgroup or of those in it: a container that runs an init system has its processes deeper. */
function firstProcess(cgroup: string): string | undefined {
  return processesIn(cgroup, { mostProcesses: 1, mostFolders: 64, deepest: 3 })[0];
}

function hostRoutes(proc: string): readonly HostRoute[] {
  const ipv4 = parseIpv4Routes(textOf(join(proc, 'self/net/route')) ?? '');
  return [...ipv4, ...parseIpv6Routes(textOf(join(proc, 'self/net/ipv6_route')) ?? '')];
}

/** Absent: br_netfilter is not loaded, and bridged frames pass no inet hook. */
function showsBridgedFrames(proc: string): boolean {
  const at = (name: string) => textOf(join(proc, `sys/net/bridge/bridge-nf-call-${name}`))?.trim() === '1';
  return at('iptables') && at('ip6tables');
}

function nameOf(cgroup: FoundCgroup, { files, proc }: DiscoveryRoots): string {
  const { engine, id } = cgroup;
  if (engine === 'lxc' || engine === 'machine') return id;
  const short = id.slice(0, 12);
  if (engine === 'docker') {
    return nameInDockerConfig(textOf(join(files, 'var/lib/docker/containers', id, 'config.v2.json')) ?? '') ?? short;
  }
  if (engine === 'podman') {
    const monitor = firstProcess(join(cgroup.parent, `libpod-conmon-${id}.scope`));
    const words = monitor === undefined ? undefined : textOf(join(proc, monitor, 'cmdline'));
    return (words === undefined ? undefined : nameOfMonitor(words)) ?? short;
  }
  const bundles = [
    `run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}`,
    `run/containers/storage/overlay-containers/${id}/userdata`,
  ];
  const pods = bundles.map((bundle) => podInBundle(textOf(join(files, bundle, 'config.json')) ?? ''));
  return pods.find((pod) => pod !== undefined) ?? short;
}
