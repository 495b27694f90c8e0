// The chain of each decision: it stamps or denies, counts, and ends. Named counters outlive a refill, inline ones would not.

import { type Decision, isCutOff } from '#agent-core/judge/decision.ts';
import type { DenyAction, Direction } from '#model/verdict.ts';
import { dhcpServerChain } from './denial-chains.ts';
import { sideOf } from './families.ts';
import { midMatch, toMid } from './odd-packets.ts';
import { ownerChain } from './owner-chain.ts';
import { accept, count, drop, ending, goOn, jump, type Rule, reject, rule, type Statement } from './rule.ts';

export interface DecisionChains {
  nameOf(decision: Decision): string;
  /** Of the decisions of owners that were named so far; the others are made by `decisionRules`. */
  readonly ofOwners: ReadonlyMap<string, readonly Rule[]>;
}

/** `plain`: an owner's decision has no number of its own; it is one of two that have. */
export function createDecisionChains(given: {
  readonly numberOf: (decision: Decision) => number;
  readonly plain: (decision: Decision) => Decision;
}): DecisionChains {
  const { numberOf, plain } = given;
  const ofOwners = new Map<string, readonly Rule[]>();
  return {
    ofOwners,
    nameOf: (decision) => {
      const own = numberOf(plain(decision));
      if (decision.only === undefined) return `r_${own}`;
      const others = numberOf(decision.only.otherwise);
      const name = `own_${own}_${others}`;
      if (!ofOwners.has(name)) ofOwners.set(name, ownerChain(decision, { own, others }));
      return name;
    },
  };
}

export function decisionRules(given: {
  readonly number: number;
  readonly decision: Decision;
  /** Workloads that are granted to hear DHCP clients. */
  readonly serving: ReadonlySet<string>;
  /** Workloads that are containers. */
  readonly containers: ReadonlySet<string>;
  /** Whether anything at all is denied. */
  readonly isStrict: boolean;
}): readonly Rule[] {
  const { number, decision, serving, containers, isStrict } = given;
  // Whose client it was is not known of it: it is neither counted as a connection that it may be no packet of, nor answered.
  const silent = isStrict ? [rule(midMatch, toMid)] : [];
  return containers.has(decision.workload)
    ? containerRules(number, decision, silent)
    : hostRules({ number, decision, serving, silent });
}

function hostRules(given: {
  readonly number: number;
  readonly decision: Decision;
  readonly serving: ReadonlySet<string>;
  readonly silent: readonly Rule[];
}): readonly Rule[] {
  const { number, serving } = given;
  const { workload, action, direction, end } = given.decision;
  // DHCP is essential in every layer, but only its ports tell it: it is looked at where it would not simply pass. From whom this host is cut off,
  // or is itself to be kept, it gives or takes no lease: a quarantined host may ask for its own.
  const client = end.verdict === 'allow' || isCutOff(end) ? [] : [rule([], jump(`essential_${sideOf[direction]}`))];
  const isServer = client.length > 0 && direction === 'outbound' && end.reason !== 'quarantine';
  const essential = isServer && serving.has(workload) ? [...client, rule([], jump(dhcpServerChain))] : client;
  const counted = countDecision(number);
  // A packet without a connection cannot be stamped, and its rule ends at that: it is let pass as what it is, a packet.
  if (action === 'accept')
    return [
      ...essential,
      rule([], ending([{ kind: 'stamp', decision: number }, counted], accept)),
      rule([], ending([counted], accept)),
    ];
  // What the host itself sends in the midst was dropped before anything judged it.
  const silent = direction === 'inbound' ? given.silent : [];
  return [...essential, ...silent, ...denialRules(number, direction, action)];
}

function denialRules(number: number, direction: Direction, action: DenyAction): readonly Rule[] {
  // A packet without a connection has no mark, and its rule ends at that: it is counted all the same.
  return [
    rule([], ending([{ kind: 'deny', decision: number }], goOn)),
    rule([], jump(`count_${sideOf[direction]}`)),
    rule([], ending([countDecision(number)], action === 'drop' ? drop : reject)),
  ];
}

/**
 * A container's other end may be of this host too, so its decision denies or comes back to the hook. On the forward path, the only
 * hook with both interfaces, it leaves its name, the server's over the client's, and the hook's last rule stamps; at the host's own
 * hooks the mark is the host's.
 */
function containerRules(number: number, { action, direction }: Decision, silent: readonly Rule[]): readonly Rule[] {
  if (action !== 'accept') return [...silent, ...denialRules(number, direction, action)];
  return [
    rule([], ending([countDecision(number)], goOn)),
    rule(['iif != 0', 'oif != 0'], ending([{ kind: 'name', decision: number }], goOn)),
  ];
}

function countDecision(number: number): Statement {
  return count(decisionCounter(number));
}

export function decisionCounter(number: number): string {
  return `n_${number}`;
}
