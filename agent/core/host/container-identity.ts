// What the kernel's own texts tell of containers, whatever engine made them: which cgroup is a container's, which addresses its
// network has, and by which interface of the host they are reached. Formats are Linux's; what cannot be read is left out.

import { type Address, addressFromValue, addressValue, type Family, familyOf, parseAddress } from '#model/address.ts';

/** `id` is the engine's (64 hex digits) or, where the engine has none, the container's name. */
export interface ContainerCgroup {
  readonly engine: 'docker' | 'podman' | 'cri' | 'lxc' | 'machine';
  readonly id: string;
}

const hexId = '[0-9a-f]{64}';
const shapes: readonly (readonly [ContainerCgroup['engine'], RegExp])[] = [
  ['docker', new RegExp(`^docker-(${hexId})\\.scope$`)],
  ['podman', new RegExp(`^libpod-(${hexId})(?:\\.scope)?$`)],
  ['cri', new RegExp(`^(?:cri-containerd|crio|containerd)-(${hexId})\\.scope$`)],
  ['lxc', /^lxc\.payload\.([A-Za-z0-9._-]{1,63})$/],
  ['machine', /^machine-([A-Za-z0-9._\\-]{1,63})\.scope$/],
];

/** By the cgroup's own name and its parent's: engines that do not ask systemd name a cgroup by nothing but the id. */
export function containerCgroup(name: string, parent: string): ContainerCgroup | undefined {
  for (const [engine, shape] of shapes) {
    const id = shape.exec(name)?.[1];
    if (id !== undefined) return { engine, id };
  }
  if (!new RegExp(`^${hexId}$`).test(name)) return undefined;
  return { engine: parent === 'docker' ? 'docker' : 'cri', id: name };
}

/** Cgroups in which engines put containers. What users make below user.slice is not believed. */
export function mayHoldContainers(name: string): boolean {
  if (name === 'user.slice') return false;
  return (
    name.endsWith('.slice') || /^(docker|kubepods|burstable|besteffort|pod[0-9a-f-]{36}|libpod_parent)$/.test(name)
  );
}

/** The addresses in the text of /proc/PID/net/fib_trie (Linux: net/ipv4/fib_trie.c) that are the network's own. */
export function ownIpv4(fibTrie: string): readonly Address[] {
  const own = new Set<Address>();
  let last: Address | undefined;
  for (const line of fibTrie.split('\n')) {
    const leaf = /^\s*\|-- (\S+)$/.exec(line)?.[1];
    if (leaf !== undefined) {
      const address = parseAddress(leaf);
      last = address.ok ? address.value : undefined;
    } else if (last !== undefined && line.trim() === '/32 host LOCAL' && !last.startsWith('127.')) own.add(last);
  }
  return [...own];
}

/** The global ones in the text of /proc/PID/net/if_inet6: address, interface, prefix, scope, flags, name. */
export function ownIpv6(ifInet6: string): readonly Address[] {
  return ifInet6.split('\n').flatMap((line) => {
    const [hex = '', , , scope] = line.trim().split(/\s+/);
    const address = scope === '00' ? hexIpv6(hex) : undefined;
    return address === undefined ? [] : [address];
  });
}

/** One way of the host to a range of addresses. */
export interface HostRoute {
  readonly family: Family;
  readonly network: bigint;
  readonly bits: number;
  readonly device: string;
  /** Absent where the addresses are on the link itself. */
  readonly gateway?: Address;
  /** Present where it is as a router's advertisement said. */
  readonly learned?: 'advertised';
}

/** RTF_ADDRCONF (linux/ipv6_route.h). */
const advertisedFlag = 0x40000;

/** The text of /proc/net/route: addresses are the bytes of the address as a number of this machine, which is little-endian. */
export function parseIpv4Routes(text: string): readonly HostRoute[] {
  return text.split('\n').flatMap((line): HostRoute[] => {
    const [device = '', destination = '', via = '', , , , , mask = ''] = line.trim().split(/\s+/);
    if (![destination, via, mask].every((hex) => /^[0-9A-F]{8}$/.test(hex))) return [];
    const network = BigInt(`0x${swapped(destination)}`);
    const bits = [...BigInt(`0x${swapped(mask)}`).toString(2)].filter((bit) => bit === '1').length;
    const gateway = BigInt(`0x${swapped(via)}`);
    const onLink = { family: 'ipv4', network, bits, device } as const;
    return [gateway === 0n ? onLink : { ...onLink, gateway: addressFromValue('ipv4', gateway) }];
  });
}

/** The text of /proc/net/ipv6_route. */
export function parseIpv6Routes(text: string): readonly HostRoute[] {
  return text.split('\n').flatMap((line): HostRoute[] => {
    const fields = line.trim().split(/\s+/);
    const [destination = '', prefix = '', , , via = ''] = fields;
    const device = fields[9] ?? '';
    if (![destination, via].every((hex) => /^[0-9a-f]{32}$/.test(hex))) return [];
    if (!/^[0-9a-f]{2}$/.test(prefix) || device === 'lo') return [];
    const gateway = BigInt(`0x${via}`);
    const network = BigInt(`0x${destination}`);
    const isAdvertised = (Number.parseInt(fields[8] ?? '', 16) & advertisedFlag) !== 0;
    const onLink: HostRoute = {
      family: 'ipv6',
      network,
      bits: Number.parseInt(prefix, 16),
      device,
      ...(isAdvertised && { learned: 'advertised' }),
    };
    return [gateway === 0n ? onLink : { ...onLink, gateway: addressFromValue('ipv6', gateway) }];
  });
}

/** The interface by which the host reaches the address; undefined where no route leads there. */
export function deviceTowards(routes: readonly HostRoute[], address: Address): string | undefined {
  return routeTowards(routes, address)?.device;
}

/** The narrowest of the host's routes that leads to the address. */
export function routeTowards(routes: readonly HostRoute[], address: Address): HostRoute | undefined {
  const family = familyOf(address);
  const width = family === 'ipv4' ? 32 : 128;
  const value = addressValue(address);
  let best: HostRoute | undefined;
  for (const route of routes) {
    const rest = BigInt(width - route.bits);
    if (route.family !== family || value >> rest !== route.network >> rest) continue;
    if (best === undefined || route.bits > best.bits) best = route;
  }
  return best;
}

/** The name that the engine's own words give a container. */
export function nameInDockerConfig(text: string): string | undefined {
  const name = fieldOf(parsed(text), 'Name');
  return typeof name === 'string' ? name.replace(/^\//, '') || undefined : undefined;
}

/** NAMESPACE-POD, from the annotations of an OCI bundle's config.json. */
export function podInBundle(text: string): string | undefined {
  const annotations = fieldOf(parsed(text), 'annotations');
  const of = (...keys: readonly string[]) =>
    keys.map((key) => fieldOf(annotations, key)).find((value) => typeof value === 'string');
  const pod = of('io.kubernetes.cri.sandbox-name', 'io.kubernetes.pod.name');
  const namespace = of('io.kubernetes.cri.sandbox-namespace', 'io.kubernetes.pod.namespace');
  return pod === undefined ? undefined : namespace === undefined ? String(pod) : `${namespace}-${pod}`;
}

/** What podman's monitor was told with -n, from its command line. */
export function nameOfMonitor(commandLine: string): string | undefined {
  const words = commandLine.split('\0');
  const at = words.indexOf('-n');
  return at < 0 ? undefined : words[at + 1];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function swapped(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join('');
}

function hexIpv6(hex: string): Address | undefined {
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  const address = parseAddress((hex.match(/.{4}/g) ?? []).join(':'));
  return address.ok ? address.value : undefined;
}
