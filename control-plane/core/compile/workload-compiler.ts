// One workload's rules, from the segments it is a member of and the guardrails. Rules land as grants only at ends that are members of
// their segment and that one of the peers on their own side matches. Workloads to which the same applies share one object a direction.

import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type {
  DirectionRules,
  Grant,
  GuardrailDeny,
  ManagedKind,
  SegmentRef,
  SelectiveServices,
  WorkloadRules,
} from '#model/rule-set.ts';
import type { Schedule } from '#model/schedule.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import { type DenyAction, type Direction, type EnforcementMode, enforcementModes } from '#model/verdict.ts';
import type { Policy, Rule, Workload } from '#policy/policy/policy.ts';
import type { WorkloadNumber } from '#policy/select/label-index.ts';
import type { Combination, SegmentMembers } from '#policy/select/segment-members.ts';
import type { Schedules } from './active-rules.ts';
import type { CutOffSets } from './cut-off-sets.ts';
import type { PeerList, PeerSetNode, PeerSets } from './peer-sets.ts';
import { addressesMeant, LandedRules, type Landing } from './rules-at-ends.ts';
import type { HeldVirtual } from './virtual-holders.ts';

/**
 * `named` are the peer sets of the rules: one object for all workloads with the same rules. `exempt` is to be released when this is
 * replaced.
 */
export interface CompiledWorkload {
  readonly rules: WorkloadRules;
  readonly named: ReadonlySet<PeerSetNode>;
  readonly exempt: PeerList | undefined;
}

interface CompiledDirection {
  readonly rules: DirectionRules;
  readonly named: readonly PeerSetNode[];
  /** What an inbound direction names together with outbound ones. */
  unions?: Map<CompiledDirection, ReadonlySet<PeerSetNode>>;
}

interface CompiledOf {
  readonly number: WorkloadNumber;
  readonly workload: Workload;
  readonly kind: ManagedKind;
  readonly held: readonly HeldVirtual[];
}

interface AskedDirection {
  readonly memberships: readonly Combination[];
  readonly number: WorkloadNumber;
  readonly held: readonly HeldVirtual[];
  readonly direction: Direction;
}

/** Of workloads with the same many memberships: what is asked of each, and what was made of the answers. */
interface SharedDirection {
  readonly locals: readonly PeerList[];
  readonly known: Map<string, CompiledDirection>;
}

/** A workload of more segments is asked about local sides that these share, not about each segment's own. */
const mostAskedEach = 8;

export interface WorkloadCompilerParts {
  readonly segments: SegmentMembers;
  readonly peerSets: PeerSets;
  /** The segment's rules that grant (as `schedules` says), in code-unit order of their names. */
  readonly activeRules: (segment: string) => readonly Rule[];
  readonly cutOff: Pick<CutOffSets, 'exemptionsOf'>;
  readonly schedules: Schedules;
}

