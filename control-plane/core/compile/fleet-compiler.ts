// Policy and inventory as what each host is to enforce, kept up as they change. A graph in which a change costs what it
// touches:
//
//   workload ─► labels ─► segment members ─┬─► peer sets ──────────► hosts that name them ─┐
//   policy, time ─► rules in force ────────┴─► landed rules ─► a workload's rules ─► its host ─┴─► changes by host
//   virtual workloads ─► hosts that may hold them ─────────────┘
//
// What a host enforces is worked out when first asked for, and kept up from then on; hosts that nobody asked for cost
// nothing. After any sequence of changes the result equals that of a compiler made from the last state. Knows no clock,
// and no revisions.
//
// A host with containers behind its address translation has sets of its own where they are members: what such a host is
// told is the difference of two whole rule sets, which costs what the host holds.

import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { DirectionRules, HostRuleSet, PeerSet, PeerSetId, WorkloadRules } from '#model/rule-set.ts';
import { diffRuleSets, type PeerSetChange, type RuleSetDelta } from '#model/rule-set-delta.ts';
import { equalStructures } from '#model/structure.ts';
import type { Millis } from '#model/time.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import type { Inventory, Peer, Policy, Segment, Workload } from '#policy/policy/policy.ts';
import { LabelIndex, type WorkloadNumber } from '#policy/select/label-index.ts';
import { SegmentMembers } from '#policy/select/segment-members.ts';
import { RulesInForce, type Schedules } from './active-rules.ts';
import { Comparisons } from './comparisons.ts';
import { type CutOffChanges, CutOffSets } from './cut-off-sets.ts';
import { type NamingHosts, type PeerSetNode, PeerSets } from './peer-sets.ts';
import { VirtualHolders } from './virtual-holders.ts';
import { type CompiledWorkload, WorkloadCompiler } from './workload-compiler.ts';

/** What is from now on. A whole workload is given, whatever of it changed; one that says nothing new is no change. */
export type FleetChange =
  | { readonly kind: 'workload-set'; readonly workload: Workload }
  | { readonly kind: 'workload-removed'; readonly name: string }
  | { readonly kind: 'policy-replaced'; readonly policy: Policy };

/** A rule set delta that is not numbered yet. Hosts share the objects in `changedPeerSets` and `addedPeerSets`. */
export type HostChange = Omit<RuleSetDelta, 'baseRevision' | 'revision'>;

/** The policy's parts that are compiled. */
type CompiledPolicy = Pick<Policy, 'segments' | 'guardrails'>;

interface Host {
  readonly name: string;
  readonly managed: Set<WorkloadNumber>;
  /** Absent until the host's rule set is asked for. */
  compiled?: CompiledHost;
}

interface CompiledHost {
  readonly workloads: Map<WorkloadNumber, CompiledWorkload>;
  named: ReadonlySet<PeerSetNode>;
  body: Omit<HostRuleSet, 'revision'> | undefined;
  /** What was told last of a host that has sets of its own; kept only for those. */
  told?: Omit<HostRuleSet, 'revision'>;
}

export interface FleetCompilerOptions {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
  /** Default `resolved`: rule sets hold what grants at the instant. */
  readonly schedules?: Schedules;
}

export class FleetCompiler {
  readonly #index: LabelIndex;
  readonly #segments: SegmentMembers;
  readonly #peerSets: PeerSets;
  readonly #cutOff: CutOffSets;
  readonly #rules: RulesInForce;
  readonly #compiler: WorkloadCompiler;
  readonly #virtual: VirtualHolders;
  readonly #hosts = new Map<string, Host>();
  #policy: CompiledPolicy;
  readonly #naming = new Map<ReadonlySet<PeerSetNode>, NamingHosts>();
  /** Of hosts that name the same sets; until some set changes. */
  readonly #setsByNamed = new Map<ReadonlySet<PeerSetNode>, ReadonlyMap<PeerSetId, PeerSet>>();
  /** Of this change: what thousands of workloads share is compared once. */
  #sameDirections = new Comparisons<DirectionRules>();

