// The maps that give a far address its class's chain, in the order in which a gate looks in them: exact addresses, then ranges. A
// hash map looks an address up in the same time whatever its size, and changes element by element in one transaction; so ranges
// that are prefixes of a few lengths are hash maps of masked addresses too. Others go to one interval map (interval-map.ts).
// What is empty is neither made nor looked in. Whether they answer with the chain or with a tag of it, peer-layout.ts says.

import { addressFromValue, bitsOf, type Family, familyOf, lastValue } from '#model/address.ts';
import { rangeCidrs } from '#model/address-range.ts';
import { intervalMapOf } from './interval-map.ts';
import type { NamedGate, PeerClass } from './peer-classes.ts';
import { layoutName, type PeerLayout } from './peer-layout.ts';
import type { ElementMap } from './table.ts';

export interface PeerMap {
  readonly name: string;
  /** What of the address is looked up: absent, all of it. */
  readonly mask?: string;
  readonly layout: PeerLayout;
  readonly map: ElementMap;
}

/** Where a class's lines are, and the tag that leads there. */
export interface ClassTarget {
  readonly chain: string;
  readonly tag: string;
}

/**
 * One look-up a length, each 0.02–0.06 of a new connection's cost; in an interval map of 5,000 ranges it is 0.25. Beyond so many
 * lengths, a number chosen from these two and not by a measurement of its own, the interval map is used.
 */
const mostLengths = 4;
/** So ragged a range that it takes more prefixes than this is better kept whole. */
const mostPrefixesPerRange = 4;

/** Linear in addresses and ranges. */
export function peerMapsOf(request: {
  readonly gate: NamedGate;
  readonly family: Family;
  readonly layout: PeerLayout;
  readonly targetOf: (peerClass: PeerClass) => ClassTarget;
  readonly capacities: Capacities;
}): readonly PeerMap[] {
  const { gate, family, layout, capacities } = request;
  const type = `${family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr'} : ${layout === 'tags' ? 'classid' : 'verdict'}`;
  const base = layoutName(gate, family, layout);
  const answerFor = (peerClass: PeerClass): string => {
    const { chain, tag } = request.targetOf(peerClass);
    return layout === 'tags' ? tag : `goto ${chain}`;
  };
  const hashed = (name: string, elements: ReadonlyMap<string, string>): Omit<PeerMap, 'mask'> => {
    const capacity = capacities.of(name, elements.size);
    return {
      name: `${name}_${capacity}`,
      layout,
      map: {
        declaration: `{ type ${type}; size ${capacity}; }`,
        kind: 'map',
        update: 'by-element',
        elements,
      },
    };
  };
  const exact = new Map<string, string>();
  for (const [address, peerClass] of gate.classes.exact) {
    if (familyOf(address) === family) exact.set(address, answerFor(peerClass));
  }
  const maps: PeerMap[] = exact.size === 0 ? [] : [hashed(base, exact)];
  const lengths = prefixes({ gate, family, answerFor });
  if (lengths !== undefined) {
    for (const [length, elements] of [...lengths].sort(([a], [b]) => b - a)) {
      maps.push({ ...hashed(`${base}p${length}`, elements), ...maskOf(family, length) });
    }
    return maps;
  }
  const intervals = intervalMapOf({ gate, family, base, answerFor });
  if (intervals !== undefined) {
    maps.push({
      name: intervals.name,
      layout,
      map: {
        declaration: `{ type ${type}; flags interval; }`,
        kind: 'map',
        update: 'fresh',
        elements: intervals.elements,
      },
    });
  }
  return maps;
}

/** The gate's ranges by prefix length; undefined where they are not prefixes of a few lengths. */
function prefixes(request: {
  readonly gate: NamedGate;
  readonly family: Family;
  readonly answerFor: (peerClass: PeerClass) => string;
}): ReadonlyMap<number, ReadonlyMap<string, string>> | undefined {
  const { gate, family, answerFor } = request;
  const lengths = new Map<number, Map<string, string>>();
  for (const { range, peerClass } of gate.classes.intervals) {
    if (range.family !== family) continue;
    const cidrs = rangeCidrs(range);
    if (cidrs.length > mostPrefixesPerRange) return undefined;
    for (const cidr of cidrs) {
      const [address = '', length = ''] = cidr.split('/');
      if (length === '0') return undefined;
      const elements = lengths.get(Number(length)) ?? new Map<string, string>();
      elements.set(address, answerFor(peerClass));
      lengths.set(Number(length), elements);
    }
    if (lengths.size > mostLengths) return undefined;
  }
  return lengths;
}

function maskOf(family: Family, length: number): { readonly mask?: string } {
  const bits = bitsOf(family);
  if (length === bits) return {};
  return { mask: addressFromValue(family, lastValue(family) - ((1n << BigInt(bits - length)) - 1n)) };
}

/**
 * How many elements each hash map is made for. A map of a stated size is the kernel's plain hash table, which costs a new connection 0.03
 * less than the one that grows by itself, and cannot grow: beyond its size the content moves to another map, of another name.
 */
export class Capacities {
  readonly #before: ReadonlyMap<string, number>;
  readonly #chosen = new Map<string, number>();

  constructor(before: ReadonlyMap<string, number>) {
    this.#before = before;
  }

  /** The same as before while it holds the elements and is not far too large for them. */
  of(name: string, elements: number): number {
    const before = this.#before.get(name);
    const keeps = before !== undefined && elements <= before && elements * shrinkBelow >= before;
    const capacity = keeps ? before : smallestFor(elements);
    this.#chosen.set(name, capacity);
    return capacity;
  }

  get chosen(): ReadonlyMap<string, number> {
    return this.#chosen;
  }
}

/** The kernel makes buckets for four thirds of the size, rounded up to a power of two (Linux 6.18): three quarters of one leave none over. */
const smallestCapacity = 96;
/** A map moves when it could be this many times smaller. */
const shrinkBelow = 16;

function smallestFor(elements: number): number {
  let capacity = smallestCapacity;
  while (capacity < elements) capacity *= 2;
  return capacity;
}
