// The named counters of our table over netlink, without starting nft: a cheap way to see whether anything was denied since the
// last look. The layout is linux/netfilter/nf_tables.h, "stateful objects".

import {
  type DatagramOutcome,
  eachAttribute,
  eachMessage,
  familyHeaderBytes,
  headerBytes,
  read64,
} from './netlink-attributes.ts';

const nftablesSubsystem = 10;
const newObject = 18;
const getObject = 19;
const familyInet = 1;
const counterType = 1;
const attributes = { table: 1, name: 2, type: 3, data: 4 } as const;
const counterPackets = 2;

/** Asks for every counter of a table of family inet. */
export function renderCountersRequest(table: string): Uint8Array {
  const name = [...table].map((character) => character.charCodeAt(0));
  const nameLength = 4 + name.length + 1;
  const bytes = new Uint8Array(headerBytes + familyHeaderBytes + ((nameLength + 3) & ~3) + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, (nftablesSubsystem << 8) | getObject, true);
  view.setUint16(6, 0x301, true);
  view.setUint8(headerBytes, familyInet);
  let at = headerBytes + familyHeaderBytes;
  view.setUint16(at, nameLength, true);
  view.setUint16(at + 2, attributes.table, true);
  bytes.set(name, at + 4);
  at += (nameLength + 3) & ~3;
  view.setUint16(at, 8, true);
  view.setUint16(at + 2, attributes.type, true);
  view.setUint32(at + 4, counterType);
  return bytes;
}

export function decodeCounters(bytes: Uint8Array, take: (name: string, packets: number) => void): DatagramOutcome {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return eachMessage(view, ({ subsystem, message, from, to }) => {
    if (subsystem !== nftablesSubsystem || message !== newObject) return true;
    let name = '';
    let packets = 0;
    const isWhole = eachAttribute(view, from, to, (type, at, length) => {
      if (type === attributes.name) name = String.fromCharCode(...bytes.subarray(at, at + length - 1));
      if (type !== attributes.data) return true;
      return eachAttribute(view, at, at + length, (inner, place, size) => {
        if (inner === counterPackets && size >= 8) packets = read64(view, place);
        return true;
      });
    });
    if (isWhole) take(name, packets);
    return isWhole;
  });
}
