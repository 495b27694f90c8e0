// What a live fleet is made of, as those know it who make changes: the state and what it is stored in and sent by. Who joins them, and how, is in
// joined-parts.ts.

import type { Logger } from 'pino';
import type { RefusedEnrolment } from '#control-plane/agents/agent-backend.ts';
import type { Change } from '#control-plane/changes/changes.ts';
import type { FleetState } from '#control-plane/changes/fleet-state.ts';
import type { AddressKeeping } from '#control-plane/inventory/address-keeping.ts';
import type { EphemeralHosts } from '#control-plane/inventory/ephemeral-hosts.ts';
import type { HostPresences } from '#control-plane/inventory/host-presence.ts';
import type { HostHappenings } from '#control-plane/notes/host-happenings.ts';
import type { HostNotes } from '#control-plane/notes/host-notes.ts';
import type { RepeatedRefusals } from '#control-plane/notes/repeated-refusals.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import type { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import type { PlaceDisputes } from '#control-plane/publish/identity-disputes.ts';
import type { Publication } from '#control-plane/publish/publication.ts';
import type { RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import type { StoreHolding } from '#control-plane/publish/store-holding.ts';
import type { ToldRevisions } from '#control-plane/publish/told-revisions.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Millis } from '#model/time.ts';
import type { AddressClaimsOptions } from '#policy/claims/address-claims.ts';
import type { Announcements } from './announcements.ts';
import type { ChangeRunner } from './change-runner.ts';
import type { FleetNotes } from './fleet-notes.ts';
import type { FleetStanding } from './fleet-standing.ts';
import type { FleetTurns } from './fleet-turns.ts';
import type { FlowIntake } from './flow-intake.ts';
import type { OwedWrites } from './owed-writes.ts';
import type { PolicyPreparing } from './policy-preparing.ts';

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

export interface FleetParts {
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

  readonly sessions: AgentSessions;
  readonly standing: FleetStanding;
  readonly announcements: Announcements;
  readonly addresses: AddressKeeping;
  readonly ephemeral: EphemeralHosts;
  readonly disputes: PlaceDisputes;
  readonly presences: HostPresences;
  readonly intake: FlowIntake;

  readonly notes: FleetNotes;
  readonly hostNotes: HostNotes;
  readonly happenings: HostHappenings;
  readonly refusals: RepeatedRefusals<RefusedEnrolment['reason']>;

  readonly holding: StoreHolding;
  readonly told: ToldRevisions;

  /** Whether the host may answer for what it enforces: one that is revoked never does again. */
  readonly isExpected: (host: string) => boolean;
}
