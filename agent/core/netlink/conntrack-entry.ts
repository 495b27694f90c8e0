// Reads the kernel's ctnetlink messages: nested attributes in, one value a connection out. Knows both families and the ports
// or ICMP types of a tuple; skips attributes it does not know and refuses messages that lie about their lengths. Called for
// each event, so it makes one object a message and interns addresses.

import { type Address, addressFromIpv4Number, addressFromValue, type Family } from '#model/address.ts';
import { type DatagramOutcome, eachAttribute, eachMessage, read64 } from './attributes.ts';
import { dumpFlags, renderNetfilterRequest } from './request.ts';

/** `listed` is an answer to a dump, whichever state the connection is in. */
export type ConntrackEventKind = 'opened' | 'changed' | 'closed' | 'listed';

/**
 * A connection as conntrack has it. `client` is the source of the original direction, before any masquerading; `server` is the
 * source of the reply direction: where the connection really ends, behind DNAT. `target` is what the client addressed. Ports
 * are 0 where the protocol has none. Counters are 0 in events that carry none; times are nanoseconds since 1970, 0 if unknown.
 */
export interface ConntrackEntry {
  readonly event: ConntrackEventKind;
  readonly family: Family;
  readonly protocol: number;
  readonly client: Address;
  readonly clientPort: number;
  readonly target: Address;
  readonly targetPort: number;
  readonly server: Address;
  readonly serverPort: number;
  /** As whom the server sees the client, where source NAT makes that another end. */
  readonly seenAs?: { readonly address: Address; readonly port: number };
  /** Of the original direction; -1 where the protocol is not ICMP. */
  readonly icmpType: number;
  readonly id: number;
  readonly zone: number;
  readonly mark: number;
  /**
   * Whether the other end took it up. A reset is a packet of the reply and no answer: the kernel (6.18) ends a TCP connection that nothing
   * but a reset answered before it calls it answered.
   */
  readonly answered: 'yes' | 'no';
  /**
   * `in-the-midst`: the kernel saw TCP that did not begin here, so that the client is whoever spoke first and may be the server. `entered`:
   * the same, given to it as an entry (insert-open-connections.ts). Events of an end do not say so.
   */
  readonly begun: 'here' | 'in-the-midst' | 'entered';
  readonly packetsOriginal: number;
  readonly bytesOriginal: number;
  readonly packetsReply: number;
  readonly bytesReply: number;
  readonly startedAtNanos: number;
  readonly stoppedAtNanos: number;
}

export interface ConntrackDecoder {
  decode(bytes: Uint8Array, take: (entry: ConntrackEntry) => void): DatagramOutcome;
}

const conntrackSubsystem = 1;
const messageNew = 0;
const messageDelete = 2;
const flagMulti = 0x02;
const flagCreate = 0x400;
const statusSeenReply = 1 << 1;
const statusAssured = 1 << 2;
/** CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, and of them IP_CT_TCP_FLAG_BE_LIBERAL: windows are not checked, since nobody saw them agreed. */
const tcpFlagsOriginal = 4;
const tcpFlagLiberal = 0x08;
const internedMost = 65_536;

/** A dump of every entry of both families: nlmsghdr and nfgenmsg. */
export function renderDumpRequest(sequence: number): Uint8Array {
  return renderNetfilterRequest({
    subsystem: conntrackSubsystem,
    message: 1,
    flags: dumpFlags,
    sequence,
    attributes: [],
  });
}

interface Draft {
  protocol: number;
  client: Address | undefined;
  clientPort: number;
  target: Address | undefined;
  targetPort: number;
  server: Address | undefined;
  serverPort: number;
  repliedTo: Address | undefined;
  repliedToPort: number;
  icmpType: number;
  id: number;
  zone: number;
  mark: number;
  status: number;
  tcpFlags: number;
  packetsOriginal: number;
  bytesOriginal: number;
  packetsReply: number;
  bytesReply: number;
  startedAtNanos: number;
  stoppedAtNanos: number;
}

