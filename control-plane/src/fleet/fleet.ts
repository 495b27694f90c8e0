// The fleet as it is now: hosts, the active policy, and the agents' streams. One queue orders every change: it is stored, then compiled,
// then sent to the agents it concerns, and only then done. What operators ask goes before what hosts cause. What follows from a change
// that is stored (a revision of its own, audit entries) holds up nothing where the store does not take it: it is owed (owed-writes.ts).
// What a change is, and what it makes of the fleet, is in its kind (changes/). Rebuilt from the store at a start; nothing here reads files.

import { systemClock } from '#clock/system-clock.ts';
import type { ActivePolicy, FleetState } from '#control-plane/changes/fleet-state.ts';
import { rememberedFleet } from '#control-plane/changes/stored-fleet.ts';
import { StoreHolding } from '#control-plane/publish/store-holding.ts';
import type { StoredFleet } from '#control-plane/store/hosts.ts';
import { CertificatePort } from './certificates-ending.ts';
import { EnrolmentPort } from './enrolment-port.ts';
import type { FleetOptions } from './fleet-parts.ts';
import type { FleetTurns } from './fleet-turns.ts';
import { FleetView } from './fleet-view.ts';
import { FlowPort } from './flow-port.ts';
import { RemovalPort } from './host-removal.ts';
import { JoinedParts } from './joined-parts.ts';
import { OperatorPort } from './operator-port.ts';
import { PolicyPort } from './policy-port.ts';
import { StreamPort } from './stream-port.ts';

/** What is known of the fleet, what operators and agents ask of it, and its life, as one. */
export type Fleet = FleetView &
  PolicyPort &
  OperatorPort &
  RemovalPort &
  CertificatePort &
  EnrolmentPort &
  StreamPort &
  FlowPort &
  FleetLife;

export const Fleet = { open: openFleet };

/** Rebuilds the state that the store remembers. `active` is the policy of its last activation, checked. */
async function openFleet(options: FleetOptions, active: ActivePolicy): Promise<Fleet> {
  const { store, tenant, now, certificateOverlapMs: overlapMs, claims } = options;
  const elapsedMs = options.elapsedMs ?? systemClock.elapsedMs;
  const clocks = { now, elapsedMs, ...(overlapMs === undefined ? {} : { overlapMs }) };
  const { state, stored } = await rememberedFleet({ store, tenant, active, claims, ...clocks });
  const holding = await StoreHolding.open({
    ...{ store, tenant, now, startRevision: state.revision, standing: state },
    standingOf: (name) => standingOf(state, name),
    began: (hold) => void parts.runner.apply({ kind: 'hold-began', hold }),
  });
  const parts: JoinedParts = new JoinedParts(options, { state, upMs: stored.upMs, holding });
  await begin(parts, stored);
  const certificates = new CertificatePort(parts);
  return joined<Fleet>([
    new FleetView(parts, stored.unread),
    new PolicyPort(parts),
    new OperatorPort(parts),
    new RemovalPort(parts),
    certificates,
    new EnrolmentPort(parts),
    new StreamPort(parts),
    new FlowPort(parts),
    new FleetLife(parts, certificates),
  ]);
}

async function begin(parts: JoinedParts, stored: StoredFleet): Promise<void> {
  const { state, log, now, ephemeral, presences, names, time, runner, addresses, publication } = parts;
  const { upMs, unread } = stored;
  await parts.hold.beginRun();
  if (unread.count > 0) log.error({ unread }, 'some of what the store holds of hosts cannot be read, and is left out');
  for (const { name, absentSince = upMs, lastConnectedAt } of stored.hosts) {
    ephemeral.add(name, absentSince);
    // Absence is counted in the time that a control plane was up: so this is no earlier than it was.
    if (lastConnectedAt !== undefined)
      presences.remember(name, { lastConnectedAt, goneMs: upMs - absentSince, now: now() });
  }
  // Of a store that was written by a version in which they did not yield, or by hand.
  const wanted = [...state.active.policy.workloads.keys(), ...state.inventory.hostNames()];
  if ((await names.yieldNames(wanted, 'control-plane')) === 'yielded') await time.advance('names-yielded');
  runner.apply({ kind: 'time-passed', up: upMs });
  await addresses.keep();
  await addresses.save();
  publication.mark('changed');
  parts.publish();
}

/** Whether the store has the workload quarantined or revoked. */
function standingOf({ inventory }: FleetState, name: string) {
  const workload = inventory.current().workloads.get(name);
  const host = workload?.host;
  return host === undefined ? undefined : { host, isCutOff: workload?.quarantine !== undefined };
}

/** The fleet's own: its queue, and its end. */
class FleetLife {
  readonly #parts: JoinedParts;

  constructor(parts: JoinedParts, certificates: CertificatePort) {
    this.#parts = parts;
    parts.time.start(certificates);
  }

  get queue(): FleetTurns['queue'] {
    return this.#parts.turns.queue;
  }

  /** Resolves when every change asked for before is stored and sent. */
  quiet(): Promise<void> {
    return this.#parts.turns.quiet();
  }

  /** Streams that end from here on end for us: nobody's absence begins with it, and nothing is written for each. */
  aboutToStop(): void {
    this.#parts.hold.prove();
    this.#parts.turns.aboutToStop();
  }

  /** Refuses further changes; resolves when those under way are done. */
  async stop(): Promise<void> {
    const { refusals, happenings, hostNotes, trial, time, publication, turns, addresses, owed } = this.#parts;
    for (const part of [refusals, happenings, hostNotes, trial, publication, time]) part.stop();
    await turns.stop();
    await addresses.close();
    await owed.pay();
    time.stopProbing();
    owed.stop();
  }
}

/** One object that does what each of the ports does; what is asked of it runs on the port that has it. */
function joined<Whole extends object>(ports: readonly Partial<Whole>[]): Whole {
  const whole = {};
  for (const port of ports) {
    const members = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(port)));
    for (const [name, { get, value }] of members) {
      if (name === 'constructor') continue;
      if (Object.hasOwn(whole, name)) throw new Error(`two ports of the fleet have ${name}`);
      const own = get === undefined ? { value: value.bind(port), writable: true } : { get: get.bind(port) };
      Object.defineProperty(whole, name, { ...own, enumerable: true, configurable: true });
    }
  }
  return whole as Whole;
}
