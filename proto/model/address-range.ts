// Runs of consecutive addresses of one family. A CIDR with its exceptions becomes a list of these: sorted, disjoint,
// not touching. Everything that asks "is this address in that list" asks here.

import {
  type Address,
  addressFromValue,
  addressValue,
  bitsOf,
  type Family,
  familyOf,
  lastValue,
  parseAddress,
} from './address.ts';
import { err, ok, type Result } from './result.ts';

/** first ≤ last, both inclusive, as unsigned integers. */
export interface AddressRange {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads "10.0.0.0/8", "fd00::/8", or a bare address as its /32 or /128. Host bits beyond the prefix are an error. */
export function parseCidr(text: string): Result<AddressRange> {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address.ok) return err(`"${text}" is not a CIDR: ${address.error}`);
  const family = familyOf(address.value);
  const bits = bitsOf(family);
  const lengthText = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return err(`"${text}" is not a CIDR: the prefix length is a number from 0 to ${bits}`);
  }
  const size = 1n << BigInt(bits - Number(lengthText));
  const value = addressValue(address.value);
  const first = value - (value % size);
  if (first !== value) {
    return err(`"${text}" has host bits beyond the prefix; write ${addressFromValue(family, first)}/${lengthText}`);
  }
  return ok({ family, first, last: first + size - 1n });
}

export function rangeOf(address: Address): AddressRange {
  const value = addressValue(address);
  return { family: familyOf(address), first: value, last: value };
}

export function wholeFamily(family: Family): AddressRange {
  return { family, first: 0n, last: lastValue(family) };
}

/** Sorted by family (ipv4 first) and first address, overlaps and neighbours joined. */
export function normaliseRanges(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const sorted = [...ranges].sort(compareRanges);
  const joined: AddressRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && last.family === range.family && range.first <= last.last + 1n) {
      if (range.last > last.last) joined[joined.length - 1] = { ...last, last: range.last };
    } else {
      joined.push(range);
    }
  }
  return joined;
}

/** What is in `ranges` and in none of `except`; the result is normalised. */
export function subtractRanges(
  ranges: readonly AddressRange[],
  except: readonly AddressRange[],
): readonly AddressRange[] {
  const holes = normaliseRanges(except);
  const left: AddressRange[] = [];
  for (const range of normaliseRanges(ranges)) {
    let first = range.first;
    for (const hole of holes) {
      if (hole.family !== range.family || hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) left.push({ family: range.family, first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= range.last) left.push({ family: range.family, first, last: range.last });
  }
  return left;
}

/** Whether a normalised list holds the address: a binary search. */
export function rangesContain(ranges: readonly AddressRange[], address: Address): boolean {
  return rangesContainValue(ranges, familyOf(address), addressValue(address));
}

export function rangesContainValue(ranges: readonly AddressRange[], family: Family, value: bigint): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (range.family === family && range.first <= value && value <= range.last) return true;
    const isBefore = range.family === family ? range.last < value : range.family === 'ipv4';
    if (isBefore) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

export function compareRanges(a: AddressRange, b: AddressRange): number {
  if (a.family !== b.family) return a.family === 'ipv4' ? -1 : 1;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  if (a.last !== b.last) return a.last < b.last ? -1 : 1;
  return 0;
}

/** "10.0.0.0-10.0.0.9", or the bare address where it is one: the form nft reads in interval sets. */
export function rangeText(range: AddressRange): string {
  const first = addressFromValue(range.family, range.first);
  return range.first === range.last ? first : `${first}-${addressFromValue(range.family, range.last)}`;
}

/** The fewest CIDRs that make up the range, in order. */
export function rangeCidrs(range: AddressRange): readonly string[] {
  const bits = bitsOf(range.family);
  const cidrs: string[] = [];
  let first = range.first;
  while (first <= range.last) {
    let length = bits;
    while (length > 0) {
      const size = 1n << BigInt(bits - length + 1);
      if (first % size !== 0n || first + size - 1n > range.last) break;
      length -= 1;
    }
    cidrs.push(`${addressFromValue(range.family, first)}/${length}`);
    first += 1n << BigInt(bits - length);
  }
  return cidrs;
}
