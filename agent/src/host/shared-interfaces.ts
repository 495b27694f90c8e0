// Which interfaces of this host others use beside it: a macvlan or ipvlan that stands on one and was given to another network namespace, or
// a macvtap for a virtual machine. Their packets pass none of this host's hooks, so that nothing of ours judges them. Nothing on this
// side names them; the links of the other namespaces do. Takes CAP_NET_ADMIN, and no power over the processes there.

import { readdirSync } from 'node:fs';
import { type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import {
  type Link,
  parseRouteAnswer,
  type RouteAnswer,
  renderLinkDump,
  renderLinkDumpElsewhere,
  renderNamespaceNumbering,
  renderNamespaceQuestion,
} from '#agent-core/netlink/link-message.ts';
import { systemClock } from '#clock/system-clock.ts';
import { networkOf } from './process-network.ts';

export interface SharedInterface {
  readonly interface: string;
  readonly kind: string;
  /** One of those that use it; absent for a virtual machine's device, which is in this namespace. */
  readonly process?: number;
}

/** What stands on another link and sends past its host's own stack. */
const besideKinds: ReadonlySet<string> = new Set(['macvlan', 'ipvlan', 'macvtap', 'ipvtap']);
/** Those that hand packets to a file instead of to the stack of their namespace. */
const tapKinds: ReadonlySet<string> = new Set(['macvtap', 'ipvtap']);
const mostProcesses = 32_768;
const mostNetworks = 1024;
/** A guest may have any number of links, and tells them all. */
const mostDatagrams = 512;
const lookAgainMs = 30_000;

/** Asks again after half a minute at the earliest: a look costs a file's status a process, and a list of links a namespace. */
export function createSharedInterfaces(look = sharedInterfaces): () => readonly SharedInterface[] {
  let seen: readonly SharedInterface[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = systemClock.elapsedMs();
    if (now - lookedAt < lookAgainMs) return seen;
    lookedAt = now;
    seen = look();
    return seen;
  };
}

/** One for each interface and kind, in code-unit order. */
export function sharedInterfaces(proc = '/proc'): readonly SharedInterface[] {
  const opened = openNetlink({
    protocol: netlinkProtocols.route,
    groups: 0,
    receiveBufferBytes: 1 << 20,
    datagramBytes: 32_768,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return [];
  const socket = opened.value;
  try {
    const own = ask(socket, renderLinkDump(), 'list')?.flatMap(({ links }) => links);
    if (own === undefined) return [];
    const names = new Map(own.map(({ index, name }) => [index, name]));
    const found = new Map<string, SharedInterface>();
    const note = ({ over, kind }: Link, process?: number) => {
      const name = names.get(over ?? 0);
      if (name === undefined || found.has(`${name} ${kind}`)) return;
      found.set(`${name} ${kind}`, { interface: name, kind, ...(process === undefined ? {} : { process }) });
    };
    for (const link of own) if (tapKinds.has(link.kind) && link.namespace === undefined) note(link);
    for (const [pid, number] of namespacesOf(socket, proc)) {
      const links = ask(socket, renderLinkDumpElsewhere(number), 'list')?.flatMap((answer) => answer.links) ?? [];
      const beside = links.filter(({ kind, namespace }) => besideKinds.has(kind) && namespace !== undefined);
      if (beside.length === 0) continue;
      // The kernel numbers this namespace as any other when it first says that a link there stands on one here.
      const here = numberOf(socket, 'self', proc);
      for (const link of beside) if (link.namespace === here) note(link, pid);
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
  } finally {
    socket.close();
  }
}

export function sharedInterfaceText({ interface: name, kind, process }: SharedInterface): string {
  const whose =
    process === undefined ? 'a virtual machine' : `a network namespace of its own (that of process ${process})`;
  return `interface ${name} is used beside this host by ${whose} over ${kind}: what is sent and received there is not judged`;
}

/** One process and the kernel's number for each network namespace but our own. */
function namespacesOf(socket: NetlinkSocket, proc: string): ReadonlyMap<number, number> {
  const seen = new Set([networkOf(proc, 'self')]);
  const numbers = new Map<number, number>();
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, mostProcesses)) {
    const network = networkOf(proc, pid);
    if (network === undefined || seen.has(network)) continue;
    seen.add(network);
    const number = numberOf(socket, pid, proc);
    if (number !== undefined) numbers.set(Number(pid), number);
    if (numbers.size === mostNetworks) break;
  }
  return numbers;
}

function numberOf(socket: NetlinkSocket, pid: string, proc: string): number | undefined {
  const id = pid === 'self' ? process.pid : Number(pid);
  const known = () => ask(socket, renderNamespaceQuestion(id), 'one')?.find(({ namespace }) => namespace !== undefined);
  const number = known()?.namespace;
  if (number !== undefined || networkOf(proc, pid) === undefined) return number;
  ask(socket, renderNamespaceNumbering(id), 'one');
  return known()?.namespace;
}

/** What the kernel holds is there when its request returns. Undefined for a list that is not whole. */
function ask(socket: NetlinkSocket, message: Uint8Array, what: 'one' | 'list'): readonly RouteAnswer[] | undefined {
  if (!socket.send(message).ok) return undefined;
  const answers: RouteAnswer[] = [];
  for (let datagrams = 0; datagrams < mostDatagrams; datagrams += 1) {
    const outcome = socket.receive((bytes) => answers.push(parseRouteAnswer(bytes)));
    if (outcome.kind !== 'received' || outcome.cut > 0) return undefined;
    if (what === 'one') return answers;
    if (answers.some(({ errno }) => errno !== undefined && errno !== 0)) return undefined;
    if (answers.some(({ isDone }) => isDone)) return answers;
  }
  return undefined;
}