  /** `resolutions`, of names for fqdn peers, stay what they are. */
  constructor({ policy, inventory, now, schedules = 'resolved' }: FleetCompilerOptions) {
    this.#policy = policy;
    this.#index = new LabelIndex(inventory.workloads.values());
    this.#segments = new SegmentMembers(policy, this.#index);
    this.#peerSets = new PeerSets({
      index: this.#index,
      segments: this.#segments,
      resolutions: inventory.resolutions,
    });
    this.#virtual = new VirtualHolders(this.#index);
    for (const number of this.#index.everyone) this.#virtual.replace(number, undefined, this.#index.workloads[number]);
    this.#cutOff = new CutOffSets({ index: this.#index, peerSets: this.#peerSets, virtual: this.#virtual });
    this.#rules = new RulesInForce(now, schedules);
    for (const segment of policy.segments.values()) this.#rules.set(segment);
    this.#compiler = new WorkloadCompiler({
      segments: this.#segments,
      peerSets: this.#peerSets,
      activeRules: (segment) => this.#rules.of(segment),
      cutOff: this.#cutOff,
      schedules,
    });
    this.#compiler.setGuardrails(policy.guardrails);
    for (const number of this.#index.everyone) this.#place(number, undefined, this.#index.workloads[number]);
  }

  /** Those with a managed workload, in code-unit order. */
  get hosts(): ReadonlySet<string> {
    return new Set(sortedByCodeUnits(this.#hosts.keys()));
  }

  /** Those whose rule sets were asked for, and are kept up. */
  *askedHosts(): Generator<string> {
    for (const { name, compiled } of this.#hosts.values()) if (compiled !== undefined) yield name;
  }

  /** When time alone next changes a rule: call `apply` then, if with no changes. */
  get nextChangeAt(): Millis | undefined {
    return this.#rules.nextChangeAt;
  }

  /** Undefined for a host without managed workloads. The first call for a host does its work. */
  ruleSetOf(hostName: string, revision: number): HostRuleSet | undefined {
    const host = this.#hosts.get(hostName);
    if (host === undefined) return undefined;
    const compiled = host.compiled ?? this.#compileHost(host);
    return { revision, ...this.#bodyOf(host, compiled) };
  }

  #bodyOf(host: Host, compiled: CompiledHost): Omit<HostRuleSet, 'revision'> {
    if (compiled.body !== undefined) return compiled.body;
    const translated = this.#translatedOn(host);
    const setOf = (id: PeerSetId) => this.#peerSets.getOn(id, { onHost: host.managed, translated });
    compiled.body = {
      host: host.name,
      workloads: [...compiled.workloads.values()].map(({ rules }) => rules).sort(byWorkload),
      peerSets: translated.size === 0 ? this.#sharedSets(compiled.named) : this.#setsOf(compiled.named, setOf),
    };
    if (translated.size > 0) compiled.told = compiled.body;
    return compiled.body;
  }

  #sharedSets(named: ReadonlySet<PeerSetNode>): ReadonlyMap<PeerSetId, PeerSet> {
    const sets = this.#setsByNamed.get(named) ?? this.#setsOf(named, (id) => this.#peerSets.get(id));
    this.#setsByNamed.set(named, sets);
    return sets;
  }

  /** What the rules name, and whom everybody is cut off from. */
  #setsOf(named: ReadonlySet<PeerSetNode>, setOf: (id: PeerSetId) => PeerSet): ReadonlyMap<PeerSetId, PeerSet> {
    const sets = [...[...named].map(({ id }) => setOf(id)), ...this.#cutOff.sets];
    return new Map(sets.sort(byId).map((set) => [set.id, set]));
  }

  #translatedOn({ managed }: Host): ReadonlyMap<WorkloadNumber, Workload> {
    const translated = new Map<WorkloadNumber, Workload>();
    for (const number of managed) {
      const workload = this.#index.workloads[number];
      if (workload?.onHost !== undefined) translated.set(number, workload);
    }
    return translated;
  }

  /**
   * Applies a batch of changes at an instant; later entries win. An empty batch applies the time alone. Gives what it
   * meant to each host whose rule set was asked for before and is now another; a host that lost its last workload is
   * not among them.
   */
  apply(changes: readonly FleetChange[], now: Millis): ReadonlyMap<string, HostChange> {
    const stale = new Set<WorkloadNumber>();
    let policy = this.#policy;
    const workloads = new Map<string, Workload | undefined>();
    for (const change of changes) {
      if (change.kind === 'policy-replaced') policy = change.policy;
      else if (change.kind === 'workload-set') workloads.set(change.workload.name, change.workload);
      else workloads.set(change.name, undefined);
    }
    const affected = new Set<Host>();
    for (const [name, workload] of workloads) {
      for (const host of this.#setWorkload(name, workload, stale)) affected.add(host);
    }
    const segments = new Set(this.#rules.timePassed(now));
    if (policy !== this.#policy) this.#replacePolicy(policy, { stale, segments });
    this.#landAnew(segments, stale);
    for (const combination of this.#segments.dropEmpty()) this.#compiler.forget(combination);
    const cutOff = this.#cutOff.settle();
    for (const number of cutOff.stale) stale.add(number);
    return this.#changesOf(stale, affected, cutOff);
  }

  /** Segments that select alike have one set of members, which is gone through once. */
  #landAnew(segments: Iterable<string>, stale: Set<WorkloadNumber>): void {
    const members = new Set<ReadonlySet<WorkloadNumber>>();
    for (const segment of segments) {
      for (const combination of this.#segments.combinationsOf(segment)) this.#compiler.forget(combination);
      const domain = this.#segments.domainOf(segment);
      if (domain !== undefined) members.add(domain.members);
    }
    for (const set of members) for (const member of set) stale.add(member);
  }

  // ---- inventory and policy

  /** Gives the hosts that a workload came to or went from. */
  #setWorkload(name: string, next: Workload | undefined, stale: Set<WorkloadNumber>): readonly Host[] {
    const known = this.#index.numberOf(name);
    const before = known === undefined ? undefined : this.#index.workloads[known];
    if (before === next || (before !== undefined && next !== undefined && meansTheSame(before, next))) return [];
    if (known !== undefined) this.#leave(known);
    if (next === undefined && known !== undefined) {
      this.#index.remove(known);
      this.#cutOff.replace(known, before, undefined);
      this.#holdAnew(known, { before, after: undefined }, stale);
      return this.#place(known, before, undefined);
    }
    if (next === undefined) return [];
    const number = this.#index.set(next);
    this.#join(number);
    this.#cutOff.replace(number, before, next);
    stale.add(number);
    this.#holdAnew(number, { before, after: next }, stale);
    return this.#place(number, before, next);
  }

  /** The rules of hosts name the addresses of virtual workloads that they may hold, and so do those of their units. */
  #holdAnew(
    number: WorkloadNumber,
    { before, after }: { readonly before: Workload | undefined; readonly after: Workload | undefined },
    stale: Set<WorkloadNumber>,
  ): void {
    for (const host of this.#virtual.replace(number, before, after)) {
      for (const managed of this.#hosts.get(host)?.managed ?? []) stale.add(managed);
    }
  }

  #replacePolicy(
    policy: CompiledPolicy,
    { stale, segments }: { readonly stale: Set<WorkloadNumber>; readonly segments: Set<string> },
  ): void {
    const changed = changedSegments(this.#policy.segments, policy.segments);
    this.#landAnew(
      changed.map(({ name }) => name),
      stale,
    );
    const regrouped = this.#segments.replace(changed);
    for (const { name, after } of changed) {
      if (after === undefined) this.#rules.delete(name);
      else this.#rules.set(after);
      segments.add(name);
    }
    const { guardrails } = this.#policy;
    this.#policy = policy;
    const naming = regrouped.size === 0 ? 'others' : this.#landNaming(regrouped, { stale, segments });
    if (naming === 'others' && equalGuardrails(guardrails, policy.guardrails)) return;
    this.#compiler.setGuardrails(policy.guardrails);
    for (const number of this.#index.everyone) stale.add(number);
  }

  /** What names a segment by its name means others once that selects otherwise. Gives whether guardrails do. */
  #landNaming(
    regrouped: ReadonlySet<string>,
    { stale, segments }: { readonly stale: Set<WorkloadNumber>; readonly segments: Set<string> },
  ): 'guardrails' | 'others' {
    const names = (peer: Peer) => peer.kind === 'segment' && regrouped.has(peer.segment);
    const doMean = ({ from, to }: { readonly from: readonly Peer[]; readonly to: readonly Peer[] }) =>
      from.some(names) || to.some(names);
    this.#cutOff.relist(names);
    for (const segment of this.#policy.segments.values()) if (segment.rules.some(doMean)) segments.add(segment.name);
    for (const number of this.#index.everyone) {
      if (this.#index.workloads[number]?.quarantine?.peers.some(names) === true) stale.add(number);
    }
    return [...this.#policy.guardrails.values()].some(({ deny }) => deny.some(doMean)) ? 'guardrails' : 'others';
  }

  #leave(number: WorkloadNumber): void {
    this.#peerSets.leave(number);
    this.#segments.leave(number);
  }

  #join(number: WorkloadNumber): void {
    this.#segments.join(number);
    this.#peerSets.join(number);
  }

  /** Moves the workload to the host that enforces it; gives the hosts it came to or went from. */
  #place(number: WorkloadNumber, before: Workload | undefined, after: Workload | undefined): readonly Host[] {
    const [from, to] = [managingHost(before), managingHost(after)];
    if (from === to) return [];
    const moved: Host[] = [];
    const old = from === undefined ? undefined : this.#hosts.get(from);
    if (old !== undefined) {
      old.managed.delete(number);
      moved.push(old);
    }
    if (to === undefined) return moved;
    const host = this.#hosts.get(to) ?? { name: to, managed: new Set() };
    host.managed.add(number);
    this.#hosts.set(to, host);
    return [...moved, host];
  }

  // ---- hosts

  #compileHost(host: Host): CompiledHost {
    const workloads = new Map<WorkloadNumber, CompiledWorkload>();
    for (const number of host.managed) workloads.set(number, this.#compileWorkload(number));
    const compiled: CompiledHost = { workloads, named: namedBy(workloads), body: undefined };
    this.#comeToName(host.name, compiled.named);
    host.compiled = compiled;
    return compiled;
  }

  #compileWorkload(number: WorkloadNumber): CompiledWorkload {
    const workload = this.#index.workloads[number];
    if (workload === undefined || !isManaged(workload)) throw new Error(`workload ${number} has no agent`);
    const held = this.#virtual.heldBy(workload);
    return this.#compiler.compile({ number, workload, kind: workload.kind, held });
  }

  #changesOf(
    stale: ReadonlySet<WorkloadNumber>,
    affected: Set<Host>,
    cutOff: CutOffChanges,
  ): ReadonlyMap<string, HostChange> {
    for (const number of stale) {
      const name = managingHost(this.#index.workloads[number]);
      const host = name === undefined ? undefined : this.#hosts.get(name);
      if (host?.managed.has(number)) affected.add(host);
    }
    this.#sameDirections = new Comparisons();
    const own = new Map<Host, OwnChange>();
    for (const host of affected) {
      if (host.compiled !== undefined) own.set(host, this.#recompile(host, host.compiled, stale));
      if (host.managed.size === 0) this.#hosts.delete(host.name);
    }
    const changed = this.#peerSets.settle();
    this.#setsByNamed.clear();
    const changes = new Map<string, HostChange>();
    for (const [host, change] of own) {
      if (host.managed.size > 0) this.#addChange(changes, host, change, changed);
    }
    const byHost = new Map<string, PeerSetChange[]>();
    for (const [node, change] of changed) {
      for (const name of hostsOf(node)) {
        const host = this.#hosts.get(name);
        if (host?.compiled === undefined || own.has(host)) continue;
        host.compiled.body = undefined;
        const list = byHost.get(name);
        if (list === undefined) byHost.set(name, [change]);
        else list.push(change);
      }
    }
    for (const [host, changedPeerSets] of byHost) changes.set(host, { host, ...nothing, changedPeerSets });
    const cut = this.#tellCutOff(changes, cutOff);
    const changedHosts = [...own.keys(), ...[...byHost.keys()].flatMap((name) => this.#hosts.get(name) ?? []), ...cut];
    for (const host of new Set(changedHosts)) {
      if (host.managed.size > 0) this.#tellOwnSets(changes, host);
    }
    return changes;
  }

  /** A quarantine is told to every host; gives them, where there is anything to tell. */
  #tellCutOff(changes: Map<string, HostChange>, { added, changed, removed }: CutOffChanges): readonly Host[] {
    if (added.length + changed.length + removed.length === 0) return [];
    const told: Host[] = [];
    for (const host of this.#hosts.values()) {
      if (host.compiled === undefined || host.managed.size === 0) continue;
      host.compiled.body = undefined;
      const change = changes.get(host.name) ?? { host: host.name, ...nothing };
      changes.set(host.name, {
        ...change,
        addedPeerSets: merged(change.addedPeerSets, added),
        removedPeerSets:
          change.removedPeerSets.length === 0 ? removed : sortedByCodeUnits([...change.removedPeerSets, ...removed]),
        changedPeerSets: merged(change.changedPeerSets, changed),
      });
      told.push(host);
    }
    return told;
  }

  /** Corrects what was found of a host that had or has sets of its own. */
  #tellOwnSets(changes: Map<string, HostChange>, host: Host): void {
    const { compiled } = host;
    const translated = this.#translatedOn(host);
    if (compiled === undefined || (compiled.told === undefined && translated.size === 0)) return;
    const { told } = compiled;
    compiled.body = undefined;
    delete compiled.told;
    const next = this.#bodyOf(host, compiled);
    const change =
      told === undefined
        ? this.#withOwnSets(changes.get(host.name) ?? { host: host.name, ...nothing }, next, compiled.named)
        : diffRuleSets({ revision: 0, ...told }, { revision: 0, ...next });
    const { host: name, addedPeerSets, removedPeerSets, changedPeerSets, replacedWorkloads, removedWorkloads } = change;
    const lists = { addedPeerSets, removedPeerSets, changedPeerSets, replacedWorkloads, removedWorkloads };
    if (Object.values(lists).every(({ length }) => length === 0)) changes.delete(name);
    else changes.set(name, { host: name, ...lists });
  }

  /**
   * A change to shared sets, for a host that had those until now: a set that is its own from here on goes, and comes as
   * that.
   */
  #withOwnSets(change: HostChange, next: Omit<HostRuleSet, 'revision'>, named: ReadonlySet<PeerSetNode>): HostChange {
    const own = [...named].flatMap(({ id }) => {
      const set = next.peerSets.get(id);
      return set === undefined || set === this.#peerSets.get(id) ? [] : [set];
    });
    const ids = new Set(own.map(({ id }) => id));
    const come = new Set(change.addedPeerSets.map(({ id }) => id));
    const replaced = own.map(({ id }) => id).filter((id) => !come.has(id));
    return {
      ...change,
      addedPeerSets: [...change.addedPeerSets.filter(({ id }) => !ids.has(id)), ...own].sort(byId),
      removedPeerSets: sortedByCodeUnits([...change.removedPeerSets, ...replaced]),
      changedPeerSets: change.changedPeerSets.filter(({ id }) => !ids.has(id)),
    };
  }

  /** Does the host's stale workloads anew. What they were is released only by the settling that follows. */
  #recompile(host: Host, compiled: CompiledHost, stale: ReadonlySet<WorkloadNumber>): OwnChange {
    const replaced: CompiledWorkload[] = [];
    const removed: string[] = [];
    for (const number of host.managed) {
      const before = compiled.workloads.get(number);
      if (before !== undefined && !stale.has(number)) continue;
      const next = this.#compileWorkload(number);
      this.#release(before);
      const isSame = before !== undefined && this.#sameRules(before.rules, next.rules);
      // Equal rules stay the same object: digests are remembered by it.
      compiled.workloads.set(number, isSame ? { ...next, rules: before.rules } : next);
      if (!isSame) replaced.push(next);
      // The number of one that is gone may be another's by now.
      if (before !== undefined && before.rules.workload !== next.rules.workload) removed.push(before.rules.workload);
    }
    for (const [number, before] of compiled.workloads) {
      if (host.managed.has(number)) continue;
      this.#release(before);
      compiled.workloads.delete(number);
      removed.push(before.rules.workload);
    }
    const named = namedBy(compiled.workloads);
    const isSameObject = compiled.named === named;
    const gone = isSameObject ? [] : [...compiled.named.difference(named)];
    const come = isSameObject ? [] : [...named.difference(compiled.named)];
    if (!isSameObject) {
      this.#ceaseToName(host.name, compiled.named);
      this.#comeToName(host.name, named);
    }
    const kept = isSameObject ? named : compiled.named.intersection(named);
    compiled.named = named;
    return {
      replaced,
      removed: sortedByCodeUnits(removed),
      gone: sortedByCodeUnits(gone.map(({ id }) => id)),
      come,
      kept,
    };
  }

  /** Hosts that name the same sets are users of them together. */
  #comeToName(host: string, named: ReadonlySet<PeerSetNode>): void {
    if (named.size === 0) return;
    let naming = this.#naming.get(named);
    if (naming === undefined) {
      naming = { named, hosts: new Set() };
      this.#naming.set(named, naming);
      for (const { users } of named) users.add(naming);
    }
    naming.hosts.add(host);
  }

  #ceaseToName(host: string, named: ReadonlySet<PeerSetNode>): void {
    const naming = this.#naming.get(named);
    if (naming === undefined) return;
    naming.hosts.delete(host);
    if (naming.hosts.size > 0) return;
    this.#naming.delete(named);
    for (const { users } of named) users.delete(naming);
  }

  #sameRules(a: WorkloadRules, b: WorkloadRules): boolean {
    return (
      this.#sameDirections.holds(a.inbound, b.inbound) &&
      this.#sameDirections.holds(a.outbound, b.outbound) &&
      equalStructures(
        { ...a, inbound: undefined, outbound: undefined },
        { ...b, inbound: undefined, outbound: undefined },
      )
    );
  }

  #release(compiled: CompiledWorkload | undefined): void {
    if (compiled?.exempt !== undefined) this.#peerSets.release(compiled.exempt);
  }

  #addChange(
    changes: Map<string, HostChange>,
    host: Host,
    { replaced, removed, gone, come, kept }: OwnChange,
    changed: ReadonlyMap<PeerSetNode, PeerSetChange>,
  ): void {
    const changedPeerSets: PeerSetChange[] = [];
    for (const [node, change] of changed) if (kept.has(node)) changedPeerSets.push(change);
    const sizes = [replaced, removed, gone, come, changedPeerSets].map(({ length }) => length);
    if (sizes.every((size) => size === 0)) return;
    if (host.compiled !== undefined) host.compiled.body = undefined;
    changes.set(host.name, {
      host: host.name,
      addedPeerSets: [...come].sort(byId).map(({ id }) => this.#peerSets.get(id)),
      removedPeerSets: gone,
      changedPeerSets,
      replacedWorkloads: replaced.map(({ rules }) => rules).sort(byWorkload),
      removedWorkloads: removed,
    });
  }
}

