// What is allowed in a policy but looks wrong: told from the policy alone, and from the inventory where that is known.
// Bounded work: what compares rules with rules, or with guardrails, stops at a number of comparisons, and says so.

import { bitsOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { Selector } from '#model/selector.ts';
import type { Millis } from '#model/time.ts';
import { inHost, isDiscovered } from '#policy/claims/managed-workload.ts';
import { assertionTitle, endpointsOf } from '#policy/judge/policy-tests.ts';
import type { Inventory, Peer, Policy, Rule, Segment } from '#policy/policy/policy.ts';
import type { Position } from '#policy/source/position.ts';
import type { Problem } from '#policy/source/problem.ts';
import { type ProblemCode, severityOf } from '#policy/source/problem-catalogue.ts';
import { createContradictions } from './contradictions.ts';
import { findCoverings } from './covering-rules.ts';
import { factOfHolders, factOfMembers, factPeerOf, segmentsNamed } from './fact-grants.ts';
import { Reaches, type RuleReach, type WorkloadSet } from './rule-reach.ts';
import { createVacuityCheck } from './vacuous-tests.ts';
import { virtualWarnings } from './virtual-warnings.ts';

export interface WarnInput {
  readonly policy: Policy;
  /** Undefined: not known, and nothing is said of what matches whom. */
  readonly inventory: Inventory | undefined;
  readonly now: Millis;
  /** Of a live fleet what is inside of hosts is called as they report it; in a file an operator named it. */
  readonly names: 'reported' | 'written';
}

const soonMs = 14 * 24 * 3600 * 1000;
const mostComparisons = 2_000_000;

export function warnOfPolicy({ policy, inventory, now, names }: WarnInput): readonly Problem[] {
  const problems: Problem[] = [];
  const named = segmentsNamed(policy);
  for (const segment of policy.segments.values()) {
    warnOfSegment(segment, problems);
    warnOfMembersByFact(segment, named, problems);
    for (const rule of segment.rules) warnOfRule({ segment, rule, now }, problems);
    warnOfCoveredRules(segment, problems);
  }
  if (inventory !== undefined) {
    warnOfMatches(policy, inventory, problems);
    warnOfTests(policy, inventory, problems);
    if (names === 'reported') warnOfReportedNames(policy, inventory, problems);
    warnOfVirtuals(policy, inventory, problems);
  }
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

const labelInstead = 'select by a label, which the control plane gives: a join token, an operator or a mapping rule';

function warnOfMembersByFact(segment: Segment, named: ReadonlySet<string>, problems: Problem[]): void {
  const fact = factOfMembers(segment, named);
  if (fact === undefined) return;
  warn(problems, segment.position, {
    code: 'grants-by-fact',
    message: `segment "${segment.name}" has members by ${fact}: a fact is the host's own claim, and whoever claims it gains what members are granted`,
    suggestion: labelInstead,
  });
}

function warnOfVirtuals(policy: Policy, inventory: Inventory, problems: Problem[]): void {
  for (const workload of inventory.workloads.values()) {
    const fact = factOfHolders(workload);
    if (fact === undefined) continue;
    warn(problems, workload.position ?? nowhere, {
      code: 'grants-by-fact',
      message: `"holders" of the virtual workload "${workload.name}" selects by ${fact}: a fact is the host's own claim, and whoever claims it may hold the addresses`,
      suggestion: labelInstead,
    });
  }
  for (const found of virtualWarnings(policy, inventory)) {
    const { name, position = nowhere } = found.virtual;
    if (found.kind === 'no-holders') {
      warn(problems, position, {
        code: 'virtual-without-holders',
        message: `no host is selected by "holders" of the virtual workload "${name}": nobody may hold its addresses, and nothing is enforced there`,
        suggestion: 'select by labels that the hosts have, with == or in',
      });
      continue;
    }
    warn(problems, position, {
      code: 'virtual-apart-from-holder',
      message: `the virtual workload "${name}" is a member of segment "${found.segment}", and "${found.holder}", which may hold its addresses, is not: at that host the segment neither enforces nor grants`,
      suggestion: `select "${found.holder}" in "${found.segment}" too, or grant in a segment of its own`,
    });
  }
}

/** Of workloads that stand in no file. */
const nowhere: Position = { file: '.', line: 1, column: 1 };

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
  const byFact = factPeerOf(rule);
  if (byFact !== undefined) {
    warn(problems, rule.position, {
      code: 'grants-by-fact',
      message: `rule ${name} grants by ${byFact.fact} in "${byFact.side}" (${shortText(byFact.peer)}): a fact is the host's own claim, and whoever claims it gains the grant`,
      suggestion: labelInstead,
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

/**
 * A whole family by CIDR, or a selector that only says what is not wanted and so takes in all that has no labels at
 * all.
 */
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
  const mayCover = (rule: Rule) => !isAnyToAny(rule);
  const { covered, skipped } = findCoverings(segment.rules, { mayCover, mostComparisons });
  for (const [rule, covering] of covered) {
    warn(problems, rule.position, {
      code: 'rule-covered',
      message: `rule ${segment.name}/${rule.name} grants nothing that ${segment.name}/${covering.name} does not`,
      suggestion: 'remove it',
    });
  }
  if (skipped === 0) return;
  warn(problems, segment.position, {
    code: 'comparison-stopped',
    message: `segment "${segment.name}" has so many rules alike that ${skipped} of ${segment.rules.length} were not compared with the others: whether one of them is covered is not known`,
    suggestion: 'divide the segment, or join its rules',
  });
}

function warnOfMatches(policy: Policy, inventory: Inventory, problems: Problem[]): void {
  const workloads = [...inventory.workloads.values()];
  const reaches = new Reaches({ workloads, segments: policy.segments });
  const guardrails = [...policy.guardrails.values()].flatMap((guardrail) =>
    guardrail.deny.flatMap((entry) =>
      reaches.isSpent ? [] : [{ guardrail, entry, reach: reaches.of({ segment: undefined, match: entry }) }],
    ),
  );
  for (const { guardrail, entry, reach } of guardrails) {
    const empty = [
      { side: 'from', own: reach.from, isOpen: reach.fromIsOpen },
      { side: 'to', own: reach.to, isOpen: reach.toIsOpen },
    ].find(({ own, isOpen }) => own.size === 0 && !isOpen);
    if (empty === undefined) continue;
    warn(problems, entry.position, {
      code: 'guardrail-matches-nothing',
      message: `an entry of guardrail "${guardrail.name}" can match nothing, and denies nothing: "${empty.side}" matches no workload of the inventory`,
      suggestion: 'select by labels that workloads have',
    });
  }
  const contradictions = createContradictions({ reaches, guardrails });
  for (const segment of policy.segments.values()) {
    const members = reaches.membersOf(segment);
    if (reaches.isSpent) {
      warn(problems, segment.position, stoppedAt(`segment "${segment.name}" on segments and their rules`));
      return;
    }
    if (members.size === 0) {
      warn(problems, segment.position, {
        code: 'segment-selects-nothing',
        message: `segment "${segment.name}" has no members: no workload of the inventory matches ${shortText(segment.selectorText)}`,
      });
      continue;
    }
    for (const rule of segment.rules) {
      const reach = reaches.of({ segment, match: rule });
      if (reaches.isSpent) {
        warn(problems, rule.position, stoppedAt(`rule ${segment.name}/${rule.name} on rules`));
        return;
      }
      warnOfReach({ segment, rule, reach, reaches, members }, problems);
      const found = contradictions.find(rule, reach);
      if (found === undefined) continue;
      warn(problems, rule.position, {
        code: 'guardrail-contradicts-rule',
        message: `guardrail "${found.guardrail.name}" (${found.guardrail.mode}) denies what rule ${segment.name}/${rule.name} grants, for example ${found.pair}`,
        suggestion:
          found.guardrail.mode === 'enforce'
            ? 'the guardrail wins; narrow one of the two'
            : 'the guardrail only records it while it observes, and wins once it enforces; narrow one of the two',
      });
    }
  }
  const [first] = policy.guardrails.values();
  if (contradictions.skipped() === 0 || first === undefined) return;
  warn(problems, first.position, {
    code: 'comparison-stopped',
    message: `there are so many guardrail entries and rules that ${contradictions.skipped()} rules were not compared with the guardrails: whether one of these denies what they grant is not known`,
    suggestion: 'join guardrail entries',
  });
}

/** Once a name and test. */
function warnOfReportedNames(policy: Policy, inventory: Inventory, problems: Problem[]): void {
  for (const test of policy.tests.values()) {
    const told = new Set<string>();
    for (const { from, to, position } of test.tests) {
      for (const end of [from, to]) {
        if (end.kind !== 'workload' || told.has(end.workload)) continue;
        told.add(end.workload);
        const workload = inventory.workloads.get(end.workload);
        if (workload === undefined || !isDiscovered(workload)) continue;
        warn(problems, position, {
          code: 'test-names-discovered',
          message: `the test ${test.name} names "${end.workload}", which is ${inHost(workload)}: a host chooses what it reports, and the name is given up where a host or a policy wants it`,
          suggestion: 'select it by labels, which operators give',
        });
      }
    }
  }
}

function warnOfTests(policy: Policy, inventory: Inventory, problems: Problem[]): void {
  const vacuityOf = createVacuityCheck(inventory);
  for (const test of policy.tests.values()) {
    for (const assertion of test.tests) {
      for (const side of ['from', 'to'] as const) {
        const end = assertion[side];
        if (end.kind !== 'labels' || endpointsOf(end, inventory).length > 0) continue;
        warn(problems, assertion.position, {
          code: 'test-matches-nothing',
          message: `the test ${test.name}: ${assertionTitle(assertion)} finds nothing to try: no workload with an address has the labels of "${side}"`,
          suggestion: 'name labels that workloads have, or remove it',
        });
        break;
      }
      const vacuity = vacuityOf(assertion);
      if (vacuity === undefined) continue;
      const why = {
        unmanaged: 'neither end has an agent that could deny anything',
        loopback: 'it is of one workload with itself, which no policy is asked about',
      }[vacuity];
      warn(problems, assertion.position, {
        code: 'test-cannot-fail',
        message: `the test ${test.name}: ${assertionTitle(assertion)} holds whatever the policy says: ${why}`,
        suggestion: 'name ends that agents enforce, or remove it',
      });
    }
  }
}

function stoppedAt(place: string): Warning {
  return {
    code: 'comparison-stopped',
    message: `so many selectors match nearly everyone that from ${place} were not compared with the inventory: whether they match anybody, and what guardrails deny of them, is not known`,
    suggestion: 'select by labels that workloads have, with == or in',
  };
}

interface ReachInput {
  readonly segment: Segment;
  readonly rule: Rule;
  readonly reach: RuleReach;
  readonly reaches: Reaches;
  readonly members: WorkloadSet;
}

function warnOfReach({ segment, rule, reach, reaches, members }: ReachInput, problems: Problem[]): void {
  const name = `${segment.name}/${rule.name}`;
  const sides = [
    { key: 'from', own: reach.from, other: reach.to, isOpen: reach.fromIsOpen },
    { key: 'to', own: reach.to, other: reach.from, isOpen: reach.toIsOpen },
  ] as const;
  const empty = sides.find(({ own, isOpen }) => own.size === 0 && !isOpen);
  const hasMember = sides.some(({ own }) => reaches.common(own, members).workloads.length > 0);
  if (empty !== undefined || !hasMember) {
    const why =
      empty === undefined
        ? 'no member of the segment is on either side'
        : `"${empty.key}" matches no workload of the inventory`;
    warn(problems, rule.position, { code: 'rule-matches-nothing', message: `rule ${name} can match nothing: ${why}` });
    return;
  }
  for (const { key, other } of sides) {
    const { hosts } = reaches.common(other, members);
    const unit = reaches.unitsOf(reach.selected[key]).find(({ host }) => hosts.some((other) => other !== host));
    if (unit === undefined) continue;
    warn(problems, rule.position, {
      code: 'unit-as-remote-peer',
      message: `rule ${name} selects the unit "${unit.name}" in "${key}"; other hosts know it by its host's addresses, so there it means all of host "${unit.host}"`,
      suggestion: 'select the host, if that is what is meant',
    });
    return;
  }
}

function isoText(at: Millis): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

function shortText(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
