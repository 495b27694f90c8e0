// Open TCP sockets as /proc/net/tcp and /proc/net/tcp6 list them, and which end of each connection called the other: what is
// needed to give connections that are older than conntrack the entries they would have had.

import { type Address, addressFromIpv4Number, addressFromValue } from '#model/address.ts';

export interface OpenSocket {
  readonly state: 'listening' | 'open';
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

/** Ports the kernel takes for outgoing connections: /proc/sys/net/ipv4/ip_local_port_range, both included. */
export interface EphemeralPorts {
  readonly low: number;
  readonly high: number;
}

/**
 * The kernel's names for the states in which a socket may still send or must still be answered: ESTABLISHED, FIN_WAIT1, FIN_WAIT2,
 * CLOSE_WAIT, LAST_ACK, CLOSING. One that is still opening begins again with a SYN of its own accord.
 */
const openStates: ReadonlySet<string> = new Set(['01', '04', '05', '08', '09', '0B']);
const listeningState = '0A';
const mappedPrefix = 0xffffn;

/** A line of either file; undefined for the heading, for states that carry nothing, and for what is not such a line. */
export function parseSocketLine(line: string): OpenSocket | undefined {
  const match = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) /.exec(line);
  if (match === null) return undefined;
  const [, local = '', localPort = '', remote = '', remotePort = '', state = ''] = match;
  if (local.length !== remote.length) return undefined;
  if (state !== listeningState && !openStates.has(state)) return undefined;
  return {
    state: state === listeningState ? 'listening' : 'open',
    local: addressOf(local),
    localPort: Number.parseInt(localPort, 16),
    remote: addressOf(remote),
    remotePort: Number.parseInt(remotePort, 16),
  };
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

/**
 * Each connection once, in the direction in which it was opened: towards a port that someone listens on here; else, as the listener
 * may be gone, from the end whose port is ephemeral; else from us. Loopback is left out, because it is never judged.
 */
export function connectionsOf(sockets: readonly OpenSocket[], ephemeral: EphemeralPorts): readonly TcpConnection[] {
  const listening = new Set(sockets.filter(({ state }) => state === 'listening').map(({ localPort }) => localPort));
  const isEphemeral = (port: number) => ephemeral.low <= port && port <= ephemeral.high;
  const connections = new Map<string, TcpConnection>();
  for (const { state, local, localPort, remote, remotePort } of sockets) {
    if (state === 'listening' || isLoopback(local) || isLoopback(remote)) continue;
    const isServer = listening.has(localPort) || (!isEphemeral(localPort) && isEphemeral(remotePort));
    const connection = isServer
      ? { client: remote, clientPort: remotePort, server: local, serverPort: localPort }
      : { client: local, clientPort: localPort, server: remote, serverPort: remotePort };
    connections.set(Object.values(connection).join(' '), connection);
  }
  return [...connections.values()];
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
