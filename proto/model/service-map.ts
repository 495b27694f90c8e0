// A function from services to values, held as intervals: what a list of "first match decides" entries comes to. Painting
// fills only what is still empty, so entries are painted from the strongest to the weakest.

import type { Family } from './address.ts';
import { protocolNumbers, type Service, type ServiceTerm } from './service.ts';

/**
 * The service space as six axes: ports of tcp, udp and sctp; types of ICMP in IPv4 and of ICMPv6 in IPv6; and the number of
 * every other protocol, where 1 stands for ICMP's number in IPv6 and 58 for ICMPv6's in IPv4.
 */
export type Plane = 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6' | 'other';

export const planes: readonly Plane[] = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'other'];

export const lastOfPlane: Readonly<Record<Plane, number>> = {
  tcp: 65535,
  udp: 65535,
  sctp: 65535,
  icmp: 255,
  icmpv6: 255,
  other: 255,
};

/** low ≤ high, both inclusive. */
export interface Span<T> {
  readonly low: number;
  readonly high: number;
  readonly value: T;
}

/** Spans of each plane, sorted and disjoint; neighbours hold different values. */
export type ServiceMap<T> = Readonly<Record<Plane, readonly Span<T>[]>>;

interface Stretch {
  readonly plane: Plane;
  readonly low: number;
  readonly high: number;
}

/** Where a term lies in the service space. */
export function stretchesOf(term: ServiceTerm): readonly Stretch[] {
  switch (term.kind) {
    case 'any':
      return planes.map(wholePlane);
    case 'ports':
      return [{ plane: term.protocol, low: term.low, high: term.high }];
    case 'icmp':
    case 'icmpv6':
      return [term.type === 'any' ? wholePlane(term.kind) : { plane: term.kind, low: term.type, high: term.type }];
    case 'protocol':
      return protocolStretches(term.number);
  }
}

/** The point of a service in the space; an ICMP service of no known type is at type 0 (echo reply), which no one requests. */
export function pointOf(family: Family, service: Service): { readonly plane: Plane; readonly at: number } {
  switch (service.protocol) {
    case protocolNumbers.tcp:
      return { plane: 'tcp', at: service.port ?? 0 };
    case protocolNumbers.udp:
      return { plane: 'udp', at: service.port ?? 0 };
    case protocolNumbers.sctp:
      return { plane: 'sctp', at: service.port ?? 0 };
    case protocolNumbers.icmp:
      return family === 'ipv4' ? { plane: 'icmp', at: service.icmpType ?? 0 } : { plane: 'other', at: 1 };
    case protocolNumbers.icmpv6:
      return family === 'ipv6' ? { plane: 'icmpv6', at: service.icmpType ?? 0 } : { plane: 'other', at: 58 };
    default:
      return { plane: 'other', at: service.protocol };
  }
}

/** Fills a ServiceMap from the strongest entry to the weakest. Values are compared by identity. */
export class ServicePainter<T> {
  readonly #spans: Record<Plane, Span<T>[]> = { tcp: [], udp: [], sctp: [], icmp: [], icmpv6: [], other: [] };
  #isFull = false;

