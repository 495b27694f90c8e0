// Rules for a segment, made of observed flows: applied and enforced, they let pass exactly the connections that were seen, between
// workloads (all addresses of both ends) and by service. A rule that would grant anything more at any member is never proposed:
// it is cut smaller, down to single addresses, and what even then cannot be said is listed instead.

import type { Address } from '#model/address.ts';
import { bitsOf, familyOf } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { sumCounts } from '#model/counts.ts';
import type { Selector } from '#model/selector.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Inventory, Peer, Policy, Rule, Segment, Workload } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { conjunction, splitByLabels } from '#policy/select/exact-selector.ts';
import { ascending, LabelIndex, type WorkloadNumber } from '#policy/select/label-index.ts';
import { type Combination, SegmentMembers } from '#policy/select/segment-members.ts';
import type { OneEnd } from './flow-evidence.ts';
import { GrantBounds } from './grant-bounds.ts';
import { groupPairs, type Rectangle } from './group-pairs.ts';
import type { ObservedFlow } from './observed-flow.ts';
import {
  compileEnforced,
  type Entity,
  type Evidence,
  type LeftFlow,
  namesOf,
  type Pair,
  pairFlows,
} from './observed-pairs.ts';
import { nameRules } from './rule-name.ts';

export interface SuggestRequest {
  readonly policy: Policy;
  readonly inventory: Inventory;
  /** A segment of the policy; the caller has looked. */
  readonly segment: string;
  readonly flows: readonly ObservedFlow[];
  /** Workloads that no rule is ever proposed for, at either end. */
  readonly exclude?: Selector;
  /** Whether peers that are no known workload become CIDR rules, or are only listed (the default). */
  readonly outside?: 'comment' | 'include';
  /** Whether flows that were denied become rules too, or are only listed (the default). */
  readonly denied?: 'comment' | 'include';
  /** Hosts whose agents are connected now; all, where it is not given. */
  readonly connected?: ReadonlySet<string>;
  /** When rules already there are judged, by their expiry and `when`; the last sighting of a flow by default. */
  readonly now?: Millis;
}

/** A pair of two managed hosts that one end alone reported. */
export interface OneSidedPair extends OneEnd {
  readonly client: string;
  readonly server: string;
  readonly service: string;
}

/**
 * `clients` and `servers` are how many distinct ones were seen. `ends` says how many of its pairs of two managed hosts both ends
 * reported: all, some or none; absent where it has no such pairs.
 */
export interface SuggestedRule extends Evidence {
  readonly name: string;
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  readonly services: readonly ServiceTerm[];
  readonly clients: number;
  readonly servers: number;
  /** Hosts that reported any of it, in order. */
  readonly reporters: readonly string[];
  readonly ends?: 'both' | 'some' | 'one';
  readonly oneSided: readonly OneSidedPair[];
  /** Services that clients asked for by another port: "tcp/8080", and which. In order; one entry for each pair of ports. */
  readonly asked: readonly { readonly service: string; readonly askedFor: string }[];
}

/** `left` are flows of the segment's members that no rule is proposed for, with the reason; `unsaid` pairs no exact rule exists for. */
export interface Suggestion {
  readonly segment: Segment;
  readonly rules: readonly SuggestedRule[];
  readonly left: readonly LeftFlow[];
  readonly unsaid: readonly { readonly client: string; readonly server: string; readonly service: string }[];
  /** Flows that the segment's rules allow already. */
  readonly coveredFlows: number;
}

