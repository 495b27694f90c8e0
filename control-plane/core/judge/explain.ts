// The way to a verdict, for a reader: each end, each layer in docs/reference/policy.md's order, and every segment, rule
// and guardrail that was considered, with why it did or did not hit. The verdict itself is the oracle's; this adds the
// reasons.

import { familyOf } from '#model/address.ts';
import { serviceTermText, termMatches } from '#model/service.ts';
import { type Direction, type End, type EnforcementMode, joinEnds, type Verdict } from '#model/verdict.ts';
import type { Guardrail, Peer, Query, Rule, Segment, Workload, WorkloadQuarantine } from '#policy/policy/policy.ts';
import { ruleTimeAt } from '#policy/policy/time-window.ts';
import { quarantineOver } from './cut-off.ts';
import {
  type EndQuery,
  type Matching,
  type Membership,
  membershipIn,
  type RuleAddress,
  rulesInOrder,
  type Side,
} from './matching.ts';
import { traceSelector } from './selector-trace.ts';

export type LayerName = 'essential' | 'quarantine' | 'guardrail' | 'mode' | 'rule' | 'default';

/** `decides` ended it, `passes` went on to the next, `not-reached` came after the end. */
export interface LayerTrace {
  readonly layer: LayerName;
  readonly outcome: 'decides' | 'passes' | 'not-reached';
  readonly why: string;
}

/** One peer, or one service term, held against the connection. */
export interface MatchTrace {
  readonly what: string;
  readonly matches: boolean;
  readonly why: string;
}

export interface ListTrace {
  readonly matches: boolean;
  readonly entries: readonly MatchTrace[];
}

/** `hits` of a rule is that it grants at this end: it hits, and the workload is a member of its segment. */
export interface RuleTrace extends RuleAddress {
  readonly hits: boolean;
  readonly from: ListTrace;
  readonly to: ListTrace;
  readonly services: ListTrace;
  readonly time: MatchTrace;
  /** The rule's own reason, as ticket or sentence. */
  readonly note?: string;
}

export interface SegmentTrace {
  readonly segment: string;
  readonly combination?: string;
  readonly isMember: boolean;
  readonly why: string;
  /** The segment's mode in this direction. */
  readonly mode: EnforcementMode;
  /** Empty where the workload is no member: the rules of others grant it nothing. */
  readonly rules: readonly RuleTrace[];
}

export interface GuardrailTrace {
  readonly guardrail: string;
  readonly mode: 'observe' | 'enforce';
  readonly hits: boolean;
  readonly entries: readonly {
    readonly from: ListTrace;
    readonly to: ListTrace;
    readonly services: ListTrace;
    readonly hits: boolean;
  }[];
}

export interface EndExplanation {
  readonly direction: Direction;
  readonly address: string;
  readonly workload?: string;
  /**
   * The virtual workload that has the address: the end is judged as each of `holders`, and `workload` is the one that
   * decides.
   */
  readonly virtual?: string;
  readonly holders?: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly end: End;
  readonly mode?: EnforcementMode;
  readonly layers: readonly LayerTrace[];
  readonly guardrails: readonly GuardrailTrace[];
  readonly segments: readonly SegmentTrace[];
  /** All rules that grant, in order; the verdict names the first. */
  readonly granting: readonly RuleAddress[];
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly outbound: EndExplanation;
  readonly inbound: EndExplanation;
}

export interface ExplainInput {
  readonly query: Query;
  readonly endpointOf: (direction: Direction) => ExplainedEndpoint;
}

/**
 * An end, and the workload as which it was judged; of several that may hold a virtual workload's address, the one that
 * decides.
 */
export interface ExplainedEndpoint {
  readonly end: End;
  readonly workload: Workload | undefined;
  readonly virtual?: Workload;
  readonly holders?: readonly Workload[];
}

