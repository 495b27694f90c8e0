// What is known of the fleet, as operators ask for it: the state, and what this process sees of hosts beside it. Nothing here changes anything.

import type { ActivePolicy } from '#control-plane/changes/fleet-state.ts';
import { addressProblem, addressViewOf } from '#control-plane/inventory/address-view.ts';
import type { AddressConflict, FleetInventory, HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import { type PresenceCounts, presenceProblem } from '#control-plane/inventory/host-presence.ts';
import type { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import type { CanaryState } from '#control-plane/publish/canary.ts';
import { type Protection, protections } from '#control-plane/publish/protection.ts';
import type { HoldView } from '#control-plane/publish/store-holding.ts';
import type { StoreHold } from '#control-plane/store/lineage.ts';
import type { UnreadRows } from '#control-plane/store/stored-values.ts';
import type { Address } from '#model/address.ts';
import type { HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import { selectorMatches } from '#model/selector.ts';
import type { Millis } from '#model/time.ts';
import type { PendingClaim } from '#policy/claims/address-standing.ts';
import { combinationOf } from '#policy/policy/combination.ts';
import type { Inventory, Workload } from '#policy/policy/policy.ts';
import { type AgentView, agentViewOf } from './agent-view.ts';
import type { Announcements } from './announcements.ts';
import type { FleetParts } from './fleet-parts.ts';
import type { FleetStanding } from './fleet-standing.ts';
import type { StoreTrouble } from './owed-writes.ts';

export class FleetView {
  readonly #parts: FleetParts;
  readonly #unread: UnreadRows;

  constructor(parts: FleetParts, unread: UnreadRows) {
    this.#parts = parts;
    this.#unread = unread;
  }

  get sessions(): AgentSessions {
    return this.#parts.sessions;
  }

  /** Who enforces what, and waiting for it. */
  get standing(): FleetStanding {
    return this.#parts.standing;
  }

  /** Where hosts are told that their control plane is. */
  get announcements(): Announcements {
    return this.#parts.announcements;
  }

  get revision(): number {
    return this.#parts.state.revision;
  }

  /** What the store held at the start and could not be read. */
  get unread(): UnreadRows {
    return this.#unread;
  }

  get active(): ActivePolicy {
    return this.#parts.state.active;
  }

  /** Why agents keep what they have, where the store is older than what they were told. */
  get hold(): HoldView | undefined {
    return this.#parts.holding.view();
  }

  /** The hold itself, for `activate` to know it again. */
  get presentHold(): StoreHold | undefined {
    return this.#parts.holding.current;
  }

  /** Within it revisions are of one history. */
  get lineage(): string {
    return this.#parts.holding.lineage;
  }

  /** The canary that runs, or how the last one since the start ended. */
  get canary(): CanaryState | undefined {
    return this.#parts.state.canary;
  }

  inventory(): Inventory {
    return this.#parts.state.inventory.current();
  }

  /** The host, external or virtual workload that has the address now. */
  holderOf(address: Address): string | undefined {
    return this.#parts.state.inventory.holderOf(address);
  }

  /** Hosts that hold some address of the virtual workload now. */
  holdersOfVirtual(name: string): readonly string[] {
    return this.#parts.state.inventory.holdersOfVirtual(name);
  }

  conflicts(): readonly AddressConflict[] {
    return this.#parts.state.inventory.conflicts();
  }

  /** Claims of this host that are not believed, and why. */
  pendingClaims(host: string): readonly PendingClaim[] {
    return this.#parts.state.inventory.pendingOf(host);
  }

  /** When the host's last batch of flows came, since the start. */
  lastFlowsOf(host: string): Millis | undefined {
    return this.#parts.intake.lastReportOf(host);
  }

  /** Whether the address is the host's own, a container's on it included. */
  holdsAddress(host: string, address: Address): boolean {
    return this.#parts.state.inventory.holdsAddress(host, address);
  }

  pendingCount(): number {
    return this.claimants().reduce((total, host) => total + this.#parts.state.inventory.pendingOf(host).length, 0);
  }

  /** Hosts with claims that are pending. */
  claimants(): readonly string[] {
    return [...this.#parts.state.inventory.claims.pendingHosts()].sort();
  }

  /** When its last stream began. */
  lastConnectedAt(host: string): Millis | undefined {
    return this.#parts.state.history.get(host)?.lastConnectedAt;
  }

  hostEntry(name: string): HostEntry | undefined {
    return this.#parts.state.inventory.host(name);
  }

  /** The peers of the quarantine that this very host or unit is in. */
  quarantineOf(name: string): readonly string[] | undefined {
    const { state } = this.#parts;
    const found =
      state.inventory.host(name) ?? state.inventory.unit(name)?.unit ?? state.inventory.container(name)?.container;
    return found?.quarantine;
  }

  /** What a peer of a quarantine names now; undefined where it is an address, a CIDR or a selector. */
  namedPeer(text: string): ReturnType<FleetInventory['namedPeer']> {
    return this.#parts.state.inventory.namedPeer(text);
  }

  /** Whether its host's agent said that it cannot judge this unit as itself, since its processes use a network of their own. */
  isUnjudged({ name, kind, host }: Workload): boolean {
    const { state, sessions } = this.#parts;
    if (kind !== 'unit' || host === undefined) return false;
    const unit = state.inventory.unit(name)?.unit.unit;
    return unit !== undefined && sessions.isUnjudged(host, unit);
  }

  /** What the workload's host was last told to enforce for it; undefined where no agent does. */
  rulesOf(workload: Workload): WorkloadRules | undefined {
    if (workload.host === undefined) return undefined;
    return this.ruleSetOf(workload.host)?.workloads.find((rules) => rules.workload === workload.name);
  }

  /** What the host is to enforce; undefined where no agent does. */
  ruleSetOf(host: string): HostRuleSet | undefined {
    const { publication, state } = this.#parts;
    return publication.ruleSetOf(host, state.revision);
  }

  /** Names of segments, with the combination of those that have `each`: "ring(app=shop)". */
  segmentsOf(workload: Workload): readonly string[] {
    const names: string[] = [];
    for (const segment of this.#parts.state.active.policy.segments.values()) {
      if (!selectorMatches(segment.selector, workload.labels)) continue;
      const text = combinationOf(segment.each, workload.labels);
      if (text !== undefined) names.push(text === '' ? segment.name : `${segment.name}(${text})`);
    }
    return names;
  }

  presenceCounts(): PresenceCounts {
    const { presences, elapsedMs } = this.#parts;
    return presences.counts(elapsedMs());
  }

  /** Hosts whose identity a second agent tries to use, in order. */
  sharedIdentities(): readonly string[] {
    const { elapsedMs, state, disputes } = this.#parts;
    const at = elapsedMs();
    return [...state.inventory.hosts()]
      .map(({ name }) => name)
      .filter((name) => disputes.isDisputed(name, at))
      .sort();
  }

  /** Hosts whose certificates are revoked and that are still in the inventory, in order. */
  revoked(): readonly string[] {
    return [...this.#parts.state.inventory.hosts()]
      .flatMap(({ name, isRevoked }) => (isRevoked === true ? [name] : []))
      .sort();
  }

  /** Workloads that an operator quarantined by name, in order; not what is inside of a host that is. */
  quarantined(): readonly string[] {
    return [...this.inventory().workloads.keys()].filter((name) => this.quarantineOf(name) !== undefined).sort();
  }

  get hostCount(): number {
    return this.#parts.state.inventory.hostCount;
  }

  /** Changes of their tables by others that hosts told of, since the start. */
  get tamperings(): number {
    return this.#parts.state.tamperings;
  }

  /** Since when the store takes nothing, and why; undefined where it does. */
  storeTrouble(): StoreTrouble | undefined {
    return this.#parts.owed.trouble();
  }

  /** Audit entries that hosts caused beyond their number, since the start. */
  get skippedEntries(): number {
    return this.#parts.hostNotes.skipped;
  }

  /** How many hosts are known to enforce what; each is looked at, and nothing is made of it. */
  protectionCounts(): ReadonlyMap<Protection, number> {
    const { state, standing } = this.#parts;
    const counts = new Map<Protection, number>(protections.map((protection) => [protection, 0]));
    for (const host of state.inventory.hostNames()) {
      const protection = standing.protectionOf(host);
      counts.set(protection, (counts.get(protection) ?? 0) + 1);
    }
    return counts;
  }

  /** Whether an operator revoked the host's enrolment. It stays in the inventory, and cut off, until it is removed. */
  isHostRevoked(name: string): boolean {
    return this.#parts.state.enrolments.isRevoked(name);
  }

  /** In the order of names; all, or a page of them. */
  agents(page: { readonly after?: string | undefined; readonly limit?: number } = {}): readonly AgentView[] {
    const { after = '', limit } = page;
    return [...this.#parts.state.inventory.hosts()]
      .filter(({ name }) => name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit)
      .map((host) => this.#viewOf(host));
  }

  #viewOf(host: HostEntry): AgentView {
    const { standing, state, intake, hostNotes, presences, elapsedMs, now, disputes } = this.#parts;
    const { name } = host;
    const { live, due } = standing.of(name);
    const addresses = addressViewOf(state.inventory, name);
    const seen = agentViewOf({
      host,
      history: state.history.get(name),
      live,
      due,
      addresses,
      refusedFlows: intake.refusedOf(name),
      prunedFlows: intake.prunedOf(name),
      skippedEntries: hostNotes.skippedOf(name),
      presence: presences.of(name, elapsedMs()),
      certificateEndsAt: state.enrolments.endOf(name),
      now: now(),
    });
    const trouble = live === undefined ? '' : addressProblem(state.inventory, name);
    const gone = presenceProblem(seen, live === undefined ? 'away' : 'connected');
    const view = { ...seen, problem: [seen.problem, trouble, gone].filter((text) => text !== '').join('; ') };
    if (!disputes.isDisputed(name, elapsedMs())) return view;
    const dispute =
      'a second agent with this identity is kept out; was the disk or state directory copied? See segwall audit';
    return { ...view, problem: view.problem === '' ? dispute : `${dispute}; ${view.problem}` };
  }
}
