// Runs the assertions of PolicyTests against the oracle. One over many holds only if every pair of different workloads and
// every pair of their addresses of one family does, for every service it names; one that finds nothing to try does not hold. Pairs that the
// policy cannot tell apart are judged once, and what is judged is bounded: a test beyond that does not hold either, and says so.

import { type Address, type Family, familyOf } from '#model/address.ts';
import { type Service, type ServiceTerm, serviceText } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import type { Verdict } from '#model/verdict.ts';
import type {
  Assertion,
  Inventory,
  Judgement,
  Policy,
  Query,
  Segment,
  TestEnd,
  Workload,
} from '#policy/policy/policy.ts';
import type { Problem } from '#policy/source/problem.ts';
import { severityOf } from '#policy/source/problem-catalogue.ts';
import { EndClasses, type Endpoint } from './end-classes.ts';
import { type JudgingBudget, judgePairs, type Pair } from './judged-pairs.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { policyTerms, representativeServices, type ServiceCuts, serviceCuts } from './representative-services.ts';

/** A connection that came out otherwise than expected. */
export interface Counterexample {
  readonly src: Address;
  readonly dst: Address;
  readonly srcWorkload?: string;
  readonly dstWorkload?: string;
  readonly service: string;
  readonly verdict: Verdict;
  readonly why: string;
}

/** `tried` counts connections judged, each by itself or by one that is alike; judging stops at `mostCounterexamples`, so of a failed test it may not be all. */
export interface TestResult {
  readonly policyTest: string;
  readonly assertion: Assertion;
  /** "web-1 → api-1 tcp/8080: allow". */
  readonly title: string;
  /** The whole result in one line. */
  readonly text: string;
  readonly outcome: 'holds' | 'fails';
  readonly tried: number;
  /** Why it fails; empty where it holds. */
  readonly why: string;
  readonly counterexamples: readonly Counterexample[];
  /** Why the policy that holds the test may not come into force at all. */
  readonly problem?: Problem;
}

const mostCounterexamples = 5;

/** Connections judged by all tests of a policy together: about a minute's work. */
const mostJudged = 20_000_000;

export interface TestRun {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
  readonly mostJudged?: number;
}

/** Results in the order of the tests' names, and of the assertions in each. */
export function runPolicyTests({
  policy,
  inventory,
  now,
  mostJudged: most = mostJudged,
}: TestRun): readonly TestResult[] {
  const budget: JudgingBudget = { left: most };
  let classes: EndClasses | undefined;
  const oracles = new Map<Judgement, Oracle>();
  const oracleFor = (judge: Judgement) => {
    const oracle =
      oracles.get(judge) ?? createOracle({ policy: judge === 'as-written' ? policy : asEnforced(policy), inventory });
    oracles.set(judge, oracle);
    return oracle;
  };
  const terms = policyTerms(policy);
  const results: TestResult[] = [];
  for (const test of policy.tests.values()) {
    for (const assertion of test.tests) {
      classes ??= new EndClasses({ policy, inventory });
      const cuts = serviceCuts([...terms, ...assertion.services]);
      results.push(
        runAssertion({
          ...{ oracle: oracleFor(test.judge), classes, budget, most, inventory, at: now, cuts, assertion },
          policyTest: test.name,
        }),
      );
    }
  }
  return results;
}

/** Every segment enforces both directions; what observes by itself (guardrails, workloads in no segment) still does. */
function asEnforced(policy: Policy): Policy {
  const enforced = (segment: Segment): Segment => ({ ...segment, inbound: 'enforce', outbound: 'enforce' });
  return { ...policy, segments: new Map([...policy.segments].map(([name, segment]) => [name, enforced(segment)])) };
}

interface AssertionRun {
  readonly oracle: Oracle;
  readonly classes: EndClasses;
  readonly budget: JudgingBudget;
  readonly most: number;
  readonly inventory: Inventory;
  readonly at: Millis;
  readonly cuts: ServiceCuts;
  readonly assertion: Assertion;
  readonly policyTest: string;
}

function runAssertion(run: AssertionRun): TestResult {
  const { oracle, classes, budget, most, inventory, at, cuts, assertion, policyTest } = run;
  const from = endpointsOf(assertion.from, inventory);
  const to = endpointsOf(assertion.to, inventory);
  const services = {
    ipv4: representativeServices(assertion.services, 'ipv4', cuts),
    ipv6: representativeServices(assertion.services, 'ipv6', cuts),
  };
  const isOverMany = isOverLabels(assertion);
  const judged = judgePairs({
    ...{ from, to, budget },
    classes: isOverMany ? classes : undefined,
    ownerOf: ({ address, workload }) => (isOverMany ? (workload ?? oracle.workloadAt(address)) : undefined),
    serviceCounts: { ipv4: services.ipv4.length, ipv6: services.ipv6.length },
    judge(pair, number) {
      const service = services[familyOf(pair.source.address)][number];
      return service === undefined ? undefined : tryOne(oracle, { assertion, ...pair, service, at });
    },
    mostFailures: mostCounterexamples,
  });
  const { failures: counterexamples, tried } = judged;
  const problem = judged.end === 'over-budget' ? tooWide(assertion, most) : undefined;
  const why = problem?.message ?? reasonOf({ assertion, from, to, tried, counterexamples });
  const title = assertionTitle(assertion);
  return {
    policyTest,
    assertion,
    title,
    text: `${policyTest}: ${title}: ${why === '' ? 'holds' : why}`,
    outcome: why === '' ? 'holds' : 'fails',
    tried,
    why,
    counterexamples,
    ...(problem === undefined ? {} : { problem }),
  };
}

