// One IPv4 or IPv6 address, held as its canonical text (dotted quad; RFC 5952), so that equal addresses are equal
// strings. Refuses what would let one address have two spellings here: leading zeros, zones, IPv4-mapped IPv6.

import { err, ok, type Result } from './result.ts';

export type Family = 'ipv4' | 'ipv6';

declare const addressBrand: unique symbol;

/** An address in canonical text. */
export type Address = string & { readonly [addressBrand]: true };

const octet = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4Pattern = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`);

/** Reads an address in any valid spelling; the error says what is wrong with it, not where it stood. */
export function parseAddress(text: string): Result<Address> {
  if (text.includes(':')) return parseIpv6(text);
  if (ipv4Pattern.test(text)) return ok(text as Address);
  return err(`"${text}" is not an IPv4 or IPv6 address`);
}

export function familyOf(address: Address): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The address as an unsigned integer of 32 or 128 bits, in network order. */
export function addressValue(address: Address): bigint {
  return familyOf(address) === 'ipv4' ? BigInt(ipv4Number(address)) : ipv6Value(address);
}

/** An IPv4 address as an unsigned 32-bit number: the cheap form for packed encodings. */
export function ipv4Number(address: Address): number {
  let value = 0;
  for (const part of address.split('.')) value = value * 256 + Number(part);
  return value;
}

export function addressFromValue(family: Family, value: bigint): Address {
  return family === 'ipv4' ? addressFromIpv4Number(Number(value)) : ipv6Text(value);
}

export function addressFromIpv4Number(value: number): Address {
  return `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Address;
}

/** Whether it is one host's for all others: loopback, link-local, unspecified, multicast and broadcast addresses are another's on every host. */
export function isShareable(address: Address): boolean {
  return !/^(127\.|0\.|169\.254\.|2(2[4-9]|3\d|4\d|5\d)\.|::1?$|fe[89ab][0-9a-f]:|ff)/.test(address);
}

/** Whether it is a multicast group or the broadcast to all: who sends there does not know who listens. */
export function isGroup(address: Address): boolean {
  return /^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff[\da-f]{2}:/.test(address);
}

/** The greatest value of the family: 2^32 - 1 or 2^128 - 1. */
export function lastValue(family: Family): bigint {
  return family === 'ipv4' ? 0xffff_ffffn : (1n << 128n) - 1n;
}

export function bitsOf(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

function parseIpv6(text: string): Result<Address> {
  const bad = err(`"${text}" is not an IPv4 or IPv6 address`);
  if (text.includes('%')) return err(`"${text}" has a zone; an address is written without one`);
  const halves = text.split('::');
  if (halves.length > 2) return bad;
  const [head, tail] = halves.map(ipv6Groups);
  if (head === undefined) return bad;
  const groups = [...head];
  if (tail !== undefined) {
    const gap = 8 - head.length - tail.length;
    if (gap < 1) return bad;
    groups.push(...new Array<number>(gap).fill(0), ...tail);
  }
  if (groups.length !== 8 || groups.some((group) => !(group >= 0 && group <= 0xffff))) return bad;
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return err(`"${text}" is an IPv4-mapped IPv6 address; write the IPv4 address`);
  return ok(ipv6TextOf(groups));
}

/** The 16-bit groups of one side of "::"; NaN stands for a group that is none. */
function ipv6Groups(side: string): number[] {
  if (side === '') return [];
  const groups: number[] = [];
  const parts = side.split(':');
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && ipv4Pattern.test(part)) {
      const value = ipv4Number(part as Address);
      groups.push(Math.floor(value / 65536), value % 65536);
    } else {
      groups.push(/^[0-9a-fA-F]{1,4}$/.test(part) ? Number.parseInt(part, 16) : Number.NaN);
    }
  }
  return groups;
}

function ipv6Value(address: Address): bigint {
  const [head = '', tail] = address.split('::');
  const left = ipv6Groups(head);
  const right = ipv6Groups(tail ?? '');
  let value = 0n;
  for (const group of left) value = (value << 16n) | BigInt(group);
  value <<= BigInt(16 * (8 - left.length));
  let low = 0n;
  for (const group of right) low = (low << 16n) | BigInt(group);
  return value | low;
}

function ipv6Text(value: bigint): Address {
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  return ipv6TextOf(groups);
}

/** RFC 5952: lower case, the longest run of two or more zero groups as "::", the first of equals. `groups` are eight. */
function ipv6TextOf(groups: readonly number[]): Address {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at += 1) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.at < 0) return text(groups) as Address;
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}` as Address;
}
