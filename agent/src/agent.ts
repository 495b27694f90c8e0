// The running agent: makes the parts, joins them, and takes them down in order. SIGTERM ends the process and leaves the rules in
// the kernel; what was observed goes to the spool first.
//
//   agent.yaml ─► settings ─► essentials ──────────┐
//   identity ─► control-plane reach ─► essential ──┤
//   last good ◄──► state directory ◄──────────────► enforcer ◄── policy intake ◄─── policy sync ◄══gRPC══► control plane
//                                                  │   ▲                                │ ▲                    ▲
//                              rule set, decisions │   │ repair                         │ │ host report, status ║
//                                                  ▼   │                                │ │                    ║
//   netlink loop ─┬─ table changes ──► table watch ────┘                     status ◄───┘ │                    ║
//                 ├─ addresses ──────► host watch ────────────────────────────────────────┘                    ║
//                 └─ connections ────► flow collection ─► spool ─► flow sender ─► flow reporter ═══════gRPC════╝
//                    denied sets ─────────┘
//   around the enforcer (enforcement.ts): table watch, table guard, names, units, others' tables; event log ─► policy sync
//   cgroup tree, /proc ─► container discovery ─► host report
//   policy sync ─► announced ─► reach, addresses of the control plane, policy sync: go there
//   control plane's clock, own clocks ─► policy clock ─► schedule watch ─► enforcer: refresh
//   panic flag ─► panic watch ─► enforcer: open; policy intake: resume
//
// One loop owns each piece of state: the enforcer its table, the netlink loop its sockets, the sender the spool's oldest batch.

import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { createLostConnections } from '#agent/conntrack/lost-connections.ts';
import { readResolvers } from '#agent/dns/resolvers.ts';
import { openEnforcement } from '#agent/enforce/enforcement.ts';
import { createOwedChange } from '#agent/enforce/owed-change.ts';
import { watchPanic } from '#agent/enforce/panic-watch.ts';
import { openPolicyClock } from '#agent/enforce/policy-clock.ts';
import { watchSchedules } from '#agent/enforce/schedule-watch.ts';
import { openFlowPipeline } from '#agent/flows/flow-pipeline.ts';
import { ownAddresses, readGuests } from '#agent/host/addresses.ts';
import { findCgroupRoot, parseOwnService } from '#agent/host/cgroup-tree.ts';
import { createContainerDiscovery, isPeersAddress } from '#agent/host/container-discovery.ts';
import { createHostWatch } from '#agent/host/host-watch.ts';
import { ownConnectionsTo } from '#agent/host/own-connections.ts';
import { createSharedInterfaces } from '#agent/host/shared-interfaces.ts';
import { createUnitDiscovery } from '#agent/host/unit-discovery.ts';
import { warnOfBridges } from '#agent/host/unjudged-bridges.ts';
import { openControlPlaneReach } from '#agent/link/control-plane-reach.ts';
import { openIdentity } from '#agent/link/identity.ts';
import { createSignOfLife } from '#agent/link/sign-of-life.ts';
import { runNetlinkLoop } from '#agent/netlink/read-loop.ts';
import { createFollower } from '#agent/policy/announced.ts';
import { askControlPlane } from '#agent/policy/ask-control-plane.ts';
import { readControlPlaneDenials } from '#agent/policy/control-plane-denials.ts';
import { createPolicyIntake } from '#agent/policy/policy-intake.ts';
import { createPolicySync, type PolicySync } from '#agent/policy/policy-sync.ts';
import { openRevisionProof } from '#agent/policy/revision-proof.ts';
import { tryWatched } from '#agent/policy/watched-try.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { createMemoryRelease } from '#agent/process/memory.ts';
import { openServiceManager } from '#agent/process/service-manager.ts';
import { agentVersion } from '#agent/process/version.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import { noteEssentials } from '#agent/state/essentials-audit.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import type { StateDirectory } from '#agent/state/state-directory.ts';
import { type AgentParts, reportedStatus, statusDocument } from '#agent/status/agent-status.ts';
import { serveStatus } from '#agent/status/status-socket.ts';
import type { SyncState } from '#agent/table/apply-outcome.ts';
import { allowsBothDirections } from '#agent-core/host/both-directions.ts';
import { createSeenOpenings } from '#agent-core/host/seen-openings.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Address } from '#model/address.ts';
import { rulesAt } from '#model/rules-at.ts';
import { controlPlaneText, parseControlPlaneAddress } from '#wire/control-plane-address.ts';
import type { AddressStanding } from '#wire/policy-sync-messages.ts';

