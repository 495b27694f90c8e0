// Asks the kernel for single connections by their original tuple: what progress of known connections costs. A list of all walks
// every bucket of a hash table that all network namespaces share, 10 to 100 ms whatever it holds; one query takes about 2 µs.

import { type Address, addressValue, familyOf } from '#model/address.ts';
import { protocolNumbers } from '#model/service.ts';
import { familyHeaderBytes, headerBytes } from './attributes.ts';
import type { ConntrackEntry } from './conntrack-entry.ts';

const conntrackSubsystem = 1;
const messageGet = 1;
const flagRequest = 1;
const nested = 0x8000;
const families = { ipv4: 2, ipv6: 10 } as const;
const portProtocols: ReadonlySet<number> = new Set([protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp]);

/** Only connections with ports can be asked for. */
export function isQueryable({ protocol }: ConntrackEntry): boolean {
  return portProtocols.has(protocol);
}

/** One netlink message; several may be sent in one piece. The answer is the entry, or an error where it is gone. */
export function renderQuery(entry: ConntrackEntry): Uint8Array {
  const addressBytes = entry.family === 'ipv4' ? 4 : 16;
  const addressesLength = 4 + 2 * (4 + addressBytes);
  const protocolLength = 4 + 8 + 8 + 8;
  const tupleLength = 4 + addressesLength + protocolLength;
  const zoneLength = entry.zone === 0 ? 0 : 8;
  const bytes = new Uint8Array(headerBytes + familyHeaderBytes + tupleLength + zoneLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, (conntrackSubsystem << 8) | messageGet, true);
  view.setUint16(6, flagRequest, true);
  view.setUint8(headerBytes, families[entry.family]);
  let at = headerBytes + familyHeaderBytes;
  const attribute = (type: number, length: number): number => {
    view.setUint16(at, length, true);
    view.setUint16(at + 2, type, true);
    at += 4;
    return at;
  };
  attribute(1 | nested, tupleLength);
  attribute(1 | nested, addressesLength);
  const firstType = entry.family === 'ipv4' ? 1 : 3;
  for (const [index, address] of [entry.client, entry.target].entries()) {
    writeAddress(view, attribute(firstType + index, 4 + addressBytes), address);
    at += addressBytes;
  }
  attribute(2 | nested, protocolLength);
  view.setUint8(attribute(1, 5), entry.protocol);
  at += 4;
  for (const [index, port] of [entry.clientPort, entry.targetPort].entries()) {
    view.setUint16(attribute(2 + index, 6), port);
    at += 4;
  }
  if (zoneLength > 0) view.setUint16(attribute(18, 6), entry.zone);
  return bytes;
}

function writeAddress(view: DataView, at: number, address: Address): void {
  const value = addressValue(address);
  if (familyOf(address) === 'ipv4') {
    view.setUint32(at, Number(value));
    return;
  }
  view.setBigUint64(at, value >> 64n);
  view.setBigUint64(at + 8, value & 0xffff_ffff_ffff_ffffn);
}
