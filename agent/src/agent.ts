// The running agent: makes the parts, joins them, and takes them down in order. SIGTERM ends the process and leaves the rules in
// the kernel; what was observed goes to the spool first.
//
//   agent.yaml ─► settings ─► essentials ──────────┐
//   identity ─► control-plane reach ─► essential ──┤
//   last good ◄──► state directory ◄──────────────► enforcer ◄── commit-confirm ◄── policy sync ◄══gRPC══► control plane
//                                                  │   ▲                                │ ▲                    ▲
//                              rule set, decisions │   │ repair                         │ │ host report, status ║
//                                                  ▼   │                                │ │                    ║
//   netlink loop ─┬─ table changes ──► table watch ────┘                     status ◄───┘ │                    ║
//                 ├─ addresses ──────► host watch ────────────────────────────────────────┘                    ║
//                 └─ connections ────► flow collection ─► spool ─► flow sender ─► flow reporter ═══════gRPC════╝
//                    denied sets ─────────┘
//   resolvers' answers, own look-ups ─► names ─► enforcer: relearn
//   cgroup tree ─► unit watch ─► enforcer: refill
//   cgroup tree, /proc ─► container discovery ─► host report
//   table watch ─► table guard ─► enforcer: repair; event log ─► policy sync
//   panic flag ─► panic watch ─► enforcer: open, resume
//
// One loop owns each piece of state: the enforcer its table, the netlink loop its sockets, the sender the spool's oldest batch.

import type { Logger } from 'pino';
import { findingText } from '#agent-core/foreign-rules.ts';
import { tableName } from '#agent-core/table.ts';
import type { Address } from '#model/address.ts';
import type { Panic } from '#model/host-event.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { decodeFlowBatch, encodeFlowBatch } from '#wire/flow-batch.ts';
import { isLinkLocal, readHostAddresses } from './addresses.ts';
import { attributionOf } from './attribution.ts';
import { findCgroupRoot } from './cgroup-tree.ts';
import { CommandError } from './command-error.ts';
import { createCommitConfirm } from './commit-confirm.ts';
import { createContainerDiscovery } from './container-discovery.ts';
import { parseControlPlaneAddress } from './control-plane-address.ts';
import { openControlPlaneReach, reachNames } from './control-plane-reach.ts';
import { createDeniedSource } from './denied-source.ts';
import { createElementSocket } from './element-socket.ts';
import { createEnforcer } from './enforcer.ts';
import { essentialText, noteEssentials } from './essentials-record.ts';
import { openEventLog } from './event-log.ts';
import { createFlowCollection } from './flow-collection.ts';
import { createFlowReporter } from './flow-reporter.ts';
import { createFlowSender } from './flow-sender.ts';
import { openFlowSpool } from './flow-spool.ts';
import { createForeignWatch } from './foreign-watch.ts';
import { createHostWatch } from './host-watch.ts';
import { openIdentity } from './identity.ts';
import { livePeersAmong } from './live-peers.ts';
import { sweepMarks } from './mark-sweep.ts';
import { createMemoryRelease } from './memory.ts';
import { createNames } from './names.ts';
import { type NetlinkReader, runNetlinkLoop } from './netlink-loop.ts';
import { createNft } from './nft.ts';
import { insertOpenSockets } from './open-sockets.ts';
import { openPanicFlag } from './panic-flag.ts';
import { watchPanic } from './panic-watch.ts';
import { createPolicySync } from './policy-sync.ts';
import type { Enforcer, SyncState } from './ports.ts';
import type { AgentSettings, InterfaceSettings } from './settings.ts';
import { reportStart } from './start-report.ts';
import type { StateDirectory } from './state-directory.ts';
import { readGeneration, readStateRule } from './state-rule.ts';
import { type AgentStatusDocument, serveStatus } from './status.ts';
import { modesOf, quarantinesOf } from './status-view.ts';
import { createTableGuard } from './table-guard.ts';
import { openTableWatch } from './table-watch.ts';
import { createUnitDiscovery } from './unit-discovery.ts';
import { readUnitDropIns } from './unit-drop-ins.ts';
import { createUnitWatch } from './unit-watch.ts';
import { agentVersion } from './version.ts';