export class WorkloadCompiler {
  readonly #parts: WorkloadCompilerParts;
  readonly #landed = new Map<Combination, LandedRules<Grant>>();
  readonly #directions: Readonly<Record<Direction, Map<string, CompiledDirection>>> = {
    inbound: new Map(),
    outbound: new Map(),
  };
  /** By memberships, where they are many. */
  #shared = new WeakMap<readonly Combination[], Record<Direction, SharedDirection>>();
  #guardrails: LandedRules<GuardrailDeny>;

  constructor(parts: WorkloadCompilerParts) {
    this.#parts = parts;
    this.#guardrails = new LandedRules<GuardrailDeny>([], 'tenant', parts.peerSets);
  }

  setGuardrails(guardrails: Policy['guardrails']): void {
    this.#guardrails.release();
    this.#guardrails = new LandedRules(
      guardrailLandings(guardrails, this.#parts.peerSets),
      'tenant',
      this.#parts.peerSets,
    );
    this.#forgetDirections();
  }

  /** The combination's rules changed, or it is gone: they land anew when next asked for. */
  forget(combination: Combination): void {
    this.#landed.get(combination)?.release();
    if (this.#landed.delete(combination)) this.#forgetDirections();
  }

  /** `held`: virtual workloads whose addresses it may have. */
  compile({ number, workload, kind, held }: CompiledOf): CompiledWorkload {
    const { peerSets } = this.#parts;
    const { quarantine } = workload;
    const exempt = quarantine === undefined ? undefined : peerSets.list(quarantine.peers, 'tenant');
    if (exempt !== undefined) peerSets.retain(exempt);
    const inbound = this.#direction(number, held, 'inbound');
    const outbound = this.#direction(number, held, 'outbound');
    const exemptFrom = this.#parts.cutOff.exemptionsOf(number, workload);
    const rules = {
      workload: workload.name,
      kind,
      ...(kind === 'unit' && workload.unit !== undefined ? { unit: workload.unit } : {}),
      addresses: sortedByCodeUnits(new Set(workload.onHost ?? workload.addresses)),
      ...(quarantine === undefined || exempt === undefined
        ? {}
        : { quarantine: { name: quarantine.name, peers: exempt.asRemote } }),
      ...(exemptFrom.length === 0 ? {} : { exemptFrom }),
      inbound: inbound.rules,
      outbound: outbound.rules,
    };
    const both = namedByBoth(inbound, outbound);
    return { rules, named: exempt === undefined ? both : both.union(new Set(exempt.named)), exempt };
  }

  #forgetDirections(): void {
    this.#directions.inbound.clear();
    this.#directions.outbound.clear();
    this.#shared = new WeakMap();
  }

  #direction(number: WorkloadNumber, held: readonly HeldVirtual[], direction: Direction): CompiledDirection {
    const memberships = this.#parts.segments.membershipsOf(number);
    const asked = { memberships, number, held, direction };
    if (memberships.length <= mostAskedEach) return this.#directionFrom(asked);
    const { locals, known } = this.#sharedBy(memberships, direction);
    let key = this.#guardrails.hitsAt(number, direction, held).key;
    for (const [at, local] of locals.entries()) {
      if (local.matches(number)) key += `,${at}`;
      else if (held.length > 0) key += `,${at}=${addressesMeant(local, held).join('+')}`;
    }
    const found = known.get(key) ?? this.#directionFrom(asked);
    known.set(key, found);
    return found;
  }

  #sharedBy(memberships: readonly Combination[], direction: Direction): SharedDirection {
    const known = this.#shared.get(memberships);
    if (known !== undefined) return known[direction];
    const made = { inbound: this.#localsAt(memberships, 'inbound'), outbound: this.#localsAt(memberships, 'outbound') };
    this.#shared.set(memberships, made);
    return made[direction];
  }

  #localsAt(memberships: readonly Combination[], direction: Direction): SharedDirection {
    const locals = new Map<string, PeerList>();
    for (const combination of memberships) {
      for (const local of this.#rulesOf(combination).localsAt(direction)) {
        if (!local.matchesAll(combination.members)) locals.set(local.key, local);
      }
    }
    return { locals: [...locals.values()], known: new Map() };
  }

  #directionFrom({ memberships, number, held, direction }: AskedDirection): CompiledDirection {
    const guardrails = this.#guardrails.hitsAt(number, direction, held);
    const grants = memberships.map((combination) => this.#rulesOf(combination).hitsAt(number, direction, held));
    const key = [guardrails, ...grants].map((hits) => hits.key).join(';');
    const known = this.#directions[direction].get(key);
    if (known !== undefined) return known;

    const mode = strictestMode(memberships.map(({ segment }) => segment[direction]));
    const deciding = memberships.find(({ segment }) => segment[direction] === mode);
    const onDeny = deciding?.segment.onDeny[direction] ?? (direction === 'inbound' ? 'drop' : 'reject');
    // Off allows before any rule is asked, so none is shipped.
    const shipped = mode === 'off' ? [] : grants;
    const [only] = shipped;
    const made: CompiledDirection = {
      rules: {
        mode,
        ...(deciding === undefined ? {} : { defaultSegment: refOf(deciding) }),
        onDeny,
        selective: mode === 'selective' ? selectiveOf(memberships, direction, onDeny) : [],
        guardrails: guardrails.entries,
        grants: shipped.length === 1 && only !== undefined ? only.entries : shipped.flatMap(({ entries }) => entries),
      },
      named: [...new Set([guardrails.named, ...shipped.map(({ named }) => named)].flat())],
    };
    this.#directions[direction].set(key, made);
    return made;
  }

  #rulesOf(combination: Combination): LandedRules<Grant> {
    let landed = this.#landed.get(combination);
    if (landed === undefined) {
      const { activeRules, peerSets, schedules } = this.#parts;
      const landings = activeRules(combination.segment.name).map((rule) => ruleLanding(rule, combination, schedules));
      landed = new LandedRules(landings, combination, peerSets);
      this.#landed.set(combination, landed);
    }
    return landed;
  }
}