/** What changed of a host by its own workloads; nodes `kept` are named before and after. */
interface OwnChange {
  readonly replaced: readonly CompiledWorkload[];
  readonly removed: readonly string[];
  readonly gone: readonly PeerSetId[];
  readonly come: readonly PeerSetNode[];
  readonly kept: ReadonlySet<PeerSetNode>;
}

const nothing = {
  addedPeerSets: [],
  removedPeerSets: [],
  changedPeerSets: [],
  replacedWorkloads: [],
  removedWorkloads: [],
} as const;

function managingHost(workload: Workload | undefined): string | undefined {
  return workload === undefined || !isManaged(workload) ? undefined : workload.host;
}

/** Hosts with one workload have its set itself, which others with the same rules share. */
function namedBy(workloads: ReadonlyMap<WorkloadNumber, CompiledWorkload>): ReadonlySet<PeerSetNode> {
  const [first, ...others] = new Set([...workloads.values()].map(({ named }) => named));
  if (first === undefined) return new Set();
  return others.reduce<ReadonlySet<PeerSetNode>>((all, named) => all.union(named), first);
}

function* hostsOf({ users }: PeerSetNode): Generator<string> {
  for (const { hosts } of users) yield* hosts;
}

function merged<T extends { readonly id: string }>(some: readonly T[], more: readonly T[]): readonly T[] {
  return some.length === 0 ? more : [...some, ...more].sort(byId);
}

