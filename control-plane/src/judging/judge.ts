// What a plan and a suggestion answer, made of a fleet as it was when asked and of the flows that were observed. Both change nothing. Takes
// seconds in a large fleet, so it runs in the judging thread; throws an ApiError for what cannot be asked.

import { ApiError } from '#control-plane/answers/api-error.ts';
import { evidenceView } from '#control-plane/answers/evidence.ts';
import { isoTime } from '#control-plane/answers/iso-time.ts';
import { assertGood, failureView, problemView } from '#control-plane/answers/review-answer.ts';
import type { PlanAnswer, PlannedFlow, SuggestAnswer } from '#control-plane/answers/schemas.ts';
import { inventoryUnder, reviewPolicy } from '#control-plane/publish/policy-review.ts';
import type { ObservedRow } from '#control-plane/store/flows.ts';
import type { PolicyFile } from '#control-plane/store/policies.ts';
import type { Address } from '#model/address.ts';
import { addCounts, atLeast } from '#model/counts.ts';
import type { Labels } from '#model/label.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { serviceTermText, serviceText } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Direction, End, EndVerdict, Reason } from '#model/verdict.ts';
import { createHolders } from '#policy/judge/address-holders.ts';
import {
  type Changes,
  type DirectionImpact,
  type FlowImpact,
  type GrantRef,
  impactOf,
  type WorkloadImpact,
} from '#policy/learn/impact.ts';
import { type ObservedFlow, serviceOfFlow } from '#policy/learn/observed-flow.ts';
import { renderSuggestion } from '#policy/learn/render-suggestion.ts';
import { type SuggestedRule, suggestRules } from '#policy/learn/suggest.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import { likeness, unknownInSelector } from '#policy/select/unknown-names.ts';
import type { AnswerJob, PlanJob, SuggestJob } from './judging-protocol.ts';

/** Names of rules and guardrails in an answer: tens of megabytes. Where there are more, `fewNames` of each list are told. */
const mostNames = 500_000;
const fewNames = 20;

/** Flows listed of each kind; all are counted. */
const mostListed = 1000;
const mostCoveredRules = 100;
const mostServices = 20;
const mostExamples = 3;

/** Of a suggested rule: reporters, and pairs that one end alone saw. */
const mostWitnesses = 100;

export interface JudgedFleet {
  readonly inventory: Inventory;
  /** The active one, and its text. */
  readonly policy: Policy;
  readonly files: readonly PolicyFile[];
  readonly revision: number;
  /** At which the active policy was activated. */
  readonly active: number;
  /** Hosts whose agents are connected. */
  readonly connected: ReadonlySet<string>;
  readonly now: Millis;
}

export interface JudgeParts {
  readonly fleet: JudgedFleet;
  /** Last seen at or after then, added up over all hours. */
  readonly observed: (since: number) => Promise<readonly ObservedRow[]>;
  /** Stored rows that are read nowhere. */
  readonly skipped: () => Promise<number>;
}

export function judge(job: AnswerJob, parts: JudgeParts): Promise<PlanAnswer | SuggestAnswer> {
  return job.kind === 'plan' ? plan(job, parts) : suggest(job, parts);
}

async function suggest(job: SuggestJob, { fleet, observed, skipped }: JudgeParts): Promise<SuggestAnswer> {
  const { segment, since, exclude, outside, denied } = job;
  const { policy, files, inventory, connected, now } = fleet;
  const known = policy.segments.get(segment);
  if (known === undefined) {
    const names = [...policy.segments.keys()];
    const shown = names.length === 0 ? 'none' : names.slice(0, 20).join(', ');
    const more = names.length > 20 ? ` and ${names.length - 20} more` : '';
    throw new ApiError(
      'not-found',
      `the active policy has no segment "${segment}"${likeness(segment, names)}; it has ${shown}${more}`,
    );
  }
  const selector = exclude === undefined ? undefined : parseSelector(exclude);
  if (selector?.ok === false) throw new ApiError('bad-request', `exclude: ${selector.error.message}`);
  const suggestion = suggestRules({
    ...{ policy, inventory, segment, connected, outside, denied, now },
    flows: (await observed(since)).map(observedFlow),
    ...(selector === undefined ? {} : { exclude: selector.value }),
  });
  const source = files.find(({ path }) => path === known.position.file)?.text;
  return {
    segment,
    yaml: renderSuggestion({ suggestion, ...(source === undefined ? {} : { source }) }),
    rules: suggestion.rules.map(suggestedRuleView),
    left: suggestion.left.length,
    coveredFlows: suggestion.coveredFlows,
    skippedFlows: await skipped(),
    unknown: selector === undefined ? [] : unknownInSelector(selector.value, inventory.workloads.values()),
  };
}

