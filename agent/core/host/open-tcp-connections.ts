// Open TCP sockets as /proc/net/tcp and /proc/net/tcp6 list them, and which end of each connection called the other: what is
// needed to give connections that are older than conntrack the entries they would have had.

import { type Address, addressFromIpv4Number, addressFromValue } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';

/** How far a connection has come, as conntrack tells it apart: one end has closed and waits, is waited for, or both have. */
export type TcpPhase = 'established' | 'fin-wait' | 'close-wait' | 'last-ack';

export interface OpenSocket {
  readonly state: 'listening' | 'opening' | 'open';
  /** Of an open one. */
  readonly phase: TcpPhase;
  /** Who made it: of a connection that was accepted, who accepted it. */
  readonly uid: number;
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
}

/** One connection, from the end that opened it. Both addresses are of one family. */
export interface TcpConnection {
  readonly client: Address;
  readonly clientPort: number;
  readonly server: Address;
  readonly serverPort: number;
}

/**
 * Both ends of a connection as each of them sees the other: the client sent to `target`, the connection ends at `server`, and that sees the
 * client as `seenAs`, or as what it is. Address translation makes the difference.
 */
export interface SeenConnection {
  readonly client: Address;
  readonly clientPort: number;
  readonly target: Address;
  readonly targetPort: number;
  readonly server: Address;
  readonly serverPort: number;
  readonly seenAs?: { readonly address: Address; readonly port: number };
}

/** `evidence`: what tells its direction. `ports` is a guess, on which nothing may be done that the other reading would not allow. */
export interface DirectedConnection extends TcpConnection {
  readonly direction: Direction;
  readonly evidence: 'opening' | 'listener' | 'ports';
  readonly phase: TcpPhase;
  /** Where the other end, as this socket has it, is not what the network has. */
  readonly translated?: SeenConnection;
}

/** Ports the kernel takes for outgoing connections: /proc/sys/net/ipv4/ip_local_port_range, both included. */
export interface EphemeralPorts {
  readonly low: number;
  readonly high: number;
}

/**
 * The kernel's names for the states in which a socket may still send or must still be answered: ESTABLISHED, FIN_WAIT1, FIN_WAIT2,
 * CLOSE_WAIT, LAST_ACK, CLOSING. One that is still opening (SYN_SENT, SYN_RECV) begins again with a SYN of its own accord.
 */
const openStates: ReadonlyMap<string, TcpPhase> = new Map([
  ['01', 'established'],
  ['04', 'fin-wait'],
  ['05', 'close-wait'],
  ['08', 'close-wait'],
  ['09', 'last-ack'],
  ['0B', 'last-ack'],
]);
/** As a socket that is nobody's any more and waits for the other end to close is listed too: it sends nothing of its own. */
const finWait2 = '05';
const openingStates: ReadonlySet<string> = new Set(['02', '03']);
const listeningState = '0A';
const mappedPrefix = 0xffffn;

/** A line of either file; undefined for the heading, for states that carry nothing, and for what is not such a line. */
export function parseSocketLine(line: string): OpenSocket | undefined {
  const match =
    /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +(\d+) +\d+ (\d+)/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, local = '', localPort = '', remote = '', remotePort = '', code = '', uid = '', inode = ''] = match;
  const state = stateOf(code);
  if (local.length !== remote.length || state === undefined || (code === finWait2 && inode === '0')) return undefined;
  return {
    state,
    phase: openStates.get(code) ?? 'established',
    uid: Number(uid),
    local: addressOf(local),
    localPort: Number.parseInt(localPort, 16),
    remote: addressOf(remote),
    remotePort: Number.parseInt(remotePort, 16),
  };
}

function stateOf(code: string): OpenSocket['state'] | undefined {
  if (code === listeningState) return 'listening';
  if (openingStates.has(code)) return 'opening';
  return openStates.has(code) ? 'open' : undefined;
}

/** A socket that is connected or connecting, and the inode by which its process has it. */
export interface OwnSocket {
  readonly local: Address;
  readonly remotePort: number;
  readonly inode: string;
}

const connectingState = '02';

