// What a draft would change: for each workload its modes, rules and guardrails, and which observed flows would fare differently.
// Both sides are judged as agents would, from compiled rule sets. For `plan`; decides nothing.

import { familyOf } from '#model/address.ts';
import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type {
  DirectionRules,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  Peers,
  SegmentRef,
  WorkloadRules,
} from '#model/rule-set.ts';
import { equalStructures } from '#model/structure.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Direction, End, EnforcementMode } from '#model/verdict.ts';
import { type CompiledFleet, compileFleet } from './compile.ts';
import { type ObservedFlow, serviceOfFlow } from './observed-flow.ts';
import type { Inventory, Policy } from './policy.ts';

export interface PolicyAndInventory {
  readonly policy: Policy;
  readonly inventory: Inventory;
}

export interface ImpactRequest {
  readonly current: PolicyAndInventory;
  readonly draft: PolicyAndInventory;
  readonly flows: readonly ObservedFlow[];
  readonly now: Millis;
}

/** A rule's address at one end: what people read in a plan. */
export interface GrantRef extends SegmentRef {
  readonly rule: string;
}

/** `changed` grants and guardrails are there before and after under one name, with other peers, addresses or services. */
export interface DirectionImpact {
  readonly mode?: { readonly before: EnforcementMode; readonly after: EnforcementMode };
  readonly grants: Changes<GrantRef>;
  readonly guardrails: Changes<string>;
  /** What the default denies or with which action, the selective services: all else that may differ. */
  readonly defaults: 'same' | 'changed';
}

export interface Changes<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly changed: readonly T[];
}

/** `added` and `removed` are whole workloads; their directions list all they have or had. */
export interface WorkloadImpact {
  readonly host: string;
  readonly workload: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly inbound: DirectionImpact;
  readonly outbound: DirectionImpact;
}

export interface FlowImpact {
  readonly flow: ObservedFlow;
  readonly before: End;
  readonly after: End;
}

/** Each flow stands in one list at most; those that fare as before are only counted, like those whose workload is not in both. */
export interface FlowImpacts {
  readonly newlyDenied: readonly FlowImpact[];
  readonly newlyAllowed: readonly FlowImpact[];
  /** Passing before and after, and after it something that enforcement would deny. */
  readonly newlyWouldDeny: readonly FlowImpact[];
  readonly unchanged: number;
  readonly unjudged: number;
}

/** Workloads in code-unit order of host and name, and only those that change. */
export interface Impact {
  readonly workloads: readonly WorkloadImpact[];
  readonly unchangedWorkloads: number;
  readonly flows: FlowImpacts;
}

export function impactOf({ current, draft, flows, now }: ImpactRequest): Impact {
  const before = compileFleet({ ...current, now });
  const after = compileFleet({ ...draft, now });
  const workloads: WorkloadImpact[] = [];
  const directions = new DirectionImpacts();
  let unchangedWorkloads = 0;
  for (const host of sortedByCodeUnits(new Set([...before.hosts, ...after.hosts]))) {
    const [old, next] = [before.ruleSetOf(host, 0), after.ruleSetOf(host, 0)];
    for (const name of workloadNames(old, next)) {
      const impact = workloadImpact({ host, name, old, next, directions });
      if (impact === undefined) unchangedWorkloads += 1;
      else workloads.push(impact);
    }
  }
  return { workloads, unchangedWorkloads, flows: flowImpacts({ current, draft, flows }, before, after) };
}

function workloadNames(old: HostRuleSet | undefined, next: HostRuleSet | undefined): readonly string[] {
  return sortedByCodeUnits(
    new Set([...(old?.workloads ?? []), ...(next?.workloads ?? [])].map(({ workload }) => workload)),
  );
}

interface WorkloadQuestion {
  readonly host: string;
  readonly name: string;
  readonly old: HostRuleSet | undefined;
  readonly next: HostRuleSet | undefined;
  readonly directions: DirectionImpacts;
}

function workloadImpact({ host, name, old, next, directions }: WorkloadQuestion): WorkloadImpact | undefined {
  const before = rulesOf(old, name);
  const after = rulesOf(next, name);
  const inbound = directions.of('inbound', { before, after, old, next });
  const outbound = directions.of('outbound', { before, after, old, next });
  const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  if (change === 'changed' && isUnchanged(inbound) && isUnchanged(outbound) && hasSameQuarantine(before, after))
    return undefined;
  return { host, workload: name, change, inbound, outbound };
}

