// What the agent says of itself, from its parts as they are when asked: to the control plane every few seconds, and to whoever asks here.

import type { Enforcement } from '#agent/enforce/enforcement.ts';
import type { ScheduleWatch } from '#agent/enforce/schedule-watch.ts';
import type { FlowPipeline } from '#agent/flows/flow-pipeline.ts';
import type { SeenGuests } from '#agent/host/addresses.ts';
import { type ContainerDiscovery, refusedAddressText } from '#agent/host/container-discovery.ts';
import type { HostWatch } from '#agent/host/host-watch.ts';
import { readConntrackRoom, readFreeDisk } from '#agent/host/kernel-room.ts';
import { type SharedInterface, sharedInterfaceText } from '#agent/host/shared-interfaces.ts';
import type { UnitDiscovery } from '#agent/host/unit-discovery.ts';
import { unitElsewhereText } from '#agent/host/unit-networks.ts';
import type { Identity } from '#agent/link/identity.ts';
import type { Follower } from '#agent/policy/announced.ts';
import type { PolicyIntake } from '#agent/policy/policy-intake.ts';
import type { PolicySync } from '#agent/policy/policy-sync.ts';
import { agentVersion } from '#agent/process/version.ts';
import { essentialText } from '#agent/state/essentials-audit.ts';
import type { EventLog } from '#agent/state/event-log.ts';
import type { PanicFlag } from '#agent/state/panic-flag.ts';
import type { SyncState } from '#agent/table/apply-outcome.ts';
import {
  entryOf,
  type HostCondition,
  type HostProblem,
  hostProblems,
  problemText,
} from '#agent-core/host/host-problems.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import type { AddressStanding, ReportedStatus } from '#wire/policy-sync-messages.ts';
import type { AgentStatusDocument } from './status-socket.ts';
import { modesOf, quarantinesOf } from './status-view.ts';