  /** Gives `value` to the part of the term that has none yet. */
  paint(term: ServiceTerm, value: T): void {
    if (this.#isFull) return;
    for (const { plane, low, high } of stretchesOf(term)) this.#fill(plane, low, high, value);
    if (term.kind === 'any') this.#isFull = true;
  }

  finish(): ServiceMap<T> {
    return mapPlanes((plane) => joinNeighbours(this.#spans[plane]));
  }

  #fill(plane: Plane, low: number, high: number, value: T): void {
    const spans = this.#spans[plane];
    const first = firstEndingAt(spans, low);
    const filled: Span<T>[] = [];
    let last = first;
    let from = low;
    for (let span = spans[last]; span !== undefined && span.low <= high; span = spans[last]) {
      if (span.low > from) filled.push({ low: from, high: span.low - 1, value });
      filled.push(span);
      from = span.high + 1;
      last += 1;
    }
    if (from <= high) filled.push({ low: from, high, value });
    // In place where little changes: a class with 10,000 grants is painted one port at a time.
    if (filled.length <= 16) spans.splice(first, last - first, ...filled);
    else this.#spans[plane] = [...spans.slice(0, first), ...filled, ...spans.slice(last)];
  }
}

/** The place of the first span that does not end before `at`. */
function firstEndingAt<T>(spans: readonly Span<T>[], at: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const span = spans[middle];
    if (span !== undefined && span.high < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function lookUp<T>(map: ServiceMap<T>, family: Family, service: Service): T | undefined {
  const { plane, at } = pointOf(family, service);
  const spans = map[plane];
  const span = spans[firstEndingAt(spans, at)];
  return span !== undefined && span.low <= at ? span.value : undefined;
}

/** The map whose value at each point is combine(a's, b's); points that are empty in `a` stay empty. */
export function overlay<A, B, T>(
  a: ServiceMap<A>,
  b: ServiceMap<B>,
  combine: (a: A, b: B | undefined) => T,
): ServiceMap<T> {
  return mapPlanes((plane) => {
    const spans: Span<T>[] = [];
    for (const { low, high, value } of a[plane]) {
      let from = low;
      const overs = b[plane];
      for (let at = firstEndingAt(overs, low); at < overs.length; at += 1) {
        const over = overs[at];
        if (over === undefined || over.low > high) break;
        if (over.low > from) spans.push({ low: from, high: over.low - 1, value: combine(value, undefined) });
        const start = Math.max(from, over.low);
        const end = Math.min(high, over.high);
        spans.push({ low: start, high: end, value: combine(value, over.value) });
        from = end + 1;
      }
      if (from <= high) spans.push({ low: from, high, value: combine(value, undefined) });
    }
    return joinNeighbours(spans);
  });
}

/** Whether some point holds values that the test accepts as a pair; both maps are taken as total. */
export function somePoint<A, B>(a: ServiceMap<A>, b: ServiceMap<B>, accepts: (a: A, b: B) => boolean): boolean {
  for (const plane of planes) {
    const [lefts, rights] = [a[plane], b[plane]];
    let [atLeft, atRight] = [0, 0];
    for (;;) {
      const [left, right] = [lefts[atLeft], rights[atRight]];
      if (left === undefined || right === undefined) break;
      if (left.low <= right.high && right.low <= left.high && accepts(left.value, right.value)) return true;
      if (left.high <= right.high) atLeft += 1;
      else atRight += 1;
    }
  }
  return false;
}

function mapPlanes<T>(make: (plane: Plane) => readonly Span<T>[]): ServiceMap<T> {
  return {
    tcp: make('tcp'),
    udp: make('udp'),
    sctp: make('sctp'),
    icmp: make('icmp'),
    icmpv6: make('icmpv6'),
    other: make('other'),
  };
}

function joinNeighbours<T>(spans: readonly Span<T>[]): readonly Span<T>[] {
  const joined: Span<T>[] = [];
  for (const span of spans) {
    const last = joined.at(-1);
    if (last !== undefined && last.value === span.value && last.high + 1 === span.low) {
      joined[joined.length - 1] = { ...last, high: span.high };
    } else {
      joined.push(span);
    }
  }
  return joined;
}

function wholePlane(plane: Plane): Stretch {
  return { plane, low: 0, high: lastOfPlane[plane] };
}

function protocolStretches(number: number): readonly Stretch[] {
  const other = { plane: 'other', low: number, high: number } as const;
  switch (number) {
    case protocolNumbers.tcp:
      return [wholePlane('tcp')];
    case protocolNumbers.udp:
      return [wholePlane('udp')];
    case protocolNumbers.sctp:
      return [wholePlane('sctp')];
    case protocolNumbers.icmp:
      return [wholePlane('icmp'), other];
    case protocolNumbers.icmpv6:
      return [wholePlane('icmpv6'), other];
    default:
      return [other];
  }
}
