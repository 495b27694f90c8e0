// Reads a DNS answer, whose every byte may be hostile: which addresses it gives to the name that was asked, and to the names that
// lead there (CNAME). Bounded by the message's length whatever its counts say; a pointer may only lead backwards. What is not a
// whole, successful answer to one question of the internet's class gives nothing; records that do not belong to it are passed over.

import { type Address, addressFromIpv4Number, addressFromValue } from '#model/address.ts';

/** One address and the names it was given to: the question's, and those on the way of aliases. Seconds: the least on the way. */
export interface AnsweredAddress {
  readonly address: Address;
  readonly names: readonly string[];
  readonly ttlSeconds: number;
}

/** Longest way of aliases that is followed; resolvers give up at 8 to 16. */
const aliasesMost = 16;
/** Records that are looked at; answers have some tens. */
const recordsMost = 512;
const nameOctetsMost = 255;
const types = { a: 1, alias: 5, aaaa: 28 } as const;
const classInternet = 1;

export function readDnsAnswer(bytes: Uint8Array): readonly AnsweredAddress[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) return [];
  const flags = view.getUint16(2);
  const isSuccessfulAnswer = (flags & 0x8000) !== 0 && (flags & 0x7800) === 0 && (flags & 0x000f) === 0;
  if (!isSuccessfulAnswer || view.getUint16(4) !== 1) return [];
  const question = readName(bytes, 12);
  if (question?.text === undefined || question.next + 4 > bytes.length) return [];
  if (view.getUint16(question.next + 2) !== classInternet) return [];
  const records = readRecords({ view, bytes, from: question.next + 4, count: view.getUint16(6) });
  return follow(question.text, records);
}

interface Records {
  readonly aliases: ReadonlyMap<string, { readonly target: string; readonly ttlSeconds: number }>;
  readonly addresses: ReadonlyMap<string, readonly { readonly address: Address; readonly ttlSeconds: number }[]>;
}

/** A message that is cut off gives the records before the cut. */
function readRecords(message: {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly count: number;
}): Records {
  const { view, bytes, count } = message;
  const aliases = new Map<string, { target: string; ttlSeconds: number }>();
  const addresses = new Map<string, { address: Address; ttlSeconds: number }[]>();
  let at = message.from;
  for (let index = 0; index < Math.min(count, recordsMost); index += 1) {
    const owner = readName(bytes, at);
    if (owner === undefined || owner.next + 10 > bytes.length) break;
    at = owner.next;
    const type = view.getUint16(at);
    const isInternet = view.getUint16(at + 2) === classInternet;
    // RFC 2181: the sign bit means zero.
    const seconds = view.getUint32(at + 4);
    const ttlSeconds = seconds > 0x7fffffff ? 0 : seconds;
    const length = view.getUint16(at + 8);
    const content = at + 10;
    at = content + length;
    if (at > bytes.length) break;
    if (owner.text === undefined || !isInternet) continue;
    if (type === types.alias) {
      const target = readName(bytes, content);
      if (target?.text !== undefined && target.next === at)
        aliases.set(owner.text, { target: target.text, ttlSeconds });
      continue;
    }
    const address = readAddress({ view, type, at: content, length });
    if (address === undefined) continue;
    const known = addresses.get(owner.text);
    if (known === undefined) addresses.set(owner.text, [{ address, ttlSeconds }]);
    else known.push({ address, ttlSeconds });
  }
  return { aliases, addresses };
}

function readAddress(record: {
  readonly view: DataView;
  readonly type: number;
  readonly at: number;
  readonly length: number;
}): Address | undefined {
  const { view, type, at, length } = record;
  if (type === types.a && length === 4) return addressFromIpv4Number(view.getUint32(at));
  if (type !== types.aaaa || length !== 16) return undefined;
  const value = (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
  // The IPv4-mapped form is no address of a packet.
  return value >> 32n === 0xffffn ? undefined : addressFromValue('ipv6', value);
}

function follow(question: string, { aliases, addresses }: Records): readonly AnsweredAddress[] {
  const names = [question];
  let ttl = Number.POSITIVE_INFINITY;
  let name = question;
  while (names.length <= aliasesMost) {
    const alias = aliases.get(name);
    if (alias === undefined || names.includes(alias.target)) break;
    name = alias.target;
    names.push(name);
    ttl = Math.min(ttl, alias.ttlSeconds);
  }
  return (addresses.get(name) ?? []).map(({ address, ttlSeconds }) => ({
    address,
    names,
    ttlSeconds: Math.min(ttl, ttlSeconds),
  }));
}

/** `text` is undefined where the name is none that policy could name; `next` is behind it all the same. */
interface ReadName {
  readonly text: string | undefined;
  readonly next: number;
}

/** Undefined where the name runs out of the message, is too long, or points anywhere but backwards. */
function readName(bytes: Uint8Array, from: number): ReadName | undefined {
  const labels: string[] = [];
  let at = from;
  let next: number | undefined;
  let octets = 1;
  let isPlain = true;
  /** Each pointer must lead before where the last one led: so no way is walked twice. */
  let before = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) break;
    if ((length & 0xc0) === 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      const target = ((length & 0x3f) << 8) | low;
      if (target >= before) return undefined;
      next ??= at + 2;
      before = target;
      at = target;
      continue;
    }
    if ((length & 0xc0) !== 0 || at + 1 + length > bytes.length) return undefined;
    octets += length + 1;
    if (octets > nameOctetsMost) return undefined;
    const label = latin1(bytes, at + 1, length).toLowerCase();
    if (!/^[a-z0-9_-]+$/.test(label)) isPlain = false;
    labels.push(label);
    at += 1 + length;
  }
  return { text: isPlain && labels.length > 0 ? labels.join('.') : undefined, next: next ?? at + 1 };
}

function latin1(bytes: Uint8Array, from: number, length: number): string {
  let text = '';
  for (let at = from; at < from + length; at += 1) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}
