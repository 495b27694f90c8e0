// The chains of one class of peers: which decision a connection's service meets. A judgement reads the connection, not the
// packet (`ct reply proto-src` is the port the server really listens on, also behind NAT and for ICMP errors); only a
// connection's first packet meets the shorter lines that read its header. Every way ends in a decision.

import type { Decision } from '#agent-core/judge/decision.ts';
import { lastOfPlane, type Plane, planes, type ServiceMap, type Span } from '#model/service-map.ts';
import { type Ending, goto, type Rule, rule } from './rule.ts';

/** The chain of a decision, by the number it has on this host. */
export type ChainOf = (decision: Decision) => string;

const portPlanes = ['tcp', 'udp', 'sctp'] as const;

/** Which type answers which ICMP request: only requests begin a connection in conntrack. */
const icmpReplies: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
]);
const icmpv6Replies: ReadonlyMap<number, number> = new Map([
  [128, 129],
  [139, 140],
]);

/**
 * Conntrack makes a connection of ICMP's requests alone. Any other type that is no answer and no error about a connection it
 * knows is "invalid" to it, and is judged by its header (hook-chains.ts, stray).
 */
const withoutConnection = 'ct state invalid,untracked';

/** ICMP's numbers in the other family, where they are protocols like any other. */
const foreignIcmp = [
  [1, 'ipv6'],
  [58, 'ipv4'],
] as const;

/** How a rule ends that has found its decision: with a way to its chain, or with what stands there. */
export type EndingOf = (decision: Decision) => Ending;

/**
 * Up to here a service is compared with one after the other. Measured: a comparison adds 0.003 of a new connection's cost, a look-up in
 * a map of protocols and ports 0.036.
 */
const mostCompared = 10;

/**
 * The rules of a class's two chains: where its peers arrive, and, at `tupleChain`, what judges by the connection. The second is absent
 * where the first does both.
 */
export function classChains(request: {
  readonly services: ServiceMap<Decision>;
  readonly chainOf: ChainOf;
  /** Of the rules for first packets: no jump is the cheapest end. */
  readonly endingOf: EndingOf;
  readonly tupleChain: string;
}): { readonly rules: readonly Rule[]; readonly tupleRules?: readonly Rule[] } {
  const { services, chainOf, endingOf, tupleChain } = request;
  const last = lastDecision(services);
  const special = (plane: Plane) => services[plane].filter(({ value }) => value !== last);
  const tupleRules = judgedRules({ special, chainOf, last });
  const first = firstPacketRules({ special, chainOf, endingOf });
  if (first.length === 0) return { rules: tupleRules };
  // A reply's header would show the client's port as the service.
  const toTuple = goto(tupleChain);
  return { rules: [rule(['ct state != new'], toTuple), ...first, rule([], toTuple)], tupleRules };
}

/** How many rules of a class's chain end as `endingOf` says. */
export function countEndings(services: ServiceMap<Decision>): number {
  const last = lastDecision(services);
  return comparedSpans((plane) => services[plane].filter(({ value }) => value !== last)).length;
}

function judgedRules(request: {
  readonly special: Special;
  readonly chainOf: ChainOf;
  readonly last: Decision;
}): readonly Rule[] {
  const { special, chainOf, last } = request;
  return [
    ...portPlanes.flatMap((plane) => portRules(plane, special(plane), chainOf)),
    ...icmpRules({
      plane: 'icmp',
      protocol: 'icmp',
      family: 'ipv4',
      replies: icmpReplies,
      spans: special('icmp'),
      chainOf,
    }),
    // nft knows this spelling by itself; "ipv6-icmp" it looks up in /etc/protocols, which a minimal Debian lacks.
    ...icmpRules({
      plane: 'icmpv6',
      protocol: 'icmpv6',
      family: 'ipv6',
      replies: icmpv6Replies,
      spans: special('icmpv6'),
      chainOf,
    }),
    ...otherRules(special('other'), chainOf),
    rule([], goto(chainOf(last))),
  ];
}

/** The one decision of a class that decides all services alike. */
export function soleDecision(services: ServiceMap<Decision>): Decision | undefined {
  const last = lastDecision(services);
  return planes.every((plane) => services[plane].every(({ value }) => value === last)) ? last : undefined;
}

/** The decision that holds for most of the service space's odd corners: the chain's last word, so that it needs no rule of its own. */
function lastDecision(services: ServiceMap<Decision>): Decision {
  const widths = new Map<Decision, number>();
  for (const { low, high, value } of services.other) widths.set(value, (widths.get(value) ?? 0) + high - low + 1);
  const widest = [...widths].sort(([, a], [, b]) => b - a)[0];
  if (widest === undefined) throw new Error('a class of peers decides nothing: its service map is empty');
  return widest[0];
}

type Special = (plane: Plane) => readonly Span<Decision>[];

function firstPacketRules(request: {
  readonly special: Special;
  readonly chainOf: ChainOf;
  readonly endingOf: EndingOf;
}): readonly Rule[] {
  const { special, chainOf, endingOf } = request;
  const compared = comparedSpans(special);
  const isCompared = new Set(compared.map(({ span }) => span));
  const ways = portPlanes.flatMap((plane) =>
    special(plane)
      .filter((span) => !isCompared.has(span))
      .map(({ low, value }) => [`${plane} . ${low}`, goto(chainOf(value))] as const),
  );
  return [
    ...(ways.length === 0 ? [] : [rule([], { kind: 'choose', key: 'meta l4proto . th dport', ways })]),
    ...compared.map(({ match, span }) => rule(match, endingOf(span.value))),
  ];
}