/** Netlink headers are in the machine's order, little endian on both machines we run on; conntrack's values are big endian. */
export function createConntrackDecoder(): ConntrackDecoder {
  const interned4 = new Map<number, Address>();
  const interned6 = new Map<string, Address>();

  function address4(value: number): Address {
    const known = interned4.get(value);
    if (known !== undefined) return known;
    if (interned4.size >= internedMost) interned4.clear();
    const address = addressFromIpv4Number(value);
    interned4.set(value, address);
    return address;
  }

  function address6(view: DataView, at: number): Address {
    const [a, b, c, d] = [view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12)];
    const key = `${a},${b},${c},${d}`;
    const known = interned6.get(key);
    if (known !== undefined) return known;
    if (interned6.size >= internedMost) interned6.clear();
    const value = (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
    const address = addressFromValue('ipv6', value);
    interned6.set(key, address);
    return address;
  }

  function readAddresses(view: DataView, from: number, to: number, draft: Draft, side: 'original' | 'reply'): boolean {
    return eachAttribute(view, from, to, (type, at, length) => {
      const isSource = type === 1 || type === 3;
      if (type < 1 || type > 4) return true;
      if (length < (type <= 2 ? 4 : 16)) return false;
      const address = type <= 2 ? address4(view.getUint32(at)) : address6(view, at);
      if (side === 'reply') {
        if (isSource) draft.server = address;
        else draft.repliedTo = address;
      } else if (isSource) draft.client = address;
      else draft.target = address;
      return true;
    });
  }

  function readProtocol(view: DataView, from: number, to: number, draft: Draft, side: 'original' | 'reply'): boolean {
    return eachAttribute(view, from, to, (type, at, length) => {
      if (type === 1) {
        if (length < 1) return false;
        draft.protocol = view.getUint8(at);
      } else if (type === 2 || type === 3) {
        if (length < 2) return false;
        const port = view.getUint16(at);
        if (side === 'reply') {
          if (type === 2) draft.serverPort = port;
          else draft.repliedToPort = port;
        } else if (type === 2) draft.clientPort = port;
        else draft.targetPort = port;
      } else if (type === 5 || type === 8) {
        if (length < 1) return false;
        if (side === 'original') draft.icmpType = view.getUint8(at);
      } else if (type === 4 || type === 7) {
        if (length < 2) return false;
        if (side === 'original') draft.clientPort = view.getUint16(at);
      }
      return true;
    });
  }

  function readTuple(view: DataView, from: number, to: number, draft: Draft, side: 'original' | 'reply'): boolean {
    return eachAttribute(view, from, to, (type, at, length) => {
      if (type === 1) return readAddresses(view, at, at + length, draft, side);
      if (type === 2) return readProtocol(view, at, at + length, draft, side);
      return true;
    });
  }

  function readEntry(view: DataView, from: number, to: number, event: ConntrackEventKind): ConntrackEntry | undefined {
    const draft = emptyDraft();
    const isWhole = eachAttribute(view, from, to, (type, at, length) => {
      switch (type) {
        case 1:
          return readTuple(view, at, at + length, draft, 'original');
        case 2:
          return readTuple(view, at, at + length, draft, 'reply');
        case 3:
          draft.status = length >= 4 ? view.getUint32(at) : 0;
          return length >= 4;
        case 4:
          return eachAttribute(
            view,
            at,
            at + length,
            (of, inner, size) =>
              of !== 1 ||
              eachAttribute(view, inner, inner + size, (kind, place, width) => {
                if (kind === tcpFlagsOriginal && width >= 1) draft.tcpFlags = view.getUint8(place);
                return true;
              }),
          );
        case 8:
          draft.mark = length >= 4 ? view.getUint32(at) : 0;
          return length >= 4;
        case 9:
          return eachAttribute(view, at, at + length, (counter, place, size) => {
            if (counter === 1 && size >= 8) draft.packetsOriginal = read64(view, place);
            if (counter === 2 && size >= 8) draft.bytesOriginal = read64(view, place);
            return true;
          });
        case 10:
          return eachAttribute(view, at, at + length, (counter, place, size) => {
            if (counter === 1 && size >= 8) draft.packetsReply = read64(view, place);
            if (counter === 2 && size >= 8) draft.bytesReply = read64(view, place);
            return true;
          });
        case 12:
          draft.id = length >= 4 ? view.getUint32(at) : 0;
          return length >= 4;
        case 18:
          draft.zone = length >= 2 ? view.getUint16(at) : 0;
          return length >= 2;
        case 20:
          return eachAttribute(view, at, at + length, (stamp, place, size) => {
            if (stamp === 1 && size >= 8) draft.startedAtNanos = read64(view, place);
            if (stamp === 2 && size >= 8) draft.stoppedAtNanos = read64(view, place);
            return true;
          });
        default:
          return true;
      }
    });
    const { client, target, server } = draft;
    if (!isWhole || client === undefined || target === undefined || server === undefined) return undefined;
    // Field by field: a spread would cost a third of all the decoding. Few are seen as somebody else.
    const entry: ConntrackEntry = {
      event,
      family: server.includes(':') ? 'ipv6' : 'ipv4',
      protocol: draft.protocol,
      client,
      clientPort: draft.clientPort,
      target,
      targetPort: draft.targetPort,
      server,
      serverPort: draft.serverPort,
      icmpType: draft.icmpType,
      id: draft.id,
      zone: draft.zone,
      mark: draft.mark,
      answered: (draft.status & statusSeenReply) === 0 ? 'no' : 'yes',
      begun:
        (draft.tcpFlags & tcpFlagLiberal) === 0
          ? 'here'
          : (draft.status & statusAssured) === 0
            ? 'in-the-midst'
            : 'entered',
      packetsOriginal: draft.packetsOriginal,
      bytesOriginal: draft.bytesOriginal,
      packetsReply: draft.packetsReply,
      bytesReply: draft.bytesReply,
      startedAtNanos: draft.startedAtNanos,
      stoppedAtNanos: draft.stoppedAtNanos,
    };
    const { repliedTo, repliedToPort } = draft;
    // An ICMP reply has no port.
    const isSamePort = repliedToPort === draft.clientPort || draft.icmpType >= 0;
    if (repliedTo === undefined || (repliedTo === client && isSamePort)) return entry;
    return { ...entry, seenAs: { address: repliedTo, port: repliedToPort } };
  }

  return {
    decode(bytes, take) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return eachMessage(view, ({ subsystem, message, flags, from, to }) => {
        const event = subsystem === conntrackSubsystem ? eventKind(message, flags) : undefined;
        if (event === undefined) return true;
        const entry = readEntry(view, from, to, event);
        if (entry !== undefined) take(entry);
        return entry !== undefined;
      });
    },
  };
}

function eventKind(message: number, flags: number): ConntrackEventKind | undefined {
  if (message === messageDelete) return 'closed';
  if (message !== messageNew) return undefined;
  if ((flags & flagMulti) !== 0) return 'listed';
  return (flags & flagCreate) !== 0 ? 'opened' : 'changed';
}

function emptyDraft(): Draft {
  return {
    protocol: 0,
    client: undefined,
    clientPort: 0,
    target: undefined,
    targetPort: 0,
    server: undefined,
    serverPort: 0,
    repliedTo: undefined,
    repliedToPort: 0,
    icmpType: -1,
    id: 0,
    zone: 0,
    mark: 0,
    status: 0,
    tcpFlags: 0,
    packetsOriginal: 0,
    bytesOriginal: 0,
    packetsReply: 0,
    bytesReply: 0,
    startedAtNanos: 0,
    stoppedAtNanos: 0,
  };
}