function suggestedRuleView(rule: SuggestedRule): SuggestAnswer['rules'][number] {
  const { name, services, connections, clients, servers, firstSeenAt, lastSeenAt, reporters, ends, oneSided } = rule;
  return {
    name,
    services: services.map(serviceTermText),
    connections,
    ...atLeast(connections),
    clients,
    servers,
    firstSeenAt: isoTime(firstSeenAt),
    lastSeenAt: isoTime(lastSeenAt),
    reporters: { count: reporters.length, names: reporters.slice(0, mostWitnesses) },
    ...(ends === undefined ? {} : { ends }),
    oneSided: { count: oneSided.length, pairs: oneSided.slice(0, mostWitnesses) },
  };
}

/** What a plan compares the fleet with: another policy, or other labels under the same. */
function draftOf({ files, labels }: PlanJob, fleet: JudgedFleet) {
  const { inventory, now, policy } = fleet;
  if ((files === undefined) === (labels === undefined))
    throw new ApiError('bad-request', 'give files, or the labels of a workload');
  if (labels !== undefined) {
    const draft = { policy, inventory: relabelled(inventory, labels) };
    return { draft, warnings: [], testsPassed: 0, failures: [] };
  }
  const reviewed = (tests: 'run' | 'skip') =>
    reviewPolicy({ files: files ?? [], inventory, now, tests, inForce: policy });
  const tested = reviewed('run');
  const good = assertGood(tested.kind === 'tests-failed' ? reviewed('skip') : tested);
  return {
    draft: { policy: good.policy, inventory: inventoryUnder(good.policy, inventory) },
    warnings: good.warnings.map(problemView),
    testsPassed: tested.kind === 'invalid' ? 0 : tested.testsPassed,
    failures: tested.kind === 'tests-failed' ? tested.failures.map(failureView) : [],
  };
}

/** What is inside of a host has the host's labels too, unless it says otherwise itself. */
function relabelled(inventory: Inventory, { workload: name, set, remove }: NonNullable<PlanJob['labels']>): Inventory {
  const own = inventory.workloads.get(name);
  if (own?.host === undefined) throw new ApiError('not-found', `no agent enforces a workload "${name}"`);
  const edited = (labels: Labels, isMeant: (key: string) => boolean) => {
    const next = new Map([...labels].filter(([key]) => !(remove.includes(key) && isMeant(key))));
    for (const [key, value] of Object.entries(set)) if (isMeant(key)) next.set(key, value);
    return next;
  };
  const workloads = new Map(inventory.workloads);
  workloads.set(name, { ...own, labels: edited(own.labels, () => true) });
  if (own.kind === 'host')
    for (const inside of inventory.workloads.values()) {
      if (inside.host !== own.host || inside.kind === 'host') continue;
      const isInherited = (key: string) => inside.labels.get(key) === own.labels.get(key);
      workloads.set(inside.name, { ...inside, labels: edited(inside.labels, isInherited) });
    }
  return { ...inventory, workloads };
}

async function plan(job: PlanJob, { fleet, observed, skipped }: JudgeParts): Promise<PlanAnswer> {
  const { inventory, connected, now } = fleet;
  const { draft, warnings, testsPassed, failures } = draftOf(job, fleet);
  const impact = impactOf({
    current: { policy: fleet.policy, inventory },
    draft,
    flows: (await observed(job.since)).map(observedFlow),
    connected,
    now,
  });
  const holders = createHolders(inventory.workloads);
  const holder = (address: Address) => holders.workloadAt(address)?.name;
  const listed = (flows: readonly FlowImpact[]) => ({
    count: flows.length,
    oneEnded: flows.filter(({ evidence }) => typeof evidence.ends === 'object').length,
    flows: flows.slice(0, mostListed).map((one) => plannedFlow(one, holder)),
  });
  const directionPlan = createDirectionPlans(impact.workloads);
  return {
    revision: fleet.revision,
    active: fleet.active,
    workloads: impact.workloads.map(({ workload, host, change, inbound, outbound }) => ({
      workload,
      host,
      change,
      inbound: directionPlan(inbound),
      outbound: directionPlan(outbound),
    })),
    unchangedWorkloads: impact.unchangedWorkloads,
    newlyCovered: coveredView(impact.workloads, holder),
    newlyDenied: listed(impact.flows.newlyDenied),
    newlyAllowed: listed(impact.flows.newlyAllowed),
    newlyWouldDeny: listed(impact.flows.newlyWouldDeny),
    unchangedFlows: impact.flows.unchanged,
    unjudgedFlows: impact.flows.unjudged,
    skippedFlows: await skipped(),
    warnings,
    testsPassed,
    testFailures: failures,
  };
}

