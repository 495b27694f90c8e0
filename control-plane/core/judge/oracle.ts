// Answers what docs/reference/policy.md says about one connection, straight from the documents: no compiler, no peer
// sets, no classes. It is what the compiled rule sets and the kernel's rules are held against, and what `policy eval`
// and `policy test` ask. Memory grows with the workloads that were asked about (what workload-standing.ts keeps of
// each), not with the queries.

import type { Address } from '#model/address.ts';
import { type Direction, type End, joinEnds, type Verdict } from '#model/verdict.ts';
import type { GuardrailEntry, Inventory, Peer, Policy, Query, Rule, Workload } from '#policy/policy/policy.ts';
import { ruleTimeAt } from '#policy/policy/time-window.ts';
import { createHolders } from './address-holders.ts';
import { isPeerOf, quarantineOver } from './cut-off.ts';
import { type Explanation, explainQuery } from './explain.ts';
import {
  createMatching,
  type Matching,
  type Membership,
  type PeerScope,
  type RuleAddress,
  type Side,
  sideOf,
  someTermMatches,
  someTermMatchesIn,
} from './matching.ts';
import { defaultEnd, grantEnd, hullPoint, type LocalMatch, Subject } from './workload-standing.ts';

export interface Oracle {
  judge(query: Query): Verdict;
  /** The same verdict, with everything that was considered on the way to it. */
  explain(query: Query): Explanation;
  /** The addresses of rules that grant at an end, where its verdict comes from layer 5 at all; in order. */
  grantingRules(query: Query, direction: Direction): readonly RuleAddress[];
  /** The workload a query means by its source or destination; undefined where nobody known holds the address. */
  workloadAt(address: Address, name?: string): Workload | undefined;
}

export function createOracle({
  policy,
  inventory,
}: {
  readonly policy: Policy;
  readonly inventory: Inventory;
}): Oracle {
  const holders = createHolders(inventory.workloads);
  const matching = createMatching({ policy, inventory, holders });

  const places = new Map<Address, Place>();
  const subjects = new Map<Workload, Subject>();

  /** Addresses that nobody holds are not kept: there is no end of them. */
  function placeOf(address: Address): Place {
    const known = places.get(address);
    if (known !== undefined) return known;
    const { by, meant } = holders.at(address);
    const place: Place = { side: sideOf(address, by), ...judgedAt(address, meant) };
    if (by.length > 0) places.set(address, place);
    return place;
  }

  function subjectOf(workload: Workload): Subject {
    let subject = subjects.get(workload);
    if (subject === undefined) {
      subject = new Subject(matching, workload);
      subjects.set(workload, subject);
    }
    return subject;
  }

  /** As whom an end is judged that means this workload. */
  function judgedAt(address: Address, workload: Workload | undefined): JudgedAt {
    if (workload === undefined) return { as: [], unmanaged };
    const as = holders
      .judgedAt(address, workload.name)
      .map((one): Endpoint => ({ subject: subjectOf(one), side: sideOf(address, holders.localAt(one, address)) }));
    const nobody: End = { verdict: 'unmanaged', reason: 'unmanaged', workload: workload.name };
    return { as, unmanaged: nobody, ...(workload.kind === 'virtual' ? { virtual: workload } : {}) };
  }

  function judgedOf(place: Place, address: Address, name: string | undefined): JudgedAt {
    return name === undefined ? place : judgedAt(address, holders.workloadAt(address, name));
  }

  function endsOf(query: Query): Ends {
    const [src, dst] = [placeOf(query.src), placeOf(query.dst)];
    return {
      outbound: judgedOf(src, query.src, query.srcWorkload),
      inbound: judgedOf(dst, query.dst, query.dstWorkload),
      src: src.side,
      dst: dst.side,
    };
  }

  function judgeEnd(query: Query, direction: Direction, both = endsOf(query)): End {
    const { as, unmanaged: nobody } = both[direction];
    const [only] = as;
    if (only === undefined) return nobody;
    return as.length === 1 ? judgeAs(only, { query, direction, both }) : decidingOf({ query, direction, both }).end;
  }

  function judgeAs(endpoint: Endpoint, { query, direction, both }: Question): End {
    const { subject } = endpoint;
    if (subject.isExternal) return both[direction].unmanaged;
    if (isLoopback(subject, both, query)) {
      return { verdict: 'allow', reason: 'essential', workload: subject.name, essential: 'loopback' };
    }
    return judgeLayers(matching, judgedEnd(endpoint, { query, direction, both }));
  }

  /** Of the hosts that may hold a virtual workload's address, the first that lets least pass. */
  function decidingOf(question: Question): { readonly end: End; readonly endpoint?: Endpoint } {
    const { as, unmanaged: nobody } = question.both[question.direction];
    let found: { readonly end: End; readonly endpoint?: Endpoint } = { end: nobody };
    for (const endpoint of as) {
      const end = judgeAs(endpoint, question);
      if (found.endpoint === undefined || strictness[end.verdict] > strictness[found.end.verdict]) {
        found = { end, endpoint };
      }
    }
    return found;
  }

  function judge(query: Query): Verdict {
    const both = endsOf(query);
    return joinEnds(judgeEnd(query, 'outbound', both), judgeEnd(query, 'inbound', both));
  }

  function grantingRules(query: Query, direction: Direction): readonly RuleAddress[] {
    const both = endsOf(query);
    const question: Question = { query, direction, both };
    if (judgeEnd(query, direction, both).reason !== 'rule') return [];
    const judged = both[direction].as.filter((endpoint) => judgeAs(endpoint, question).reason === 'rule');
    const [first = [], ...others] = judged.map((endpoint) =>
      grants(matching, judgedEnd(endpoint, question), 'all').map(ruleOf),
    );
    return first.filter((rule) => others.every((rules) => rules.some((other) => isSameRule(other, rule))));
  }

  return {
    judge,
    explain: (query) => {
      const both = endsOf(query);
      return explainQuery(matching, {
        query,
        endpointOf: (direction) => {
          const { end, endpoint } = decidingOf({ query, direction, both });
          const { as, virtual } = both[direction];
          return {
            end,
            workload: endpoint?.subject.workload,
            ...(virtual === undefined ? {} : { virtual, holders: as.map(({ subject }) => subject.workload) }),
          };
        },
      });
    },
    grantingRules,
    workloadAt: holders.workloadAt,
  };
}

