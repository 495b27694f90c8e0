// The named counters of our table over netlink, without starting nft: a cheap way to see whether anything was denied since the
// last look. The layout is linux/netfilter/nf_tables.h, "stateful objects".

import { type DatagramOutcome, eachAttribute, eachMessage, read64 } from './attributes.ts';
import { attribute, dumpFlags, name, number, renderNetfilterRequest } from './request.ts';

const nftablesSubsystem = 10;
const newObject = 18;
const getObject = 19;
const familyInet = 1;
const counterType = 1;
const attributes = { table: 1, name: 2, type: 3, data: 4 } as const;
const counterPackets = 2;

/** Asks for every counter of a table of family inet. */
export function renderCountersRequest(table: string): Uint8Array {
  return renderNetfilterRequest({
    subsystem: nftablesSubsystem,
    message: getObject,
    flags: dumpFlags,
    family: familyInet,
    attributes: [attribute(attributes.table, name(table)), attribute(attributes.type, number(counterType, 4))],
  });
}

/** Asks for one of them. */
export function renderCounterRequest(table: string, counter: string): Uint8Array {
  return renderNetfilterRequest({
    subsystem: nftablesSubsystem,
    message: getObject,
    flags: 0x01,
    family: familyInet,
    attributes: [
      attribute(attributes.table, name(table)),
      attribute(attributes.name, name(counter)),
      attribute(attributes.type, number(counterType, 4)),
    ],
  });
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
