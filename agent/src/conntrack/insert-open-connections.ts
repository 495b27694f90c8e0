// Gives the TCP connections that are open now a conntrack entry each, so that they are judged by who opened them and not by who happens
// to speak next: before the first table ever loaded in this network namespace, and where entries were lost. What conntrack saw begin, or was
// given, is not touched. Best effort: what could not be entered is counted, and such a connection is cut once a direction is enforced. Of what
// it forwards only connections of its containers are entered, and only as conntrack saw them begin: their sockets do not show what address
// translation makes of them.

import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { dumpNetfilter } from '#agent/netlink/dump.ts';
import { errnoName, type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import {
  connectionsOf,
  type DirectedConnection,
  type EphemeralPorts,
  type OpenSocket,
  parseSocketLine,
} from '#agent-core/host/open-tcp-connections.ts';
import type { SeenOpenings } from '#agent-core/host/seen-openings.ts';
import { eachMessage } from '#agent-core/netlink/attributes.ts';
import { createConntrackDecoder, renderDumpRequest } from '#agent-core/netlink/conntrack-entry.ts';
import { deleteReversedRequest, insertRequest } from '#agent-core/netlink/conntrack-insert.ts';
import { nextTurn } from '#clock/next-turn.ts';
import type { Address } from '#model/address.ts';
import { err, ok, type Result } from '#model/result.ts';
import { protocolNumbers } from '#model/service.ts';

export interface InsertedSockets {
  readonly inserted: number;
  /** Refused by the kernel, or beyond the limit of how many are entered. */
  readonly failed: number;
  /** Conntrack had an entry of its own. */
  readonly known: number;
  /** The kernel's first refusal, by name. */
  readonly refusal?: string;
}

/** About four times what conntrack holds by default on a large machine. */
const mostSockets = 1_000_000;
const requestsPerCall = 64;
const bufferBytes = 2 << 20;
const defaultEphemeral: EphemeralPorts = { low: 32_768, high: 60_999 };

/** Sockets of containers that are read; what one has beyond is left. */
const mostOfContainer = 32_768;

export interface LostContainerEntries {
  /** Of connections that this host does not end. */
  readonly openings: SeenOpenings;
  /** Processes in their networks, and what is theirs in these. */
  readonly networks: () => readonly { readonly pid: number; readonly addresses: ReadonlySet<Address> }[];
}

export interface LostEntries {
  /** How connections were opened. Entries that the kernel made in their midst, and that contradict it, make room. */
  readonly openings: SeenOpenings;
  /** Of a connection that may have been opened by either end: whether what is in force lets pass both. */
  readonly allowsBothDirections: (connection: DirectedConnection) => boolean;
  /** Whether what is entered now is from now on known to have been opened so. Default: no. */
  readonly remember?: 'yes' | 'no';
  readonly containers?: LostContainerEntries;
}

/**
 * The error says that nothing could be listed, or that the kernel takes no entries at all (no CAP_NET_ADMIN, no ctnetlink). Without
 * `lost` nothing was in force yet, and nothing seen: ports may tell the direction.
 */
export async function insertOpenSockets(lost?: LostEntries): Promise<Result<InsertedSockets>> {
  const keep = lost?.openings.keepOnly();
  const read = await readOpenSockets();
  keep?.(read.sockets);
  const contained = lost?.containers === undefined ? [] : await connectionsOfContainers(lost.containers);
  if (read.problem !== undefined) return err(`open sockets could not be listed: ${read.problem}`);
  const { beyond } = read;
  const told = connectionsOf(read.sockets, await readEphemeralPorts(), lost?.openings.openedBy);
  const own = lost ? told.filter((one) => one.evidence !== 'ports' || lost.allowsBothDirections(one)) : told;
  const connections = [...own, ...contained];
  if (connections.length === 0) return ok({ inserted: 0, failed: beyond, known: 0 });
  const opened = openNetlink({ protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: bufferBytes });
  if (!opened.ok) return opened;
  const socket = opened.value;
  try {
    const wrong = lost === undefined ? new Map<DirectedConnection, number>() : await reversedAmong(connections);
    let [inserted, failed, known] = [0, beyond, 0];
    let refusal: string | undefined;
    for (let at = 0; at < connections.length; at += requestsPerCall) {
      const part = connections.slice(at, at + requestsPerCall);
      const requests = part.flatMap((one) => {
        const id = wrong.get(one);
        return [...(id === undefined ? [] : [deleteReversedRequest(one, id)]), insertRequest(one)];
      });
      const sent = socket.send(Buffer.concat(requests));
      if (!sent.ok) {
        failed += part.length;
        refusal ??= sent.error;
        continue;
      }
      // The kernel has answered by the time send returns, and answers only what it refuses.
      // What is not there to be taken away went by itself.
      const refusals = readRefusals(socket).filter((errno) => errno !== constants.errno.ENOENT);
      const there = refusals.filter((errno) => errno === constants.errno.EEXIST).length;
      const other = refusals.find((errno) => errno !== constants.errno.EEXIST);
      if (other !== undefined) refusal ??= errnoName(other);
      known += there;
      failed += refusals.length - there;
      inserted += part.length - refusals.length;
      await nextTurn();
    }
    if (lost?.remember === 'yes')
      for (const one of own)
        lost.openings.saw(one.translated ?? { ...one, target: one.server, targetPort: one.serverPort });
    return ok({ inserted, failed, known, ...(refusal === undefined ? {} : { refusal }) });
  } finally {
    socket.close();
  }
}

/** Forgets how connections were opened that no socket has any more. */
export async function siftOpenings({
  openings,
  containers,
}: Pick<LostEntries, 'openings' | 'containers'>): Promise<void> {
  const keep = openings.keepOnly();
  keep((await readOpenSockets()).sockets);
  if (containers !== undefined) await connectionsOfContainers(containers);
}

/** Their sockets are their own word; that a connection begin so is conntrack's. */
async function connectionsOfContainers({
  openings,
  networks,
}: LostContainerEntries): Promise<readonly DirectedConnection[]> {
  const keep = openings.keepOnly();
  const sockets: OpenSocket[] = [];
  for (const { pid, addresses } of networks()) {
    let left = mostOfContainer;
    // It may have ended.
    for (const family of ['tcp', 'tcp6'])
      await eachLine(`/proc/${pid}/net/${family}`, (line) => {
        const socket = left > 0 ? parseSocketLine(line) : undefined;
        if (socket === undefined) return;
        left -= 1;
        if (addresses.has(socket.local) && openings.openedBy(socket) !== undefined) sockets.push(socket);
      });
  }
  keep(sockets);
  const guesses: EphemeralPorts = defaultEphemeral;
  return connectionsOf(sockets, guesses, openings.openedBy).filter(({ evidence }) => evidence === 'opening');
}

async function readOpenSockets() {
  const sockets: OpenSocket[] = [];
  let [beyond, problem] = [0, undefined as string | undefined];
  for (const family of ['tcp', 'tcp6']) {
    const read = await eachLine(`/proc/net/${family}`, (line) => {
      const socket = parseSocketLine(line);
      if (socket === undefined) return;
      if (sockets.length < mostSockets) sockets.push(socket);
      else beyond += 1;
    });
    // A kernel without IPv6 has no tcp6.
    if (!read.ok && family === 'tcp') problem = read.error;
  }
  return { sockets, beyond, problem };
}

/**
 * Those that conntrack saw begin, and whose entry of now begins at the server: the kernel made it in their midst. With its id. Without
 * the list of entries, none.
 */
async function reversedAmong(
  connections: readonly DirectedConnection[],
): Promise<ReadonlyMap<DirectedConnection, number>> {
  const decoder = createConntrackDecoder();
  const entries = new Map<string, number>();
  const key = (...ends: readonly (string | number)[]) => ends.join(' ');
  await dumpNetfilter({
    what: 'the list of connections',
    message: renderDumpRequest(1),
    take: (bytes) =>
      decoder.decode(bytes, ({ protocol, begun, id, client, clientPort, target, targetPort }) => {
        if (protocol === protocolNumbers.tcp && begun !== 'here')
          entries.set(key(client, clientPort, target, targetPort), id);
      }),
  });
  return new Map(
    connections.flatMap((one) => {
      const id = entries.get(key(one.server, one.serverPort, one.client, one.clientPort));
      return id === undefined || one.evidence !== 'opening' ? [] : [[one, id] as const];
    }),
  );
}

function readRefusals(socket: NetlinkSocket): readonly number[] {
  const refusals: number[] = [];
  for (;;) {
    const outcome = socket.receive((bytes) => {
      const { errno = 0 } = eachMessage(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), () => true);
      if (errno !== 0) refusals.push(errno);
    });
    if (outcome.kind !== 'received') return refusals;
  }
}

async function eachLine(path: string, take: (line: string) => void): Promise<Result<void>> {
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      take(line);
    }
    return ok(undefined);
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

async function readEphemeralPorts(): Promise<EphemeralPorts> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const [low, high] = text.trim().split(/\s+/).map(Number);
  return low === undefined || high === undefined || !(low <= high) ? defaultEphemeral : { low, high };
}
