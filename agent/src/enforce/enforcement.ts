// The kernel table and all that stands around it: the enforcer, who hears strangers' changes and puts them right, the units and the names
// that it follows, and others' tables that could override it. The start is made here, with the ears open.
//
//   table watch ─► table guard ─► enforcer: repair; event log       table watch ─► foreign watch
//   cgroup tree ─► unit watch ─► enforcer       resolvers' answers ─► names ─► enforcer: relearn

import type { Logger } from 'pino';
import { insertOpenSockets } from '#agent/conntrack/insert-open-connections.ts';
import { livePeersAmong } from '#agent/conntrack/live-peers.ts';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { createNames, type Names } from '#agent/dns/names.ts';
import { ownAddresses, readGuests } from '#agent/host/addresses.ts';
import type { CgroupRoot } from '#agent/host/cgroup-tree.ts';
import { readDhcpUsers } from '#agent/host/dhcp-users.ts';
import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import { createElementSocket } from '#agent/nft/element-socket.ts';
import { createNft, type Nft } from '#agent/nft/nft.ts';
import { openTableWatch } from '#agent/nft/notices.ts';
import { readGeneration, readStateRule } from '#agent/nft/state-rule.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import type { EventLog } from '#agent/state/event-log.ts';
import type { PanicFlag } from '#agent/state/panic-flag.ts';
import type { StateDirectory } from '#agent/state/state-directory.ts';
import { createMarkUse } from '#agent/table/mark-use.ts';
import { readUnitDropIns } from '#agent/units/unit-drop-ins.ts';
import { createUnitWatch } from '#agent/units/unit-watch.ts';
import type { SeenOpenings } from '#agent-core/host/seen-openings.ts';
import type { OwnWay } from '#agent-core/table/own-way.ts';
import { tableName } from '#agent-core/table/table.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import { createEnforcer, type TableEnforcer } from './enforcer.ts';
import { createForeignWatch, type ForeignWatch } from './other-tables-watch.ts';
import { createOwedChange } from './owed-change.ts';
import type { PolicyClock } from './policy-clock.ts';
import { reportStart } from './start-report.ts';
import { createTableGuard } from './tamper-guard.ts';

export interface Enforcement {
  readonly nft: Nft;
  readonly enforcer: TableEnforcer;
  readonly names: Names;
  readonly foreign: ForeignWatch;
  /** Absent where the kernel tells nobody of changes. */
  readonly reader: NetlinkReader | undefined;
  /** Why the start could not load what was last in force; empty where it could. */
  readonly startProblem: string;
  /** Once nothing reads any more. The table stays. */
  close(): void;
}

export interface EnforcementOptions {
  readonly state: StateDirectory;
  readonly settings: AgentSettings;
  readonly cgroups: CgroupRoot | undefined;
  readonly essentials: () => readonly EssentialEntry[];
  /** What no table may deny the agent. */
  readonly way: () => OwnWay;
  readonly panic: PanicFlag;
  readonly clock: PolicyClock;
  /** How connections of this host were opened. */
  readonly openings: SeenOpenings;
  readonly events: EventLog;
  /** An event about the table waits for the control plane. */
  readonly eventRecorded: () => void;
  /** The agent must not go on. */
  readonly failed: (error: unknown) => void;
  readonly log: Logger;
}

export async function openEnforcement(options: EnforcementOptions): Promise<Enforcement> {
  const { state, settings, essentials, panic, events, clock, openings, log } = options;
  const { marks } = settings.connections;
  const nft = createNft();
  const units = createUnitWatch({ root: options.cgroups, log });
  const elements = createElementSocket();
  const names = createNames({
    settings: settings.names,
    stateDirectory: state.path,
    nft,
    log,
    liveAmong: (addresses) => livePeersAmong(addresses, { marks, stamps: enforcer.stamps() }),
    learning: 'on',
  });
  let othersTold: () => void = () => undefined;
  const foreign = createForeignWatch({ nft, marks, log, told: () => othersTold() });
  // Before the first table: nothing is stamped that others use.
  await foreign.look();
  const markUse = createMarkUse({
    setting: settings.connections.stamps,
    findings: foreign.findings,
    changed: () => void stampsChange.ask().catch(options.failed),
  });
  const enforcer = createEnforcer({
    nft,
    stateDirectory: state,
    essentials,
    way: options.way,
    ownAddresses,
    guests: () => readGuests(settings.interfaces).networks,
    log,
    marks,
    sweepMarks,
    stateRule: readStateRule,
    generation: readGeneration,
    namedUnits: () => readUnitDropIns(),
    dhcpUsers: readDhcpUsers,
    beforeFirstTable: () => enterOpenSockets(openings, log),
    units,
    elements,
    names,
    policyTime: clock.now,
    markUse,
    panic,
    async hearStrangers() {
      if (watch.ok) await watch.value.hearAll();
      return guard.state();
    },
  });
  const stampsChange = createOwedChange({
    make: () => enforcer.refresh(),
    what: 'the table could not follow what others do with connection marks',
    failed: options.failed,
    log,
  });
  // Before the start, or what it loads would be heard of too late to be known as ours.
  const withRevision = (details: ReadonlyMap<string, string>) =>
    new Map([...details, ['revision', String(enforcer.held()?.revision ?? 0)]]);
  const guard = createTableGuard({
    repair: (cause) =>
      enforcer.repair(cause).catch((error: unknown) => {
        options.failed(error);
        return { kind: 'failed' };
      }),
    report(details) {
      events.record('table-tampered', withRevision(details));
      options.eventRecorded();
    },
    goingOn(details) {
      events.begin(details === undefined ? undefined : { kind: 'table-tampered', details: withRevision(details) });
    },
    log,
  });
  const watch = openTableWatch({
    table: tableName.split(' ')[1] ?? '',
    isOwn: (text) => enforcer.isOwnState(text),
    isOwnPort: elements.isOwnPort,
    changed: (change) => guard.changed(change),
    othersChanged: () => foreign.changed(),
    overrun: () => guard.overrun(),
  });
  if (!watch.ok) log.error({ reason: watch.error }, 'tampering with the table will not be noticed');
  const started = await enforcer.start();
  reportStart(started, { log, events });
  othersTold = markUse.look;
  markUse.look();
  return {
    nft,
    enforcer,
    names,
    foreign,
    reader: watch.ok ? watch.value.reader : undefined,
    startProblem: started.kind === 'failed' ? `the last good revision could not be loaded: ${started.problem}` : '',
    close() {
      guard.close();
      stampsChange.close();
      markUse.close();
      units.close();
      elements.close();
      foreign.close();
      if (watch.ok) watch.value.close();
    },
  };
}

/** Among them our own stream: without an entry, a first policy that enforces would cut it. */
async function enterOpenSockets(openings: SeenOpenings, log: Logger): Promise<void> {
  // Nothing is denied yet that could come back.
  const entered = await insertOpenSockets({ openings, allowsBothDirections: () => true, remember: 'yes' });
  if (!entered.ok) {
    log.warn(
      { reason: entered.error },
      'conntrack does not know the connections that are open now; enforcement will cut them',
    );
    return;
  }
  const { inserted, known, failed, refusal } = entered.value;
  if (failed > 0)
    log.warn({ failed, refusal }, 'conntrack does not know some open connections; enforcement will cut them');
  log.info({ inserted, known }, 'entered open connections into conntrack before the first table');
}
