// Addresses and ranges in packed form: fixed32 for IPv4, runs of 16 bytes for IPv6. Lists of addresses are in the code-unit
// order of their canonical texts, each once, and must come so: the decoder merges the two families in one pass and refuses
// what is out of order, twice, or an IPv4-mapped form.

import {
  type Address,
  addressFromIpv4Number,
  addressFromValue,
  addressValue,
  familyOf,
  ipv4Number,
} from '#model/address.ts';
import { type AddressRange, compareRanges } from '#model/address-range.ts';
import { refuse, refuseUnless } from './refusal.ts';

export interface PackedAddresses {
  readonly ipv4: number[];
  readonly ipv6: Uint8Array;
}

export interface PackedSource {
  readonly ipv4?: readonly number[] | null;
  readonly ipv6?: Uint8Array | null;
}

const bytesPerIpv6 = 16;
const mappedPrefix = 0xffffn;
const noBytes = new Uint8Array(0);

export function packAddresses(addresses: readonly Address[]): PackedAddresses {
  const ipv4: number[] = [];
  const ipv6: Address[] = [];
  for (const address of addresses) {
    if (familyOf(address) === 'ipv4') ipv4.push(ipv4Number(address));
    else ipv6.push(address);
  }
  return { ipv4, ipv6: packIpv6(ipv6.map(addressValue)) };
}

export function unpackAddresses(packed: PackedSource, where: string): Address[] {
  const ipv4 = (packed.ipv4 ?? []).map(addressFromIpv4Number);
  const ipv6 = unpackIpv6(packed.ipv6, where).map((value) => addressFromValue('ipv6', value));
  const addresses = ipv6.length === 0 ? ipv4 : ipv4.length === 0 ? ipv6 : merge(ipv4, ipv6);
  let previous = '';
  for (const address of addresses) {
    if (address <= previous) refuse(where, `${address} after ${previous}`, 'each address once, in code-unit order');
    previous = address;
  }
  return addresses;
}

/** The addresses in their own order, IPv4 before IPv6: for tables that are only indexed. */
export function unpackAddressTable(packed: PackedSource, where: string): Address[] {
  const ipv6 = unpackIpv6(packed.ipv6, where).map((value) => addressFromValue('ipv6', value));
  return [...(packed.ipv4 ?? []).map(addressFromIpv4Number), ...ipv6];
}

export function packRanges(ranges: readonly AddressRange[]): PackedAddresses {
  const ipv4: number[] = [];
  const ipv6: bigint[] = [];
  for (const { family, first, last } of ranges) {
    if (family === 'ipv4') ipv4.push(Number(first), Number(last));
    else ipv6.push(first, last);
  }
  return { ipv4, ipv6: packIpv6(ipv6) };
}

export function unpackRanges(packed: PackedSource, where: string): AddressRange[] {
  const ranges: AddressRange[] = [];
  pushPairs(ranges, 'ipv4', (packed.ipv4 ?? []).map(BigInt), where);
  pushPairs(ranges, 'ipv6', ipv6Values(packed.ipv6, where), where);
  for (const [index, range] of ranges.entries()) {
    refuseUnless(
      range.first <= range.last,
      where,
      () => 'a range whose first address is above its last',
      'first ≤ last',
    );
    const before = ranges[index - 1];
    const isApart =
      before === undefined ||
      before.family !== range.family ||
      (compareRanges(before, range) < 0 && before.last + 1n < range.first);
    refuseUnless(isApart, where, () => 'ranges that overlap, touch or are out of order', 'normalised ranges');
  }
  return ranges;
}

function pushPairs(ranges: AddressRange[], family: 'ipv4' | 'ipv6', values: readonly bigint[], where: string): void {
  for (let at = 0; at < values.length; at += 2) {
    const [first, last] = [values[at], values[at + 1]];
    if (first === undefined || last === undefined) refuse(where, `an odd number of ${family} addresses`, 'pairs');
    ranges.push({ family, first, last });
  }
}

function packIpv6(values: readonly bigint[]): Uint8Array {
  if (values.length === 0) return noBytes;
  const bytes = new Uint8Array(values.length * bytesPerIpv6);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    view.setBigUint64(index * bytesPerIpv6, value >> 64n);
    view.setBigUint64(index * bytesPerIpv6 + 8, value & 0xffff_ffff_ffff_ffffn);
  }
  return bytes;
}

function unpackIpv6(bytes: Uint8Array | null | undefined, where: string): bigint[] {
  const values = ipv6Values(bytes, where);
  for (const value of values) {
    if (value >> 32n === mappedPrefix) refuse(where, 'an IPv4-mapped IPv6 address', 'the IPv4 address itself');
  }
  return values;
}

function ipv6Values(bytes: Uint8Array | null | undefined, where: string): bigint[] {
  if (bytes === null || bytes === undefined || bytes.length === 0) return [];
  refuseUnless(bytes.length % bytesPerIpv6 === 0, where, () => `${bytes.length} bytes of IPv6`, 'runs of 16');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: bigint[] = [];
  for (let at = 0; at < bytes.length; at += bytesPerIpv6) {
    values.push((view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8));
  }
  return values;
}

function merge(left: readonly Address[], right: readonly Address[]): Address[] {
  const merged: Address[] = [];
  let at = 0;
  for (const address of left) {
    for (let other = right[at]; other !== undefined && other < address; other = right[at]) {
      merged.push(other);
      at += 1;
    }
    merged.push(address);
  }
  return merged.concat(right.slice(at));
}