function namedByBoth(inbound: CompiledDirection, outbound: CompiledDirection): ReadonlySet<PeerSetNode> {
  inbound.unions ??= new Map();
  let named = inbound.unions.get(outbound);
  if (named === undefined) {
    named = new Set([...inbound.named, ...outbound.named]);
    inbound.unions.set(outbound, named);
  }
  return named;
}

function ruleLanding(rule: Rule, combination: Combination, schedules: Schedules): Landing<Grant> {
  const { name, from, to, services } = rule;
  const ref = refOf(combination);
  const canonical = canonicalServices(services);
  const schedule = schedules === 'carried' ? scheduleOf(rule) : undefined;
  const carried = schedule === undefined ? {} : { schedule };
  return {
    from,
    to,
    make: (remote, local) => ({ ...ref, rule: name, peers: remote.asRemote, local, services: canonical, ...carried }),
  };
}

/** Undefined for a rule that always grants. */
function scheduleOf({ expiresAt, when }: Rule): Schedule | undefined {
  if (expiresAt === undefined && when === undefined) return undefined;
  return { ...(expiresAt === undefined ? {} : { expiresAt }), ...(when === undefined ? {} : { when }) };
}

/** In code-unit order of the guardrails' names; the entries of one are ordered by their content, since they have no names. */
function guardrailLandings(guardrails: Policy['guardrails'], peerSets: PeerSets): readonly Landing<GuardrailDeny>[] {
  return sortedByCodeUnits(guardrails.keys()).flatMap((name) => {
    const guardrail = guardrails.get(name);
    if (guardrail === undefined) return [];
    const { mode } = guardrail;
    const keyed = guardrail.deny.map(({ from, to, services }) => {
      const canonical = canonicalServices(services);
      const landing: Landing<GuardrailDeny> = {
        from,
        to,
        make: (remote, local) => ({ guardrail: name, mode, peers: remote.asRemote, local, services: canonical }),
      };
      const sides = [from, to].map((peers) => peerSets.list(peers, 'tenant').asRemote);
      return { key: JSON.stringify([...sides, canonical]), landing };
    });
    return keyed.sort((a, b) => compareCodeUnits(a.key, b.key)).map(({ landing }) => landing);
  });
}

/** No segment at all observes. */
function strictestMode(modes: readonly EnforcementMode[]): EnforcementMode {
  if (modes.length === 0) return 'observe';
  return modes.reduce((a, b) => (enforcementModes.indexOf(a) >= enforcementModes.indexOf(b) ? a : b));
}

/** A segment's own onDeny is said only where it is another than the direction's. */
function selectiveOf(
  memberships: readonly Combination[],
  direction: Direction,
  usual: DenyAction,
): readonly SelectiveServices[] {
  return memberships
    .filter(({ segment }) => segment[direction] === 'selective' && segment.selective.length > 0)
    .map((combination) => {
      const onDeny = combination.segment.onDeny[direction];
      const services = canonicalServices(combination.segment.selective);
      return { ...refOf(combination), services, ...(onDeny === usual ? {} : { onDeny }) };
    });
}

function refOf({ segment, text }: Combination): SegmentRef {
  return { segment: segment.name, ...(text === undefined ? {} : { combination: text }) };
}

/** Each term once, in code-unit order of their texts. */
function canonicalServices(terms: readonly ServiceTerm[]): readonly ServiceTerm[] {
  if (terms.length < 2) return terms;
  const byText = new Map(terms.map((term) => [serviceTermText(term), term]));
  return [...byText].sort(([a], [b]) => compareCodeUnits(a, b)).map(([, term]) => term);
}