function hasSameQuarantine(before: WorkloadRules | undefined, after: WorkloadRules | undefined): boolean {
  return equalStructures(before?.quarantine, after?.quarantine);
}

interface BothSides {
  readonly before: WorkloadRules | undefined;
  readonly after: WorkloadRules | undefined;
  readonly old: HostRuleSet | undefined;
  readonly next: HostRuleSet | undefined;
}

/** Thousands of workloads share their rules: what changes of these is found out once, and is one object. */
class DirectionImpacts {
  readonly #known = new Map<DirectionRules | undefined, Map<DirectionRules | undefined, KnownImpact>>();

  of(direction: Direction, sides: BothSides): DirectionImpact {
    const [left, right] = [sides.before?.[direction], sides.after?.[direction]];
    const byRight = this.#known.get(left) ?? new Map<DirectionRules | undefined, KnownImpact>();
    this.#known.set(left, byRight);
    const known = byRight.get(right);
    if (known !== undefined && haveSameSets(known.old, sides.old) && haveSameSets(known.next, sides.next))
      return known.impact;
    const impact = directionImpact(direction, sides);
    byRight.set(right, { impact, old: sides.old, next: sides.next });
    return impact;
  }
}

interface KnownImpact {
  readonly impact: DirectionImpact;
  readonly old: HostRuleSet | undefined;
  readonly next: HostRuleSet | undefined;
}

/** Whether no id means one thing on one host and another on the other: those with containers have sets of their own. */
function haveSameSets(a: HostRuleSet | undefined, b: HostRuleSet | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return true;
  for (const [id, set] of a.peerSets) {
    const other = b.peerSets.get(id);
    if (other !== undefined && other !== set) return false;
  }
  return true;
}

function directionImpact(direction: Direction, { before, after, old, next }: BothSides): DirectionImpact {
  const [left, right] = [before?.[direction], after?.[direction]];
  const isSameMode = left === undefined || right === undefined || left.mode === right.mode;
  const content = { old, next };
  return {
    ...(isSameMode ? {} : { mode: { before: left.mode, after: right.mode } }),
    grants: changesOf<Grant, GrantRef>(left?.grants ?? [], right?.grants ?? [], { ...content, nameOf: grantRef }),
    guardrails: changesOf<GuardrailDeny, string>(left?.guardrails ?? [], right?.guardrails ?? [], {
      ...content,
      nameOf: ({ guardrail }) => guardrail,
    }),
    defaults:
      left === undefined || right === undefined || equalStructures(defaultsOf(left), defaultsOf(right))
        ? 'same'
        : 'changed',
  };
}

function isUnchanged({ mode, grants, guardrails, defaults }: DirectionImpact): boolean {
  const hasChanges = [grants, guardrails].some(
    ({ added, removed, changed }) => added.length + removed.length + changed.length > 0,
  );
  return mode === undefined && defaults === 'same' && !hasChanges;
}

function defaultsOf({ defaultSegment, onDeny, selective }: DirectionRules): unknown {
  return { defaultSegment, onDeny, selective };
}

interface Naming<Entry, Name> {
  readonly old: HostRuleSet | undefined;
  readonly next: HostRuleSet | undefined;
  readonly nameOf: (entry: Entry) => Name;
}

/** Entries of one name (a guardrail's) are compared together. */
function changesOf<Entry extends { readonly peers: Peers }, Name>(
  before: readonly Entry[],
  after: readonly Entry[],
  { old, next, nameOf }: Naming<Entry, Name>,
): Changes<Name> {
  const left = byName(before, nameOf);
  const right = byName(after, nameOf);
  const added: Name[] = [];
  const changed: Name[] = [];
  for (const [key, { name, entries }] of right) {
    const known = left.get(key);
    if (known === undefined) added.push(name);
    else if (!equalStructures(spelledOut(known.entries, old), spelledOut(entries, next))) changed.push(name);
  }
  const removed = [...left].filter(([key]) => !right.has(key)).map(([, { name }]) => name);
  return { added, removed, changed };
}

function byName<Entry, Name>(entries: readonly Entry[], nameOf: (entry: Entry) => Name) {
  const named = new Map<string, { readonly name: Name; readonly entries: Entry[] }>();
  for (const entry of entries) {
    const name = nameOf(entry);
    const key = JSON.stringify(name);
    const known = named.get(key);
    if (known === undefined) named.set(key, { name, entries: [entry] });
    else known.entries.push(entry);
  }
  return named;
}