export function explainQuery(matching: Matching, input: ExplainInput): Explanation {
  const outbound = explainEnd(matching, input, 'outbound');
  const inbound = explainEnd(matching, input, 'inbound');
  return { verdict: joinEnds(outbound.end, inbound.end), outbound, inbound };
}

function explainEnd(matching: Matching, { query, endpointOf }: ExplainInput, direction: Direction): EndExplanation {
  const { workload, end, virtual, holders = [] } = endpointOf(direction);
  const base = {
    direction,
    address: direction === 'outbound' ? query.src : query.dst,
    ...(workload === undefined ? {} : { workload: workload.name }),
    ...(virtual === undefined ? {} : { virtual: virtual.name, holders: holders.map(({ name }) => name) }),
    labels: Object.fromEntries(workload?.labels ?? []),
    end,
  };
  if (workload === undefined || end.reason === 'unmanaged') {
    return { ...base, layers: [], guardrails: [], segments: [], granting: [] };
  }
  const own = { query, direction, workload };
  const guardrails = [...matching.policy.guardrails.values()].map((guardrail) =>
    traceGuardrail(matching, guardrail, own),
  );
  const segments = [...matching.policy.segments.values()].map((segment) => traceSegment(matching, segment, own));
  const granting = segments.flatMap(({ rules }) => rules.filter(({ hits }) => hits).map(ruleAddress));
  const mode = matching.modeOf(workload, direction);
  const sides = matching.sidesOf(own);
  const layers = traceLayers({
    workload,
    remoteQuarantine: quarantineOver((direction === 'outbound' ? sides.to : sides.from).candidates),
    end,
    mode,
    guardrails,
    granting,
    isInSegment: segments.some(({ isMember }) => isMember),
  });
  return { ...base, mode, layers, guardrails, segments, granting };
}

function ruleAddress({ segment, combination, rule }: RuleTrace): RuleAddress {
  return { segment, ...(combination === undefined ? {} : { combination }), rule };
}

interface LayerInput {
  readonly workload: Workload;
  readonly remoteQuarantine: WorkloadQuarantine | undefined;
  readonly end: End;
  readonly mode: EnforcementMode;
  readonly guardrails: readonly GuardrailTrace[];
  readonly granting: readonly RuleAddress[];
  readonly isInSegment: boolean;
}

const layerOrder: readonly LayerName[] = ['essential', 'quarantine', 'guardrail', 'mode', 'rule', 'default'];

function traceLayers(input: LayerInput): readonly LayerTrace[] {
  const decisive: LayerName =
    input.end.reason === 'off' ? 'mode' : (layerOrder.find((layer) => layer === input.end.reason) ?? 'default');
  const last = layerOrder.indexOf(decisive);
  return layerOrder.map((layer, index) => {
    if (index > last) return { layer, outcome: 'not-reached', why: '' };
    return { layer, outcome: index === last ? 'decides' : 'passes', why: layerReason(layer, input) };
  });
}

function layerReason(layer: LayerName, input: LayerInput): string {
  const { end, mode, guardrails, granting, isInSegment } = input;
  const hitting = guardrails.filter(({ hits }) => hits);
  switch (layer) {
    case 'essential':
      return end.reason === 'essential'
        ? 'source and destination are the same workload'
        : 'not loopback; the host’s own essential settings are not known offline';
    case 'quarantine':
      return quarantineReason(input);
    case 'guardrail':
      if (hitting.length === 0)
        return guardrails.length === 0 ? 'there are no guardrails' : `none of ${guardrails.length} hits`;
      return hitting.map(({ guardrail, mode: own }) => `"${guardrail}" hits, and its mode is ${own}`).join('; ');
    case 'mode':
      if (!isInSegment) return 'no segment selects the workload: observe';
      return mode === 'off'
        ? 'the strictest mode of its segments is off: no rules are installed'
        : `the strictest mode of its segments is ${mode}`;
    case 'rule':
      if (granting.length === 0) return 'no rule of its segments grants';
      return `granted by ${granting.map(ruleText).join(', ')}${end.guardrail === undefined ? '' : `, against the observing guardrail "${end.guardrail}"`}`;
    case 'default':
      return defaultReason(end, mode);
  }
}