export interface AgentParts {
  readonly discovery: UnitDiscovery;
  readonly guests: () => SeenGuests;
  readonly shared: () => readonly SharedInterface[];
  readonly identity: Identity;
  readonly enforcement: Enforcement;
  readonly intake: PolicyIntake;
  readonly schedules: ScheduleWatch;
  readonly flows: FlowPipeline;
  readonly host: HostWatch;
  readonly containers: ContainerDiscovery;
  readonly events: EventLog;
  readonly panic: PanicFlag;
  readonly essentials: () => readonly EssentialEntry[];
  /** Made after them. */
  readonly sync: () => PolicySync;
  readonly follower: Follower;
  readonly statePath: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

/** What the control plane takes. */
const warningsMost = 32;

/** For the control plane. */
export function reportedStatus(parts: AgentParts): ReportedStatus {
  const { enforcement, flows } = parts;
  const { enforcer } = enforcement;
  const flag = parts.panic.read();
  return {
    revision: enforcer.held()?.revision ?? 0,
    enforcing: enforcer.held() !== undefined && !enforcer.isOpened(),
    lost: flows.lost(),
    spooledBatches: flows.spooledBatches(),
    repairs: enforcer.counts().repairs,
    problem: problemOf(parts),
    ...(flag === undefined ? {} : { panic: flag }),
    warnings: warningsOf(parts),
    unjudgedUnits: parts.discovery.elsewhere().map(({ unit }) => unit),
    clock: systemClock.wall(),
    ...followingOf(parts.follower),
  };
}

function followingOf(follower: Follower): Pick<ReportedStatus, 'following'> {
  const announced = follower.standing();
  if (announced === undefined) return {};
  const { announcement, state, problem } = announced;
  return { following: { announcement, state, problem } };
}

export function statusDocument(
  parts: AgentParts,
  told: {
    readonly syncState: SyncState;
    readonly addressStanding: AddressStanding | undefined;
  },
): AgentStatusDocument {
  const { syncState, addressStanding } = told;
  const { identity, enforcement, intake, flows, host, events, essentials, startedAt } = parts;
  const { enforcer, foreign, names } = enforcement;
  const ruleSet = enforcer.held();
  const inKernel = enforcer.isOpened() ? undefined : ruleSet;
  const flag = parts.panic.read();
  const shared = parts.sync().identityShared();
  const connection = parts.sync().connection();
  const ahead = parts.sync().clockAheadMs();
  const { notAfter } = identity.times();
  const { repairs, failedWrites } = enforcer.counts();
  return {
    host: identity.host,
    revision: intake.offered(),
    applied: ruleSet?.revision ?? 0,
    ...modesOf(inKernel),
    quarantines: quarantinesOf(inKernel),
    ...(shared === undefined
      ? {}
      : { identityShared: { since: new Date(shared.since).toISOString(), reason: shared.reason } }),
    connected: syncState === 'connected',
    connection: {
      since: new Date(connection.since).toISOString(),
      ...(connection.kind === 'connected' ? {} : { reason: connection.reason }),
    },
    certificateEnds: new Date(notAfter).toISOString(),
    ...(ahead === undefined ? {} : { clockAheadMs: ahead }),
    lost: flows.lost(),
    running: true,
    controlPlane: identity.controlPlane,
    controlPlanes: identity.addresses.standing().map(({ problem, ...one }) => ({
      ...one,
      ...(problem === undefined ? {} : { problem: { reason: problem.reason, at: new Date(problem.at).toISOString() } }),
    })),
    ...announcedOf(parts.follower),
    version: agentVersion,
    startedAt,
    pid: process.pid,
    workloads: ruleSet?.workloads.length ?? 0,
    peerSets: ruleSet?.peerSets.size ?? 0,
    addresses: host.addresses().published,
    ...guestsOf(parts.guests()),
    ...(addressStanding === undefined ? {} : { addressStanding }),
    repairs,
    problem: problemOf(parts),
    warnings: warningsOf(parts),
    problems: problemsOf(parts).map(({ code, text }) => ({ code, text, remedy: entryOf(code).remedy })),
    foreign: foreign.findings(),
    failedWrites,
    ...(flag === undefined ? {} : { panic: { since: new Date(flag.since).toISOString(), reason: flag.reason } }),
    isOpened: enforcer.isOpened(),
    essentials: essentials().map(essentialText),
    events: { waiting: events.counts().waiting, lost: events.counts().lost },
    names: names.status(),
    flows: flows.status(),
  };
}

function problemOf({ intake, schedules }: Pick<AgentParts, 'intake' | 'schedules'>): string {
  return [intake.problem(), schedules.problem()].filter((text) => text !== '').join('; ');
}

function announcedOf(follower: Follower): Pick<AgentStatusDocument, 'announced'> {
  const standing = follower.standing();
  if (standing === undefined) return {};
  const { addresses, state, problem } = standing;
  return { announced: { addresses, state, problem } };
}

function guestsOf({ networks }: SeenGuests): Pick<AgentStatusDocument, 'forwards'> {
  return networks === undefined ? {} : { forwards: { guests: networks.interfaces } };
}

/** What the control plane is told; the rest it knows by itself. */
function warningsOf(parts: AgentParts): readonly string[] {
  return problemsOf(parts)
    .filter(({ code }) => entryOf(code).told === 'agents')
    .map(problemText)
    .slice(0, warningsMost);
}

function problemsOf(parts: AgentParts): readonly HostProblem[] {
  return hostProblems(conditionOf(parts), systemClock.wall());
}

function conditionOf({
  identity,
  enforcement,
  intake,
  flows,
  host,
  containers,
  discovery,
  guests,
  shared,
  events,
  panic,
  schedules,
  sync,
  statePath,
}: AgentParts): HostCondition {
  const { published, beyond } = host.addresses();
  const ahead = sync().clockAheadMs();
  const refused = flows.status().refused;
  return {
    addresses: { published: published.length, beyond },
    connection: sync().connection(),
    certificate: identity.times(),
    ...(ahead === undefined ? {} : { clockAheadMs: ahead }),
    conntrack: readConntrackRoom(),
    freeDisk: readFreeDisk(statePath),
    foreign: enforcement.foreign.findings(),
    stamps: enforcement.enforcer.stamps(),
    unjudgedBridges: containers.view()?.unjudgedBridges ?? [],
    outwardBridges: guests().outward,
    doubtfulLinks: guests().networks?.inDoubt ?? [],
    taughtLinks: guests().taught,
    sharedInterfaces: shared().map(sharedInterfaceText),
    unjudgedUnits: discovery.elsewhere().map(unitElsewhereText),
    claimedAddresses: (containers.view()?.refused ?? []).map(refusedAddressText),
    policyProblem: problemOf({ intake, schedules }),
    applied: enforcement.enforcer.held()?.revision ?? 0,
    opened: panic.read(),
    refusedRecords: refused.workload + refused.address + refused.time,
    lostEvents: events.counts().lost,
  };
}