/** By rule and direction, in the order of workloads. */
function coveredView(
  workloads: readonly WorkloadImpact[],
  holderOf: (address: Address) => string | undefined,
): PlanAnswer['newlyCovered'] {
  const byRule = new Map<
    string,
    {
      rule: string;
      direction: Direction;
      workloads: number;
      pairs: number;
      services: Set<string>;
      examples: { workload: string; peer: string }[];
    }
  >();
  for (const impact of workloads) {
    for (const direction of ['inbound', 'outbound'] as const) {
      for (const { grant, services, peers, examples } of impact[direction].covers) {
        const rule = ruleText(grant);
        const key = `${direction} ${rule}`;
        const known = byRule.get(key) ?? { rule, direction, workloads: 0, pairs: 0, services: new Set(), examples: [] };
        byRule.set(key, known);
        known.workloads += 1;
        known.pairs = addCounts(known.pairs, peers);
        for (const service of services) known.services.add(service);
        for (const peer of examples.slice(0, mostExamples - known.examples.length))
          known.examples.push({ workload: impact.workload, peer: holderOf(peer as Address) ?? peer });
      }
    }
  }
  const rules = [...byRule.values()];
  return {
    count: rules.length,
    rules: rules.slice(0, mostCoveredRules).map((one) => ({
      ...one,
      ...atLeast(one.pairs),
      services: [...one.services].slice(0, mostServices),
    })),
  };
}

type DirectionPlan = PlanAnswer['workloads'][number]['inbound'];

/** What workloads share is written once; of names beyond `mostNames` each list keeps its first, and the rest are counted. */
function createDirectionPlans(workloads: readonly WorkloadImpact[]): (impact: DirectionImpact) => DirectionPlan {
  const all = workloads.reduce((sum, { inbound, outbound }) => sum + nameCount(inbound) + nameCount(outbound), 0);
  const mostListed = all > mostNames ? fewNames : Number.POSITIVE_INFINITY;
  const known = new Map<DirectionImpact, DirectionPlan>();
  return (impact) => {
    const plan = known.get(impact) ?? directionPlan(impact, mostListed);
    known.set(impact, plan);
    return plan;
  };
}

function nameCount({ grants, guardrails }: DirectionImpact): number {
  return [grants, guardrails].reduce(
    (sum, { added, removed, changed }) => sum + added.length + removed.length + changed.length,
    0,
  );
}

function directionPlan({ mode, grants, guardrails, defaults }: DirectionImpact, mostListed: number): DirectionPlan {
  return {
    ...(mode === undefined ? {} : { mode: { ...mode } }),
    rules: listedChanges(grants, mostListed, ruleText),
    guardrails: listedChanges(guardrails, mostListed, (name) => name),
    defaults,
  };
}

function listedChanges<T>(
  changes: Changes<T>,
  mostListed: number,
  textOf: (name: T) => string,
): DirectionPlan['rules'] {
  const listed = (names: readonly T[]) => names.slice(0, mostListed).map(textOf);
  const { added, removed, changed } = changes;
  const unlisted = [added, removed, changed].reduce((sum, { length }) => sum + Math.max(0, length - mostListed), 0);
  return {
    added: listed(added),
    removed: listed(removed),
    changed: listed(changed),
    ...(unlisted === 0 ? {} : { unlisted }),
  };
}

function ruleText({ segment, combination, rule }: GrantRef): string {
  return combination === undefined ? `${segment}/${rule}` : `${segment}(${combination})/${rule}`;
}

function plannedFlow(
  { flow, evidence, before, after }: FlowImpact,
  holderOf: (address: Address) => string | undefined,
): PlannedFlow {
  const peer = holderOf(flow.peer);
  const local = { workload: flow.workload, address: flow.local };
  const remote = peer === undefined ? { address: flow.peer } : { workload: peer, address: flow.peer };
  return {
    from: flow.direction === 'outbound' ? local : remote,
    to: flow.direction === 'outbound' ? remote : local,
    service: serviceText(serviceOfFlow(flow)),
    direction: flow.direction,
    connections: flow.connections,
    ...atLeast(flow.connections),
    lastSeenAt: isoTime(flow.lastSeenAt),
    before: endView(before),
    after: endView(after),
    ...evidenceView(evidence),
  };
}

function endView({ verdict, reason, segment, rule, guardrail }: End): PlannedFlow['before'] {
  return {
    verdict,
    reason,
    ...(segment === undefined ? {} : { segment }),
    ...(rule === undefined ? {} : { rule }),
    ...(guardrail === undefined ? {} : { guardrail }),
  };
}

/** Every value was checked when its batch came in. */
function observedFlow(row: ObservedRow): ObservedFlow {
  return {
    host: row.host,
    workload: row.workload,
    direction: row.direction as Direction,
    local: row.local as Address,
    peer: row.peer as Address,
    protocol: row.protocol,
    port: row.port,
    verdict: row.verdict as EndVerdict,
    reason: row.reason as Reason,
    connections: row.connections,
    firstSeenAt: millis(row.firstSeenAt),
    lastSeenAt: millis(row.lastSeenAt),
    // No reader asks of the column what it holds: it is for people.
    ...(row.askedPort > 0 && row.askedPort <= 65_535 ? { askedPort: row.askedPort } : {}),
  };
}