/** The workload's own quarantine is asked before the remote side's. */
function quarantineReason({ workload: { quarantine: own }, remoteQuarantine: remote, end }: LayerInput): string {
  const parts: string[] = [];
  const isDenied = end.reason === 'quarantine';
  const isByOwn = isDenied && own !== undefined && end.quarantine === own.name;
  if (own !== undefined)
    parts.push(`quarantined as "${own.name}"; the remote side is ${isByOwn ? 'none' : 'one'} of its exempted peers`);
  if (remote !== undefined && !isByOwn)
    parts.push(
      `the remote side is quarantined as "${remote.name}"; this workload is ${isDenied ? 'none' : 'one'} of its exempted peers`,
    );
  return parts.length === 0 ? 'not quarantined' : parts.join('; ');
}

function defaultReason(end: End, mode: EnforcementMode): string {
  if (end.verdict === 'deny') {
    return mode === 'enforce'
      ? `segment "${end.segment}" enforces`
      : `the service is among the selective services of segment "${end.segment}"`;
  }
  return mode === 'selective'
    ? 'the service is not selective: it passes, and is recorded'
    : `mode ${mode}: it passes, and is recorded`;
}

export function ruleText({ segment, combination, rule }: RuleAddress): string {
  return `${segment}/${rule}${combination === undefined ? '' : ` (${combination})`}`;
}

function traceSegment(matching: Matching, segment: Segment, end: EndQuery): SegmentTrace {
  const membership = membershipIn(segment, end.workload);
  const base = {
    segment: segment.name,
    ...(membership?.combination === undefined ? {} : { combination: membership.combination }),
    isMember: membership !== undefined,
    why: membershipReason(segment, end.workload),
    mode: segment[end.direction],
  };
  if (membership === undefined) return { ...base, rules: [] };
  return { ...base, rules: rulesInOrder(segment).map((rule) => traceRule(matching, { rule, membership, end })) };
}

function membershipReason(segment: Segment, workload: Workload): string {
  const { matches, terms } = traceSelector(segment.selector, workload.labels);
  if (!matches) return `not selected: ${terms.join(', ')}`;
  const missing = segment.each.filter((key) => !workload.labels.has(key));
  if (missing.length > 0) return `selected, but it lacks ${missing.join(' and ')}, which "each" needs`;
  return `selected: ${terms.join(', ')}`;
}

export interface RuleQuestion {
  readonly rule: Rule;
  readonly membership: Membership;
  readonly end: EndQuery;
}

export function traceRule(matching: Matching, { rule, membership, end }: RuleQuestion): RuleTrace {
  const { segment, combination } = membership;
  const sides = matching.sidesOf(end);
  const from = tracePeers(matching, { peers: rule.from, side: sides.from, scope: membership });
  const to = tracePeers(matching, { peers: rule.to, side: sides.to, scope: membership });
  const services = traceServices(rule.services, end.query);
  const time = traceTime(rule, end.query);
  return {
    segment: segment.name,
    ...(combination === undefined ? {} : { combination }),
    rule: rule.name,
    hits: from.matches && to.matches && services.matches && time.matches,
    from,
    to,
    services,
    time,
    ...(rule.reason === undefined ? {} : { note: rule.reason }),
  };
}

function traceGuardrail(matching: Matching, guardrail: Guardrail, end: EndQuery): GuardrailTrace {
  const sides = matching.sidesOf(end);
  const entries = guardrail.deny.map((entry) => {
    const from = tracePeers(matching, { peers: entry.from, side: sides.from, scope: undefined });
    const to = tracePeers(matching, { peers: entry.to, side: sides.to, scope: undefined });
    const services = traceServices(entry.services, end.query);
    return { from, to, services, hits: from.matches && to.matches && services.matches };
  });
  return { guardrail: guardrail.name, mode: guardrail.mode, hits: entries.some(({ hits }) => hits), entries };
}