/** Ids say what is meant; a plan is about who that is, so each id comes with its set. */
function spelledOut<Entry extends { readonly peers: Peers }>(
  entries: readonly Entry[],
  ruleSet: HostRuleSet | undefined,
): unknown {
  return entries.map((entry) => ({
    ...entry,
    peers: entry.peers.kind === 'any' ? 'any' : entry.peers.ids.map((id) => ruleSet?.peerSets.get(id)),
  }));
}

function grantRef({ segment, combination, rule }: Grant): GrantRef {
  return { segment, ...(combination === undefined ? {} : { combination }), rule };
}

function rulesOf(ruleSet: HostRuleSet | undefined, name: string): WorkloadRules | undefined {
  return ruleSet?.workloads.find(({ workload }) => workload === name);
}

function flowImpacts(
  { current, draft, flows }: Omit<ImpactRequest, 'now'>,
  before: CompiledFleet,
  after: CompiledFleet,
): FlowImpacts {
  const newlyDenied: FlowImpact[] = [];
  const newlyAllowed: FlowImpact[] = [];
  const newlyWouldDeny: FlowImpact[] = [];
  let unchanged = 0;
  let unjudged = 0;
  for (const flow of eachOnce(inOrder(flows))) {
    // The host's own settings pass it before any policy, and only the host knows them.
    if (flow.reason === 'essential') {
      unchanged += 1;
      continue;
    }
    const old = judge(flow, before, current.inventory);
    const next = judge(flow, after, draft.inventory);
    if (old === undefined || next === undefined) unjudged += 1;
    else if (old.verdict !== 'deny' && next.verdict === 'deny') newlyDenied.push({ flow, before: old, after: next });
    else if (old.verdict === 'deny' && next.verdict !== 'deny') newlyAllowed.push({ flow, before: old, after: next });
    else if (old.verdict === 'allow' && next.verdict === 'would-deny')
      newlyWouldDeny.push({ flow, before: old, after: next });
    else unchanged += 1;
  }
  return { newlyDenied, newlyAllowed, newlyWouldDeny, unchanged, unjudged };
}

function judge(flow: ObservedFlow, fleet: CompiledFleet, inventory: Inventory): End | undefined {
  const { workload, direction, local, peer } = flow;
  const host = inventory.workloads.get(workload)?.host;
  const ruleSet = host === undefined ? undefined : fleet.ruleSetOf(host, 0);
  if (ruleSet === undefined || familyOf(local) !== familyOf(peer)) return undefined;
  const service = serviceOfFlow(flow);
  return evaluateEnd({ ruleSet, workload, direction, localAddress: local, peerAddress: peer, service });
}

interface KeyedFlow {
  readonly flow: ObservedFlow;
  /** Who saw it, and of what; not what was decided then. */
  readonly key: string;
}

/**
 * What was observed under two policies stands in two records, with two verdicts; both are judged alike here, and would be told twice.
 * What the host's own settings passed stays apart: it was not asked about.
 */
function* eachOnce(flows: readonly KeyedFlow[]): Generator<ObservedFlow> {
  let last: KeyedFlow | undefined;
  for (const next of flows) {
    if (last !== undefined && last.key === next.key) {
      last = { key: last.key, flow: addedUp(last.flow, next.flow) };
    } else {
      if (last !== undefined) yield last.flow;
      last = next;
    }
  }
  if (last !== undefined) yield last.flow;
}

function addedUp(a: ObservedFlow, b: ObservedFlow): ObservedFlow {
  return {
    ...(b.lastSeenAt > a.lastSeenAt ? b : a),
    connections: a.connections + b.connections,
    firstSeenAt: millis(Math.min(a.firstSeenAt, b.firstSeenAt)),
  };
}

/** Each key is made once, since there can be half a million flows. */
function inOrder(flows: readonly ObservedFlow[]): readonly KeyedFlow[] {
  return flows
    .map((flow) => {
      const { workload, direction, peer, protocol, port, local } = flow;
      const essential = flow.reason === 'essential' ? ['essential'] : [];
      return {
        flow,
        key: [workload, direction, peer, protocol, String(port).padStart(5, '0'), local, ...essential].join(' '),
      };
    })
    .sort((a, b) => compareCodeUnits(a.key, b.key));
}
