// Decodes the kernel's notices of nftables changes (netlink group NFNLGRP_NFTABLES): which table a transaction touched, the
// words of our state rule, and at its end who made it. Only what telling our own transactions from a stranger's needs; the
// layout is linux/netfilter/nf_tables.h, in which attribute 1 of every kind of object but the generation is the table's name.

export type NftablesNotice =
  | { readonly kind: 'touched'; readonly family: number; readonly table: string; readonly state?: string }
  | { readonly kind: 'committed'; readonly generation: number; readonly pid: number; readonly process: string };

const headerBytes = 16;
const familyHeaderBytes = 4;
const subsystemNftables = 10;
const newGeneration = 15;
const attributeMask = 0x3fff;
const generationAttributes = { id: 1, pid: 2, name: 3 } as const;
const ruleUserdata = 7;
const newRule = 6;

/** NFPROTO_INET. */
export const familyInet = 1;

/** All notices of one datagram, in order. Whatever is cut short ends the reading. */
export function decodeNftablesNotices(bytes: Uint8Array): readonly NftablesNotice[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notices: NftablesNotice[] = [];
  let at = 0;
  while (at + headerBytes + familyHeaderBytes <= bytes.length) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < headerBytes || at + length > bytes.length) break;
    if (type >> 8 === subsystemNftables) {
      const attributes = readAttributes(bytes, at + headerBytes + familyHeaderBytes, at + length);
      const message = type & 0xff;
      const notice =
        message === newGeneration
          ? generationNotice(attributes)
          : touchedNotice({ message, family: bytes[at + headerBytes] ?? 0, attributes });
      if (notice !== undefined) notices.push(notice);
    }
    at += (length + 3) & ~3;
  }
  return notices;
}

type Attributes = ReadonlyMap<number, Uint8Array>;

function readAttributes(bytes: Uint8Array, start: number, end: number): Attributes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<number, Uint8Array>();
  let at = start;
  while (at + 4 <= end) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > end) break;
    attributes.set(view.getUint16(at + 2, true) & attributeMask, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

function generationNotice(attributes: Attributes): NftablesNotice {
  return {
    kind: 'committed',
    generation: bigEndian(attributes.get(generationAttributes.id)),
    pid: bigEndian(attributes.get(generationAttributes.pid)),
    process: latin1(attributes.get(generationAttributes.name)),
  };
}

function touchedNotice(request: {
  readonly message: number;
  readonly family: number;
  readonly attributes: Attributes;
}): NftablesNotice | undefined {
  const name = request.attributes.get(1);
  if (name === undefined) return undefined;
  const comment = request.message === newRule ? latin1(request.attributes.get(ruleUserdata)) : '';
  const state = /revision=\d+ epoch=\d+ digest=[0-9a-f-]+/.exec(comment)?.[0];
  return { kind: 'touched', family: request.family, table: latin1(name), ...(state === undefined ? {} : { state }) };
}

function bigEndian(bytes: Uint8Array | undefined): number {
  let value = 0;
  for (const byte of bytes ?? []) value = value * 256 + byte;
  return value;
}

/** Names end in NUL. */
function latin1(bytes: Uint8Array | undefined): string {
  let text = '';
  for (const byte of bytes ?? []) if (byte !== 0) text += String.fromCharCode(byte);
  return text;
}
