// What observed flows say of policy: what a draft would change, and which rules a segment lacks. Both change nothing.

import type { Address } from '#model/address.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { serviceTermText, serviceText } from '#model/service.ts';
import { millis } from '#model/time.ts';
import type { Direction, End, EndVerdict, Reason } from '#model/verdict.ts';
import {
  type Changes,
  type DirectionImpact,
  type FlowImpact,
  type GrantRef,
  impactOf,
  type WorkloadImpact,
} from '#policy/impact.ts';
import { type ObservedFlow, serviceOfFlow } from '#policy/observed-flow.ts';
import { renderSuggestion } from '#policy/render-suggestion.ts';
import { type SuggestedRule, suggestRules } from '#policy/suggest.ts';
import type { Fleet } from '../fleet.ts';
import { inventoryUnder, reviewPolicy } from '../policy-review.ts';
import type { ObservedRow } from '../store/flows.ts';
import type { Api } from './app.ts';
import { type ApiContext, isoTime } from './context.ts';
import { ApiError } from './errors.ts';
import { evidenceView } from './evidence.ts';
import { assertGood, failureView, problemView, readFiles } from './policy.ts';
import {
  type PlanAnswer,
  type PlannedFlow,
  planAnswer,
  planRequest,
  type SuggestAnswer,
  suggestAnswer,
  suggestRequest,
} from './schemas.ts';

/** Distinct flows judged; the newest. */
const mostFlows = 500_000;

/** Names of rules and guardrails in an answer: tens of megabytes. Where there are more, `fewNames` of each list are told. */
const mostNames = 500_000;
const fewNames = 20;

/** Flows listed of each kind; all are counted. */
const mostListed = 1000;

/** Of a suggested rule: reporters, and pairs that one end alone saw. */
const mostWitnesses = 100;

export function planRoutes(app: Api, context: ApiContext): void {
  app.post(
    '/api/v1/policy/plan',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'What activating a policy would change for each workload, and for the flows that were observed',
        tags: ['policy'],
        body: planRequest,
        response: { 200: planAnswer },
      },
    },
    async (request) => plan(context, request.body),
  );

  app.post(
    '/api/v1/suggestions',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Rules for a segment of the active policy, made of observed flows',
        tags: ['policy'],
        body: suggestRequest,
        response: { 200: suggestAnswer },
      },
    },
    async (request) => {
      const { fleet } = context;
      const { segment, since, exclude, outside, denied } = request.body;
      const { policy, id } = fleet.active;
      const known = policy.segments.get(segment);
      if (known === undefined) {
        const names = [...policy.segments.keys()].join(', ') || 'none';
        throw new ApiError('not-found', `the active policy has no segment ${segment}; it has ${names}`);
      }
      const selector = exclude === undefined ? undefined : parseSelector(exclude);
      if (selector?.ok === false) throw new ApiError('bad-request', `exclude: ${selector.error.message}`);
      const suggestion = suggestRules({
        policy,
        inventory: fleet.inventory(),
        segment,
        flows: await observedFlows(context, since),
        connected: connectedHosts(fleet),
        outside,
        denied,
        now: context.now(),
        ...(selector === undefined ? {} : { exclude: selector.value }),
      });
      const source = (await readFiles(context, id)).find(({ path }) => path === known.position.file)?.text;
      return {
        segment,
        yaml: renderSuggestion({ suggestion, ...(source === undefined ? {} : { source }) }),
        rules: suggestion.rules.map(suggestedRuleView),
        left: suggestion.left.length,
        coveredFlows: suggestion.coveredFlows,
      };
    },
  );
}

async function plan(
  context: ApiContext,
  { files, since }: { readonly files: { path: string; text: string }[]; readonly since: number },
): Promise<PlanAnswer> {
  const { fleet, now } = context;
  const inventory = fleet.inventory();
  const reviewed = (tests: 'run' | 'skip') =>
    reviewPolicy({ files, inventory, now: now(), tests, inForce: fleet.active.policy });
  const tested = reviewed('run');
  const review = tested.kind === 'tests-failed' ? reviewed('skip') : tested;
  const { policy, warnings } = assertGood(review);
  const impact = impactOf({
    current: { policy: fleet.active.policy, inventory },
    draft: { policy, inventory: inventoryUnder(policy, inventory) },
    flows: await observedFlows(context, since),
    connected: connectedHosts(fleet),
    now: now(),
  });
  const holder = (address: Address) => fleet.holderOf(address);
  const listed = (flows: readonly FlowImpact[]) => ({
    count: flows.length,
    oneEnded: flows.filter(({ evidence }) => typeof evidence.ends === 'object').length,
    flows: flows.slice(0, mostListed).map((one) => plannedFlow(one, holder)),
  });
  const directionPlan = createDirectionPlans(impact.workloads);
  return {
    revision: fleet.revision,
    workloads: impact.workloads.map(({ workload, host, change, inbound, outbound }) => ({
      workload,
      host,
      change,
      inbound: directionPlan(inbound),
      outbound: directionPlan(outbound),
    })),
    unchangedWorkloads: impact.unchangedWorkloads,
    newlyDenied: listed(impact.flows.newlyDenied),
    newlyAllowed: listed(impact.flows.newlyAllowed),
    newlyWouldDeny: listed(impact.flows.newlyWouldDeny),
    unchangedFlows: impact.flows.unchanged,
    unjudgedFlows: impact.flows.unjudged,
    warnings: warnings.map(problemView),
    testsPassed: tested.kind === 'invalid' ? 0 : tested.testsPassed,
    testFailures: tested.kind === 'tests-failed' ? tested.failures.map(failureView) : [],
  };
}

function connectedHosts({ sessions }: Fleet): ReadonlySet<string> {
  return new Set([...sessions.all()].map(({ host }) => host));
}

function suggestedRuleView(rule: SuggestedRule): SuggestAnswer['rules'][number] {
  const { name, services, connections, clients, servers, firstSeenAt, lastSeenAt, reporters, ends, oneSided } = rule;
  return {
    name,
    services: services.map(serviceTermText),
    connections,
    clients,
    servers,
    firstSeenAt: isoTime(firstSeenAt),
    lastSeenAt: isoTime(lastSeenAt),
    reporters: { count: reporters.length, names: reporters.slice(0, mostWitnesses) },
    ...(ends === undefined ? {} : { ends }),
    oneSided: { count: oneSided.length, pairs: oneSided.slice(0, mostWitnesses) },
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
  const near = { workload: flow.workload, address: flow.local };
  const far = peer === undefined ? { address: flow.peer } : { workload: peer, address: flow.peer };
  return {
    from: flow.direction === 'outbound' ? near : far,
    to: flow.direction === 'outbound' ? far : near,
    service: serviceText(serviceOfFlow(flow)),
    direction: flow.direction,
    connections: flow.connections,
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

async function observedFlows({ store, tenant }: ApiContext, since: number): Promise<readonly ObservedFlow[]> {
  const rows = await store.listObserved({ tenant, since: millis(since), limit: mostFlows });
  return rows.map(observedFlow);
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
  };
}