/** A line of either file; undefined for the heading and for sockets without another end that could answer. */
export function parseOwnSocket(line: string): OwnSocket | undefined {
  const match =
    /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4} [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)/.exec(
      line,
    );
  if (match === null) return undefined;
  const [, local = '', remotePort = '', state = '', inode = ''] = match;
  if (state !== connectingState && !openStates.has(state)) return undefined;
  return { local: addressOf(local), remotePort: Number.parseInt(remotePort, 16), inode };
}

/** Which end opened the connection of a socket, as conntrack saw it begin, and what translation made of it; undefined where it did not. */
export type OpenedBy = (
  socket: OpenSocket,
) => { readonly direction: Direction; readonly translated?: SeenConnection } | undefined;

/**
 * Each connection once, in the direction in which it was opened: as conntrack saw it; else towards a listener whose connections can be
 * this one; else, as a guess, from the end whose port is ephemeral, or from us. Loopback is left out, because it is never judged.
 */
export function connectionsOf(
  sockets: readonly OpenSocket[],
  ephemeral: EphemeralPorts,
  openedBy: OpenedBy = () => undefined,
): readonly DirectedConnection[] {
  const listeners = Map.groupBy(
    sockets.filter(({ state }) => state === 'listening'),
    ({ localPort }) => localPort,
  );
  const connections = new Map<string, DirectedConnection>();
  for (const socket of sockets) {
    if (socket.state !== 'open' || isLoopback(socket.local) || isLoopback(socket.remote)) continue;
    const { local, localPort, remote, remotePort, phase } = socket;
    const told = { phase, ...directionOf(socket, { openedBy, listeners: listeners.get(localPort) ?? [], ephemeral }) };
    const connection: DirectedConnection =
      told.direction === 'inbound'
        ? { ...told, client: remote, clientPort: remotePort, server: local, serverPort: localPort }
        : { ...told, client: local, clientPort: localPort, server: remote, serverPort: remotePort };
    connections.set(wireKey(connection), connection);
  }
  return [...connections.values()];
}

function wireKey({ direction, evidence, phase, translated, ...plain }: DirectedConnection): string {
  const { client, clientPort, server, serverPort } = plain;
  const wire =
    translated === undefined
      ? [client, clientPort, server, serverPort]
      : [translated.client, translated.clientPort, translated.target, translated.targetPort];
  return [direction, evidence, phase, ...wire].join(' ');
}

function directionOf(
  socket: OpenSocket,
  by: {
    readonly openedBy: OpenedBy;
    /** On its local port. */
    readonly listeners: readonly OpenSocket[];
    readonly ephemeral: EphemeralPorts;
  },
): Pick<DirectedConnection, 'direction' | 'evidence' | 'translated'> {
  const opened = by.openedBy(socket);
  if (opened !== undefined) return { ...opened, evidence: 'opening' };
  if (by.listeners.some((listener) => mayHaveAccepted(listener, socket)))
    return { direction: 'inbound', evidence: 'listener' };
  const isEphemeral = (port: number) => by.ephemeral.low <= port && port <= by.ephemeral.high;
  const isServer = !isEphemeral(socket.localPort) && isEphemeral(socket.remotePort);
  return { direction: isServer ? 'inbound' : 'outbound', evidence: 'ports' };
}

/**
 * A listener on another address has not accepted it, nor has one of another user: anybody may listen on a port of loopback that is, on
 * another address, the local port of somebody's connection. What root listens on, others may accept (nginx, socket activation).
 */
function mayHaveAccepted(listener: OpenSocket, { local, uid }: OpenSocket): boolean {
  const isCovered =
    listener.local === local || listener.local === '::' || (listener.local === '0.0.0.0' && !local.includes(':'));
  return isCovered && (listener.uid === uid || listener.uid === 0);
}

function isLoopback(address: Address): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Words of 32 bits in the machine's order, little endian on both machines we run on. A mapped address is the IPv4 one. */
function addressOf(hex: string): Address {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => {
    const [a = '', b = '', c = '', d = ''] = word.match(/../g) ?? [];
    return Number.parseInt(d + c + b + a, 16);
  });
  const [only = 0] = words;
  if (words.length === 1) return addressFromIpv4Number(only);
  const value = words.reduce((whole, word) => (whole << 32n) | BigInt(word), 0n);
  if (value >> 32n === mappedPrefix) return addressFromIpv4Number(Number(value & 0xffff_ffffn));
  return addressFromValue('ipv6', value);
}