/** Ranges, for what a range in a map would be (spanRules), and single ports while they are few. */
function comparedSpans(
  special: Special,
): readonly { readonly match: readonly string[]; readonly span: Span<Decision> }[] {
  const spans = portPlanes.flatMap((plane) => special(plane).map((span) => ({ plane, span })));
  const areFew = spans.length <= mostCompared;
  return spans
    .filter(({ span: { low, high } }) => areFew || low < high)
    .map(({ plane, span }) => ({
      match: [`meta l4proto ${plane}`, ...(isWhole(plane, span) ? [] : [`th dport ${spanText(span.low, span.high)}`])],
      span,
    }));
}

function portRules(
  plane: (typeof portPlanes)[number],
  spans: readonly Span<Decision>[],
  chainOf: ChainOf,
): readonly Rule[] {
  const [first] = spans;
  if (first === undefined) return [];
  if (isWhole(plane, first)) return [rule([`ct protocol ${plane}`], goto(chainOf(first.value)))];
  const match = [`meta l4proto { ${plane}, icmp, icmpv6 }`, `ct protocol ${plane}`];
  return spanRules({ match, key: 'ct reply proto-src' }, spans, chainOf);
}

/**
 * Single values in one map, each range in a rule of its own. A range inside a map would make it an interval set, whose content
 * Linux 6.18 shows to packets only after the rules that use it: for that moment what it grants is denied (8 to 15 datagrams lost
 * in 150 changes under traffic; none since). Costs a comparison a range, and classes have few.
 */
function spanRules(
  { match, key }: { readonly match: readonly string[]; readonly key: string },
  spans: readonly Span<Decision>[],
  chainOf: ChainOf,
): readonly Rule[] {
  const singles = spans.filter(({ low, high }) => low === high);
  const ways = singles.map(({ low, value }) => [String(low), goto(chainOf(value))] as const);
  return [
    ...(ways.length === 0 ? [] : [rule(match, { kind: 'choose', key, ways })]),
    ...spans
      .filter(({ low, high }) => low < high)
      .map(({ low, high, value }) => rule([...match, `${key} ${spanText(low, high)}`], goto(chainOf(value)))),
  ];
}

function icmpRules(request: {
  readonly plane: 'icmp' | 'icmpv6';
  readonly protocol: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly replies: ReadonlyMap<number, number>;
  readonly spans: readonly Span<Decision>[];
  readonly chainOf: ChainOf;
}): readonly Rule[] {
  const { plane, protocol, family, replies, spans, chainOf } = request;
  const [first] = spans;
  if (first === undefined) return [];
  const own = [`meta nfproto ${family}`, `ct protocol ${protocol}`];
  const stray = [withoutConnection, `meta nfproto ${family}`, `meta l4proto ${protocol}`];
  if (isWhole(plane, first)) {
    const way = goto(chainOf(first.value));
    return [rule(own, way), rule(stray, way)];
  }
  const answers = spans.flatMap(({ low, high, value }) =>
    [...replies]
      .filter(([asked]) => low <= asked && asked <= high)
      .map(([, answered]) => [String(answered), goto(chainOf(value))] as const),
  );
  // The other family may carry this protocol number too, and then it has no types: `own` asks for the family.
  const type = `${plane} type`;
  return [
    ...spanRules({ match: [...own, 'ct direction original'], key: type }, spans, chainOf),
    ...(answers.length === 0
      ? []
      : [rule([...own, 'ct direction reply'], { kind: 'choose', key: type, ways: answers })]),
    ...spanRules({ match: stray, key: type }, spans, chainOf),
  ];
}

/** Numbers 1 and 58 stand for ICMP's number in the other family; the right family's were decided above. */
function otherRules(spans: readonly Span<Decision>[], chainOf: ChainOf): readonly Rule[] {
  const rules: Rule[] = [];
  for (const { low, high, value } of spans) {
    const way = goto(chainOf(value));
    for (const [from, to] of withoutOwnPlanes(low, high)) rules.push(rule([`ct protocol ${spanText(from, to)}`], way));
    for (const [number, family] of foreignIcmp) {
      if (number < low || high < number) continue;
      rules.push(
        rule([`meta nfproto ${family}`, `ct protocol ${number}`], way),
        rule([withoutConnection, `meta nfproto ${family}`, `meta l4proto ${number}`], way),
      );
    }
  }
  return rules;
}

/** The parts of low–high that hold none of 1, 6, 17, 58 and 132, whose connections have rules of their own. */
function withoutOwnPlanes(low: number, high: number): readonly (readonly [number, number])[] {
  const parts: (readonly [number, number])[] = [];
  let from = low;
  for (const own of [1, 6, 17, 58, 132]) {
    if (own < from || own > high) continue;
    if (own > from) parts.push([from, own - 1]);
    from = own + 1;
  }
  if (from <= high) parts.push([from, high]);
  return parts;
}

function isWhole(plane: Plane, span: Span<Decision>): boolean {
  return span.low === 0 && span.high === lastOfPlane[plane];
}

function spanText(low: number, high: number): string {
  return low === high ? String(low) : `${low}-${high}`;
}