function byWorkload(a: { readonly workload: string }, b: { readonly workload: string }): number {
  return compareCodeUnits(a.workload, b.workload);
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return compareCodeUnits(a.id, b.id);
}

// ---- what says something new

function meansTheSame(a: Workload, b: Workload): boolean {
  return equalStructures({ ...a, position: undefined }, { ...b, position: undefined });
}

function changedSegments(before: Policy['segments'], after: Policy['segments']) {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((name) => {
    const [old, current] = [before.get(name), after.get(name)];
    const isSame = old === current || (old !== undefined && current !== undefined && compilesTheSame(old, current));
    return isSame ? [] : [{ name, before: old, after: current }];
  });
}

function selectsTheSame(a: Segment, b: Segment): boolean {
  return equalStructures([a.selector, a.each], [b.selector, b.each]);
}

/** Whether nothing that is compiled differs: where a thing stands and what it says to people is not. */
function compilesTheSame(a: Segment, b: Segment): boolean {
  return (
    a.inbound === b.inbound &&
    a.outbound === b.outbound &&
    a.rules.length === b.rules.length &&
    selectsTheSame(a, b) &&
    equalStructures([a.selective, a.onDeny], [b.selective, b.onDeny]) &&
    a.rules.every((rule, at) => {
      const other = b.rules[at];
      return (
        rule === other ||
        (other !== undefined &&
          rule.name === other.name &&
          rule.expiresAt === other.expiresAt &&
          equalStructures(
            [rule.from, rule.to, rule.services, rule.when],
            [other.from, other.to, other.services, other.when],
          ))
      );
    })
  );
}

function equalGuardrails(a: Policy['guardrails'], b: Policy['guardrails']): boolean {
  if (a === b) return true;
  const compiled = (guardrails: Policy['guardrails']) =>
    new Map(
      [...guardrails].map(([name, { mode, deny }]) => [
        name,
        [mode, deny.map(({ from, to, services }) => [from, to, services])],
      ]),
    );
  return equalStructures(compiled(a), compiled(b));
}