/** As whom an end is judged: one workload, every host that may hold a virtual workload's address, or nobody. */
interface JudgedAt {
  readonly as: readonly Endpoint[];
  /** The end where nobody with an agent is there. */
  readonly unmanaged: End;
  readonly virtual?: Workload;
}

/**
 * An address: the side it is seen as from afar, by all who hold it, and the end it means where no workload is named.
 */
interface Place extends JudgedAt {
  readonly side: Side;
}

/**
 * A workload at its end, and the side it sees itself as: it, and the virtual workload that has the address, whoever
 * else holds it.
 */
interface Endpoint {
  readonly subject: Subject;
  readonly side: Side;
}

interface Ends extends Readonly<Record<Direction, JudgedAt>> {
  readonly src: Side;
  readonly dst: Side;
}

interface Question {
  readonly query: Query;
  readonly direction: Direction;
  readonly both: Ends;
}

const strictness: Readonly<Record<End['verdict'], number>> = { unmanaged: 0, allow: 1, 'would-deny': 2, deny: 3 };

/**
 * Source and destination are the same workload. A host and an address that another may hold are not, and neither end of
 * a virtual address's connection with itself leaves the host.
 */
function isLoopback(subject: Subject, { outbound, inbound, src: source }: Ends, { src, dst }: Query): boolean {
  if (src === dst && source.candidates.some(({ kind }) => kind === 'virtual')) return true;
  return outbound.as.length > 0 && inbound.as.length > 0 && [outbound, inbound].every(({ as }) => isOnly(as, subject));
}

function isOnly(endpoints: readonly Endpoint[], subject: Subject): boolean {
  for (const endpoint of endpoints) if (endpoint.subject !== subject) return false;
  return true;
}

/** One end that is to be judged. Its local side is `from` outbound and `to` inbound. */
interface JudgedEnd {
  readonly query: Query;
  readonly direction: Direction;
  readonly subject: Subject;
  readonly from: Side;
  readonly to: Side;
}

const unmanaged: End = { verdict: 'unmanaged', reason: 'unmanaged' };

function judgedEnd({ subject, side }: Endpoint, { query, direction, both }: Question): JudgedEnd {
  return direction === 'outbound'
    ? { query, direction, subject, from: side, to: both.dst }
    : { query, direction, subject, from: both.src, to: side };
}

