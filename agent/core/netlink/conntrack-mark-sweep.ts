// The requests that take old epochs out of conntrack's marks before the epoch begins again at 1: an idle connection of an old
// epoch would otherwise be taken for one of today's. Each names one connection by its original tuple and the bits to clear;
// the kernel applies the mask, so all other bits stay, and losing a race costs one more judgement.

import { eachAttribute, eachMessage, familyHeaderBytes, headerBytes } from './attributes.ts';

const conntrackSubsystem = 1;
const attribute = { tupleOriginal: 1, mark: 8, zone: 18, markMask: 21 } as const;
const flagRequest = 1;
const nested = 0x8000;

/** Clears `bits` in every mark where they are not as in `but`; given `where`, only in marks for which it holds. */
export interface MarkSweep {
  readonly bits: number;
  readonly but: number;
  readonly where?: (mark: number) => boolean;
}

/** One update for each entry of a dump's datagram whose bits are neither 0 nor `but`, written one after the other. */
export function sweepRequests(bytes: Uint8Array, { bits, but, where }: MarkSweep): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const updates: Uint8Array[] = [];
  eachMessage(view, ({ subsystem, from, to }) => {
    if (subsystem !== conntrackSubsystem) return true;
    let tuple: Uint8Array | undefined;
    let zone: Uint8Array | undefined;
    let mark = 0;
    eachAttribute(view, from, to, (type, at, length) => {
      if (type === attribute.tupleOriginal) tuple = bytes.subarray(at, at + length);
      if (type === attribute.zone) zone = bytes.subarray(at, at + length);
      if (type === attribute.mark && length >= 4) mark = view.getUint32(at);
      return true;
    });
    const standing = (mark & bits) >>> 0;
    if (tuple === undefined || standing === 0 || standing === but || where?.(mark) === false) return true;
    updates.push(updateMessage({ family: view.getUint8(from - familyHeaderBytes), tuple, zone, bits }));
    return true;
  });
  return updates;
}

function updateMessage(request: {
  readonly family: number;
  readonly tuple: Uint8Array;
  readonly zone: Uint8Array | undefined;
  readonly bits: number;
}): Uint8Array {
  const { family, tuple, zone, bits } = request;
  const padded = (length: number) => (length + 7) & ~3;
  const length =
    headerBytes + familyHeaderBytes + padded(tuple.length) + (zone === undefined ? 0 : padded(zone.length)) + 8 + 8;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, conntrackSubsystem << 8, true);
  view.setUint16(6, flagRequest, true);
  view.setUint8(headerBytes, family);
  let at = headerBytes + familyHeaderBytes;
  const put = (type: number, value: Uint8Array) => {
    view.setUint16(at, value.length + 4, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + 4);
    at += padded(value.length);
  };
  put(attribute.tupleOriginal | nested, tuple);
  if (zone !== undefined) put(attribute.zone, zone);
  put(attribute.mark, new Uint8Array(4));
  const mask = new Uint8Array(4);
  new DataView(mask.buffer).setUint32(0, bits);
  put(attribute.markMask, mask);
  return bytes;
}
