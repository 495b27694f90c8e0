// Answers what POLICY.md says about one connection, straight from the documents: no compiler, no peer sets, no classes. It is
// what the compiled rule sets and the kernel's rules are held against, and what `policy eval` and `policy test` ask.
// Memory grows with the workloads that were asked about: their memberships, and one answer per selector that met them.

import type { Address } from '#model/address.ts';
import { type Direction, type End, type EnforcementMode, joinEnds, type Verdict } from '#model/verdict.ts';
import { type Explanation, explainQuery } from './explain.ts';
import { createHolders } from './holders.ts';
import {
  createMatching,
  type EndQuery,
  type Matching,
  type Membership,
  type PeerScope,
  type RuleAddress,
  type Side,
  someTermMatches,
  someTermMatchesIn,
} from './matching.ts';
import type { GuardrailEntry, Inventory, Peer, Policy, Query, Rule, Workload } from './policy.ts';
import { ruleTimeAt } from './time-window.ts';

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
  const matching = createMatching({ policy, inventory, holdersOf: holders.holdersOf });

  function endpoints(query: Query): Endpoints {
    const [src, dst] = [holders.at(query.src), holders.at(query.dst)];
    return {
      outbound: query.srcWorkload === undefined ? src.meant : holders.workloadAt(query.src, query.srcWorkload),
      inbound: query.dstWorkload === undefined ? dst.meant : holders.workloadAt(query.dst, query.dstWorkload),
      far: { outbound: dst.by, inbound: src.by },
    };
  }

  function judgeEnd(query: Query, direction: Direction, both = endpoints(query)): End {
    const workload = both[direction];
    if (workload === undefined) return { verdict: 'unmanaged', reason: 'unmanaged' };
    if (workload.kind === 'external') return { verdict: 'unmanaged', reason: 'unmanaged', workload: workload.name };
    if (both.inbound === both.outbound) {
      return { verdict: 'allow', reason: 'essential', workload: workload.name, essential: 'loopback' };
    }
    const end = { query, direction, workload };
    return judgeLayers(matching, end, matching.sidesOf(end, both.far[direction]));
  }

  function judge(query: Query): Verdict {
    const both = endpoints(query);
    return joinEnds(judgeEnd(query, 'outbound', both), judgeEnd(query, 'inbound', both));
  }

  function grantingRules(query: Query, direction: Direction): readonly RuleAddress[] {
    const both = endpoints(query);
    const workload = both[direction];
    if (workload === undefined || judgeEnd(query, direction, both).reason !== 'rule') return [];
    const end = { query, direction, workload };
    return grants(matching, { end, sides: matching.sidesOf(end), howMany: 'all' });
  }

  return {
    judge,
    explain: (query) =>
      explainQuery(matching, {
        query,
        endpoints: endpoints(query),
        judgeEnd: (direction) => judgeEnd(query, direction),
      }),
    grantingRules,
    workloadAt: holders.workloadAt,
  };
}

/** The workload at either end, and who holds the address that is far from that end. */
interface Endpoints extends Readonly<Record<Direction, Workload | undefined>> {
  readonly far: Readonly<Record<Direction, readonly Workload[]>>;
}