/** Layers 2 to 6 of docs/reference/policy.md's Verdicts, for a workload with an agent. */
function judgeLayers(matching: Matching, end: JudgedEnd): End {
  const { subject, direction } = end;
  const { name: workload, quarantine, [direction]: own } = subject;
  const remote = direction === 'outbound' ? end.to : end.from;
  if (quarantine !== undefined && !quarantine.peers.some((peer) => matching.peerMatches(peer, remote, undefined))) {
    return { verdict: 'deny', reason: 'quarantine', workload, quarantine: quarantine.name };
  }
  const cutOff = quarantineOver(remote.candidates);
  if (cutOff !== undefined) {
    const side = direction === 'outbound' ? end.from : end.to;
    if (!isPeerOf(cutOff, { matching, workload: subject.workload, side }))
      return { verdict: 'deny', reason: 'quarantine', workload, quarantine: cutOff.name };
  }
  let remembered: string | undefined;
  for (const { guardrail, entry } of own.denials) {
    if (guardrail.mode === 'observe' && remembered !== undefined) continue;
    if (!entryHits(matching, entry, end)) continue;
    if (guardrail.mode === 'enforce') {
      return { verdict: 'deny', reason: 'guardrail', workload, guardrail: guardrail.name };
    }
    remembered = guardrail.name;
  }
  if (own.mode === 'off') return { verdict: 'allow', reason: 'off', workload };
  const [grant] = grants(matching, end, 'first');
  if (grant !== undefined) {
    return remembered === undefined ? grant : { ...grant, verdict: 'would-deny', guardrail: remembered };
  }
  return judgeDefault(matching, end);
}

/**
 * Layer 6. The segment named is the first of the strictest mode; where selective services deny, the first whose
 * services match.
 */
function judgeDefault(
  matching: Matching,
  { query, direction, subject: { workload, [direction]: own } }: JudgedEnd,
): End {
  if (own.mode !== 'selective') return own.byDefault;
  const denying = matching
    .membershipsOf(workload)
    .find(({ segment }) => segment[direction] === 'selective' && someTermMatches(segment.selective, query));
  return denying === undefined ? own.byDefault : defaultEnd(workload, 'deny', denying);
}

/** Layer 5: rules of the workload's own segments that hit, by segment, combination and rule in code-unit order. */
function grants(matching: Matching, end: JudgedEnd, howMany: 'first' | 'all'): readonly End[] {
  const found: End[] = [];
  const { direction, query, subject } = end;
  const point = hullPoint(query.service);
  const { rules, hulls } = subject[direction];
  for (let at = 0; at < rules.length; at += 1) {
    if (point < (hulls[at * 2] ?? 0) || point > (hulls[at * 2 + 1] ?? 0)) continue;
    const own = rules[at];
    if (own === undefined) continue;
    if ('rule' in own) {
      if (ruleHits(matching, own, end)) found.push(own.grant);
    } else if ('many' in own) {
      for (const { rule, membership } of own.many.at(query.service)) {
        if (!ruleHits(matching, { rule, membership, localMatch: 'open' }, end)) continue;
        found.push(grantEnd(subject.workload, membership, rule));
        if (howMany === 'first') return found;
      }
    } else {
      for (const rule of own.rules.at(query.service)) {
        if (!ruleHits(matching, { rule, membership: own.membership, localMatch: 'open' }, end)) continue;
        found.push(grantEnd(subject.workload, own.membership, rule));
        if (howMany === 'first') return found;
      }
    }
    if (howMany === 'first' && found.length > 0) return found;
  }
  return found;
}

function isSameRule(a: RuleAddress, b: RuleAddress): boolean {
  return a.segment === b.segment && a.combination === b.combination && a.rule === b.rule;
}

function ruleOf({ segment = '', combination, rule = '' }: End): RuleAddress {
  return { segment, ...(combination === undefined ? {} : { combination }), rule };
}

interface RuleQuestion {
  readonly rule: Rule;
  readonly membership: Membership;
  readonly localMatch: LocalMatch;
}

function ruleHits(matching: Matching, { rule, membership, localMatch }: RuleQuestion, end: JudgedEnd): boolean {
  const { direction, query, from, to } = end;
  return (
    someTermMatchesIn(rule.services, from.family, query.service) &&
    ((localMatch === 'settled' && direction === 'outbound') ||
      somePeerMatches(matching, rule.from, from, membership)) &&
    ((localMatch === 'settled' && direction === 'inbound') || somePeerMatches(matching, rule.to, to, membership)) &&
    ruleTimeAt(rule, query.at) === 'in-force'
  );
}

/** The innermost loop of judging, without a closure for each round. */
function somePeerMatches(matching: Matching, peers: readonly Peer[], side: Side, scope: PeerScope): boolean {
  for (const peer of peers) if (matching.peerMatches(peer, side, scope)) return true;
  return false;
}

function entryHits(matching: Matching, entry: GuardrailEntry, { query, from, to }: JudgedEnd): boolean {
  return (
    someTermMatchesIn(entry.services, from.family, query.service) &&
    somePeerMatches(matching, entry.from, from, undefined) &&
    somePeerMatches(matching, entry.to, to, undefined)
  );
}
