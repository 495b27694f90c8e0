// Which containers run on this host, for the control plane to register as workloads: off unless the host's settings say so. Asks no
// engine: containers are found by their cgroups, their addresses in what the kernel shows of their network under /proc, and their names
// in what engines leave on disk. Needs no power beyond the agent's own. A container that uses its host's network is its host.

import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import {
  type ContainerCgroup,
  containerCgroup,
  deviceTowards,
  type HostRoute,
  mayHoldContainers,
  nameInDockerConfig,
  nameOfMonitor,
  ownIpv4,
  ownIpv6,
  parseIpv4Routes,
  parseIpv6Routes,
  podInBundle,
} from '#agent-core/container-identity.ts';
import { matchesAny } from '#agent-core/published-addresses.ts';
import type { Address } from '#model/address.ts';
import { rangesContain } from '#model/address-range.ts';
import { isLinkLocal } from './addresses.ts';
import type { CgroupRoot } from './cgroup-tree.ts';
import type { ContainerSettings, InterfaceSettings } from './settings.ts';

export interface DiscoveredContainer {
  readonly name: string;
  /** In code-unit order. */
  readonly addresses: readonly Address[];
  readonly reachable: readonly Address[];
}

export interface ContainerView {
  /** In code-unit order of their names. */
  readonly containers: readonly DiscoveredContainer[];
  /** Bridges on which containers talk past the forward path: their frames are not shown to it (br_netfilter). */
  readonly unjudgedBridges: readonly string[];
}

export interface ContainerDiscovery {
  /** Undefined where nothing is discovered. */
  view(): ContainerView | undefined;
  /** Looks now, and some times soon after: an interface came or went. */
  look(): void;
  close(): void;
}

/** Interfaces that engines lead to containers by, where they are no bridges; `*` stands for any characters. */
const engineDevices: readonly string[] = [
  ...['docker*', 'br-*', 'cni*', 'cbr*', 'virbr*', 'podman*', 'lxcbr*', 'lxdbr*', 'incusbr*', 'veth*', 'cali*'],
  ...['flannel*', 'cilium_*', 'weave', 'kube-bridge', 'kube-ipvs*', 'nodelocaldns', 'antrea-gw*', 'vxlan.calico'],
  ...['tunl*', 've-*', 'vb-*'],
];

