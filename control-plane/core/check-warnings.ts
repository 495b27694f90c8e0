// What is allowed in a policy but looks wrong: told from the policy alone, and from the inventory where that is known.
// Bounded work: what compares rules with rules, or with guardrails, stops at a number of comparisons and then stays silent.

import { bitsOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { Selector } from '#model/selector.ts';
import type { Millis } from '#model/time.ts';
import { isRuleCovered } from './covered-rule.ts';
import { createMatching } from './matching.ts';
import type { Inventory, Peer, Policy, Position, Rule, Segment, Workload } from './policy.ts';
import type { Problem } from './problem.ts';
import { type ProblemCode, severityOf } from './problem-catalogue.ts';
import { type RuleReach, reachOf, termsOverlap } from './rule-reach.ts';

export interface WarnInput {
  readonly policy: Policy;
  /** Undefined: not known, and nothing is said of what matches whom. */
  readonly inventory: Inventory | undefined;
  readonly now: Millis;
}

const soonMs = 14 * 24 * 3600 * 1000;
const mostComparisons = 2_000_000;

export function warnOfPolicy({ policy, inventory, now }: WarnInput): readonly Problem[] {
  const problems: Problem[] = [];
  for (const segment of policy.segments.values()) {
    warnOfSegment(segment, problems);
    for (const rule of segment.rules) warnOfRule({ segment, rule, now }, problems);
    warnOfCoveredRules(segment, problems);
  }
  if (inventory !== undefined) warnOfMatches(policy, inventory, problems);
  return problems;
}

interface Warning {
  readonly code: ProblemCode;
  readonly message: string;
  readonly suggestion?: string;
}

function warn(problems: Problem[], position: Position, warning: Warning): void {
  problems.push({ severity: severityOf(warning.code), ...position, ...warning });
}

function warnOfSegment(segment: Segment, problems: Problem[]): void {
  const { inbound, outbound } = segment;
  const enforced = (['inbound', 'outbound'] as const).filter((direction) => segment[direction] === 'enforce');
  if (enforced.length > 0 && segment.rules.length === 0) {
    warn(problems, segment.position, {
      code: 'segment-without-rules',
      message: `segment "${segment.name}" enforces ${enforced.join(' and ')} and has no rules: it denies its members everything there`,
      suggestion: 'add rules, or observe first',
    });
  }
  if ([inbound, outbound].includes('selective') && segment.selective.length === 0) {
    warn(problems, segment.position, {
      code: 'selective-without-services',
      message: `segment "${segment.name}" is selective and names no services under "selective": it denies nothing`,
      suggestion: 'add selective: [tcp/22]',
    });
  }
}

interface RuleInput {
  readonly segment: Segment;
  readonly rule: Rule;
  readonly now: Millis;
}

function warnOfRule({ segment, rule, now }: RuleInput, problems: Problem[]): void {
  const name = `${segment.name}/${rule.name}`;
  if (rule.expiresAt !== undefined && rule.expiresAt <= now) {
    warn(problems, rule.position, {
      code: 'rule-expired',
      message: `rule ${name} expired at ${isoText(rule.expiresAt)} and grants nothing`,
      suggestion: 'remove it, or give it a later instant',
    });
  } else if (rule.expiresAt !== undefined && rule.expiresAt <= now + soonMs) {
    warn(problems, rule.position, {
      code: 'rule-expires-soon',
      message: `rule ${name} expires at ${isoText(rule.expiresAt)}, within two weeks`,
    });
  }
  if (isAnyToAny(rule)) {
    warn(problems, rule.position, {
      code: 'rule-any-any',
      message: `rule ${name} is from any to any: it lets every address reach the members, and them every address`,
      suggestion: 'name the members on one side: { workloads: all() }',
    });
    return;
  }
  const broad = [...rule.from, ...rule.to].map(broadness).find((text) => text !== undefined);
  if (broad !== undefined) {
    warn(problems, rule.position, { code: 'rule-broad', message: `rule ${name} is broader than it looks: ${broad}` });
  }
}

/** Warned of itself; that it covers all others besides says nothing more. */
function isAnyToAny(rule: Rule): boolean {
  return rule.from.some(isEverything) && rule.to.some(isEverything);
}

function isEverything(peer: Peer): boolean {
  return peer.kind === 'any' || (peer.kind === 'ranges' && peer.ranges.some(isWholeFamily));
}

function isWholeFamily({ family, first, last }: AddressRange): boolean {
  return first === 0n && last === (1n << BigInt(bitsOf(family))) - 1n;
}

/** A whole family by CIDR, or a selector that only says what is not wanted and so takes in all that has no labels at all. */
function broadness(peer: Peer): string | undefined {
  if (peer.kind === 'ranges' && peer.ranges.some(isWholeFamily)) return `${peer.source} is every address of a family`;
  if (peer.kind === 'tenant' && isOnlyNegative(peer.selector))
    return `tenant: ${peer.text} also matches every workload without that label`;
  return undefined;
}

function isOnlyNegative(selector: Selector): boolean {
  switch (selector.kind) {
    case 'not-in':
      return true;
    case 'not':
      return selector.term.kind === 'in' || selector.term.kind === 'has';
    case 'and':
    case 'or':
      return selector.terms.every(isOnlyNegative);
    default:
      return false;
  }
}

function warnOfCoveredRules(segment: Segment, problems: Problem[]): void {
  if (segment.rules.length ** 2 > mostComparisons) return;
  for (const [index, rule] of segment.rules.entries()) {
    const covering = segment.rules.find(
      (other, at) =>
        !isAnyToAny(other) && at !== index && isRuleCovered(rule, other) && (at < index || !isRuleCovered(other, rule)),
    );
    if (covering === undefined) continue;
    warn(problems, rule.position, {
      code: 'rule-covered',
      message: `rule ${segment.name}/${rule.name} grants nothing that ${segment.name}/${covering.name} does not`,
      suggestion: 'remove it',
    });
  }
}

function warnOfMatches(policy: Policy, inventory: Inventory, problems: Problem[]): void {
  const workloads = [...inventory.workloads.values()];
  const matching = createMatching({ policy, inventory, holdersOf: () => [] });
  let comparisons = 0;
  const membersOf = new Map<Segment, Set<Workload>>();
  for (const workload of workloads) {
    for (const { segment } of matching.membershipsOf(workload)) {
      const members = membersOf.get(segment);
      if (members === undefined) membersOf.set(segment, new Set([workload]));
      else members.add(workload);
    }
  }
  const guardrails = [...policy.guardrails.values()].flatMap((guardrail) =>
    guardrail.deny.map((entry) => ({
      guardrail,
      entry,
      reach: reachOf({ matching, workloads, members: undefined, match: entry }),
    })),
  );
  for (const segment of policy.segments.values()) {
    const members = membersOf.get(segment) ?? new Set<Workload>();
    if (members.size === 0) {
      warn(problems, segment.position, {
        code: 'segment-selects-nothing',
        message: `segment "${segment.name}" has no members: no workload of the inventory matches ${shortText(segment.selectorText)}`,
      });
      continue;
    }
    for (const rule of segment.rules) {
      comparisons += costOf(rule, { all: workloads.length, members: members.size }) + guardrails.length;
      if (comparisons > mostComparisons * 2) return;
      const reach = reachOf({ matching, workloads, members, match: rule });
      warnOfReach({ segment, rule, reach, members }, problems);
      for (const { guardrail, entry, reach: denied } of guardrails) {
        const pair = contradiction(reach, denied);
        if (pair === undefined || !termsOverlap(rule.services, entry.services)) continue;
        warn(problems, rule.position, {
          code: 'guardrail-contradicts-rule',
          message: `guardrail "${guardrail.name}" (${guardrail.mode}) denies what rule ${segment.name}/${rule.name} grants, for example ${pair}`,
          suggestion: 'the guardrail wins; narrow one of the two',
        });
        break;
      }
    }
  }
}

/** Workloads that are looked at to find a rule's reach. */
function costOf(rule: Rule, { all, members }: { readonly all: number; readonly members: number }): number {
  let cost = 0;
  for (const peer of [...rule.from, ...rule.to]) cost += peer.kind === 'workloads' ? members : all;
  return cost;
}

interface ReachInput {
  readonly segment: Segment;
  readonly rule: Rule;
  readonly reach: RuleReach;
  readonly members: ReadonlySet<Workload>;
}

function warnOfReach({ segment, rule, reach, members }: ReachInput, problems: Problem[]): void {
  const name = `${segment.name}/${rule.name}`;
  const sides = [
    { key: 'from', own: reach.from, other: reach.to, isOpen: reach.fromIsOpen },
    { key: 'to', own: reach.to, other: reach.from, isOpen: reach.toIsOpen },
  ] as const;
  const empty = sides.find(({ own, isOpen }) => own.size === 0 && !isOpen);
  const hasMember = sides.some(({ own }) => [...own].some((workload) => members.has(workload)));
  if (empty !== undefined || !hasMember) {
    const why =
      empty === undefined
        ? 'no member of the segment is on either side'
        : `"${empty.key}" matches no workload of the inventory`;
    warn(problems, rule.position, { code: 'rule-matches-nothing', message: `rule ${name} can match nothing: ${why}` });
    return;
  }
  for (const { key, own, other } of sides) {
    const unit = [...reach.selected[key]].find(
      (workload) =>
        workload.kind === 'unit' &&
        own.has(workload) &&
        [...other].some((far) => members.has(far) && far.host !== workload.host),
    );
    if (unit === undefined) continue;
    warn(problems, rule.position, {
      code: 'unit-as-remote-peer',
      message: `rule ${name} selects the unit "${unit.name}" in "${key}"; other hosts know it by its host's addresses, so there it means all of host "${unit.host}"`,
      suggestion: 'select the host, if that is what is meant',
    });
    return;
  }
}

/** A pair that a rule grants and a guardrail entry denies; open sides are left out, since they say nothing about anybody. */
function contradiction(rule: RuleReach, denied: RuleReach): string | undefined {
  const from = [...rule.selected.from].find((workload) => denied.from.has(workload));
  if (from === undefined) return undefined;
  const to = [...rule.selected.to].find((workload) => denied.to.has(workload) && workload !== from);
  return to === undefined ? undefined : `${from.name} → ${to.name}`;
}

function isoText(at: Millis): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

function shortText(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
