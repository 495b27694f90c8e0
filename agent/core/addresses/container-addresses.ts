// Which of the addresses that a container has set in its own network are believed to be its own. A container may set any: a neighbour's
// on its loopback, its host's control plane's on a LAN. So what counts is what its host's side shows, which the container cannot say:
//
//   the host's own, its control plane's, resolvers', gateways' ─────► never
//   no interface of the host leads into its network ────────────────► no: it does not pass the forward path (macvlan, SR-IOV)
//   the host routes it straight into one of those interfaces ───────► its own
//   the host routes it to a bridge with such a port, and its neighbour
//     table heard the address behind that port ─────────────────────► its own
//     heard it behind another port ─────────────────────────────────► no
//     heard nobody, and only guests are on the bridge ──────────────► its own, unless another has it by one of the above
//     heard nobody, and the bridge leads outside ───────────────────► not yet
//   on a bridge that leads outside, and some other workload's ──────► no
//   anything else ──────────────────────────────────────────────────► no: the host does not reach it there
//
// Two that remain for one address are both told; the control plane leaves it with who had it, or with neither.

import { type HostRoute, routeTowards } from '#agent-core/host/container-identity.ts';
import type { Link, Neighbour } from '#agent-core/netlink/link-message.ts';
import type { Address } from '#model/address.ts';

export interface ContainerClaim {
  readonly name: string;
  /** The kernel's number for its network (link-message.ts); absent where no interface of the host leads there. */
  readonly namespace?: number;
  readonly addresses: readonly Address[];
}

export interface HostSide {
  readonly links: readonly Link[];
  readonly neighbours: readonly Neighbour[];
  readonly routes: readonly HostRoute[];
  readonly own: ReadonlySet<Address>;
  /** The control plane's and the resolvers'. */
  readonly reserved: ReadonlySet<Address>;
  /** Whether policy knows it as another workload's. */
  readonly isPeers: (address: Address) => boolean;
}

export interface RefusedAddress {
  readonly name: string;
  readonly address: Address;
  /** In words, as in "is this host's own". */
  readonly reason: string;
}

export interface JudgedAddresses {
  /** In the order of the claims; addresses in theirs, with the interface of the host that leads there. */
  readonly believed: readonly (readonly { readonly address: Address; readonly device: string }[])[];
  /** Not those that merely lead elsewhere: a container's further networks are its own matter. */
  readonly refused: readonly RefusedAddress[];
}

type ClaimVerdict =
  | { readonly kind: 'shown' | 'unheard'; readonly device: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'elsewhere' };

/** Linear in the claims and in the neighbours. */
export function judgeContainerAddresses(claims: readonly ContainerClaim[], side: HostSide): JudgedAddresses {
  const view = viewOf(side);
  const verdicts = claims.map(({ namespace, addresses }) =>
    addresses.map((address) => ({ address, verdict: verdictOn(address, namespace, view) })),
  );
  const shown = new Set(verdicts.flat().flatMap(({ address, verdict }) => (verdict.kind === 'shown' ? [address] : [])));
  const unheard = new Set<Address>();
  const contested = new Set<Address>();
  for (const { address, verdict } of verdicts.flat()) {
    if (verdict.kind !== 'unheard' || shown.has(address)) continue;
    if (unheard.has(address)) contested.add(address);
    unheard.add(address);
  }
  const refused: RefusedAddress[] = [];
  const believed = verdicts.map((own, index) =>
    own.flatMap(({ address, verdict }) => {
      const { name = '' } = claims[index] ?? {};
      if (verdict.kind === 'shown') return [{ address, device: verdict.device }];
      if (verdict.kind === 'unheard') {
        if (contested.has(address)) refused.push({ name, address, reason: 'another container has set too' });
        if (!shown.has(address)) return [{ address, device: verdict.device }];
        refused.push({ name, address, reason: 'is another container’s, as this host reaches it' });
      } else if (verdict.kind === 'refused') refused.push({ name, address, reason: verdict.reason });
      return [];
    }),
  );
  return { believed, refused };
}

interface View extends HostSide {
  readonly byName: ReadonlyMap<string, Link>;
  readonly gateways: ReadonlySet<Address>;
  /** Ports by "bridge address": behind which of them the address was heard. */
  readonly heard: ReadonlyMap<string, ReadonlySet<number>>;
  /** Bridges with a port that leads to no guest. */
  readonly leadOutside: ReadonlySet<number>;
}

function viewOf(side: HostSide): View {
  const masters = new Map(side.links.map(({ index, master }) => [index, master]));
  const ports = new Map<string, Set<number>>();
  for (const { device, hardware, address } of side.neighbours) {
    const bridge = masters.get(device);
    if (address !== undefined || bridge === undefined) continue;
    const key = `${bridge} ${hardware}`;
    ports.set(key, (ports.get(key) ?? new Set()).add(device));
  }
  const heard = new Map<string, ReadonlySet<number>>();
  for (const { device, hardware, address } of side.neighbours) {
    const behind = ports.get(`${device} ${hardware}`);
    if (address !== undefined && behind !== undefined) heard.set(`${device} ${address}`, behind);
  }
  const byName = new Map(side.links.map((link) => [link.name, link]));
  const leadOutside = new Set(
    side.links.flatMap((link) => (link.master === undefined || isGuestPort(link) ? [] : [link.master])),
  );
  return {
    ...side,
    byName,
    // Where only guests are, only guests can have advertised.
    routes: side.routes.filter(
      ({ learned, device }) => learned === undefined || leadOutside.has(byName.get(device)?.index ?? 0),
    ),
    gateways: new Set(side.routes.flatMap(({ gateway }) => gateway ?? [])),
    heard,
    leadOutside,
  };
}

/** Its other end is in another network namespace, or a process holds it (a virtual machine's). */
export function isGuestPort({ kind, namespace }: Link): boolean {
  return kind === 'tun' || (kind === 'veth' && namespace !== undefined);
}

function verdictOn(address: Address, namespace: number | undefined, view: View): ClaimVerdict {
  if (view.own.has(address)) return { kind: 'refused', reason: 'is this host’s own' };
  if (view.reserved.has(address)) return { kind: 'refused', reason: 'is the control plane’s or a resolver’s' };
  if (view.gateways.has(address)) return { kind: 'refused', reason: 'is a gateway of this host' };
  const ports = namespace === undefined ? [] : view.links.filter((link) => link.namespace === namespace);
  const route = routeTowards(view.routes, address);
  const device = route?.gateway === undefined ? view.byName.get(route?.device ?? '') : undefined;
  if (device === undefined) return { kind: 'elsewhere' };
  if (ports.includes(device)) return { kind: 'shown', device: device.name };
  if (!ports.some(({ master }) => master === device.index)) return { kind: 'elsewhere' };
  const heard = view.heard.get(`${device.index} ${address}`);
  const isHere = ports.some(({ index }) => heard?.has(index) === true);
  if (heard !== undefined && !isHere)
    return { kind: 'refused', reason: 'is another’s on its bridge, as this host reaches it' };
  if (!view.leadOutside.has(device.index)) return { kind: isHere ? 'shown' : 'unheard', device: device.name };
  if (view.isPeers(address)) return { kind: 'refused', reason: 'is another workload’s' };
  return isHere
    ? { kind: 'shown', device: device.name }
    : { kind: 'refused', reason: 'was not heard on its bridge, which leads outside' };
}