/** Throws for a segment that is not in the policy. */
export function suggestRules(request: SuggestRequest): Suggestion {
  const { policy, inventory, flows } = request;
  const segment = policy.segments.get(request.segment);
  if (segment === undefined) throw new Error(`no segment is named ${request.segment}`);
  const index = new LabelIndex(inventory.workloads.values());
  const segments = new SegmentMembers(policy, index);
  const combinations = segments.combinationsOf(segment.name);
  const now = request.now ?? millis(flows.reduce((last, { lastSeenAt }) => Math.max(last, lastSeenAt), 0));
  const enforced = compileEnforced(policy, inventory, now);
  const { pairs, left, coveredFlows } = pairFlows({
    inventory,
    index,
    flows,
    enforced,
    isMember: (workload) => combinations.some(({ members }) => members.has(workload)),
    connected: request.connected,
    exclude: request.exclude,
    outside: request.outside ?? 'comment',
    denied: request.denied ?? 'comment',
  });
  const bounds = new GrantBounds({ index, segments, inventory, enforced, combinations, pairs });
  const drafts = new Drafts();
  const unsaid: Pair[] = [];
  for (const combination of combinations) {
    for (const group of groupsOf(combination, pairs)) {
      for (const rectangle of groupPairs(group.pairs)) {
        const wording = { combination, index, term: group.term, bounds, localSide: group.localSide };
        const seen = group.pairs.filter((pair) => isWithin(rectangle, pair));
        for (const { draft, pairs: said } of wordRectangle(rectangle, wording, seen)) {
          if (draft === undefined) unsaid.push(...said);
          else drafts.add(draft, group.term, said);
        }
      }
    }
  }
  return {
    segment,
    rules: nameRules({
      rules: drafts.all(index.workloads),
      taken: segment.rules.map(({ name }) => name),
      holderName: (address) => index.workloads.find(({ addresses }) => addresses.includes(address))?.name,
    }),
    left,
    unsaid: unsaid.map(({ client, server, term }) => ({
      client: namesOf(client, index.workloads),
      server: namesOf(server, index.workloads),
      service: serviceTermText(term),
    })),
    coveredFlows,
  };
}

/** The policy with the suggestion taken up: what `plan` judges before a file is written. */
export function applySuggestion(policy: Policy, { segment, rules }: Suggestion): Policy {
  const added = rules.map(
    ({ name, from, to, services }): Rule => ({ name, from, to, services, position: segment.position }),
  );
  const segments = new Map(policy.segments);
  segments.set(segment.name, { ...segment, rules: [...segment.rules, ...added] });
  return { ...policy, segments };
}

/** Which side of a group's pairs are members of the combination. */
type LocalSide = 'both' | 'clients' | 'servers';

interface PairGroup {
  readonly term: ServiceTerm;
  readonly localSide: LocalSide;
  readonly pairs: readonly Pair[];
}

/**
 * A combination's pairs by service, and by whether they stay inside, leave or enter; outsiders apart from known workloads. To a group all leave
 * where the sender is a member, whoever listens: one rule opens both ends.
 */
