// Policy and inventory, at one instant, as what each host is to enforce. A graph, worked out from left to right and no further
// than asked:
//
//   inventory ─► label index ─► segment members ─► peer sets ──┐
//   policy ──► rules that grant now ──────────────► landed rules ─► a workload's rules ─► a host's rule set
//
// A rule lands as a grant at an end only where that end is a member of the rule's segment and one of the peers on its own
// side matches it. The order of files, documents and lists never shows in the result.

import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type {
  DirectionRules,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  ManagedKind,
  PeerSet,
  PeerSetId,
  SegmentRef,
  SelectiveServices,
  WorkloadRules,
} from '#model/rule-set.ts';
import { peerSetIdsOf } from '#model/rule-set-delta.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import { type Direction, type EnforcementMode, enforcementModes } from '#model/verdict.ts';
import { LabelIndex, type WorkloadNumber } from './label-index.ts';
import { type PeerList, PeerSets } from './peer-sets.ts';
import type { Inventory, Policy, Rule, Workload } from './policy.ts';
import { activityOf, earliest } from './rule-schedule.ts';
import { type Combination, SegmentMembers } from './segment-members.ts';

/** `hosts` are those with a managed workload. `nextChangeAt` is when time alone next changes a rule: compile again then. */
export interface CompiledFleet {
  readonly hosts: ReadonlySet<string>;
  readonly nextChangeAt: Millis | undefined;
  /** Undefined for a host without managed workloads. The first call for a host does its work; later ones only renumber. */
  ruleSetOf(host: string, revision: number): HostRuleSet | undefined;
}

export interface CompileRequest {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
}

export function compileFleet({ policy, inventory, now }: CompileRequest): CompiledFleet {
  const index = new LabelIndex(inventory.workloads.values());
  const segments = new SegmentMembers(policy, index);
  const peerSets = new PeerSets({ index, segments, resolutions: inventory.resolutions });
  const schedule = scheduleRules(policy, now);
  const compiler = new WorkloadCompiler({
    segments,
    peerSets,
    active: schedule.active,
    guardrails: landGuardrails(policy, peerSets),
  });
  const byHost = managedByHost(index);
  const compiled = new Map<string, Omit<HostRuleSet, 'revision'>>();
  return {
    hosts: new Set(sortedByCodeUnits(byHost.keys())),
    nextChangeAt: schedule.nextChangeAt,
    ruleSetOf(host, revision) {
      const managed = byHost.get(host);
      if (managed === undefined) return undefined;
      let body = compiled.get(host);
      if (body === undefined) {
        const workloads = managed.map(({ number, workload, kind }) => compiler.compile(number, workload, kind));
        body = { host, workloads, peerSets: namedSets(workloads, peerSets) };
        compiled.set(host, body);
      }
      return { revision, ...body };
    },
  };
}

interface Managed {
  readonly number: WorkloadNumber;
  readonly workload: Workload;
  readonly kind: ManagedKind;
}

function managedByHost(index: LabelIndex): ReadonlyMap<string, readonly Managed[]> {
  const byHost = new Map<string, Managed[]>();
  for (const [number, workload] of index.workloads.entries()) {
    if (workload.kind === 'external' || workload.host === undefined) continue;
    const managed = { number, workload, kind: workload.kind };
    const others = byHost.get(workload.host);
    if (others === undefined) byHost.set(workload.host, [managed]);
    else others.push(managed);
  }
  return byHost;
}

function namedSets(workloads: readonly WorkloadRules[], peerSets: PeerSets): ReadonlyMap<PeerSetId, PeerSet> {
  const ids = new Set<PeerSetId>();
  for (const rules of workloads) for (const id of peerSetIdsOf(rules)) ids.add(id);
  return new Map(sortedByCodeUnits(ids).map((id) => [id, peerSets.get(id)]));
}

interface Schedule {
  /** By segment, in code-unit order of their names. */
  readonly active: ReadonlyMap<string, readonly Rule[]>;
  readonly nextChangeAt: Millis | undefined;
}

function scheduleRules(policy: Policy, now: Millis): Schedule {
  const active = new Map<string, readonly Rule[]>();
  let nextChangeAt: Millis | undefined;
  for (const segment of policy.segments.values()) {
    const granting = segment.rules.filter((rule) => {
      if (rule.expiresAt === undefined && rule.when === undefined) return true;
      const activity = activityOf(rule, now);
      nextChangeAt = earliest([nextChangeAt, activity.nextChangeAt]);
      return activity.grants === 'now';
    });
    active.set(
      segment.name,
      granting.sort((a, b) => compareCodeUnits(a.name, b.name)),
    );
  }
  return { active, nextChangeAt };
}

/** One entry whose peers are resolved, with how it applies at either end; made once, shared by every workload it lands on. */
interface Landed<Entry> {
  readonly inbound: LandedEnd<Entry>;
  readonly outbound: LandedEnd<Entry>;
}

interface LandedEnd<Entry> {
  readonly near: PeerList;
  /** The entry for a workload that a peer matches, */
  readonly whole: Entry;
  /** and for one that only some address peers may match; absent where there are none. */
  readonly ranged?: Entry;
}

interface LocalEntry {
  readonly local: Grant['local'];
}

interface Sides {
  readonly from: PeerList;
  readonly to: PeerList;
}

function land<Entry extends LocalEntry>(
  { from, to }: Sides,
  make: (far: PeerList, local: Grant['local']) => Entry,
): Landed<Entry> {
  const end = (near: PeerList, far: PeerList): LandedEnd<Entry> => ({
    near,
    whole: make(far, { kind: 'any' }),
    ...(near.near.length === 0 ? {} : { ranged: make(far, { kind: 'ranges', ranges: near.near }) }),
  });
  return { inbound: end(to, from), outbound: end(from, to) };
}