export interface AgentOptions {
  readonly state: StateDirectory;
  readonly settings: AgentSettings;
  readonly log: Logger;
  /** Ends the agent. */
  readonly signal: AbortSignal;
}

/** What the control plane takes. */
const warningsMost = 32;

/** How often the control plane's name is asked for, while connected it is only a look into the resolver's cache. */
const resolveEveryMs = 60_000;

/** Resolves after a graceful stop; rejects with CommandError where it cannot start, with anything else where it must not go on. */
export async function runAgent({ state, settings, log, signal }: AgentOptions): Promise<void> {
  const startedAt = new Date().toISOString();
  const opened = await openIdentity({ stateDirectory: state.path, log });
  if (!opened.ok) {
    throw new CommandError({ ...opened.error, remedy: 'Nothing on this host was changed.', exitCode: 3 });
  }
  const identity = opened.value;
  const controlPlane = parseControlPlaneAddress(identity.controlPlane);
  if (!controlPlane.ok) throw new Error(controlPlane.error);

  // ---- what is essential, and the table

  const proxy = identity.proxy === undefined ? undefined : parseControlPlaneAddress(identity.proxy);
  const reach = await openControlPlaneReach({
    controlPlane: controlPlane.value,
    ...(proxy?.ok === true && { proxy: proxy.value }),
    stateDirectory: state.path,
  });
  if (!reach.essentials().some(({ name }) => name === reachNames.connection)) await reach.resolve();
  const essentials = () => [...reach.essentials(), ...settings.essentials];
  const events = openEventLog(state.path);
  events.tellUnfinished();
  await noteEssentials({ statePath: state.path, essentials: settings.essentials, events });
  const { marks } = settings.connections;
  const panic = openPanicFlag(state.path);
  const nft = createNft();
  const cgroups = findCgroupRoot();
  const units = createUnitWatch({ root: cgroups, log });
  const elements = createElementSocket();
  const names = createNames({
    settings: settings.names,
    stateDirectory: state.path,
    nft,
    log,
    liveAmong: (addresses) => livePeersAmong(addresses, marks),
    learning: 'on',
  });
  const enforcer = createEnforcer({
    nft,
    stateDirectory: state,
    essentials,
    ownAddresses: () => ownAddresses(settings.interfaces),
    log,
    marks,
    sweepMarks,
    stateRule: readStateRule,
    generation: readGeneration,
    namedUnits: () => readUnitDropIns(),
    beforeFirstTable: () => enterOpenSockets(log),
    units,
    elements,
    names,
    panic,
    async hearStrangers() {
      if (watch.ok) await watch.value.hearAll();
      return guard.state();
    },
  });
  // Before the start, or what it loads would be heard of too late to be known as ours.
  let reportEvent: () => void = () => undefined;
  const withRevision = (details: ReadonlyMap<string, string>) =>
    new Map([...details, ['revision', String(enforcer.held()?.revision ?? 0)]]);
  const guard = createTableGuard({
    repair: (cause) =>
      enforcer.repair(cause).catch((error: unknown) => {
        fail(error);
        return { kind: 'failed' };
      }),
    report(details) {
      events.record('table-tampered', withRevision(details));
      reportEvent();
    },
    goingOn(details) {
      events.begin(details === undefined ? undefined : { kind: 'table-tampered', details: withRevision(details) });
    },
    log,
  });
  const foreign = createForeignWatch({ nft, marks, log });
  const watch = openTableWatch({
    table: tableName.split(' ')[1] ?? '',
    isOwn: (text) => enforcer.isOwnState(text),
    isOwnPort: elements.isOwnPort,
    changed: (change) => guard.changed(change),
    othersChanged: () => foreign.changed(),
    overrun: () => guard.overrun(),
  });
  let problem = '';
  const started = await enforcer.start();
  reportStart(started, { log, events });
  if (started.kind === 'failed') problem = `the last good revision could not be loaded: ${started.problem}`;

  // ---- what is seen

  // Told before the others are there, it has nothing to tell them yet.
  let addressesChanged: () => void = () => undefined;
  let interfacesChanged: () => void = () => undefined;
  const host = createHostWatch(
    settings,
    () => {
      log.info({ addresses: host.addresses().published }, 'addresses changed');
      addressesChanged();
    },
    () => interfacesChanged(),
  );
  const spool = await openFlowSpool({
    state,
    codec: { encode: encodeFlowBatch, decode: decodeFlowBatch },
    bytesMost: settings.flows.spoolBytesMost,
    // A state directory that was lost must not begin below what the control plane has seen; batches are seconds apart.
    firstSequence: Math.floor(Date.now() / 1000),
  });
  const collection = await createFlowCollection({
    settings: settings.flows,
    marks,
    spool,
    state,
    denied: createDeniedSource({
      nft,
      marks,
      deniesIn(number) {
        const decision = enforcer.decisionOf(number);
        return decision?.end.verdict === 'deny' ? decision.direction : undefined;
      },
    }),
    attribution: () =>
      attributionOf({
        host: identity.host,
        ruleSet: names.known(enforcer.held()),
        hostAddresses: host.addresses().all,
        essentials: essentials(),
        decisionOf: (number) => enforcer.decisionOf(number),
      }),
    log,
    spooled: () => sender.nudge(),
  });
  const sender = createFlowSender({
    spool,
    reporter: createFlowReporter({ identity }),
    reported(outcome) {
      if (outcome.kind === 'sent') log.info('flows are being reported again');
      else log.warn({ reason: outcome.reason }, 'flows cannot be reported; they wait on disk');
    },
  });

  const memory = createMemoryRelease();
  memory.soon();

  // ---- policy, and what is told of ourselves

  let syncState: SyncState = 'connecting';
  let offered = enforcer.held()?.revision ?? 0;
  const lost = () => {
    const { overruns, lostRecords } = collection.counts();
    const { lostConnections, damagedFiles } = spool.counts();
    return overruns + lostRecords + lostConnections + damagedFiles;
  };
  const confirmed = createCommitConfirm({ enforcer, reach: (until) => reach.tryConnect(until), log });
  const noticing: Enforcer = {
    held: () => enforcer.held(),
    async apply(ruleSet: HostRuleSet) {
      offered = ruleSet.revision;
      const outcome = await confirmed.apply(ruleSet);
      memory.soon();
      collection.policyChanged();
      if (outcome.kind === 'applied') {
        problem = '';
        if (enforcer.isOpened())
          log.warn({ revision: outcome.revision }, 'revision kept; the host is open until resume');
        else log.info({ revision: outcome.revision }, 'revision in force');
      } else {
        problem = `revision ${outcome.revision} refused: ${outcome.reason}`;
        log.error({ revision: outcome.revision, reason: outcome.reason }, 'revision refused; the last good one stays');
      }
      return outcome;
    },
  };

  // One failure takes the agent down in order; the kernel keeps its rules and the service manager starts it again.
  const failure = new AbortController();
  let failedWith: unknown;
  function fail(error: unknown): void {
    failedWith ??= error;
    failure.abort();
  }
  const stop = AbortSignal.any([signal, failure.signal]);
  const discovery = createUnitDiscovery({
    settings: settings.units,
    root: cgroups,
    changed: () => sync.reportNow(),
  });
  const containers = createContainerDiscovery({
    settings: settings.containers,
    interfaces: settings.interfaces,
    root: cgroups,
    changed: () => {
      sync.reportNow();
      warnOfBridges(containers.view()?.unjudgedBridges ?? [], log);
    },
  });
  warnOfBridges(containers.view()?.unjudgedBridges ?? [], log);
  interfacesChanged = () => containers.look();
  const sync = createPolicySync({
    identity,
    enforcer: noticing,
    agentVersion,
    hostReport: () => {
      const report = { addresses: host.addresses().published, facts: host.facts() };
      const seen = discovery.units();
      const boxes = containers.view()?.containers;
      return {
        ...report,
        ...(seen === undefined ? {} : { units: seen }),
        ...(boxes === undefined ? {} : { containers: boxes }),
      };
    },
    status: () => ({
      revision: enforcer.held()?.revision ?? 0,
      enforcing: enforcer.held() !== undefined && !enforcer.isOpened(),
      lost: lost(),
      spooledBatches: spool.counts().batches,
      repairs: enforcer.counts().repairs,
      problem: problemNow(),
      ...panicNow(),
      warnings: warnings(),
    }),
    events,
    signal: stop,
    log,
    onState(next) {
      if (next === 'connected') {
        log.info({ controlPlane: identity.controlPlane }, 'connected to the control plane');
        sender.nudge();
        // What it was found by now may be another address than the one that is essential.
        void lookUpAgain().catch(fail);
      } else if (next === 'disconnected' && syncState === 'connected') {
        void lookUpAgain().catch(fail);
      }
      syncState = next;
    },
  });
  reportEvent = () => sync.reportNow();
  const stopWatchingPanic = watchPanic({
    flag: panic,
    isOpened: () => enforcer.isOpened(),
    async raised() {
      await enforcer.heedPanic();
      sync.reportNow();
    },
    async lowered() {
      const outcome = await confirmed.resume();
      if (outcome.kind === 'in-force') log.info({ revision: outcome.revision }, 'resumed: revision in force');
      else if (outcome.kind === 'nothing-held') log.info('resumed: there is no policy yet');
      else if (outcome.kind === 'failed') problem = `resuming failed: ${outcome.problem}`;
      else if (outcome.kind === 'undone') await openAgain(outcome.reason);
      collection.policyChanged();
      sync.reportNow();
    },
    failed: fail,
  });
  async function openAgain(reason: string): Promise<void> {
    log.error({ reason }, 'resuming was undone; the host is open again');
    const told = `resume was undone: ${reason}`;
    panic.raise({ since: millis(Date.now()), reason: told });
    events.record('opened', new Map([['reason', told]]));
    await enforcer.heedPanic();
  }
  let knownAddresses = ownAddresses(settings.interfaces).join();
  addressesChanged = () => {
    collection.policyChanged();
    sync.reportNow();
    // Containers know their host by all of its addresses.
    const now = ownAddresses(settings.interfaces).join();
    const hasContainers = enforcer.held()?.workloads.some(({ kind }) => kind === 'container') === true;
    if (now !== knownAddresses && hasContainers) void enforcer.refresh().catch(fail);
    knownAddresses = now;
  };
  async function lookUpAgain(): Promise<void> {
    if ((await reach.resolve()) === 'changed') await enforcer.refresh();
  }
  const resolving = setInterval(() => void lookUpAgain().catch(fail), resolveEveryMs);
  resolving.unref();

  function problemNow(): string {
    return [problem, enforcer.problem()].filter((text) => text !== '').join('; ');
  }
  function warnings(): readonly string[] {
    const overriding = foreign.findings().filter(({ effect }) => effect === 'weakens');
    const bridges = (containers.view()?.unjudgedBridges ?? []).map(bridgeText);
    return [...overriding.map(findingText), ...bridges].slice(0, warningsMost);
  }
  function panicNow(): { readonly panic?: Panic } {
    const flag = panic.read();
    return flag === undefined ? {} : { panic: flag };
  }
  const describe = (): AgentStatusDocument => {
    const ruleSet = enforcer.held();
    const flag = panic.read();
    const shared = sync.identityShared();
    const { batches, bytes, lostConnections } = spool.counts();
    return {
      host: identity.host,
      revision: offered,
      applied: ruleSet?.revision ?? 0,
      ...modesOf(enforcer.isOpened() ? undefined : ruleSet),
      quarantines: quarantinesOf(enforcer.isOpened() ? undefined : ruleSet),
      ...(shared === undefined
        ? {}
        : { identityShared: { since: new Date(shared.since).toISOString(), reason: shared.reason } }),
      connected: syncState === 'connected',
      lost: lost(),
      running: true,
      controlPlane: identity.controlPlane,
      version: agentVersion,
      startedAt,
      pid: process.pid,
      workloads: ruleSet?.workloads.length ?? 0,
      peerSets: ruleSet?.peerSets.size ?? 0,
      addresses: host.addresses().published,
      repairs: enforcer.counts().repairs,
      problem: problemNow(),
      warnings: warnings(),
      foreign: foreign.findings(),
      failedWrites: enforcer.counts().failedWrites,
      ...(flag === undefined ? {} : { panic: { since: new Date(flag.since).toISOString(), reason: flag.reason } }),
      isOpened: enforcer.isOpened(),
      essentials: essentials().map(essentialText),
      events: { waiting: events.counts().waiting, lost: events.counts().lost },
      names: names.status(),
      flows: { ...collection.counts(), lostConnections, spooledBatches: batches, spooledBytes: bytes },
    };
  };
  const statusServer = await serveStatus(state.socketPath, describe);
  void foreign.look().catch(fail);

  // ---- running, until stopped

  const readers: NetlinkReader[] = [];
  if (collection.reader !== undefined) readers.push(collection.reader);
  if (watch.ok) readers.push(watch.value.reader);
  else log.error({ reason: watch.error }, 'changes of the table by others will not be noticed');
  if (host.reader.ok) readers.push(host.reader.value);
  else log.warn({ reason: host.reader.error }, 'changed addresses are noticed only every half minute');

  async function relearnNames(): Promise<void> {
    const outcome = await enforcer.relearn();
    if (outcome?.kind === 'refused')
      log.error({ reason: outcome.reason }, 'the table could not follow what names stand for');
    collection.policyChanged();
  }
  const parts = [
    sync.done,
    sender.run(stop),
    identity.keepRenewed(stop),
    collection.run(stop),
    names.run({ relearn: relearnNames, signal: stop }),
    runNetlinkLoop(readers, stop),
  ];
  for (const part of parts) part.catch(fail);
  log.info({ host: identity.host, controlPlane: identity.controlPlane, version: agentVersion }, 'agent running');
  await Promise.allSettled(parts);

  clearInterval(resolving);
  stopWatchingPanic();
  guard.close();
  memory.close();
  host.close();
  units.close();
  elements.close();
  discovery.close();
  containers.close();
  foreign.close();
  collection.close();
  if (watch.ok) watch.value.close();
  identity.close();
  await statusServer.close();
  if (failedWith !== undefined) throw failedWith;
  log.info('agent stopped; the rules stay in the kernel');
}

/** Not link-local: those are another's on every link. */
function ownAddresses(interfaces: InterfaceSettings): readonly Address[] {
  return [...readHostAddresses(interfaces).all].filter((address) => !isLinkLocal(address)).sort();
}

function warnOfBridges(bridges: readonly string[], log: Logger): void {
  for (const bridge of bridges) log.warn({ bridge }, bridgeText(bridge));
}

function bridgeText(bridge: string): string {
  return `containers on bridge ${bridge} talk to each other unjudged: br_netfilter does not show their frames (load it; net.bridge.bridge-nf-call-iptables and bridge-nf-call-ip6tables must be 1)`;
}

/** Among them our own stream: without an entry, a first policy that enforces would cut it. */
async function enterOpenSockets(log: Logger): Promise<void> {
  const entered = await insertOpenSockets();
  if (!entered.ok) {
    log.warn(
      { reason: entered.error },
      'connections that are open now are unknown to conntrack; enforcement will cut them',
    );
    return;
  }
  const { inserted, known, failed, refusal } = entered.value;
  if (failed > 0) log.warn({ failed, refusal }, 'some connections are unknown to conntrack; enforcement will cut them');
  log.info({ inserted, known }, 'open connections entered into conntrack before the first table');
}
