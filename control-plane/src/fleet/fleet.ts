// The fleet as it is now: hosts, the active policy, and the agents' streams. One queue orders every change: it is stored, then compiled,
// then sent to the agents it concerns, and only then done. What operators ask goes before what hosts cause. What follows from a change
// that is stored (a revision of its own, audit entries) holds up nothing where the store does not take it: it is owed (owed-writes.ts).
// What a change is, and what it makes of the fleet, is in its kind (changes/). Rebuilt from the store at a start; nothing here reads files.

import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type {
  AgentBackend,
  AgentConnection,
  AgentHello,
  AgentSession,
  ConnectRefusal,
  EnrolmentRefusal,
  EnrolmentRequest,
  HostReport,
  RefusedEnrolment,
} from '#control-plane/agents/agent-backend.ts';
import type { Consequences } from '#control-plane/changes/change-kind.ts';
import type { Change } from '#control-plane/changes/changes.ts';
import { type ActivePolicy, type FleetState, runningCanary } from '#control-plane/changes/fleet-state.ts';
import { inForceOf } from '#control-plane/changes/in-force.ts';
import { rememberedFleet } from '#control-plane/changes/stored-fleet.ts';
import type { RevisionAdvanced } from '#control-plane/changes/time-changes.ts';
import { AddressKeeping } from '#control-plane/inventory/address-keeping.ts';
import { addressProblem, addressViewOf } from '#control-plane/inventory/address-view.ts';
import { changedRanges, type RangesChange } from '#control-plane/inventory/allowed-ranges.ts';
import { containmentWithin, cutOffAddresses } from '#control-plane/inventory/containment.ts';
import { EphemeralHosts } from '#control-plane/inventory/ephemeral-hosts.ts';
import type { AddressConflict, FleetInventory, HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import { reportedEntry } from '#control-plane/inventory/host-entries.ts';
import { HostPresences, type PresenceCounts, presenceProblem } from '#control-plane/inventory/host-presence.ts';
import { believedStatus, reportedAddresses } from '#control-plane/inventory/host-report.ts';
import {
  type StoredYielding,
  storedYielding,
  withCurrentName,
  yieldingOf,
} from '#control-plane/inventory/name-yielding.ts';
import {
  type Naming,
  namingOf,
  type OfflineAsked,
  type OfflineHost,
  offlineHosts,
} from '#control-plane/inventory/offline-hosts.ts';
import { HostHappenings } from '#control-plane/notes/host-happenings.ts';
import { HostNotes } from '#control-plane/notes/host-notes.ts';
import { RepeatedRefusals } from '#control-plane/notes/repeated-refusals.ts';
import type { AgentCertificate, AgentIdentity, CertificateRecord } from '#control-plane/pki/agent-identity.ts';
import type { Enrolments } from '#control-plane/pki/enrolments.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { AgentSessions, type LiveAgent } from '#control-plane/publish/agent-sessions.ts';
import {
  type Canary,
  type CanaryFailure,
  type CanaryLimits,
  type CanaryState,
  type CanaryVerdict,
  watchCanary,
} from '#control-plane/publish/canary.ts';
import { PlaceDisputes } from '#control-plane/publish/identity-disputes.ts';
import { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import { type Protection, protections } from '#control-plane/publish/protection.ts';
import { type InForce, Publication } from '#control-plane/publish/publication.ts';
import type { RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { type HoldView, StoreHolding } from '#control-plane/publish/store-holding.ts';
import { ToldRevisions } from '#control-plane/publish/told-revisions.ts';
import { RateBudget } from '#control-plane/rpc/rate-budget.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { StoreHold } from '#control-plane/store/lineage.ts';
import type { ActivationKind, NewActivation } from '#control-plane/store/policies.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { UnreadRows } from '#control-plane/store/stored-values.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { FlowBatch, FlowReceipt } from '#model/flow.ts';
import { type Labels, namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import type { Secret } from '#model/secret.ts';
import { selectorMatches } from '#model/selector.ts';
import type { Millis } from '#model/time.ts';
import { type HostCas, type RotationProgress, rotationProgress } from '#policy/ca-progress.ts';
import type { AddressClaimsOptions } from '#policy/claims/address-claims.ts';
import type { PendingClaim } from '#policy/claims/address-standing.ts';
import { believeFlows, type RefusedFlows } from '#policy/learn/believed-flows.ts';
import { combinationOf } from '#policy/policy/combination.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import { type AgentView, agentViewOf, certificateSoonMs } from './agent-view.ts';
import { Announcements } from './announcements.ts';
import { type Actor, AuthorityEnded, endOf, holdingName, turnName } from './asker.ts';
import { ChangeQueue, type Lane } from './change-queue.ts';
import { ChangeRunner } from './change-runner.ts';
import { FleetStanding } from './fleet-standing.ts';
import { FlowIntake } from './flow-intake.ts';
import { OwedWrites, type StoreTrouble } from './owed-writes.ts';
import { tokenHash } from './tokens.ts';

/** Since the process started. */
export interface FlowCounts {
  batchesTaken: number;
  batchesKnown: number;
  records: number;
  /** Connections that were denied, and that would have been. */
  denied: number;
  wouldDeny: number;
}

export interface FleetOptions {
  readonly store: Store;
  readonly tenant: string;
  readonly now: () => Millis;
  /** By which rules end and windows turn; default `now`. */
  readonly policyTime?: () => Millis;
  readonly log: Logger;
  /** Milliseconds of a clock that only goes forward; the process's own by default. */
  readonly elapsedMs?: () => number;
  /** How long an older certificate holds beside a newer one that is used; default a minute. */
  readonly certificateOverlapMs?: number;
  /** Which claims to addresses are believed, and for how long. */
  readonly claims?: Partial<AddressClaimsOptions>;
  /** Absent: nobody can show what it was told. */
  readonly proofs?: RevisionProofs;
  /** The control plane's own certificates. Absent: nothing is known of them. */
  readonly pki?: Pick<Pki, 'cas' | 'ends'>;
  /** Told each change as it happens, in their order, and what it made of the fleet. */
  readonly happened?: (change: Change, state: Readonly<FleetState>) => void;
}

/** What an operator contained: on which host it is, and what the others cut off as of the revision. */
export interface Contained {
  readonly revision: number;
  readonly host: string;
  readonly cutOff: readonly Address[];
}

export type DraftDeletion = 'deleted' | 'unknown' | 'activated' | 'on-trial';

/** In one audit entry. */
const addressesTold = 32;
/** How often a host's reports are taken. Who reports more often is heard with the newest of them when the time has come; nothing is refused. */
const reportPace = { burst: 10, everyMs: 1000 };
/** Between looks at leases and at holders that are away. */
const claimsTickMs = 5000;
const writeProbeMs = 30_000;
/** Between looks at whose certificate ends soon. */
const certificatesTickMs = 3_600_000;
const ownCertificates = ['ca', 'server'] as const;
export type OwnCertificate = (typeof ownCertificates)[number];
const hostsTold = 32;
/** In one turn, after which others have theirs. */
const removedAtOnce = 50;
/** Between attempts to store how a canary ended. */
const canaryRetryMs = 5000;

/** Of a host that comes and goes, one turn waits: what it finds when its time comes is what counts. */
function presenceKey(host: string): string {
  return `presence/${host}`;
}

/** A policy whose turn may come long after it was judged, and what is looked at once more then. */
interface Judged {
  readonly policy: Policy;
  readonly prepared?: PreparedPolicy;
  /**
   * `beside`: the revision at which the policy was activated that was in force then. `hostNames`: whether its own workloads may have the names
   * of hosts that came since.
   */
  readonly judged?: { readonly beside: number; readonly hostNames: 'refused' | 'trusted' };
  /** Throws where something else speaks against it by now; then nothing is changed. */
  readonly assertStill?: () => void;
}

/** Another policy came into force since it was judged, or a host that enrolled has the name of one of its workloads. Nothing was changed; it is to be judged again. */
export type Overtaken = 'overtaken';

interface Activating extends Judged {
  readonly source: NewActivation['source'];
  readonly kind: ActivationKind;
  readonly note: Omit<AuditNote, 'at'>;
  readonly message?: string;
  readonly commit?: string;
}

interface ActivationAsked extends Omit<Activating, 'note'> {
  readonly note: Omit<AuditNote, 'at' | 'actor'> & { readonly actor: Actor };
  /** Nothing happens where another policy than that of this revision is active. */
  readonly expectRevision?: number;
  /** The hold that was there when the operator asked, which his activation ends; default that of this call. Any other it leaves. */
  readonly ends?: { readonly hold: StoreHold | undefined };
}

/** A hold began since it was asked for, which must not end by what nobody asked for in it. Nothing was changed. */
export type HoldBegan = 'hold-began';

export class Fleet implements AgentBackend {
  readonly sessions = new AgentSessions();
  readonly flowCounts: FlowCounts = { batchesTaken: 0, batchesKnown: 0, records: 0, denied: 0, wouldDeny: 0 };
  readonly #store: Store;
  readonly #tenant: string;
  readonly #now: () => Millis;
  readonly #log: Logger;
  readonly #state: FleetState;
  readonly #runner: ChangeRunner;
  readonly #inventory: FleetInventory;
  readonly #addresses: AddressKeeping;
  readonly #reportPace = new RateBudget(reportPace);
  readonly #elapsedMs: () => number;
  #claimsTimer: Timer | undefined;
  #certificatesTimer: Timer | undefined;
  readonly #enrolments: Enrolments;
  readonly #disputes = new PlaceDisputes();
  readonly #presences = new HostPresences();
  readonly #intake = new FlowIntake();
  readonly #refusals: RepeatedRefusals<RefusedEnrolment['reason']>;
  readonly #happenings: HostHappenings;
  readonly #toldEnding = new Map<string, Millis>();
  readonly #pki: FleetOptions['pki'];
  readonly #owed: OwedWrites;
  readonly #writeProbe: Timer;
  readonly #hostNotes: HostNotes;
  readonly #holding: StoreHolding;
  readonly #ephemeral: EphemeralHosts;
  readonly #told: ToldRevisions;
  /** Where hosts are told that their control plane is. */
  readonly announcements: Announcements;
  /** Connected, and left with what they have until all had time to show what they were told. */
  readonly #waiting = new Set<LiveAgent>();
  readonly #stopping = new AbortController();
  readonly #changes = new ChangeQueue({
    prepare: () => this.#addresses.save(),
    settle: () => this.#publication.publish(this.#inForce()),
  });
  readonly #publication: Publication;
  readonly #policyTime: () => Millis;
  /** One at a time: each holds the whole fleet's rule sets a second time. */
  #preparing: Promise<unknown> = Promise.resolve();
  /** Who enforces what, and waiting for it. */
  readonly standing = new FleetStanding({
    sessions: this.sessions,
    hosts: () => this.#expectedHosts(),
    isEnrolled: (host) => this.#isExpected(host),
    dueOf: (host) => this.#publication.dueOf(host),
  });
  #isStopped = false;
  #unread: UnreadRows = { count: 0, samples: [] };

  private constructor(
    options: FleetOptions,
    start: { readonly state: FleetState; readonly upMs: number; readonly holding: StoreHolding },
  ) {
    const { state } = start;
    this.#state = state;
    this.#inventory = state.inventory;
    this.#enrolments = state.enrolments;
    this.#runner = new ChangeRunner({
      ...options,
      state,
      publish: (consequences) => this.#publish(consequences),
      follow: (consequences) => this.#follow(consequences),
    });
    this.#store = options.store;
    this.#tenant = options.tenant;
    this.#pki = options.pki;
    this.#now = options.now;
    this.#log = options.log;
    this.#elapsedMs = options.elapsedMs ?? systemClock.elapsedMs;
    this.#holding = start.holding;
    this.#told = new ToldRevisions({
      proofs: options.proofs,
      holding: start.holding,
      revision: () => state.revision,
      elapsedMs: this.#elapsedMs,
      log: options.log,
      began: () => this.#soon('hold', () => this.#holdBegan(), 'operators'),
    });
    this.#ephemeral = new EphemeralHosts({
      silenceMs: state.silenceMs,
      upMs: () => this.#addresses.upMs(),
      isConnected: (host) => this.sessions.of(host) !== undefined,
      connectedCount: () => this.sessions.size,
    });
    const payAgain = () => this.#soon('owed', () => this.#owed.pay());
    this.#owed = new OwedWrites({ ...options, payAgain });
    // A store that nobody writes to looks well until somebody must.
    this.#writeProbe = systemClock
      .every(writeProbeMs, () => {
        this.#owed.revision(this.#state.revision);
        payAgain();
      })
      .unref();
    this.#happenings = new HostHappenings({
      now: options.now,
      audit: (note) => this.#auditSoon(note),
    });
    this.#addresses = new AddressKeeping({
      ...options,
      inventory: this.#inventory,
      change: (change) => void this.#runner.apply(change),
      earlierMs: start.upMs,
      elapsedMs: this.#elapsedMs,
      audit: (note) => this.#audit(note),
      happenings: this.#happenings,
      tell: (host, standing) => this.sessions.of(host)?.session.standing?.(standing),
    });
    this.announcements = new Announcements({
      ...options,
      sessions: this.sessions,
      hosts: () => this.certificateCas().map(({ name }) => name),
      announcement: () => state.announcement,
      change: (change) => this.#runner.run(change),
      left: (host, details) => this.#happenings.take('announcement-followed', host, details),
    });
    this.#refusals = new RepeatedRefusals({
      now: options.now,
      tell: (note) => this.#auditSoon({ actor: 'control-plane', action: 'enrolment-refused', ...note }),
    });
    this.#hostNotes = new HostNotes({
      now: options.now,
      elapsedMs: this.#elapsedMs,
      tell: ({ host: target, details }) =>
        this.#auditSoon({ actor: 'control-plane', action: 'entries-skipped', target, details }),
    });
    const timeCame = () => this.#soon('time', () => this.#timePassed(), 'operators');
    this.#policyTime = options.policyTime ?? options.now;
    const publishing = { sessions: this.sessions, now: this.#policyTime, timeCame };
    this.#publication = new Publication(publishing, this.#inForce());
  }

  /** Rebuilds the state that the store remembers. `active` is the policy of its last activation, checked. */
  static async open(options: FleetOptions, active: ActivePolicy): Promise<Fleet> {
    const { store, tenant, now, certificateOverlapMs: overlapMs } = options;
    const elapsedMs = options.elapsedMs ?? systemClock.elapsedMs;
    const { claims } = options;
    const clocks = { now, elapsedMs, ...(overlapMs === undefined ? {} : { overlapMs }) };
    const { state, stored } = await rememberedFleet({ store, tenant, active, claims, ...clocks });
    const { upMs } = stored;
    const standingOf = (name: string) => {
      const workload = fleet.inventory().workloads.get(name);
      const host = workload?.host;
      return host === undefined ? undefined : { host, isCutOff: workload?.quarantine !== undefined };
    };
    const holding = await StoreHolding.open({
      ...{ store, tenant, now, startRevision: state.revision, standing: state, standingOf },
      began: (hold) => void fleet.#runner.apply({ kind: 'hold-began', hold }),
    });
    const fleet: Fleet = new Fleet(options, { state, upMs, holding });
    await fleet.#beginRun();
    fleet.#unread = stored.unread;
    if (stored.unread.count > 0)
      options.log.error(
        { unread: stored.unread },
        'some of what the store holds of hosts cannot be read, and is left out',
      );
    for (const { name, absentSince = upMs, lastConnectedAt } of stored.hosts) {
      fleet.#ephemeral.add(name, absentSince);
      // Absence is counted in the time that a control plane was up: so this is no earlier than it was.
      if (lastConnectedAt !== undefined)
        fleet.#presences.remember(name, { lastConnectedAt, goneMs: upMs - absentSince, now: now() });
    }
    // Of a store that was written by a version in which they did not yield, or by hand.
    const wanted = [...active.policy.workloads.keys(), ...fleet.#inventory.hostNames()];
    if ((await fleet.#yieldNames(wanted, 'control-plane')) === 'yielded') await fleet.#advance('names-yielded');
    fleet.#runner.apply({ kind: 'time-passed', up: upMs });
    await fleet.#addresses.keep();
    await fleet.#addresses.save();
    fleet.#watchClaims();
    fleet.#lookAtCertificates();
    fleet.#certificatesTimer = systemClock.every(certificatesTickMs, () => fleet.#lookAtCertificates()).unref();
    fleet.#publication.mark('changed');
    fleet.#publication.publish(fleet.#inForce());
    return fleet;
  }

  get revision(): number {
    return this.#state.revision;
  }

  /** What the store held at the start and could not be read. */
  get unread(): UnreadRows {
    return this.#unread;
  }

  get active(): ActivePolicy {
    return this.#state.active;
  }

  /** Why agents keep what they have, where the store is older than what they were told. */
  get hold(): HoldView | undefined {
    return this.#holding.view();
  }

  /** The hold itself, for `activate` to know it again. */
  get presentHold(): StoreHold | undefined {
    return this.#holding.current;
  }

  /** Within it revisions are of one history. */
  get lineage(): string {
    return this.#holding.lineage;
  }

  /** The canary that runs, or how the last one since the start ended. */
  get canary(): CanaryState | undefined {
    return this.#state.canary;
  }

  inventory(): Inventory {
    return this.#inventory.current();
  }

  /** The host, external or virtual workload that has the address now. */
  holderOf(address: Address): string | undefined {
    return this.#inventory.holderOf(address);
  }

  /** Hosts that hold some address of the virtual workload now. */
  holdersOfVirtual(name: string): readonly string[] {
    return this.#inventory.holdersOfVirtual(name);
  }

  conflicts(): readonly AddressConflict[] {
    return this.#inventory.conflicts();
  }

  /** Claims of this host that are not believed, and why. */
  pendingClaims(host: string): readonly PendingClaim[] {
    return this.#inventory.pendingOf(host);
  }

  /** When the host's last batch of flows came, since the start. */
  lastFlowsOf(host: string): Millis | undefined {
    return this.#intake.lastReportOf(host);
  }

  /** Whether the address is the host's own, a container's on it included. */
  holdsAddress(host: string, address: Address): boolean {
    return this.#inventory.holdsAddress(host, address);
  }

  pendingCount(): number {
    return this.claimants().reduce((total, host) => total + this.#inventory.pendingOf(host).length, 0);
  }

  /** Hosts with claims that are pending. */
  claimants(): readonly string[] {
    return [...this.#inventory.claims.pendingHosts()].sort();
  }

  /** Hosts that were without a stream for as long as that, in order. */
  offline(asked: OfflineAsked): readonly OfflineHost[] {
    const inventory = this.#inventory;
    const labelsOf = ({ name }: HostEntry) => this.inventory().workloads.get(name)?.labels ?? new Map();
    return offlineHosts(
      { hosts: () => inventory.hosts(), offlineMsOf: (host) => this.#offlineMsOf(host), labelsOf },
      asked,
    );
  }

  /** When its last stream began. */
  lastConnectedAt(host: string): Millis | undefined {
    return this.#state.history.get(host)?.lastConnectedAt;
  }

  /** Who names each of them. */
  namingOf(hosts: readonly OfflineHost[]): ReadonlyMap<string, Naming> {
    return namingOf(hosts, { policy: this.#state.active.policy, hosts: this.#inventory.hosts() });
  }

  #offlineMsOf(host: string): number | undefined {
    const since = this.#inventory.claims.absentSinceOf(host);
    return since === undefined || this.sessions.of(host) !== undefined ? undefined : this.#addresses.upMs() - since;
  }

  hostEntry(name: string): HostEntry | undefined {
    return this.#inventory.host(name);
  }

  /** The peers of the quarantine that this very host or unit is in. */
  quarantineOf(name: string): readonly string[] | undefined {
    const found =
      this.#inventory.host(name) ?? this.#inventory.unit(name)?.unit ?? this.#inventory.container(name)?.container;
    return found?.quarantine;
  }

  /** What a peer of a quarantine names now; undefined where it is an address, a CIDR or a selector. */
  namedPeer(text: string): ReturnType<FleetInventory['namedPeer']> {
    return this.#inventory.namedPeer(text);
  }

  /** Whether its host's agent said that it cannot judge this unit as itself, since its processes use a network of their own. */
  isUnjudged({ name, kind, host }: Workload): boolean {
    if (kind !== 'unit' || host === undefined) return false;
    const unit = this.#inventory.unit(name)?.unit.unit;
    return unit !== undefined && this.sessions.isUnjudged(host, unit);
  }

  /** What the workload's host was last told to enforce for it; undefined where no agent does. */
  rulesOf(workload: Workload): WorkloadRules | undefined {
    if (workload.host === undefined) return undefined;
    return this.ruleSetOf(workload.host)?.workloads.find((rules) => rules.workload === workload.name);
  }

  /** What the host is to enforce; undefined where no agent does. */
  ruleSetOf(host: string): HostRuleSet | undefined {
    return this.#publication.ruleSetOf(host, this.#state.revision);
  }

  /** Names of segments, with the combination of those that have `each`: "ring(app=shop)". */
  segmentsOf(workload: Workload): readonly string[] {
    const names: string[] = [];
    for (const segment of this.#state.active.policy.segments.values()) {
      if (!selectorMatches(segment.selector, workload.labels)) continue;
      const text = combinationOf(segment.each, workload.labels);
      if (text !== undefined) names.push(text === '' ? segment.name : `${segment.name}(${text})`);
    }
    return names;
  }

  presenceCounts(): PresenceCounts {
    return this.#presences.counts(this.#elapsedMs());
  }

  /** Hosts whose identity a second agent tries to use, in order. */
  sharedIdentities(): readonly string[] {
    const at = this.#elapsedMs();
    return [...this.#inventory.hosts()]
      .map(({ name }) => name)
      .filter((name) => this.#disputes.isDisputed(name, at))
      .sort();
  }

  /** Hosts whose certificates are revoked and that are still in the inventory, in order. */
  revoked(): readonly string[] {
    return [...this.#inventory.hosts()].flatMap(({ name, isRevoked }) => (isRevoked === true ? [name] : [])).sort();
  }

  /** Workloads that an operator quarantined by name, in order; not what is inside of a host that is. */
  quarantined(): readonly string[] {
    return [...this.inventory().workloads.keys()].filter((name) => this.quarantineOf(name) !== undefined).sort();
  }

  get hostCount(): number {
    return this.#inventory.hostCount;
  }

  /** Changes of their tables by others that hosts told of, since the start. */
  get tamperings(): number {
    return this.#state.tamperings;
  }

  /** Since when the store takes nothing, and why; undefined where it does. */
  storeTrouble(): StoreTrouble | undefined {
    return this.#owed.trouble();
  }

  /** How many hosts are known to enforce what; each is looked at, and nothing is made of it. */
  protectionCounts(): ReadonlyMap<Protection, number> {
    const counts = new Map<Protection, number>(protections.map((protection) => [protection, 0]));
    for (const host of this.#inventory.hostNames()) {
      const protection = this.standing.protectionOf(host);
      counts.set(protection, (counts.get(protection) ?? 0) + 1);
    }
    return counts;
  }

  /** In the order of names; all, or a page of them. */
  agents(page: { readonly after?: string | undefined; readonly limit?: number } = {}): readonly AgentView[] {
    const { after = '', limit } = page;
    return [...this.#inventory.hosts()]
      .filter(({ name }) => name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit)
      .map((host) => this.#viewOf(host));
  }

  /** Changes that wait, and turns of hosts that newer ones of the same host made needless. */
  get queue(): { readonly operators: number; readonly hosts: number; readonly replaced: number } {
    const { replaced } = this.#changes;
    return {
      operators: this.#changes.waiting('containment') + this.#changes.waiting('operators'),
      hosts: this.#changes.waiting('hosts'),
      replaced,
    };
  }

  /** Resolves when every change asked for before is stored and sent. */
  quiet(): Promise<void> {
    return this.#changes.quiet();
  }

  /** Streams that end from here on end for us: nobody's absence begins with it, and nothing is written for each. */
  aboutToStop(): void {
    this.#prove();
    this.#isStopped = true;
  }

  /** Refuses further changes; resolves when those under way are done. */
  async stop(): Promise<void> {
    this.#refusals.stop();
    this.#happenings.stop();
    this.#hostNotes.stop();
    this.#isStopped = true;
    this.#stopping.abort();
    this.#publication.stop();
    this.#claimsTimer?.cancel();
    this.#certificatesTimer?.cancel();
    await this.#changes.stop();
    await this.#addresses.close();
    await this.#owed.pay();
    this.#writeProbe.cancel();
    this.#owed.stop();
  }

  // What agents ask.

  async redeemToken(
    request: EnrolmentRequest,
  ): Promise<Result<{ readonly tenant: string; readonly host: string; readonly enrolment: string }, EnrolmentRefusal>> {
    const { host, renewal } = request;
    if (!namePattern.test(host)) return err('name-invalid');
    return this.#changes.run(async () => {
      const yielding = this.#yielding([host], `agent/${host}`);
      const enrolment = randomUUID().replaceAll('-', '');
      const outcome = await this.#runner.run({
        kind: 'enrolled',
        hash: tokenHash(request.token),
        host,
        at: this.#now(),
        enrolment,
        isOfPolicy: this.#isOfPolicy(host),
        ...(renewal === undefined ? {} : { renewal }),
        yielding,
        revision: this.#state.revision + 1,
      });
      return outcome.kind === 'refused' ? err(outcome.refusal) : ok({ tenant: outcome.tenant, host, enrolment });
    }, 'hosts');
  }

  async grantHolds(granted: {
    readonly token: Secret;
    readonly host: string;
    readonly enrolment: string;
  }): Promise<boolean> {
    const isKept = await this.#store.isJoinTokenKept({ hash: tokenHash(granted.token) });
    return isKept && this.#enrolments.isPresent(granted);
  }

  isHome(text: string): boolean {
    const address = parseAddress(text);
    return address.ok && this.#inventory.holderOf(address.value) !== undefined;
  }

  helloRefused({ host, serial }: AgentIdentity, refused: { readonly from: string; readonly reason: string }): void {
    if (this.#inventory.host(host) !== undefined) this.#happenings.take('agent-refused', host, { ...refused, serial });
  }

  /** Hosts whose certificate ends within ten days, or has ended; told in the audit log, each certificate once. */
  certificatesEnding(): readonly string[] {
    const now = this.#now();
    const ending = [...this.#inventory.hosts()].flatMap(({ name }) => {
      const endsAt = this.#enrolments.isRevoked(name) ? undefined : this.#enrolments.endOf(name);
      return endsAt === undefined || endsAt > now + certificateSoonMs ? [] : [{ name, endsAt }];
    });
    for (const { name, endsAt } of ending) {
      if (this.#toldEnding.get(name) === endsAt) continue;
      this.#toldEnding.set(name, endsAt);
      this.#happenings.take('certificate-ending', name, { endsAt });
    }
    return ending.map(({ name }) => name);
  }

  /** Which of the control plane's own end within ten days, or have ended; told in the audit log, each certificate once. */
  ownCertificatesEnding(): readonly OwnCertificate[] {
    const ends = this.#pki?.ends();
    if (ends === undefined) return [];
    const now = this.#now();
    const ending = ownCertificates.filter((of) => ends[of] <= now + certificateSoonMs);
    for (const of of ending) {
      const target = `control-plane/${of}`;
      const endsAt = ends[of];
      if (this.#toldEnding.get(target) === endsAt) continue;
      this.#toldEnding.set(target, endsAt);
      this.#auditSoon({ actor: 'control-plane', action: 'certificate-ending', target, details: { endsAt } });
    }
    return ending;
  }

  #lookAtCertificates(): void {
    this.certificatesEnding();
    this.ownCertificatesEnding();
  }

  /** How far hosts are on their way to the next CA, or undefined where the CA is not being replaced. */
  caRotation(): Omit<RotationProgress, 'operators'> | undefined {
    const next = this.#pki?.cas().next;
    if (next === undefined) return undefined;
    const { operators: _, ...progress } = rotationProgress({ hosts: this.certificateCas(), operators: [], next });
    return progress;
  }

  /** Of which CAs the certificates of hosts are that are enrolled and not revoked; in order. */
  certificateCas(): readonly HostCas[] {
    return [...this.#inventory.hosts()]
      .flatMap(({ name }) => {
        const cas = this.#enrolments.casOf(name);
        return cas === undefined ? [] : [{ name, used: cas.usedCa, issued: cas.issuedCa }];
      })
      .sort((one, other) => compareCodeUnits(one.name, other.name));
  }

  renewedExpired(
    { host, serial }: AgentIdentity,
    renewed: { readonly from: string; readonly expiredAt: Millis },
  ): void {
    this.#happenings.take('certificate-renewed-late', host, { ...renewed, serial });
  }

  enrolmentRefused(refused: RefusedEnrolment): void {
    const { address, host, reason } = refused;
    this.#refusals.take({ address, name: host, reason });
  }

  async recordCertificate(certificate: CertificateRecord): Promise<boolean> {
    const outcome = await this.#runner.run({ kind: 'certificate-issued', certificate, at: this.#now() });
    return outcome.kind !== 'refused';
  }

  refusalOf(certificate: AgentCertificate, from?: string): string | undefined {
    const refusal = this.#certificateRefusal(certificate);
    const { host, serial } = certificate.identity;
    const isGoodName = namePattern.test(host);
    if (refusal !== undefined && isGoodName && this.#holding.isHeld && this.#enrolments.isUnknown(certificate))
      this.#holding.noteUnknown(host, from);
    if (refusal !== undefined && this.#inventory.host(host) !== undefined)
      this.#presences.turnedAway(host, this.#now(), refusal);
    if (refusal !== undefined && from !== undefined && isGoodName)
      this.#happenings.take('certificate-refused', host, { from, serial, reason: refusal });
    return refusal;
  }

  #certificateRefusal(certificate: AgentCertificate): string | undefined {
    const { tenant, host } = certificate.identity;
    if (tenant !== this.#tenant) return `host ${host} is of tenant ${tenant}, which is not here`;
    const refusal = this.#enrolments.refusalOf(certificate);
    if (refusal !== undefined) return refusal;
    const enrolment = this.#enrolments.newlyUsed(certificate);
    if (enrolment !== undefined) {
      const change = { kind: 'certificate-used', enrolment } as const;
      this.#runner.apply(change);
      this.#soon(`certificate/${host}`, async () => void (await this.#runner.write(change)));
    }
    return undefined;
  }

  /** Whether an operator revoked the host's enrolment. It stays in the inventory, and cut off, until it is removed. */
  isHostRevoked(name: string): boolean {
    return this.#enrolments.isRevoked(name);
  }

  refusalOfAsking(identity: AgentIdentity, { proof }: AgentHello): ConnectRefusal | undefined {
    const text = this.#notAdmitted(identity) ?? this.#told.strangerText(identity.host, proof);
    return text === undefined ? undefined : { kind: 'not-admitted', text };
  }

  connect(identity: AgentIdentity, hello: AgentHello, session: AgentSession): Result<AgentConnection, ConnectRefusal> {
    const { host, serial } = identity;
    const notAdmitted = this.#notAdmitted(identity);
    if (notAdmitted !== undefined) {
      this.#happenings.take('agent-refused', host, { from: session.seenFrom, serial, reason: notAdmitted });
      return err({ kind: 'not-admitted', text: notAdmitted });
    }
    if (this.#keepsItsPlace(host, { hello, from: session.seenFrom })) {
      return err({
        kind: 'identity-shared',
        text: `another agent is connected as ${host}; was the disk or state directory copied? enrol the copy anew, as another host`,
      });
    }
    const agent: LiveAgent = {
      host,
      serial,
      connection: identity.connection,
      connectedAt: this.#now(),
      session,
      sent: undefined,
      sentAt: undefined,
      ahead: hello.revision > this.#state.revision ? hello.revision : undefined,
      acked: 0,
      inForce: undefined,
      nacked: undefined,
      status: undefined,
    };
    const connectedAtMs = this.#elapsedMs();
    this.sessions.add(agent);
    this.#presences.connected(host, connectedAtMs);
    const { agentVersion } = hello;
    this.#happenings.take('agent-connected', host, { from: session.seenFrom, serial, agentVersion });
    this.announcements.greet(session);
    const greeting = this.#told.look(host, hello);
    const isLeft = greeting === 'wait' && !this.#holdsAlready(agent, hello);
    if (!this.#holding.isHeld && !isLeft) this.#publication.greet(agent, hello.revision);
    /** What could not be stored, on a full disk, is tried again with the agent's next status. */
    let untaken: HostReport | undefined = hello;
    const takeReport = async (): Promise<void> => {
      const report = untaken;
      if (report === undefined || this.sessions.of(host) !== agent) return;
      await this.#takeReport(agent, report, hello.agentVersion);
      if (untaken === report) untaken = undefined;
    };
    let reporting: Timer | undefined;
    /** The newest report, as soon as its host's pace allows one. */
    const takeSoon = (): void => {
      const waitMs = this.#reportPace.takeMany(host, { at: this.#elapsedMs(), count: 1 });
      if (waitMs === 0) this.#soon(`report/${host}`, takeReport);
      else
        reporting ??= systemClock
          .after(waitMs, () => {
            reporting = undefined;
            if (this.sessions.of(host) === agent) takeSoon();
          })
          .unref();
    };
    const isPaced = !this.#reportPace.take(host, this.#elapsedMs());
    this.#soon(presenceKey(host), async () => {
      if (this.sessions.of(host) === agent) this.#addresses.connected(host, session.seenFrom);
      try {
        if (isPaced) takeSoon();
        else await takeReport();
        await this.#keepAddresses();
      } finally {
        // Policy reaches it all the same: not welcomed, it would hear of nothing for as long as it stays connected.
        if (isLeft && this.#told.isLooking) this.#waiting.add(agent);
        else this.#publication.welcome(agent);
      }
    });
    return ok({
      acked: (revision) => {
        this.sessions.acked(agent, revision);
        if (!this.#owed.owesRevision) this.#told.acked(agent);
      },
      nacked: (revision, reason) => {
        this.#log.warn({ host, revision, reason }, 'agent refused a revision');
        this.sessions.nacked(agent, { revision, reason });
        this.#auditOfHost({
          actor: `agent/${host}`,
          action: 'revision-refused',
          target: host,
          details: { revision, reason },
        });
      },
      statusReported: (status) => {
        this.sessions.statusReported(agent, believedStatus(status, this.#now()));
        if (this.sessions.of(host) === agent) this.announcements.heard(host, status.following);
        if (this.#addresses.heard(host)) this.#soon('claims', () => this.#claimsChanged());
        if (untaken !== undefined && reporting === undefined) takeSoon();
      },
      hostReported: (report) => {
        untaken = report;
        takeSoon();
      },
      eventsReported: async (events) => {
        const outcome = await this.#changes.soon(`events/${host}`, async () => {
          // Its word counts for as long as it is one of the fleet.
          if (!this.#isExpected(host)) return;
          const kept = events.filter(({ kind }) => this.#hostNotes.take(host, kind));
          for (const { kind, details } of kept)
            this.#log.warn({ host, kind, told: Object.fromEntries(details) }, 'told by an agent of its host');
          try {
            const tamperings = events.filter(({ kind }) => kind === 'table-tampered').length;
            await this.#runner.run({ kind: 'host-told', host, tamperings, events: kept, at: this.#now() });
          } catch (cause) {
            for (const { kind } of kept) this.#hostNotes.giveBack(host, kind);
            throw cause;
          }
        });
        if (outcome === 'replaced') throw new Error('the host has sent other events on a newer stream');
      },
      disconnected: () => {
        reporting?.cancel();
        this.sessions.remove(agent);
        this.#waiting.delete(agent);
        if (this.sessions.of(host) === undefined) this.#presences.disconnected(host, this.#now());
        // At a stop the store goes on taking it for connected: its absence begins when the next process does.
        if (!this.#isStopped) {
          this.#soon(presenceKey(host), () => this.#hostLeft(host));
          const connectedMs = Math.round(this.#elapsedMs() - connectedAtMs);
          this.#happenings.take('agent-disconnected', host, { from: session.seenFrom, serial, connectedMs });
        }
        this.#log.debug({ host }, 'agent disconnected');
      },
    });
  }

  /** What a new stream says it holds is what it would be sent: that takes nothing away. */
  #holdsAlready({ host }: LiveAgent, { digest }: AgentHello): boolean {
    if (digest === undefined) return false;
    const ruleSet = this.#publication.ruleSetOf(host, this.#state.revision);
    return ruleSet !== undefined && ruleSetDigest(ruleSet) === digest;
  }

  #welcomeWaiting(): void {
    for (const agent of this.#waiting) this.#publication.welcome(agent);
    this.#waiting.clear();
  }

  /** A full disk keeps no control plane from starting. It signs nothing for hosts until the store has taken that it runs. */
  async #beginRun(): Promise<void> {
    try {
      await this.#holding.beginRun();
    } catch (cause) {
      this.#log.warn({ err: cause }, 'the store did not take that this control plane runs; it is tried again');
    }
  }

  /** What is acknowledged, and stored, can be shown to a store that is put back. */
  #prove(): void {
    if (this.#owed.owesRevision) return;
    if (this.#holding.ownRun === undefined) this.#soon('run', () => this.#beginRun());
    else this.#told.prove(this.sessions.all());
  }

  async ingestFlows(identity: AgentIdentity, batch: FlowBatch): Promise<Result<FlowReceipt, ConnectRefusal>> {
    const { host, serial } = identity;
    const refusal = this.#mayReport(identity);
    const entry = this.#inventory.host(host);
    if (refusal !== undefined || entry === undefined)
      return err(refusal ?? { kind: 'not-admitted', text: `host ${host} is not enrolled here` });
    const at = this.#now();
    const holderOf = (address: Address) => this.#inventory.holderOf(address);
    const mayHoldVirtual = (address: Address) => this.#inventory.claims.mayHoldVirtual(host, address);
    const reporter = this.#intake.reporterOf(entry, { at: this.#elapsedMs(), holderOf, mayHoldVirtual });
    const named = batch.records.map((record) => withCurrentName(entry, record));
    const { records, refused } = believeFlows(named, { reporter, now: at });
    const flows = records.map((record) => ({ ...record, peerWorkload: holderOf(record.peer) ?? '' }));
    const { sequence, run = '', lost } = batch;
    const kind = await this.#store.ingestFlows({ tenant: this.#tenant, host, serial, run, sequence, flows, lost });
    if (kind === 'not-admitted') return err({ kind, text: `host ${host} may not report any more` });
    this.#intake.reported(host, at);
    if (kind === 'taken') {
      this.flowCounts.batchesTaken += 1;
      this.flowCounts.records += flows.length;
      for (const { end, connections } of flows) {
        if (end.verdict === 'deny') this.flowCounts.denied += connections;
        else if (end.verdict === 'would-deny') this.flowCounts.wouldDeny += connections;
      }
      this.#tellRefused(host, refused);
    } else this.flowCounts.batchesKnown += 1;
    return ok({ sequence, kind, refused: refused.counts });
  }

  #notAdmitted({ tenant, host }: Pick<AgentIdentity, 'tenant' | 'host'>): string | undefined {
    if (tenant !== this.#tenant || this.#inventory.host(host) === undefined) return `host ${host} is not enrolled here`;
    return this.isHostRevoked(host) ? `host ${host} is revoked; enrol it anew` : undefined;
  }

  /** Why what this caller reports may not be written down now: asked when it came, after its certificate (`refusalOf`) was found good. */
  #mayReport({ tenant, host, connection }: AgentIdentity): ConnectRefusal | undefined {
    const text = this.#notAdmitted({ tenant, host });
    if (text !== undefined) return { kind: 'not-admitted', text };
    // A copied identity has the same certificate: what tells the two apart is the connection that the live stream came by.
    const live = this.sessions.of(host);
    const isOther = live !== undefined && live.connection !== undefined && live.connection !== connection;
    const isKeptOut = this.#disputes.isDisputed(host, this.#elapsedMs()) && (live === undefined || isOther);
    return isKeptOut ? { kind: 'identity-shared', text: `another agent is connected as ${host}` } : undefined;
  }

  flowsPruned(host: string, rows: number): void {
    this.#intake.pruned(host, rows);
  }

  #tellRefused(host: string, refused: RefusedFlows): void {
    const details = this.#intake.refused(host, refused, this.#elapsedMs());
    if (details === undefined) return;
    this.#log.warn({ host, refused: details }, 'flow records of a host do not count: they are not its own');
    this.#auditOfHost({ actor: 'control-plane', action: 'flows-refused', target: host, details });
  }

  // What operators do. Each returns once the change is stored and handed to the streams it concerns.

  /**
   * Compiles a policy beside the one in force, so that activating it is a small step; `hosts` are those it is for, default all that are known.
   * Waits for those before it.
   */
  async prepare(policy: Policy, hosts?: Iterable<string>): Promise<PreparedPolicy> {
    const make = () =>
      PreparedPolicy.make({
        policy,
        inventory: () => this.inventory(),
        hosts: () => hosts ?? this.#publication.askedHosts(),
        now: this.#policyTime,
      });
    const prepared = this.#preparing.then(make);
    this.#preparing = prepared.catch(() => undefined);
    return prepared;
  }

  /** Makes `policy` the active one and sends it to every connected agent. A canary that runs ends: this is meant for its hosts too. */
  async activate(
    input: ActivationAsked,
  ): Promise<
    Result<
      { readonly revision: number; readonly policy: number },
      'revision-changed' | 'policy-gone' | HoldBegan | Overtaken
    >
  > {
    const { expectRevision, note, ends = { hold: this.#holding.current } } = input;
    return this.#asked(note.actor, async (actor) => {
      const isExpected = expectRevision === undefined || this.#state.active.revision === expectRevision;
      if (!isExpected) return err('revision-changed');
      if (this.#isOvertaken(input)) return err('overtaken');
      if (this.#holding.isHeld && this.#holding.current !== ends.hold) return err('hold-began');
      input.assertStill?.();
      if (await this.#isGone(input.source)) return err('policy-gone');
      return ok(await this.#activate({ ...input, note: { ...note, actor } }));
    });
  }

  /**
   * What happened to the inventory since is no reason to judge again, as it is none after the activation: hosts come, go and are contained
   * under any policy, and the tests say what held when they were run.
   */
  #isOvertaken({ policy, judged }: Judged): boolean {
    if (judged === undefined) return false;
    if (judged.beside !== this.#state.active.revision) return true;
    if (judged.hostNames === 'trusted') return false;
    for (const name of policy.workloads.keys()) if (this.#inventory.host(name) !== undefined) return true;
    return false;
  }

  /** A draft may have been deleted while it was judged; in a turn of ours none is. */
  async #isGone(source: NewActivation['source']): Promise<boolean> {
    return source.kind === 'stored' && !(await this.#store.hasPolicy({ tenant: this.#tenant, id: source.policy }));
  }

  /** Lets `hosts` alone enforce a policy; it becomes the active one when they hold it, and theirs no more when not. */
  async startCanary(
    input: Judged & {
      readonly source: NewActivation['source'];
      readonly hosts: readonly string[];
      readonly limits: CanaryLimits;
      readonly actor: Actor;
    },
  ): Promise<
    Result<
      { readonly revision: number; readonly policy: number },
      'canary-running' | 'policy-gone' | HoldBegan | Overtaken
    >
  > {
    const { policy, source, hosts, limits, prepared } = input;
    return this.#asked(input.actor, async (actor) => {
      if (this.#state.canary?.state === 'running') return err('canary-running');
      if (this.#holding.isHeld) return err('hold-began');
      if (this.#isOvertaken(input)) return err('overtaken');
      input.assertStill?.();
      if (await this.#isGone(source)) return err('policy-gone');
      const note = this.#note({
        actor,
        action: 'canary-started',
        target: 'policy',
        details: { hosts: hosts.slice(0, hostsTold), count: hosts.length, ...limits },
      });
      await this.#yieldNames(policy.workloads.keys(), actor);
      const revision = this.#state.revision + 1;
      const started = await this.#runner.run({ kind: 'canary-started', policy, source, revision, hosts, limits, note });
      const canary = this.#runningCanary();
      if (canary === undefined) throw new Error('a canary that was started does not run');
      if (prepared !== undefined) this.#publication.prepared(prepared);
      void this.#followCanary(canary, input.actor);
      return ok({ revision, policy: started.policy });
    });
  }

  /** `on-trial`: a canary tries it. */
  async deleteDraft(input: { readonly id: number; readonly actor: Actor }): Promise<DraftDeletion> {
    const { id } = input;
    return this.#asked(input.actor, async (actor) => {
      if (this.#runningCanary()?.id === id) return 'on-trial';
      const note = this.#note({ actor, action: 'draft-deleted', target: 'policy' });
      const outcome = await this.#runner.run({ kind: 'draft-deleted', policy: id, note });
      return outcome.kind === 'refused' ? outcome.refusal : 'deleted';
    });
  }

  /** Its hosts are put back under the active policy. Undefined where no canary runs. */
  async endCanary(input: { readonly reason: string; readonly actor: Actor }): Promise<number | undefined> {
    return this.#asked(input.actor, async (actor) => {
      const canary = this.#runningCanary();
      return canary === undefined ? undefined : this.#dropCanary(canary, { reason: input.reason }, actor);
    });
  }

  /**
   * Sends policy again, as the store has it. Undefined where nothing is held, or another hold than when it was asked for. `assertStill` throws
   * where what came to light meanwhile speaks against it; then nothing is changed.
   */
  async resume(
    by: Actor,
    assertStill?: () => void,
  ): Promise<{ readonly revision: number; readonly lineage: string } | undefined> {
    const asked = this.#holding.current;
    return this.#asked(by, async (actor) => {
      const hold = this.#holding.view();
      if (hold === undefined || this.#holding.current !== asked) return undefined;
      assertStill?.();
      const revision = this.#state.revision + 1;
      const { shown } = this.#holding;
      const note = { actor, at: this.#now(), details: holdDetails(hold) };
      await this.#runner.run({ kind: 'hold-ended', revision, shown, note });
      return { revision, lineage: this.#holding.lineage };
    });
  }

  /**
   * Undefined where no host or unit has that name. Keys in `remove` that it lacks are no error; `labels` are its own, without
   * those that a unit has from its host.
   */
  async label(input: {
    readonly workload: string;
    readonly set: Labels;
    readonly remove: readonly string[];
    readonly actor: Actor;
  }): Promise<{ readonly revision: number; readonly labels: Labels } | undefined> {
    return this.#asked(input.actor, async (actor) => {
      const { workload } = input;
      if (this.#inventory.operated(workload) === undefined) return undefined;
      const { remove } = input;
      const set = Object.fromEntries(input.set);
      const revision = this.#state.revision + 1;
      await this.#runner.run({ kind: 'labelled', workload, set, remove, revision, actor, at: this.#now() });
      return { revision, labels: this.#inventory.operated(workload)?.said.labels ?? new Map() };
    });
  }

  /** With `peers` absent the workload is released. Undefined where no host or unit has that name. */
  async quarantine(input: {
    readonly workload: string;
    readonly peers?: readonly string[];
    readonly actor: Actor;
  }): Promise<Result<Contained> | undefined> {
    return this.#contained(input.actor, async (actor) => {
      const { workload, peers } = input;
      if (this.#inventory.operated(workload) === undefined) return undefined;
      for (const text of peers ?? []) {
        const peer = this.#inventory.parseQuarantinePeer(text);
        if (!peer.ok) return peer;
      }
      const revision = this.#state.revision + 1;
      const cutOff = cutOffAddresses(this.#inventory, workload);
      const change = { workload, cutOff, revision, actor, at: this.#now() };
      await this.#runner.run(
        peers === undefined ? { kind: 'released', ...change } : { kind: 'quarantined', ...change, peers },
      );
      return ok({ revision, host: this.#inventory.hostOf(workload), cutOff });
    });
  }

  /**
   * Its certificates stop working at once, on live streams too, and all other hosts cut it off; it stays in the inventory. Undefined where
   * there is none. Again for one that is revoked, so that it can be asked again who has cut it off.
   */
  async revokeAgent(host: string, by: Actor): Promise<Contained | undefined> {
    return this.#contained(by, async (actor) => {
      if (this.#inventory.host(host) === undefined) return undefined;
      const revision = this.#state.revision + 1;
      const cutOff = cutOffAddresses(this.#inventory, host);
      await this.#runner.run({ kind: 'revoked', host, cutOff, revision, actor, at: this.#now() });
      return { revision, host, cutOff };
    });
  }

  /** Revokes and forgets the host: its addresses belong to no workload any more, and nobody cuts them off. Undefined where there is none. */
  async removeAgent(host: string, by: Actor): Promise<{ readonly was: 'contained' | 'free' } | undefined> {
    return this.#asked(by, (actor) => this.#remove(host, { actor, action: 'agent-removed' }));
  }

  /**
   * Removes those of the hosts that are still as they were found: one that came back stays, and so does one that is contained, or has something inside
   * that is. Gives the names of those that went, in order; each has an audit entry of its own.
   */
  async removeOffline(
    found: readonly OfflineHost[],
    given: {
      readonly offlineForMs: number;
      readonly actor: Actor;
      /** Asked in each turn: where not, those that are left stay. */
      readonly mayRemove?: () => boolean;
    },
  ) {
    const { offlineForMs } = given;
    const removed: string[] = [];
    for (let at = 0; at < found.length; at += removedAtOnce) {
      await this.#asked(given.actor, async (actor) => {
        if (this.#holding.isHeld || given.mayRemove?.() === false) return;
        for (const { entry } of found.slice(at, at + removedAtOnce)) {
          const now = this.#inventory.host(entry.name);
          const offlineMs = this.#offlineMsOf(entry.name);
          if (now === undefined || containmentWithin(now) !== 'none') continue;
          if (offlineMs === undefined || offlineMs < offlineForMs) continue;
          const details = { offlineMinutes: Math.floor(offlineMs / 60_000) };
          await this.#remove(entry.name, { actor, action: 'agent-removed', details });
          removed.push(entry.name);
        }
      });
    }
    return removed;
  }

  /** Looks at leases and at holders that are away now, as happens every few seconds by itself. */
  async passTime(): Promise<void> {
    await this.#changes.run(() => this.#claimsChanged());
    this.#prove();
  }

  /** What the host may claim from now on. Undefined where there is no such host. */
  async allowAddresses(input: {
    readonly host: string;
    readonly change: RangesChange;
    readonly actor: Actor;
  }): Promise<Result<{ readonly revision: number; readonly ranges: readonly string[] }> | undefined> {
    return this.#asked(input.actor, async (actor) => {
      const { host, change } = input;
      const before = this.#inventory.host(host);
      if (before === undefined) return undefined;
      const changed = changedRanges(before.ranges, change);
      if (!changed.ok) return changed;
      const ranges = changed.value;
      const revision = this.#state.revision + 1;
      await this.#runner.run({
        ...{ kind: 'addresses-allowed', host, revision, actor, at: this.#now() },
        ...(ranges === undefined ? {} : { ranges }),
      });
      return ok({ revision, ranges: ranges ?? [] });
    });
  }

  /**
   * A change that operators ask for and that is none of the fleet's, in a turn like those: so whose right to it ended in an earlier turn does
   * no more. `change` is given the name for the audit log.
   */
  inTurn<T>(
    by: Actor,
    change: (actor: string) => Promise<T>,
    lane: 'operators' | 'containment' = 'operators',
  ): Promise<T> {
    return this.#changes.run(async () => change(holdingName(by)), { lane, who: turnName(by) });
  }

  #asked<T>(by: Actor, change: (actor: string) => Promise<T>): Promise<T> {
    return this.inTurn(by, change);
  }

  #contained<T>(by: Actor, change: (actor: string) => Promise<T>): Promise<T> {
    return this.inTurn(by, change, 'containment');
  }

  // Inside a turn.

  #isOfPolicy(name: string): boolean {
    return this.#state.active.policy.workloads.has(name) || this.#runningCanary()?.policy.workloads.has(name) === true;
  }

  #isTaken(name: string): boolean {
    return this.#isOfPolicy(name) || this.#inventory.isTaken(name);
  }

  #yielding(wanted: Iterable<string>, wantedBy: string): StoredYielding | undefined {
    const yielding = yieldingOf(wanted, { inventory: this.#inventory, isTaken: (name) => this.#isTaken(name) });
    return yielding && storedYielding(yielding, { tenant: this.#tenant, at: this.#now(), wantedBy });
  }

  /** Discovered workloads give these names up. */
  async #yieldNames(wanted: Iterable<string>, wantedBy: string): Promise<'yielded' | 'none'> {
    const yielding = this.#yielding(wanted, wantedBy);
    if (yielding === undefined) return 'none';
    await this.#runner.run({ kind: 'names-yielded', ...yielding });
    return 'yielded';
  }

  async #remove(
    host: string,
    note: Omit<AuditNote, 'at' | 'target'>,
  ): Promise<{ readonly was: 'contained' | 'free' } | undefined> {
    const entry = this.#inventory.host(host);
    if (entry === undefined) return undefined;
    const was = containmentWithin(entry) === 'none' ? 'free' : 'contained';
    const inside = [...entry.units.keys(), ...entry.containers.keys()];
    const revision = this.#state.revision + 1;
    await this.#runner.run({ kind: 'removed', host, inside, was, revision, note: { ...note, at: this.#now() } });
    return { was };
  }

  /** One that is contained, or has something inside that is, stays: whoever took it over must not end that by silence. */
  async #removeSilent(): Promise<void> {
    if (this.#holding.isHeld) return;
    for (const { host, silentMs } of this.#ephemeral.takeSilent()) {
      const entry = this.#inventory.host(host);
      if (entry !== undefined && containmentWithin(entry) !== 'none') continue;
      const silentMinutes = Math.floor(silentMs / 60_000);
      await this.#remove(host, { actor: 'control-plane', action: 'ephemeral-removed', details: { silentMinutes } });
    }
  }

  async #activate(input: Activating): Promise<{ readonly revision: number; readonly policy: number }> {
    await this.#yieldNames(input.policy.workloads.keys(), input.note.actor);
    const hold = this.#holding.view();
    const canary = this.#runningCanary();
    const { policy, source, kind: activation, message, commit, prepared } = input;
    const change = await this.#runner.run({
      ...{ kind: 'activated', policy, source, activation, revision: this.#state.revision + 1 },
      note: this.#note(input.note),
      ...(message === undefined ? {} : { message }),
      ...(commit === undefined ? {} : { commit }),
      ...(canary === undefined ? {} : { canary: canary.policy === policy ? 'promoted' : 'replaced' }),
      ...(hold === undefined ? {} : { endsHold: { details: holdDetails(hold), shown: this.#holding.shown } }),
    });
    if (prepared !== undefined) this.#publication.prepared(prepared);
    return { revision: change.revision, policy: change.policy };
  }

  async #holdEnded(): Promise<void> {
    await this.#holding.ended(this.#state.revision);
    await this.#beginRun();
    this.#welcomeWaiting();
  }

  async #concludeCanary(
    canary: Canary,
    given: { readonly verdict: CanaryVerdict; readonly by: Actor; readonly prepared: PreparedPolicy | undefined },
  ): Promise<void> {
    const { verdict, by, prepared } = given;
    // Somebody may have ended it meanwhile.
    if (this.#runningCanary() !== canary) return;
    const failure = verdict.kind === 'failed' ? verdict : this.#unwanted(by);
    if (failure !== undefined) {
      await this.#dropCanary(canary, failure, 'control-plane');
      return;
    }
    const { id, policy, revision } = canary;
    const note = { actor: holdingName(by), action: 'policy-applied', target: 'policy', details: { canary: revision } };
    const made = prepared === undefined ? {} : { prepared };
    await this.#activate({ policy, source: { kind: 'stored', policy: id }, kind: 'apply', note, ...made });
  }

  /** Why a canary that held is not everybody's all the same: what let it begin is no more. */
  #unwanted(by: Actor): CanaryFailure | undefined {
    if (this.#holding.isHeld) return heldFailure;
    try {
      holdingName(by);
      return undefined;
    } catch (cause) {
      if (cause instanceof AuthorityEnded) return endedFailure(cause);
      throw cause;
    }
  }

  /** Agents keep what they have from now on, those of a canary too: it could not be seen to hold, and must not end what nobody has looked at. */
  async #holdBegan(): Promise<void> {
    const { hold } = this.#state;
    if (hold !== undefined) await this.#runner.write({ kind: 'hold-began', hold });
    const canary = this.#runningCanary();
    if (canary !== undefined && this.#holding.isHeld) await this.#dropCanary(canary, heldFailure, 'control-plane');
  }

  async #dropCanary(canary: Canary, { reason, host }: CanaryFailure, actor: string): Promise<number> {
    const revision = this.#state.revision + 1;
    const failure = { reason, ...(host === undefined ? {} : { host }) };
    const change = { policy: canary.id, revision, ...failure, actor, at: this.#now() };
    await this.#runner.run({ kind: 'canary-failed', ...change });
    this.#log.warn({ policy: canary.id, reason }, 'a canary failed; its hosts are under the active policy again');
    return revision;
  }

  async #takeReport(agent: LiveAgent, report: HostReport, agentVersion: string): Promise<void> {
    const { host } = agent;
    agent.cut = report.cut ?? 0;
    const before = this.#inventory.host(host);
    if (before === undefined) return;
    const isTaken = (name: string) => this.#isTaken(name);
    const { reported, forgotten } = reportedEntry({ before, report, agentVersion, isTaken });
    const { connectedAt } = agent;
    await this.#runner.run({ kind: 'host-reported', host, ...reported, forgotten, agentVersion, connectedAt });
    const entry = this.#inventory.host(host);
    if (reported.news === 'same' || entry === undefined) return;
    this.#happenings.factsChanged(host, before.facts, entry.facts);
    this.#intake.entryChanged(before, entry, this.#elapsedMs());
    if (reported.news === 'claims') await this.#keepAddresses();
    else {
      await this.#addresses.keep();
      await this.#advance('host-reported');
    }
  }

  /** Carries on what has come of claims; a revision only where some workload has other addresses for it. */
  async #keepAddresses(): Promise<void> {
    if ((await this.#addresses.keep()) === 'changed') await this.#advance('addresses');
  }

  async #hostLeft(host: string): Promise<void> {
    if (this.sessions.of(host) !== undefined || this.#inventory.host(host) === undefined) return;
    this.#addresses.disconnected(host);
    await this.#keepAddresses();
  }

  async #claimsChanged(): Promise<void> {
    this.#addresses.passTime();
    if (!this.#told.isLooking) this.#welcomeWaiting();
    await this.#keepAddresses();
    await this.#addresses.note();
    await this.#removeSilent();
  }

  #watchClaims(): void {
    this.#claimsTimer = systemClock
      .every(claimsTickMs, () => {
        this.#soon('claims', () => this.#claimsChanged());
        this.#prove();
      })
      .unref();
  }

  /** The next revision, for a change that is not numbered itself. */
  async #advance(why: RevisionAdvanced['why']): Promise<void> {
    await this.#runner.run({ kind: 'revision-advanced', revision: this.#state.revision + 1, why });
  }

  /** What follows from a change for those who are connected. */
  #publish({ closes, containedAt, joined, removed, send, attention }: Consequences): void {
    if (closes !== undefined) this.sessions.of(closes.host)?.session.close(closes.reason);
    if (containedAt !== undefined) this.#told.contained(containedAt);
    if (joined !== undefined) this.#ephemeral.add(joined);
    if (removed !== undefined) this.#forget(removed);
    if (send !== undefined) this.#publication.mark(send, attention);
  }

  async #follow({ holdEnded, claims, owes }: Consequences): Promise<void> {
    if (holdEnded !== undefined) await this.#holdEnded();
    if (claims !== undefined) await this.#addresses.keep();
    if (owes === undefined) return;
    const { revision, notes = [] } = owes;
    if (revision !== undefined) this.#owed.revision(revision);
    for (const note of notes) this.#owed.note(note);
    await this.#owed.pay();
  }

  #forget(host: string): void {
    this.#disputes.forget(host);
    this.#presences.forget(host);
    this.#intake.forget(host);
    this.sessions.forget(host);
    this.announcements.forget(host);
    this.#hostNotes.forget(host);
    this.#publication.forget(host);
    this.#addresses.forget(host);
    this.#ephemeral.forget(host);
  }

  async #timePassed(): Promise<void> {
    if (this.#publication.isTimeChangeDue()) await this.#advance('policy-time');
    else this.#publication.mark('changed');
  }

  /** What a host causes by itself, as often as it likes: `target`. */
  #auditOfHost(note: Omit<AuditNote, 'at'>): void {
    if (this.#hostNotes.take(note.target, note.action)) this.#auditSoon(note);
  }

  /** Audit entries that hosts caused beyond their number, since the start. */
  get skippedEntries(): number {
    return this.#hostNotes.skipped;
  }

  /** Outside a turn: in the log with the next one, however many come before it. */
  #auditSoon(note: Omit<AuditNote, 'at'>): void {
    this.#owed.note(this.#note(note));
    this.#soon('owed', () => this.#owed.pay());
  }

  async #audit(note: Omit<AuditNote, 'at'>): Promise<void> {
    this.#owed.note(this.#note(note));
    await this.#owed.pay();
  }

  #note(note: Omit<AuditNote, 'at'>): AuditNote {
    return { ...note, at: this.#now() };
  }

  #runningCanary(): Canary | undefined {
    return runningCanary(this.#state);
  }

  /** What the store cannot take now, on a full disk, is tried again for as long as it is so. */
  async #followCanary(canary: Canary, by: Actor): Promise<void> {
    const { signal } = this.#stopping;
    const ended = endOf(by);
    const watching = ended === undefined ? signal : AbortSignal.any([signal, ended]);
    const isEnrolled = (host: string) => this.#isExpected(host);
    while (this.#runningCanary() === canary) {
      const watched = await watchCanary({ canary, sessions: this.sessions, isEnrolled, signal: watching });
      if (signal.aborted) return;
      const verdict: CanaryVerdict = watched ?? { kind: 'failed', ...endedFailure(ended?.reason) };
      try {
        // The very policy that is in force is compiled for everybody.
        const isCompiled = verdict.kind === 'failed' || canary.policy === this.#state.active.policy;
        const prepared = isCompiled ? undefined : await this.prepare(canary.policy);
        await this.#changes.run(() => this.#concludeCanary(canary, { verdict, by, prepared }));
      } catch (cause) {
        if (this.#isStopped) return;
        this.#log.error({ err: cause }, 'the end of a canary could not be stored; it is tried again');
        await this.sessions.nextChange(canaryRetryMs, signal);
      }
    }
  }

  /** A change nobody waits for; of those with one key that wait, the newest. */
  #soon(key: string, change: () => Promise<void>, lane: Lane = 'hosts'): void {
    this.#changes.soon(key, change, lane).catch((cause: unknown) => {
      if (!this.#isStopped) this.#log.error({ err: cause }, 'a change of the fleet could not be stored');
    });
  }

  #inForce(): InForce {
    return inForceOf(this.#state, () => this.#away());
  }

  *#away(): Generator<string> {
    for (const host of this.#expectedHosts()) if (this.sessions.of(host) === undefined) yield host;
  }

  /** Hosts that may answer for what they enforce: one that is revoked never does again. */
  *#expectedHosts(): Generator<string> {
    for (const host of this.#inventory.hostNames()) if (this.#isExpected(host)) yield host;
  }

  #isExpected(host: string): boolean {
    const entry = this.#inventory.host(host);
    return entry !== undefined && entry.isRevoked !== true;
  }

  #viewOf(host: HostEntry): AgentView {
    const { name } = host;
    const { live, due } = this.standing.of(name);
    const addresses = addressViewOf(this.#inventory, name);
    const seen = agentViewOf({
      host,
      history: this.#state.history.get(name),
      live,
      due,
      addresses,
      refusedFlows: this.#intake.refusedOf(name),
      prunedFlows: this.#intake.prunedOf(name),
      skippedEntries: this.#hostNotes.skippedOf(name),
      presence: this.#presences.of(name, this.#elapsedMs()),
      certificateEndsAt: this.#enrolments.endOf(name),
      now: this.#now(),
    });
    const trouble = live === undefined ? '' : addressProblem(this.#inventory, name);
    const gone = presenceProblem(seen, live === undefined ? 'away' : 'connected');
    const view = { ...seen, problem: [seen.problem, trouble, gone].filter((text) => text !== '').join('; ') };
    if (!this.#disputes.isDisputed(name, this.#elapsedMs())) return view;
    const dispute =
      'a second agent with this identity is kept out; was the disk or state directory copied? See segwall audit';
    return { ...view, problem: view.problem === '' ? dispute : `${dispute}; ${view.problem}` };
  }

  /** Whether the live agent of the host stays, and the one that says hello goes. */
  #keepsItsPlace(
    host: string,
    { hello, from }: { readonly hello: AgentHello; readonly from: string | undefined },
  ): boolean {
    const live = this.sessions.of(host);
    if (live === undefined) return false;
    const verdict = this.#disputes.judge(host, { at: this.#elapsedMs(), from, live: live.session.seenFrom });
    if (verdict === 'yields') return false;
    if (verdict.stays === 'begins') {
      const details = {
        connected: (this.#inventory.host(host)?.addresses ?? []).slice(0, addressesTold),
        keptOut: reportedAddresses(hello.addresses).slice(0, addressesTold),
      };
      this.#log.warn({ host, told: details }, 'two agents hold one identity; the connected one keeps its place');
      this.#auditOfHost({ actor: 'control-plane', action: 'identity-shared', target: host, details });
    }
    return true;
  }
}

const heldFailure: CanaryFailure = { reason: 'the store was found to be older than what agents were told' };

function endedFailure(cause: unknown): CanaryFailure {
  const why = cause instanceof AuthorityEnded ? cause.why : 'that ended';
  return { reason: `whoever asked for it may do so no more: ${why}` };
}

/** As an audit entry has it. */
function holdDetails({ kind, ahead, unknown, cutOffSince, cutOffSaid }: HoldView): Readonly<Record<string, unknown>> {
  const someOf = (names: readonly string[]) => ({ count: names.length, names: names.slice(0, hostsTold) });
  const namesOf = (names: HoldView['cutOffSince']) => someOf(names.map(({ name }) => name));
  const cutOff = { cutOffSince: namesOf(cutOffSince), cutOffSaid: namesOf(cutOffSaid) };
  return { kind, ahead: someOf(ahead), unknown: someOf(unknown), ...cutOff };
}