interface PeersQuestion {
  readonly peers: readonly Peer[];
  readonly side: Side;
  readonly scope: Membership | undefined;
}

function tracePeers(matching: Matching, { peers, side, scope }: PeersQuestion): ListTrace {
  const entries = peers.map((peer) => ({
    what: peerText(peer),
    matches: matching.peerMatches(peer, side, scope),
    why: peerReason(matching, peer, { side, scope }),
  }));
  return { matches: entries.some(({ matches }) => matches), entries };
}

export function peerText(peer: Peer): string {
  switch (peer.kind) {
    case 'any':
      return 'any';
    case 'workloads':
    case 'tenant':
      return `${peer.kind}: ${peer.text}`;
    case 'segment':
      return `segment ${peer.segment}${peer.selector === undefined ? '' : `, workloads: ${peer.text}`}`;
    case 'ranges':
      return peer.source;
    case 'fqdn':
      return `fqdn ${peer.name}`;
  }
}

function peerReason(
  matching: Matching,
  peer: Peer,
  { side, scope }: { readonly side: Side; readonly scope: Membership | undefined },
): string {
  switch (peer.kind) {
    case 'any':
      return 'any address';
    case 'ranges':
      return `${side.address} is ${matching.peerMatches(peer, side, scope) ? '' : 'not '}in it`;
    case 'fqdn':
      return `${side.address} is ${matching.peerMatches(peer, side, scope) ? '' : 'not '}among what it resolved to`;
    default:
      if (side.candidates.length === 0) return `no workload holds ${side.address}`;
      return side.candidates
        .map((workload) => `${workload.name}: ${workloadReason(matching, peer, { workload, scope })}`)
        .join('; ');
  }
}

type SelectorPeer = Extract<Peer, { kind: 'workloads' | 'segment' | 'tenant' }>;

function workloadReason(
  matching: Matching,
  peer: SelectorPeer,
  { workload, scope }: { readonly workload: Workload; readonly scope: Membership | undefined },
): string {
  if (peer.kind === 'workloads' && scope !== undefined && !matching.isMember(workload, scope)) {
    return scope.combination === undefined
      ? `no member of ${scope.segment.name}`
      : `no member of ${scope.segment.name} (${scope.combination})`;
  }
  if (peer.kind === 'segment' && matching.standingOf(workload).membershipIn(peer.segment) === undefined) {
    return `no member of ${peer.segment}`;
  }
  if (peer.selector === undefined) return `a member of ${peer.kind === 'segment' ? peer.segment : 'the tenant'}`;
  const { matches, terms } = traceSelector(peer.selector, workload.labels);
  return `${matches ? 'matches' : 'fails'} ${terms.join(', ')}`;
}

function traceServices(terms: Rule['services'], query: Query): ListTrace {
  const family = familyOf(query.src);
  const entries = terms.map((term) => {
    const matches = termMatches(term, family, query.service);
    return { what: serviceTermText(term), matches, why: matches ? 'matches' : 'another service' };
  });
  return { matches: entries.some(({ matches }) => matches), entries };
}

function traceTime(rule: Rule, { at }: Query): MatchTrace {
  const state = ruleTimeAt(rule, at);
  const parts: string[] = [];
  if (rule.expiresAt !== undefined) parts.push(`expires ${new Date(rule.expiresAt).toISOString()}`);
  if (rule.when !== undefined) {
    const { days, fromMinute, toMinute, zone } = rule.when;
    parts.push(`${[...days].join(',')} ${clock(fromMinute)}-${clock(toMinute)} ${zone}`);
  }
  const what = parts.length === 0 ? 'always' : parts.join('; ');
  const why = { 'in-force': 'in force', expired: 'expired', 'outside-window': 'outside its window' }[state];
  return { what, matches: state === 'in-force', why: `${why} at ${new Date(at).toISOString()}` };
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}