export interface AgentOptions {
  readonly state: StateDirectory;
  readonly settings: AgentSettings;
  readonly log: Logger;
  /** Ends the agent. */
  readonly signal: AbortSignal;
}

/** How often the control plane's name is asked for, while connected it is only a look into the resolver's cache. */
const resolveEveryMs = 60_000;

/** Resolves after a graceful stop; rejects with CommandError where it cannot start, with anything else where it must not go on. */
export async function runAgent({ state, settings, log, signal }: AgentOptions): Promise<void> {
  const startedAt = new Date(systemClock.wall()).toISOString();
  const manager = openServiceManager(process.env);
  const clock = await openPolicyClock(state.path);
  const opened = await openIdentity({ stateDirectory: state.path, log, now: clock.now });
  if (!opened.ok) {
    throw new CommandError({ ...opened.error, remedy: 'Nothing on this host was changed.' });
  }
  const identity = opened.value;

  // One failure takes the agent down in order; the kernel keeps its rules and the service manager starts it again.
  const failure = new AbortController();
  let failedWith: unknown;
  const fail = (error: unknown): void => {
    failedWith ??= error;
    failure.abort();
  };
  const stop = AbortSignal.any([signal, failure.signal]);

  // ---- what is essential, and the table

  const owner = { uid: process.getuid?.() ?? 0 };
  const proxy = identity.proxy === undefined ? undefined : parseControlPlaneAddress(identity.proxy);
  const reach = await openControlPlaneReach({
    controlPlanes: identity.addresses.all(),
    current: () => identity.addresses.current(),
    ...(proxy?.ok === true && { proxy: proxy.value }),
    stateDirectory: state.path,
    owner,
    unit: parseOwnService(readFileSync('/proc/self/cgroup', 'utf8')),
  });
  if (reach.way().addresses.length === 0) await reach.resolve();
  const essentials = () => [...reach.essentials(), ...settings.essentials];
  const events = openEventLog(state.path);
  events.tellUnfinished();
  await noteEssentials({ statePath: state.path, essentials: settings.essentials, events });
  const panic = openPanicFlag(state.path);
  const cgroups = findCgroupRoot();
  // Told before the others are there, these have nothing to tell them yet.
  let eventRecorded: () => void = () => undefined;
  let addressesChanged: () => void = () => undefined;
  let interfacesChanged: () => void = () => undefined;
  const openings = createSeenOpenings();
  const enforcement = await openEnforcement({
    openings,
    state,
    settings,
    cgroups,
    essentials,
    way: reach.way,
    panic,
    clock,
    events,
    eventRecorded: () => eventRecorded(),
    failed: fail,
    log,
  });
  const { enforcer, names } = enforcement;

  // ---- what is seen

  const host = createHostWatch(
    settings,
    () => {
      log.info({ addresses: host.addresses().published }, 'addresses changed');
      addressesChanged();
    },
    () => interfacesChanged(),
  );
  const grantingNow = () => {
    const held = names.known(enforcer.held());
    return held && rulesAt(held, clock.now()).ruleSet;
  };
  const isOwn = (address: Address) => host.addresses().all.has(address);
  const containers = createContainerDiscovery({
    settings: settings.containers,
    root: cgroups,
    others: () => ({
      reserved: new Set([...reach.addresses(), ...readResolvers(settings.names.resolvers)]),
      isPeers: (address) => isPeersAddress(enforcer.held(), address),
    }),
    changed: () => {
      sync.reportNow();
      warnOfBridges(containers.view()?.unjudgedBridges ?? [], log);
    },
  });
  warnOfBridges(containers.view()?.unjudgedBridges ?? [], log);
  const openingsOfContainers = createSeenOpenings();
  const lost = createLostConnections({
    counts: () => enforcer.countsLost(),
    entries: {
      openings,
      containers: { openings: openingsOfContainers, networks: containers.networks },
      allowsBothDirections: (connection) =>
        allowsBothDirections(connection, { ruleSet: grantingNow(), essentials: essentials() }),
    },
    log,
  });
  const flows = await openFlowPipeline({
    state,
    settings,
    identity,
    enforcement,
    hostAddresses: () => host.addresses(),
    essentials,
    pickedUp: lost.pickedUp,
    openedAs: (entry) => openings.of(entry) ?? openingsOfContainers.of(entry),
    began(connection) {
      if (isOwn(connection.client) || isOwn(connection.server)) openings.saw(connection);
      else if (containers.holds(connection.client) || containers.holds(connection.server))
        openingsOfContainers.saw(connection);
    },
    log,
  });
  const discovery = createUnitDiscovery({
    settings: settings.units,
    root: cgroups,
    changed: () => sync.reportNow(),
  });
  let guests = readGuests(settings.interfaces);
  interfacesChanged = () => {
    containers.look();
    const before = JSON.stringify(guests.networks);
    guests = readGuests(settings.interfaces);
    if (JSON.stringify(guests.networks) !== before) void enforcer.refresh().catch(fail);
  };

  const memory = createMemoryRelease();
  memory.soon();

  // ---- policy, and what is told of ourselves

  const refresh = createOwedChange({
    make: () => enforcer.refresh(),
    what: 'the table could not follow the addresses of the host and its control plane',
    failed: fail,
    log,
  });

  let syncState: SyncState = 'connecting';
  let addressStanding: AddressStanding | undefined;
  const signOfLife = createSignOfLife();
  const intake = createPolicyIntake({
    enforcer,
    reach,
    heard: signOfLife.next,
    watchedTry: (until) => {
      const way = reach.way();
      const { nft } = enforcement;
      const { marks } = settings.connections;
      return tryWatched({
        nft,
        way,
        uid: owner.uid,
        tryConnect: reach.tryConnect,
        denials: () => readControlPlaneDenials({ nft, marks, clients: host.addresses().all, ...way }),
        signal: until,
      });
    },
    problem: enforcement.startProblem,
    tried() {
      memory.soon();
      flows.policyChanged();
    },
    log,
  });
  const schedules = watchSchedules({
    enforcer,
    clock,
    turned() {
      flows.policyChanged();
      sync.reportNow();
    },
    failed: fail,
    log,
  });
  const proof = await openRevisionProof(state.path);
  const follower = createFollower({
    identity,
    async permit(all) {
      await reach.follow(all);
      await refresh.ask();
    },
    ask: (address, until) =>
      askControlPlane({ identity, address, agentVersion, proof: proof.current(), signal: until }),
    leave: () => sync.leave(),
    signal: stop,
    log,
  });
  const parts: AgentParts = {
    guests: () => guests,
    shared: createSharedInterfaces(),
    ...{
      identity,
      enforcement,
      intake,
      schedules,
      flows,
      discovery,
      host,
      containers,
      events,
      panic,
      essentials,
      startedAt,
    },
    sync: () => sync,
    follower,
    statePath: state.path,
  };
  const sync: PolicySync = createPolicySync({
    identity,
    enforcer: intake,
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
    status: () => reportedStatus(parts),
    events,
    heardTime(sentAt) {
      clock.heard(sentAt);
      schedules.look();
    },
    standing(next) {
      addressStanding = next;
    },
    announced: follower.told,
    proof,
    signal: stop,
    log,
    onHeard: signOfLife.heard,
    onState(next, peer) {
      if (next !== 'connecting') reach.streamIsWith(peer);
      if (next === 'connected') {
        const controlPlane = controlPlaneText(identity.addresses.current());
        log.info({ controlPlane }, 'connected to the control plane');
        manager.status(`connected to ${controlPlane}`);
        follower.connected();
        flows.nudge();
        // What it was found by now may be another address than the one that is essential.
        void lookUpAgain().catch(fail);
      } else if (next === 'disconnected' && syncState === 'connected') {
        manager.status(`not connected to ${identity.controlPlane}; what was in force stays`);
        void lookUpAgain().catch(fail);
      }
      syncState = next;
    },
  });
  eventRecorded = () => sync.reportNow();
  const stopWatchingPanic = watchPanic({
    flag: panic,
    isOpened: () => enforcer.isOpened(),
    async raised() {
      await enforcer.heedPanic();
      sync.reportNow();
    },
    async lowered() {
      const undoing = await intake.resume();
      if (undoing !== undefined) await openAgain(undoing.undone);
      flows.policyChanged();
      sync.reportNow();
    },
    failed: fail,
  });
  async function openAgain(reason: string): Promise<void> {
    log.error({ reason }, 'resuming was undone; the host is open again');
    const told = `resume was undone: ${reason}`;
    panic.raise({ since: systemClock.wall(), reason: told });
    events.record('opened', new Map([['reason', told]]));
    await enforcer.heedPanic();
  }
  let knownAddresses = ownAddresses().join();
  addressesChanged = () => {
    flows.policyChanged();
    sync.reportNow();
    void followAddresses().catch(fail);
    // Containers know their host by all of its addresses.
    const now = ownAddresses().join();
    const hasContainers = enforcer.held()?.workloads.some(({ kind }) => kind === 'container') === true;
    if (now !== knownAddresses && hasContainers) void refresh.ask().catch(fail);
    knownAddresses = now;
  };
  let localAddresses = host.addresses().all;
  async function followAddresses(): Promise<void> {
    const gone = localAddresses.difference(host.addresses().all);
    localAddresses = host.addresses().all;
    // A connection that was given up lingers on its address, so only what went just now counts.
    const used = gone.size === 0 ? gone : await ownConnectionsTo(reach.way().port);
    if (!gone.isDisjointFrom(used)) sync.ownAddressGone();
    sync.tryNow();
  }
  async function lookUpAgain(): Promise<void> {
    if ((await reach.resolve()) === 'changed') await refresh.ask();
  }
  const resolving = systemClock.every(resolveEveryMs, () => void lookUpAgain().catch(fail));
  resolving.unref();
  const statusServer = await serveStatus(state.socketPath, () => statusDocument(parts, { syncState, addressStanding }));

  // ---- running, until stopped

  if (!host.reader.ok) log.warn({ reason: host.reader.error }, 'changed addresses are noticed only every half minute');
  const readers = [flows.reader, enforcement.reader, host.reader.ok ? host.reader.value : undefined];

  async function relearnNames(): Promise<'refused' | 'done'> {
    const outcome = await enforcer.relearn();
    if (outcome?.kind === 'refused')
      log.error({ reason: outcome.reason }, 'the table could not follow what names stand for; trying again');
    flows.policyChanged();
    return outcome?.kind === 'refused' ? 'refused' : 'done';
  }
  const running = [
    sync.done,
    follower.done,
    ...flows.run(stop),
    identity.keepRenewed(stop),
    lost.run(stop),
    names.run({ relearn: relearnNames, signal: stop }),
    runNetlinkLoop(
      readers.filter((reader) => reader !== undefined),
      stop,
    ),
  ];
  for (const part of running) part.catch(fail);
  log.info({ host: identity.host, controlPlane: identity.controlPlane, version: agentVersion }, 'agent running');
  // What is in force stands in the kernel, and the agent answers: the control plane may be away for weeks.
  manager.ready();
  stop.addEventListener('abort', () => manager.stopping(), { once: true });
  await Promise.allSettled(running);

  resolving.cancel();
  refresh.close();
  stopWatchingPanic();
  await schedules.close();
  memory.close();
  host.close();
  discovery.close();
  containers.close();
  flows.close();
  enforcement.close();
  identity.close();
  await statusServer.close();
  if (failedWith !== undefined) throw failedWith;
  log.info('agent stopped; the rules stay in the kernel');
}
