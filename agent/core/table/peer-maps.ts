// The maps that give a remote address its class's chain, in the order in which a gate looks in them: exact addresses, then ranges. A
// hash map looks an address up in the same time whatever its size, and changes element by element in one transaction; so ranges
// that are prefixes of a few lengths are hash maps of masked addresses too. Others go to one interval map (interval-map.ts).
// What is empty is neither made nor looked in. Whether they answer with the chain or with a tag of it, map-values.ts says.

import { patchedMap } from '#agent-core/judge/patched-map.ts';
import type { NamedGate, PeerClass, PeerClasses } from '#agent-core/judge/peer-classes.ts';
import { addressFromValue, bitsOf, type Family, familyOf, lastValue } from '#model/address.ts';
import { rangeCidrs } from '#model/address-range.ts';
import { intervalMapOf } from './interval-map.ts';
import { layoutName, type PeerLayout } from './map-values.ts';
import type { Target, Way } from './rule.ts';
import type { ElementMap, PeerMap } from './table.ts';

/** Where a class's lines are, and the tag that leads there. */
export interface ClassTarget {
  readonly way: Way;
  readonly tag: Extract<Target, { readonly kind: 'tag' }>;
}

/**
 * One look-up a length, each 0.02–0.06 of a new connection's cost; in an interval map of 5,000 ranges it is 0.25. Beyond so many
 * lengths, a number chosen from these two and not by a measurement of its own, the interval map is used.
 */
const mostLengths = 4;
/** So ragged a range that it takes more prefixes than this is better kept whole. */
const mostPrefixesPerRange = 4;

/** Linear in addresses and ranges; where the classes were made from those `before`, in what changed. */
export function peerMapsOf(request: {
  readonly gate: NamedGate;
  readonly family: Family;
  readonly layout: PeerLayout;
  readonly targetOf: (peerClass: PeerClass) => ClassTarget;
  readonly capacities: Capacities;
  /** The gate's in the table before. */
  readonly before?: { readonly classes: PeerClasses; readonly maps: readonly PeerMap[] };
}): readonly PeerMap[] {
  const { gate, family, layout, capacities } = request;
  const { classes } = gate;
  const type = `${family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr'} : ${layout === 'tags' ? 'classid' : 'verdict'}`;
  const base = layoutName(gate, family, layout);
  const answerFor = (peerClass: PeerClass): Target => {
    const { way, tag } = request.targetOf(peerClass);
    return layout === 'tags' ? tag : way;
  };
  const hashed = (name: string, of: PeerMap['of'], elements: ReadonlyMap<string, Target>): Omit<PeerMap, 'mask'> => {
    const capacity = capacities.of(name, elements.size);
    return {
      name: `${name}_${capacity}`,
      of,
      layout,
      map: {
        declaration: `{ type ${type}; size ${capacity}; }`,
        kind: 'map',
        update: 'by-element',
        elements,
      },
    };
  };
  const size = family === 'ipv6' ? classes.ipv6 : classes.exact.size - classes.ipv6;
  const before =
    request.before !== undefined &&
    classes.since?.from.deref() === request.before.classes &&
    request.before.maps.every((map) => map.layout === layout)
      ? request.before.maps
      : undefined;
  const maps: PeerMap[] = size === 0 ? [] : [exactMap()];
  if (before !== undefined) {
    const kept = before.filter(({ of }) => of === 'ranges');
    for (const { name, map } of kept) {
      if (map.update === 'fresh') noteLayout(map.elements);
      else capacities.of(withoutCapacity(name), map.elements.size);
    }
    return [...maps, ...kept];
  }
  const lengths = prefixes({ gate, family, answerFor });
  if (lengths !== undefined) {
    for (const [length, elements] of [...lengths].sort(([a], [b]) => b - a)) {
      maps.push({ ...hashed(`${base}p${length}`, 'ranges', elements), ...maskOf(family, length) });
    }
    return maps;
  }
  const intervals = intervalMapOf({ gate, family, base, answerFor });
  if (intervals !== undefined) {
    noteLayout(intervals.elements);
    maps.push({
      name: intervals.name,
      of: 'ranges',
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

  /** An interval map has no size; that it holds tags must be known to the next table all the same. */
  function noteLayout(elements: ReadonlyMap<string, Target>): void {
    if (layout === 'tags') capacities.of(`${base}n`, elements.size);
  }

  function exactMap(): PeerMap {
    const old = before?.find(({ of }) => of === 'addresses');
    const capacity = old === undefined ? undefined : capacities.of(base, size);
    if (old !== undefined && old.name === `${base}_${capacity}`) return { ...old, map: elementsSince(old.map) };
    const exact = new Map<string, Target>();
    for (const [address, peerClass] of classes.exact) {
      if (familyOf(address) === family) exact.set(address, answerFor(peerClass));
    }
    return hashed(base, 'addresses', exact);
  }

  /** What a class's answer was, it is: classes keep their chains. */
  function elementsSince(map: ElementMap): ElementMap {
    const keys = (classes.since?.addresses ?? []).filter((address) => familyOf(address) === family);
    if (keys.length === 0) return map;
    const changes = new Map<string, Target | undefined>();
    for (const key of keys) {
      const peerClass = classes.exact.get(key);
      changes.set(key, peerClass === undefined ? undefined : answerFor(peerClass));
    }
    return { ...map, elements: patchedMap(map.elements, changes), since: { from: new WeakRef(map), keys } };
  }
}

function withoutCapacity(name: string): string {
  return name.slice(0, name.lastIndexOf('_'));
}

/** The gate's ranges by prefix length; undefined where they are not prefixes of a few lengths. */
function prefixes(request: {
  readonly gate: NamedGate;
  readonly family: Family;
  readonly answerFor: (peerClass: PeerClass) => Target;
}): ReadonlyMap<number, ReadonlyMap<string, Target>> | undefined {
  const { gate, family, answerFor } = request;
  const lengths = new Map<number, Map<string, Target>>();
  for (const { range, peerClass } of gate.classes.intervals) {
    if (range.family !== family) continue;
    const cidrs = rangeCidrs(range);
    if (cidrs.length > mostPrefixesPerRange) return undefined;
    for (const cidr of cidrs) {
      const [address = '', length = ''] = cidr.split('/');
      if (length === '0') return undefined;
      const elements = lengths.get(Number(length)) ?? new Map<string, Target>();
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