function groupsOf(combination: Combination, pairs: readonly Pair[]): readonly PairGroup[] {
  const groups = new Map<string, { term: ServiceTerm; localSide: LocalSide; pairs: Pair[] }>();
  const isLocal = (entity: Entity) => typeof entity === 'number' && combination.members.has(entity);
  for (const pair of pairs) {
    const isClientLocal = isLocal(pair.client);
    const isServerLocal = isLocal(pair.server) || (!isClientLocal && [...pair.listeners].some(isLocal));
    if (!isClientLocal && !isServerLocal) continue;
    const localSide = isClientLocal && isServerLocal ? 'both' : isClientLocal ? 'clients' : 'servers';
    const remote = localSide === 'clients' ? pair.server : pair.client;
    const key = `${serviceTermText(pair.term)} ${localSide} ${typeof remote}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { term: pair.term, localSide, pairs: [pair] });
    else group.pairs.push(pair);
  }
  return sortedByCodeUnits(groups.keys()).flatMap((key) => groups.get(key) ?? []);
}

interface Draft {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
}

interface Wording {
  readonly combination: Combination;
  readonly index: LabelIndex;
  readonly term: ServiceTerm;
  readonly bounds: GrantBounds;
  readonly localSide: LocalSide;
}

interface Worded {
  readonly draft: Draft | undefined;
  readonly pairs: readonly Pair[];
}

/**
 * From the most readable wording to the narrowest: by labels; by labels held to this combination of the segment; each pair by
 * itself; each pair by its addresses. The first that grants nothing unseen is taken.
 */
function wordRectangle(rectangle: Rectangle<Entity>, wording: Wording, pairs: readonly Pair[]): readonly Worded[] {
  const whole = wordings(rectangle, wording).find((draft) => wording.bounds.holds(draft, wording.term));
  if (whole !== undefined) return [{ draft: whole, pairs }];
  return pairs.map((pair) => {
    const single = { clients: [pair.client], servers: [pair.server] };
    const draft = [...wordings(single, wording), byAddresses(single, wording)].find((candidate) =>
      wording.bounds.holds(candidate, wording.term),
    );
    return { draft, pairs: [pair] };
  });
}

function wordings(rectangle: Rectangle<Entity>, wording: Wording): readonly Draft[] {
  const { segment, members } = wording.combination;
  const [firstMember] = members;
  const labels = firstMember === undefined ? undefined : wording.index.workloads[firstMember]?.labels;
  const held = segment.each.flatMap((key): Selector[] => {
    const value = labels?.get(key);
    return value === undefined ? [] : [{ kind: 'in', key, values: new Set([value]) }];
  });
  const draft = (conditions: readonly Selector[]): Draft => ({
    from: peersFor(rectangle.clients, { ...wording, conditions, isLocal: wording.localSide !== 'servers' }),
    to: peersFor(rectangle.servers, { ...wording, conditions, isLocal: wording.localSide !== 'clients' }),
  });
  return held.length === 0 ? [draft([])] : [draft([]), draft(held)];
}

interface SideWording extends Wording {
  readonly conditions: readonly Selector[];
  readonly isLocal: boolean;
}

/** Members as `{ workloads }`, other workloads as `{ tenant }`, whoever no selector tells apart and outsiders as CIDRs. */
function peersFor(entities: readonly Entity[], wording: SideWording): readonly Peer[] {
  const { index, combination, conditions, isLocal } = wording;
  const known = entities.filter((entity): entity is WorkloadNumber => typeof entity === 'number');
  const unknown = entities.filter((entity): entity is Address => typeof entity === 'string');
  const numbers = ascending(isLocal ? combination.members : index.everyone);
  const peers: Peer[] = [];
  if (known.length > 0) {
    for (const { selector, targets } of splitByLabels(known, { workloads: index.workloads, numbers })) {
      if (selector === undefined) peers.push(...targets.flatMap((target) => addressPeers(target, index)));
      else if (isLocal) peers.push(selectorPeer('workloads', withConditions(selector, conditions)));
      else peers.push(selectorPeer('tenant', selector));
    }
  }
  return [...peers, ...unknown.map(addressPeer)];
}

function byAddresses({ clients, servers }: Rectangle<Entity>, { index }: Wording): Draft {
  const peers = (entities: readonly Entity[]) =>
    entities.flatMap((entity) => (typeof entity === 'string' ? [addressPeer(entity)] : addressPeers(entity, index)));
  return { from: peers(clients), to: peers(servers) };
}

function addressPeers(workload: WorkloadNumber, index: LabelIndex): readonly Peer[] {
  return sortedByCodeUnits(index.workloads[workload]?.addresses ?? []).map(addressPeer);
}

function addressPeer(address: Address): Peer {
  return { kind: 'ranges', ranges: [rangeOf(address)], source: `${address}/${bitsOf(familyOf(address))}` };
}

function selectorPeer(kind: 'workloads' | 'tenant', selector: Selector): Peer {
  return { kind, selector, text: selectorText(selector) };
}

/** Conditions on keys that the selector already names would say the same twice. */
function withConditions(selector: Selector, conditions: readonly Selector[]): Selector {
  if (conditions.length === 0) return selector;
  const terms = selector.kind === 'and' ? selector.terms : selector.kind === 'all' ? [] : [selector];
  const named = new Set(terms.flatMap((term) => (term.kind === 'in' ? [term.key] : [])));
  return conjunction([
    ...conditions.filter((condition) => condition.kind !== 'in' || !named.has(condition.key)),
    ...terms,
  ]);
}

function isWithin({ clients, servers }: Rectangle<Entity>, { client, server }: Pair): boolean {
  return clients.includes(client) && servers.includes(server);
}

/** Equal peers on both sides become one rule with all their services, and what was seen of each is added up. */
class Drafts {
  readonly #byPeers = new Map<string, { draft: Draft; terms: Map<string, ServiceTerm>; pairs: Set<Pair> }>();

  add(draft: Draft, term: ServiceTerm, pairs: readonly Pair[]): void {
    const key = `${peersKey(draft.from)} -> ${peersKey(draft.to)}`;
    const known = this.#byPeers.get(key) ?? { draft, terms: new Map(), pairs: new Set() };
    known.terms.set(serviceTermText(term), term);
    for (const pair of pairs) known.pairs.add(pair);
    this.#byPeers.set(key, known);
  }

  all(workloads: readonly Workload[]): readonly Omit<SuggestedRule, 'name'>[] {
    return [...this.#byPeers]
      .sort(([a, left], [b, right]) => addressCount(left.draft) - addressCount(right.draft) || compareCodeUnits(a, b))
      .map(([, { draft, terms, pairs }]) => {
        const seen = [...pairs];
        return {
          ...draft,
          services: joinPorts([...terms.values()].sort(compareTerms)),
          connections: sumCounts(seen.map(({ connections }) => connections)),
          firstSeenAt: millis(Math.min(...seen.map(({ firstSeenAt }) => firstSeenAt))),
          lastSeenAt: millis(Math.max(...seen.map(({ lastSeenAt }) => lastSeenAt))),
          clients: new Set(seen.map(({ client }) => client)).size,
          servers: new Set(seen.map(({ server }) => server)).size,
          ...sidesOf(seen, workloads),
          asked: askedOf(seen),
        };
      });
  }
}

function sidesOf(
  pairs: readonly Pair[],
  workloads: readonly Workload[],
): Pick<SuggestedRule, 'reporters' | 'ends' | 'oneSided'> {
  const reporters = sortedByCodeUnits(new Set(pairs.flatMap((pair) => pair.reporters)));
  const oneSided = pairs.flatMap(({ client, server, term, ends }): OneSidedPair[] => {
    if (ends === undefined || ends === 'both') return [];
    const names = { client: namesOf(client, workloads), server: namesOf(server, workloads) };
    return [{ ...names, service: serviceTermText(term), ...ends }];
  });
  const askable = pairs.filter(({ ends }) => ends !== undefined).length;
  if (askable === 0) return { reporters, oneSided };
  return { reporters, ends: oneSided.length === 0 ? 'both' : oneSided.length < askable ? 'some' : 'one', oneSided };
}

function askedOf(pairs: readonly Pair[]): SuggestedRule['asked'] {
  const found = new Map<string, { readonly service: string; readonly askedFor: string }>();
  for (const { term, askedPorts } of pairs) {
    if (term.kind !== 'ports') continue;
    for (const port of askedPorts) {
      const service = serviceTermText(term);
      found.set(`${service} ${port}`, { service, askedFor: `${term.protocol}/${port}` });
    }
  }
  return sortedByCodeUnits(found.keys()).flatMap((key) => found.get(key) ?? []);
}

/** Rules in words come before rules in addresses. */
function addressCount({ from, to }: Draft): number {
  return [...from, ...to].filter(({ kind }) => kind === 'ranges').length;
}

function compareTerms(a: ServiceTerm, b: ServiceTerm): number {
  if (a.kind === 'ports' && b.kind === 'ports' && a.protocol === b.protocol) return a.low - b.low;
  return compareCodeUnits(serviceTermText(a), serviceTermText(b));
}

/** Runs of neighbouring ports become one range: the same services in fewer words. */
function joinPorts(sorted: readonly ServiceTerm[]): readonly ServiceTerm[] {
  const joined: ServiceTerm[] = [];
  for (const term of sorted) {
    const last = joined.at(-1);
    const isNext =
      term.kind === 'ports' && last?.kind === 'ports' && last.protocol === term.protocol && term.low === last.high + 1;
    if (isNext) joined[joined.length - 1] = { ...last, high: term.high };
    else joined.push(term);
  }
  return joined;
}

function peersKey(peers: readonly Peer[]): string {
  return peers
    .map((peer) => (peer.kind === 'ranges' ? peer.source : `${peer.kind} ${'text' in peer ? peer.text : ''}`))
    .sort(compareCodeUnits)
    .join(', ');
}