function tooWide(assertion: Assertion, most: number): Problem {
  return {
    severity: severityOf('tests-too-wide'),
    code: 'tests-too-wide',
    ...assertion.position,
    message: `not judged to its end: the tests are over more than ${most} connections that the policy can tell apart, in all`,
    suggestion: 'name fewer workloads or services in the tests, or split the labels that they are over',
  };
}

function isOverLabels({ from, to }: Assertion): boolean {
  return from.kind === 'labels' || to.kind === 'labels';
}

/** Of one family, and of different workloads unless the assertion itself names both ends, each as one thing. */
export function isPair(
  oracle: Pick<Oracle, 'workloadAt'>,
  {
    assertion,
    source,
    destination,
  }: { readonly assertion: Assertion; readonly source: Endpoint; readonly destination: Endpoint },
): boolean {
  if (familyOf(source.address) !== familyOf(destination.address)) return false;
  if (!isOverLabels(assertion)) return true;
  const workloads = [source, destination].map(({ address, workload }) => workload ?? oracle.workloadAt(address));
  return workloads[0] === undefined || workloads[0] !== workloads[1];
}

export function endpointsOf(end: TestEnd, inventory: Inventory): readonly Endpoint[] {
  switch (end.kind) {
    case 'address':
      return [{ address: end.address }];
    case 'workload': {
      const workload = inventory.workloads.get(end.workload);
      return workload === undefined ? [] : endpointsOfWorkload(workload);
    }
    case 'labels':
      return [...inventory.workloads.values()]
        .filter((workload) => hasLabels(workload, end.labels))
        .flatMap(endpointsOfWorkload);
  }
}

/** Whether a service of these terms exists in the family: each protocol's ICMP is of one family only. */
export function servicesExist(terms: readonly ServiceTerm[], family: Family): boolean {
  return terms.some(({ kind }) => (kind === 'icmp' ? family === 'ipv4' : kind !== 'icmpv6' || family === 'ipv6'));
}

function endpointsOfWorkload(workload: Workload): readonly Endpoint[] {
  return workload.addresses.map((address) => ({ address, workload }));
}

function hasLabels(workload: Workload, labels: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of labels) if (workload.labels.get(key) !== value) return false;
  return true;
}

interface Attempt extends Pair {
  readonly assertion: Assertion;
  readonly service: Service;
  readonly at: Millis;
}

function tryOne(oracle: Oracle, { assertion, source, destination, service, at }: Attempt): Counterexample | undefined {
  const names = {
    ...(source.workload === undefined ? {} : { srcWorkload: source.workload.name }),
    ...(destination.workload === undefined ? {} : { dstWorkload: destination.workload.name }),
  };
  const query: Query = { src: source.address, dst: destination.address, service, ...names, at };
  const verdict = oracle.judge(query);
  const why = complaint(oracle, { assertion, query, verdict });
  if (why === undefined) return undefined;
  return { src: query.src, dst: query.dst, ...names, service: serviceText(service), verdict, why };
}

function complaint(
  oracle: Oracle,
  { assertion, query, verdict }: { readonly assertion: Assertion; readonly query: Query; readonly verdict: Verdict },
): string | undefined {
  if (verdict.verdict !== assertion.expect) return `expected ${assertion.expect}, found ${verdict.verdict}`;
  const { via } = assertion;
  if (via === undefined) return undefined;
  const granting = [...oracle.grantingRules(query, 'outbound'), ...oracle.grantingRules(query, 'inbound')];
  if (granting.some(({ segment, rule }) => segment === via.segment && rule === via.rule)) return undefined;
  const others = [...new Set(granting.map(({ segment, rule }) => `${segment}/${rule}`))];
  return `expected a grant by ${via.segment}/${via.rule}, found ${others.length === 0 ? 'a grant by no rule' : others.join(', ')}`;
}

interface OutcomeInput {
  readonly assertion: Assertion;
  readonly from: readonly Endpoint[];
  readonly to: readonly Endpoint[];
  readonly tried: number;
  readonly counterexamples: readonly Counterexample[];
}

function reasonOf({ assertion, from, to, tried, counterexamples }: OutcomeInput): string {
  const [first] = counterexamples;
  if (first !== undefined) {
    const names = `${first.srcWorkload ?? first.src} → ${first.dstWorkload ?? first.dst}`;
    return `${names} ${first.service}: ${first.why}`;
  }
  if (tried > 0) return '';
  if (from.length === 0) return `from selects nothing: no workload with an address is ${endText(assertion.from)}`;
  if (to.length === 0) return `to selects nothing: no workload with an address is ${endText(assertion.to)}`;
  return 'it selects nothing: no two different workloads have addresses of one family in which the service exists';
}

export function assertionTitle({ from, to, serviceText: service, expect, via }: Assertion): string {
  const by = via === undefined ? '' : ` via ${via.segment}/${via.rule}`;
  return `${endText(from)} → ${endText(to)} ${service}: ${expect}${by}`;
}

function endText(end: TestEnd): string {
  switch (end.kind) {
    case 'workload':
      return end.workload;
    case 'address':
      return end.address;
    case 'labels':
      return `{${[...end.labels].map(([key, value]) => `${key}=${value}`).join(', ')}}`;
  }
}
