// What a draft would change: for each workload its modes, rules and guardrails, and which observed flows would fare differently.
// Both sides are judged as agents would, from compiled rule sets. For `plan`; decides nothing.

import { familyOf } from '#model/address.ts';
import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { addCounts } from '#model/counts.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type {
  DirectionRules,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  PeerSet,
  PeerSetId,
  Peers,
  SegmentRef,
  WorkloadRules,
} from '#model/rule-set.ts';
import { type Service, serviceText } from '#model/service.ts';
import { equalStructures } from '#model/structure.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Direction, End, EnforcementMode } from '#model/verdict.ts';
import { Comparisons } from '#policy/compile/comparisons.ts';
import { type CompiledFleet, compileFleet } from '#policy/compile/compile.ts';
import { RulesByService } from '#policy/judge/rules-by-service.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import { type FlowEvidence, FlowSightings } from './flow-evidence.ts';
import { type NewCover, newCovers } from './new-covers.ts';
import { type ObservedFlow, serviceOfFlow } from './observed-flow.ts';

export interface PolicyAndInventory {
  readonly policy: Policy;
  readonly inventory: Inventory;
}

export interface ImpactRequest {
  readonly current: PolicyAndInventory;
  readonly draft: PolicyAndInventory;
  readonly flows: readonly ObservedFlow[];
  /** Hosts whose agents are connected now; all, where it is not given. */
  readonly connected?: ReadonlySet<string>;
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
  /** What new and changed grants cover that none covered before, whether or not it was seen. */
  readonly covers: readonly NewCover[];
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
  readonly evidence: FlowEvidence;
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

export function impactOf(request: ImpactRequest): Impact {
  const { current, draft, now } = request;
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
  return { workloads, unchangedWorkloads, flows: flowImpacts(request, before, after) };
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
  readonly #sets = new SetComparison();

  of(direction: Direction, sides: BothSides): DirectionImpact {
    const [left, right] = [sides.before?.[direction], sides.after?.[direction]];
    const byRight = this.#known.get(left) ?? new Map<DirectionRules | undefined, KnownImpact>();
    this.#known.set(left, byRight);
    const known = byRight.get(right);
    if (known !== undefined && haveSameSets(known.old, sides.old) && haveSameSets(known.next, sides.next))
      return known.impact;
    const impact = directionImpact(direction, sides, this.#sets);
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
  if (a === undefined || b === undefined || a.peerSets === b.peerSets) return true;
  for (const [id, set] of a.peerSets) {
    const other = b.peerSets.get(id);
    if (other !== undefined && other !== set) return false;
  }
  return true;
}

function directionImpact(
  direction: Direction,
  { before, after, old, next }: BothSides,
  sets: SetComparison,
): DirectionImpact {
  const [left, right] = [before?.[direction], after?.[direction]];
  const isSameMode = left === undefined || right === undefined || left.mode === right.mode;
  const content = { old, next, sets };
  const grants = changesOf<Grant, GrantRef>(left?.grants ?? [], right?.grants ?? [], { ...content, nameOf: grantRef });
  const names = new Set([...grants.added, ...grants.changed].map((ref) => JSON.stringify(ref)));
  const fresh = (right?.grants ?? []).filter((grant) => names.has(JSON.stringify(grantRef(grant))));
  return {
    ...(isSameMode ? {} : { mode: { before: left.mode, after: right.mode } }),
    grants,
    covers: newCovers(fresh, { before: left?.grants ?? [], old, next }),
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

interface OldAndNext {
  readonly old: HostRuleSet | undefined;
  readonly next: HostRuleSet | undefined;
}

interface Naming<Entry, Name> extends OldAndNext {
  readonly sets: SetComparison;
  readonly nameOf: (entry: Entry) => Name;
}

/** Entries of one name (a guardrail's) are compared together. */
function changesOf<Entry extends { readonly peers: Peers }, Name>(
  before: readonly Entry[],
  after: readonly Entry[],
  { old, next, sets, nameOf }: Naming<Entry, Name>,
): Changes<Name> {
  const left = byName(before, nameOf);
  const right = byName(after, nameOf);
  const added: Name[] = [];
  const changed: Name[] = [];
  for (const [key, { name, entries }] of right) {
    const known = left.get(key);
    if (known === undefined) added.push(name);
    else if (!sets.sameEntries(known.entries, entries, { old, next })) changed.push(name);
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

/** Ids say what is meant; a plan is about who that is, so sets are compared by what they hold. */
class SetComparison {
  readonly #same = new Comparisons<Omit<PeerSet, 'id'>>();
  readonly #contents = new WeakMap<PeerSet, Omit<PeerSet, 'id'>>();

  sameEntries<Entry extends { readonly peers: Peers }>(
    before: readonly Entry[],
    after: readonly Entry[],
    sets: OldAndNext,
  ) {
    return (
      before.length === after.length &&
      before.every((entry, at) => {
        const other = after[at];
        return (
          other !== undefined &&
          equalStructures({ ...entry, peers: undefined }, { ...other, peers: undefined }) &&
          this.#samePeers(entry.peers, other.peers, sets)
        );
      })
    );
  }

  #samePeers(before: Peers, after: Peers, { old, next }: OldAndNext): boolean {
    if (before.kind === 'any' || after.kind === 'any') return before.kind === after.kind;
    const [left, right] = [this.#setsOf(before.ids, old), this.#setsOf(after.ids, next)];
    return (
      left.every((one) => right.some((other) => this.#same.holds(one, other))) &&
      right.every((other) => left.some((one) => this.#same.holds(one, other)))
    );
  }

  #setsOf(ids: readonly PeerSetId[], ruleSet: HostRuleSet | undefined): readonly Omit<PeerSet, 'id'>[] {
    return ids.flatMap((id) => {
      const set = ruleSet?.peerSets.get(id);
      if (set === undefined) return [];
      let content = this.#contents.get(set);
      if (content === undefined) {
        const { id: _own, ...rest } = set;
        content = rest;
        this.#contents.set(set, content);
      }
      return [content];
    });
  }
}

function grantRef({ segment, combination, rule }: Grant): GrantRef {
  return { segment, ...(combination === undefined ? {} : { combination }), rule };
}

function rulesOf(ruleSet: HostRuleSet | undefined, name: string): WorkloadRules | undefined {
  return ruleSet?.workloads.find(({ workload }) => workload === name);
}

function flowImpacts(
  { current, draft, flows, connected }: ImpactRequest,
  before: CompiledFleet,
  after: CompiledFleet,
): FlowImpacts {
  const newlyDenied: Judged[] = [];
  const newlyAllowed: Judged[] = [];
  const newlyWouldDeny: Judged[] = [];
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
  const { workloads } = current.inventory;
  const seen = new FlowSightings({ workloads, flows, ...(connected === undefined ? {} : { connected }) });
  const withEvidence = (judged: readonly Judged[]) =>
    judged.map((one): FlowImpact => ({ ...one, evidence: seen.evidenceOf(one.flow) }));
  return {
    newlyDenied: withEvidence(newlyDenied),
    newlyAllowed: withEvidence(newlyAllowed),
    newlyWouldDeny: withEvidence(newlyWouldDeny),
    unchanged,
    unjudged,
  };
}

type Judged = Omit<FlowImpact, 'evidence'>;

function judge(flow: ObservedFlow, fleet: CompiledFleet, inventory: Inventory): End | undefined {
  const { workload, direction, local, peer } = flow;
  const host = inventory.workloads.get(workload)?.host;
  const ruleSet = host === undefined ? undefined : fleet.ruleSetOf(host, 0);
  if (ruleSet === undefined || familyOf(local) !== familyOf(peer)) return undefined;
  const service = serviceOfFlow(flow);
  const rules = rulesOf(ruleSet, workload);
  const asked = rules === undefined ? ruleSet : { ...ruleSet, workloads: [withGrantsFor(rules, direction, service)] };
  return evaluateEnd({ ruleSet: asked, workload, direction, localAddress: local, peerAddress: peer, service });
}

/** More grants than this are not gone through for each flow: its service leaves a few of them. */
const mostAsked = 64;
const mostServicesKept = 256;

interface GrantsByService {
  readonly index: RulesByService<Grant>;
  readonly known: Map<string, readonly Grant[]>;
}

const grantIndexes = new WeakMap<readonly Grant[], GrantsByService>();

function withGrantsFor(rules: WorkloadRules, direction: Direction, service: Service): WorkloadRules {
  const { grants } = rules[direction];
  if (grants.length <= mostAsked) return rules;
  let found = grantIndexes.get(grants);
  if (found === undefined) {
    found = { index: new RulesByService(grants), known: new Map() };
    grantIndexes.set(grants, found);
  }
  const key = serviceText(service);
  let left = found.known.get(key);
  if (left === undefined) {
    left = [...found.index.at(service)];
    if (found.known.size === mostServicesKept) found.known.clear();
    found.known.set(key, left);
  }
  return { ...rules, [direction]: { ...rules[direction], grants: left } };
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
    connections: addCounts(a.connections, b.connections),
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