/** Layers 2 to 6 of POLICY.md's Verdicts, for a workload with an agent. */
function judgeLayers(matching: Matching, end: EndQuery, sides: GrantQuestion['sides']): End {
  const { workload, direction } = end;
  const remote = direction === 'outbound' ? sides.to : sides.from;
  const quarantine = workload.quarantine;
  if (quarantine !== undefined && !quarantine.peers.some((peer) => matching.peerMatches(peer, remote, undefined))) {
    return { verdict: 'deny', reason: 'quarantine', workload: workload.name, quarantine: quarantine.name };
  }
  let remembered: string | undefined;
  for (const guardrail of matching.policy.guardrails.values()) {
    if (guardrail.mode === 'observe' && remembered !== undefined) continue;
    if (!guardrail.deny.some((entry) => entryHits(matching, { entry, end, sides }))) continue;
    if (guardrail.mode === 'observe') {
      remembered = guardrail.name;
      continue;
    }
    return { verdict: 'deny', reason: 'guardrail', workload: workload.name, guardrail: guardrail.name };
  }
  const mode = matching.modeOf(workload, direction);
  if (mode === 'off') return { verdict: 'allow', reason: 'off', workload: workload.name };
  const [rule] = grants(matching, { end, sides, howMany: 'first' });
  if (rule !== undefined) {
    const named = { reason: 'rule', workload: workload.name, ...rule } as const;
    return remembered === undefined
      ? { verdict: 'allow', ...named }
      : { verdict: 'would-deny', ...named, guardrail: remembered };
  }
  return judgeDefault(matching, end, mode);
}

/** Layer 6. The segment named is the first of the strictest mode; where selective services deny, the first whose services match. */
function judgeDefault(matching: Matching, { query, direction, workload }: EndQuery, mode: EnforcementMode): End {
  const strictest = matching.membershipsOf(workload).filter(({ segment }) => segment[direction] === mode);
  const denying =
    mode === 'enforce'
      ? strictest[0]
      : mode === 'selective'
        ? strictest.find(({ segment }) => someTermMatches(segment.selective, query))
        : undefined;
  const named = denying ?? strictest[0];
  return {
    verdict: denying === undefined ? 'would-deny' : 'deny',
    reason: 'default',
    workload: workload.name,
    ...(named === undefined ? {} : { segment: named.segment.name }),
    ...(named?.combination === undefined ? {} : { combination: named.combination }),
  };
}

interface GrantQuestion {
  readonly end: EndQuery;
  readonly sides: { readonly from: Side; readonly to: Side };
  readonly howMany: 'first' | 'all';
}

/** Layer 5: rules of the workload's own segments that hit, by segment, combination and rule in code-unit order. */
function grants(matching: Matching, { end, sides, howMany }: GrantQuestion): readonly RuleAddress[] {
  const found: RuleAddress[] = [];
  for (const membership of matching.membershipsOf(end.workload)) {
    for (const rule of membership.rules) {
      if (!ruleHits(matching, { rule, membership, query: end.query, sides })) continue;
      const { segment, combination } = membership;
      found.push({ segment: segment.name, ...(combination === undefined ? {} : { combination }), rule: rule.name });
      if (howMany === 'first') return found;
    }
  }
  return found;
}

interface RuleQuestion {
  readonly rule: Rule;
  readonly membership: Membership;
  readonly query: Query;
  readonly sides: { readonly from: Side; readonly to: Side };
}

function ruleHits(matching: Matching, { rule, membership, query, sides }: RuleQuestion): boolean {
  return (
    someTermMatchesIn(rule.services, sides.from.family, query.service) &&
    somePeerMatches(matching, rule.from, sides.from, membership) &&
    somePeerMatches(matching, rule.to, sides.to, membership) &&
    ruleTimeAt(rule, query.at) === 'in-force'
  );
}

/** The innermost loop of judging, without a closure for each round. */
function somePeerMatches(matching: Matching, peers: readonly Peer[], side: Side, scope: PeerScope): boolean {
  for (const peer of peers) if (matching.peerMatches(peer, side, scope)) return true;
  return false;
}

interface EntryQuestion {
  readonly entry: GuardrailEntry;
  readonly end: EndQuery;
  readonly sides: { readonly from: Side; readonly to: Side };
}

export function entryHits(matching: Matching, { entry, end, sides }: EntryQuestion): boolean {
  return (
    someTermMatchesIn(entry.services, sides.from.family, end.query.service) &&
    somePeerMatches(matching, entry.from, sides.from, undefined) &&
    somePeerMatches(matching, entry.to, sides.to, undefined)
  );
}
