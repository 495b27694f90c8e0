// Writes what attributes.ts reads: one request to a netfilter subsystem, its attributes padded to four bytes. Headers are in
// the machine's byte order, little endian on both machines we run on; numbers in attributes are big endian, as netfilter wants them.

import { familyHeaderBytes, headerBytes } from './attributes.ts';

/** NLM_F_REQUEST | NLM_F_DUMP: every object there is, in as many datagrams as it takes. */
export const dumpFlags = 0x301;
/** On an attribute's type: its value is attributes again. */
export const nested = 0x8000;

/** `family` and `resource` stand in struct nfgenmsg; 0 where a subsystem asks for none. */
export function renderNetfilterRequest(request: {
  readonly subsystem: number;
  readonly message: number;
  readonly flags: number;
  readonly attributes: readonly Uint8Array[];
  readonly sequence?: number;
  readonly family?: number;
  readonly resource?: number;
}): Uint8Array {
  const { subsystem, message, flags, attributes, sequence = 0, family = 0, resource = 0 } = request;
  const bytes = joined([new Uint8Array(headerBytes + familyHeaderBytes), ...attributes]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, (subsystem << 8) | message, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint8(headerBytes, family);
  view.setUint16(headerBytes + 2, resource);
  return bytes;
}

export function attribute(type: number, value: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array((value.length + 7) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, value.length + 4, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

export function number(value: number, length: 1 | 2 | 4): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (value >>> (8 * (length - 1 - index))) & 0xff);
}

/** ASCII, with the NUL that ends it. */
export function name(text: string): Uint8Array {
  return Uint8Array.from([...text, '\0'], (character) => character.charCodeAt(0));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