function entriesAt<Entry>(landed: readonly Landed<Entry>[], direction: Direction, workload: WorkloadNumber): Entry[] {
  const entries: Entry[] = [];
  for (const { [direction]: end } of landed) {
    if (end.near.matches(workload)) entries.push(end.whole);
    else if (end.ranged !== undefined) entries.push(end.ranged);
  }
  return entries;
}

/** In code-unit order of the guardrails' names; the entries of one are ordered by their content, since they have no names. */
function landGuardrails(policy: Policy, peerSets: PeerSets): readonly Landed<GuardrailDeny>[] {
  return sortedByCodeUnits(policy.guardrails.keys()).flatMap((name) => {
    const guardrail = policy.guardrails.get(name);
    if (guardrail === undefined) return [];
    const keyed = guardrail.deny.map((entry) => {
      const sides = { from: peerSets.list(entry.from, 'tenant'), to: peerSets.list(entry.to, 'tenant') };
      const services = canonicalServices(entry.services);
      const landed = land<GuardrailDeny>(sides, (far, local) => ({
        guardrail: name,
        mode: guardrail.mode,
        peers: far.far,
        local,
        services,
      }));
      const key = JSON.stringify([sides.from.far, sides.to.far, services]);
      return { key, landed };
    });
    return keyed.sort((a, b) => compareCodeUnits(a.key, b.key)).map(({ landed }) => landed);
  });
}

interface CompilerParts {
  readonly segments: SegmentMembers;
  readonly peerSets: PeerSets;
  readonly active: ReadonlyMap<string, readonly Rule[]>;
  readonly guardrails: readonly Landed<GuardrailDeny>[];
}

class WorkloadCompiler {
  readonly #parts: CompilerParts;
  readonly #landed = new Map<Combination, readonly Landed<Grant>[]>();

  constructor(parts: CompilerParts) {
    this.#parts = parts;
  }

  compile(number: WorkloadNumber, workload: Workload, kind: ManagedKind): WorkloadRules {
    const { quarantine } = workload;
    return {
      workload: workload.name,
      kind,
      ...(kind === 'unit' && workload.unit !== undefined ? { unit: workload.unit } : {}),
      addresses: sortedByCodeUnits(new Set(workload.addresses)),
      ...(quarantine === undefined
        ? {}
        : { quarantine: { name: quarantine.name, peers: this.#parts.peerSets.list(quarantine.peers, 'tenant').far } }),
      inbound: this.#direction(number, 'inbound'),
      outbound: this.#direction(number, 'outbound'),
    };
  }

  #direction(number: WorkloadNumber, direction: Direction): DirectionRules {
    const memberships = this.#parts.segments.membershipsOf(number);
    const mode = strictestMode(memberships.map(({ segment }) => segment[direction]));
    const deciding = memberships.find(({ segment }) => segment[direction] === mode);
    return {
      mode,
      ...(deciding === undefined ? {} : { defaultSegment: refOf(deciding) }),
      onDeny: deciding?.segment.onDeny[direction] ?? (direction === 'inbound' ? 'drop' : 'reject'),
      selective: mode === 'selective' ? selectiveOf(memberships, direction) : [],
      guardrails: entriesAt(this.#parts.guardrails, direction, number),
      // Off allows before any rule is asked, so none is shipped.
      grants:
        mode === 'off'
          ? []
          : memberships.flatMap((combination) => entriesAt(this.#rulesOf(combination), direction, number)),
    };
  }

  #rulesOf(combination: Combination): readonly Landed<Grant>[] {
    const known = this.#landed.get(combination);
    if (known !== undefined) return known;
    const landed = (this.#parts.active.get(combination.segment.name) ?? []).map((rule) =>
      this.#landRule(rule, combination),
    );
    this.#landed.set(combination, landed);
    return landed;
  }

  #landRule(rule: Rule, combination: Combination): Landed<Grant> {
    const { peerSets } = this.#parts;
    const sides = { from: peerSets.list(rule.from, combination), to: peerSets.list(rule.to, combination) };
    const services = canonicalServices(rule.services);
    return land<Grant>(sides, (far, local) => ({
      ...refOf(combination),
      rule: rule.name,
      peers: far.far,
      local,
      services,
    }));
  }
}

/** No segment at all observes. */
function strictestMode(modes: readonly EnforcementMode[]): EnforcementMode {
  if (modes.length === 0) return 'observe';
  return modes.reduce((a, b) => (enforcementModes.indexOf(a) >= enforcementModes.indexOf(b) ? a : b));
}

function selectiveOf(memberships: readonly Combination[], direction: Direction): readonly SelectiveServices[] {
  return memberships
    .filter(({ segment }) => segment[direction] === 'selective' && segment.selective.length > 0)
    .map((combination) => ({ ...refOf(combination), services: canonicalServices(combination.segment.selective) }));
}

function refOf({ segment, text }: Combination): SegmentRef {
  return { segment: segment.name, ...(text === undefined ? {} : { combination: text }) };
}

/** Each term once, in code-unit order of their texts. */
function canonicalServices(terms: readonly ServiceTerm[]): readonly ServiceTerm[] {
  if (terms.length < 2) return terms;
  const byText = new Map(terms.map((term) => [serviceTermText(term), term]));
  return sortedByCodeUnits(byText.keys()).flatMap((text) => byText.get(text) ?? []);
}