/** In case the kernel grants no watch on cgroups. */
const lookEveryMs = 10_000;
/** After a cgroup came or went: its network is made in the moments that follow, unseen from here. */
const lookAfterMs = [10, 100, 300, 1000, 3000] as const;
/** Looks take a fifth of the time at most, while containers come and go by the second. */
const leastApartMs = 50;
const paceFactor = 4;
const deepest = 8;
const mostContainers = 1024;
const nothing: ContainerView = { containers: [], unjudgedBridges: [] };

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
  readonly interfaces: InterfaceSettings;
  readonly root: CgroupRoot | undefined;
  readonly roots?: DiscoveryRoots;
  readonly changed: () => void;
}): ContainerDiscovery {
  const { settings, root, changed } = options;
  if (settings.kind === 'off' || root === undefined) {
    return { view: () => undefined, look: () => undefined, close: () => undefined };
  }
  const { reachable } = settings;
  const names = new Map<string, string>();
  const read = (): ContainerView =>
    readContainers({
      root,
      interfaces: options.interfaces,
      roots: options.roots ?? { proc: '/proc', sys: '/sys', files: '/' },
      names,
      isReachable: (address) => rangesContain(reachable, address),
    });
  let view = read();
  const look = () => {
    watchFolders();
    const now = read();
    if (JSON.stringify(now) === JSON.stringify(view)) return;
    view = now;
    changed();
  };
  const watchers = new Map<string, FSWatcher>();
  const soon = createLooking(look);
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
  const timer = setInterval(look, lookEveryMs).unref();
  return {
    view: () => view,
    look: soon.heard,
    close() {
      clearInterval(timer);
      soon.close();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Looks at once after each thing heard and some times later, never without a pause, and never late for having looked for something else. */
function createLooking(look: () => void): { readonly heard: () => void; readonly close: () => void } {
  let heardAt = Number.NEGATIVE_INFINITY;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let notBefore = Number.NEGATIVE_INFINITY;
  let next: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  const schedule = () => {
    const due = lookAfterMs.map((afterMs) => heardAt + afterMs).find((at) => at > lookedAt);
    if (due === undefined) return;
    const at = Math.max(due, notBefore);
    if (next !== undefined && next.at <= at) return;
    clearTimeout(next?.timer);
    next = { at, timer: setTimeout(run, Math.max(0, at - performance.now())).unref() };
  };
  const run = () => {
    next = undefined;
    lookedAt = performance.now();
    look();
    const endedAt = performance.now();
    notBefore = endedAt + Math.max(leastApartMs, paceFactor * (endedAt - lookedAt));
    schedule();
  };
  return {
    heard() {
      heardAt = performance.now();
      schedule();
    },
    close: () => clearTimeout(next?.timer),
  };
}

interface Reading {
  readonly root: CgroupRoot;
  readonly interfaces: InterfaceSettings;
  readonly roots: DiscoveryRoots;
  /** Names by engine's id, remembered while the container is there. */
  readonly names: Map<string, string>;
  readonly isReachable: (address: Address) => boolean;
}

/** Cost: a directory listing a slice, and two small files a container. */
export function readContainers(reading: Reading): ContainerView {
  const { roots, names } = reading;
  const found = findCgroups(reading.root.path);
  if (found.length === 0) {
    names.clear();
    return nothing;
  }
  const ofHost = new Set(addressesOf(roots.proc, 'self'));
  const routes = hostRoutes(roots.proc);
  const byAddresses = new Map<string, { readonly name: string; readonly addresses: readonly Address[] }>();
  const devices = new Map<string, number>();
  const seen = new Set<string>();
  for (const cgroup of found.slice(0, mostContainers)) {
    const pid = firstProcess(cgroup.path);
    if (pid === undefined) continue;
    const own = addressesOf(roots.proc, pid).filter((address) => !ofHost.has(address));
    const forwarded = own.filter((address) => isForwarded(reading, deviceTowards(routes, address)));
    if (forwarded.length === 0) continue;
    seen.add(cgroup.id);
    const name = names.get(cgroup.id) ?? nameOf(cgroup, roots);
    names.set(cgroup.id, name);
    // Containers of one pod share its network: they are one workload.
    const key = [...forwarded].sort().join();
    const other = byAddresses.get(key);
    if (other === undefined || name < other.name) byAddresses.set(key, { name, addresses: [...forwarded].sort() });
    if (other !== undefined) continue;
    for (const device of new Set(forwarded.map((address) => deviceTowards(routes, address) ?? ''))) {
      devices.set(device, (devices.get(device) ?? 0) + 1);
    }
  }
  for (const id of names.keys()) if (!seen.has(id)) names.delete(id);
  const containers = [...byAddresses.values()]
    .map(({ name, addresses }) => ({ name, addresses, reachable: addresses.filter(reading.isReachable) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const shared = [...devices].filter(([, count]) => count > 1).map(([device]) => device);
  return {
    containers: uniquelyNamed(containers),
    unjudgedBridges: showsBridgedFrames(roots.proc) ? [] : shared.sort(),
  };
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

/** What is on a network of the host's own (macvlan, a LAN's bridge without containers' names) does not pass its forward path. */
function isForwarded({ interfaces, roots }: Reading, device: string | undefined): boolean {
  if (device === undefined || device === 'lo') return false;
  if (exists(join(roots.sys, 'class/net', device, 'bridge'))) return true;
  return !matchesAny(interfaces.include, device) && matchesAny([...interfaces.exclude, ...engineDevices], device);
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
function firstProcess(cgroup: string, depth = 0): string | undefined {
  const [pid] = (textOf(join(cgroup, 'cgroup.procs')) ?? '').split('\n');
  if (pid !== undefined && pid !== '') return pid;
  if (depth === 3) return undefined;
  for (const name of foldersIn(cgroup)) {
    const inner = firstProcess(join(cgroup, name), depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function addressesOf(proc: string, pid: string): readonly Address[] {
  const ipv4 = ownIpv4(textOf(join(proc, pid, 'net/fib_trie')) ?? '');
  const ipv6 = ownIpv6(textOf(join(proc, pid, 'net/if_inet6')) ?? '');
  return [...ipv4, ...ipv6].filter((address) => !isLinkLocal(address));
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

function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // It went between the listing of its parent and ours.
    return [];
  }
}

/** Undefined where it is not there or may not be read: engines differ in what they keep. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
