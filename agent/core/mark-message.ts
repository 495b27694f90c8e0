// Takes old epochs out of conntrack marks: from the kernel's list of connections to the messages that clear the epoch bits of
// each whose epoch is neither 0 nor today's. The kernel applies the mask itself, so the decision's number and the bits of others
// stay, and a lost race only costs one more judgement.

import {
  type DatagramOutcome,
  eachAttribute,
  eachMessage,
  familyHeaderBytes,
  headerBytes,
} from './netlink-attributes.ts';
import { epochMask } from './table.ts';

const conntrackSubsystem = 1;
const messageNew = 0;
const flagRequest = 1;
const attributes = { tupleOriginal: 1, mark: 8, zone: 18, markMask: 21 } as const;

/** Calls `take` with a whole netlink message for each stale connection of one listed datagram. */
export function staleMarkUpdates(
  bytes: Uint8Array,
  currentEpoch: number,
  take: (message: Uint8Array) => void,
): DatagramOutcome {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return eachMessage(view, ({ subsystem, message, from, to }) => {
    if (subsystem !== conntrackSubsystem || message !== messageNew) return true;
    let mark = 0;
    let tuple: Uint8Array | undefined;
    let zone: Uint8Array | undefined;
    const isWhole = eachAttribute(view, from, to, (type, at, length) => {
      // With its own header of four bytes and its padding, as it goes back.
      const whole = () => bytes.subarray(at - 4, at + ((length + 3) & ~3));
      if (type === attributes.mark && length >= 4) mark = view.getUint32(at);
      else if (type === attributes.tupleOriginal) tuple = whole();
      else if (type === attributes.zone) zone = whole();
      return true;
    });
    if (!isWhole || tuple === undefined) return false;
    const epoch = mark & epochMask;
    if (epoch !== 0 && epoch !== currentEpoch) {
      take(renderUpdate({ family: bytes[from - familyHeaderBytes] ?? 0, tuple, zone: zone ?? new Uint8Array(0) }));
    }
    return true;
  });
}

function renderUpdate(parts: {
  readonly family: number;
  readonly tuple: Uint8Array;
  readonly zone: Uint8Array;
}): Uint8Array {
  const { family, tuple, zone } = parts;
  const start = headerBytes + familyHeaderBytes;
  const message = new Uint8Array(start + tuple.length + zone.length + 16);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, (conntrackSubsystem << 8) | messageNew, true);
  view.setUint16(6, flagRequest, true);
  view.setUint8(headerBytes, family);
  message.set(tuple, start);
  message.set(zone, start + tuple.length);
  const mark = start + tuple.length + zone.length;
  view.setUint16(mark, 8, true);
  view.setUint16(mark + 2, attributes.mark, true);
  view.setUint16(mark + 8, 8, true);
  view.setUint16(mark + 10, attributes.markMask, true);
  view.setUint32(mark + 12, epochMask);
  return message;
}
