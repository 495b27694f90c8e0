// The parts of a live fleet, joined. They know each other by this, and each does one thing:
//
//   ports (operators, agents) ─► turns ─► runner ─► state ─► publication ─► sessions
//                                           └─► store          hold, trial and time ask for turns themselves

import type { Logger } from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import type { RefusedEnrolment } from '#control-plane/agents/agent-backend.ts';
import type { FleetState } from '#control-plane/changes/fleet-state.ts';
import { inForceOf } from '#control-plane/changes/in-force.ts';
import { AddressKeeping } from '#control-plane/inventory/address-keeping.ts';
import { EphemeralHosts } from '#control-plane/inventory/ephemeral-hosts.ts';
import { HostPresences } from '#control-plane/inventory/host-presence.ts';
import { HostHappenings } from '#control-plane/notes/host-happenings.ts';
import { HostNotes } from '#control-plane/notes/host-notes.ts';
import { RepeatedRefusals } from '#control-plane/notes/repeated-refusals.ts';
import { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import { PlaceDisputes } from '#control-plane/publish/identity-disputes.ts';
import { type InForce, Publication } from '#control-plane/publish/publication.ts';
import type { StoreHolding } from '#control-plane/publish/store-holding.ts';
import { ToldRevisions } from '#control-plane/publish/told-revisions.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Millis } from '#model/time.ts';
import { Activations } from './activation.ts';
import { AgentAdmission } from './agent-admission.ts';
import { Announcements } from './announcements.ts';
import { CanaryTrial } from './canary-trial.ts';
import { certificateCas } from './certificates-ending.ts';
import { ChangeRunner } from './change-runner.ts';
import { follow, publish } from './consequences.ts';
import { FleetHold } from './fleet-hold.ts';
import { FleetNotes } from './fleet-notes.ts';
import type { FleetOptions, FleetParts } from './fleet-parts.ts';
import { FleetStanding } from './fleet-standing.ts';
import { FleetTime } from './fleet-time.ts';
import { FleetTurns } from './fleet-turns.ts';
import { FlowIntake } from './flow-intake.ts';
import { OwedWrites } from './owed-writes.ts';
import { PolicyPreparing } from './policy-preparing.ts';
import { WorkloadNames } from './workload-names.ts';

export class JoinedParts implements FleetParts {
  readonly store: Store;
  readonly tenant: string;
  readonly now: () => Millis;
  readonly policyTime: () => Millis;
  readonly elapsedMs: () => number;
  readonly log: Logger;
  readonly pki: FleetOptions['pki'];

  readonly state: Readonly<FleetState>;
  readonly turns: FleetTurns;
  readonly runner: ChangeRunner;
  readonly owed: OwedWrites;
  readonly publication: Publication;
  readonly preparing: PolicyPreparing;

  readonly sessions = new AgentSessions();
  readonly standing: FleetStanding;
  readonly announcements: Announcements;
  readonly addresses: AddressKeeping;
  readonly ephemeral: EphemeralHosts;
  readonly disputes = new PlaceDisputes();
  readonly presences = new HostPresences();
  readonly intake = new FlowIntake();

  readonly notes: FleetNotes;
  readonly hostNotes: HostNotes;
  readonly happenings: HostHappenings;
  readonly refusals: RepeatedRefusals<RefusedEnrolment['reason']>;

  readonly holding: StoreHolding;
  readonly told: ToldRevisions;
  readonly names = new WorkloadNames(this);
  readonly activations = new Activations(this, this.names);
  readonly trial = new CanaryTrial(this, this.activations);
  readonly hold = new FleetHold(this, this.trial);
  readonly time = new FleetTime(this, this.hold);
  readonly admission = new AgentAdmission(this);

  constructor(
    options: FleetOptions,
    start: { readonly state: FleetState; readonly upMs: number; readonly holding: StoreHolding },
  ) {
    const { store, tenant, now, log } = options;
    const { state, holding } = start;
    const { sessions } = this;
    const elapsedMs = options.elapsedMs ?? systemClock.elapsedMs;
    this.store = store;
    this.tenant = tenant;
    this.now = now;
    this.policyTime = options.policyTime ?? now;
    this.elapsedMs = elapsedMs;
    this.log = log;
    this.pki = options.pki;
    this.state = state;
    this.holding = holding;
    this.turns = new FleetTurns({
      log,
      prepare: () => this.addresses.save(),
      settle: () => this.publish(),
    });
    this.runner = new ChangeRunner({
      ...options,
      state,
      publish: (consequences) => publish(this, consequences),
      follow: (consequences) => follow(this, consequences),
    });
    this.owed = new OwedWrites({ ...options, payAgain: () => this.turns.soon('owed', () => this.owed.pay()) });
    const own = { actor: 'control-plane' } as const;
    this.hostNotes = new HostNotes({
      ...{ now, elapsedMs },
      tell: ({ host: target, details }) => this.notes.soon({ ...own, action: 'entries-skipped', target, details }),
    });
    this.notes = new FleetNotes(this);
    this.happenings = new HostHappenings({ now, audit: (note) => this.notes.soon(note) });
    this.refusals = new RepeatedRefusals({
      now,
      tell: (note) => this.notes.soon({ ...own, action: 'enrolment-refused', ...note }),
    });
    this.told = new ToldRevisions({
      ...{ proofs: options.proofs, holding, revision: () => state.revision, elapsedMs, log },
      began: () => this.turns.soon('hold', () => this.hold.began(), 'operators'),
    });
    this.addresses = new AddressKeeping({
      ...{ store, tenant, log, inventory: state.inventory, happenings: this.happenings },
      ...{ earlierMs: start.upMs, elapsedMs },
      change: (change) => void this.runner.apply(change),
      audit: (note) => this.notes.audit(note),
      tell: (host, standing) => sessions.of(host)?.session.standing?.(standing),
    });
    this.ephemeral = new EphemeralHosts({
      silenceMs: state.silenceMs,
      upMs: () => this.addresses.upMs(),
      isConnected: (host) => sessions.of(host) !== undefined,
      connectedCount: () => sessions.size,
    });
    this.announcements = new Announcements({
      ...{ now, sessions },
      hosts: () => certificateCas(state).map(({ name }) => name),
      announcement: () => state.announcement,
      change: (change) => this.runner.run(change),
      left: (host, details) => this.happenings.take('announcement-followed', host, details),
    });
    this.standing = new FleetStanding({
      sessions,
      hosts: () => this.expectedHosts(),
      isEnrolled: (host) => this.isExpected(host),
      dueOf: (host) => this.publication.dueOf(host),
    });
    const timeCame = () => this.turns.soon('time', () => this.time.policyTimePassed(), 'operators');
    this.publication = new Publication({ sessions, now: this.policyTime, timeCame }, this.#inForce());
    this.preparing = new PolicyPreparing({
      inventory: () => state.inventory.current(),
      askedHosts: () => this.publication.askedHosts(),
      now: this.policyTime,
    });
  }

  /** Compiles and sends what is marked. */
  publish(): void {
    this.publication.publish(this.#inForce());
  }

  /** Hosts that may answer for what they enforce: one that is revoked never does again. */
  *expectedHosts(): Generator<string> {
    for (const host of this.state.inventory.hostNames()) if (this.isExpected(host)) yield host;
  }

  readonly isExpected = (host: string): boolean => {
    const entry = this.state.inventory.host(host);
    return entry !== undefined && entry.isRevoked !== true;
  };

  #inForce(): InForce {
    return inForceOf(this.state, () => this.#away());
  }

  *#away(): Generator<string> {
    for (const host of this.expectedHosts()) if (this.sessions.of(host) === undefined) yield host;
  }
}
