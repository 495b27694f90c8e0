// The control plane's numbers for Prometheus: counts and times only, no names of hosts or segments, no secrets.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AgentStatus } from '#control-plane/agents/agent-backend.ts';
import type { AgentServerCounts } from '#control-plane/agents/agent-service.ts';
import type { DiskRoom } from '#control-plane/data/disk-room.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { sumCounts } from '#model/counts.ts';
import type { FlowLoss } from '#model/flow.ts';
import { codeOfWarning, toldHostProblems } from '#model/host-problem-codes.ts';

export interface Metrics {
  requestDone(route: string, status: number, seconds: number): void;
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface MetricsParts {
  readonly fleet: Fleet;
  readonly admission: () => AgentServerCounts;
  /** Of the data directory's disk. */
  readonly disk: () => DiskRoom | undefined;
  /** By host, as far as hosts told. */
  readonly lostFlows: () => Promise<readonly FlowLoss[]>;
  readonly certificates: () => ReturnType<Pki['ends']>;
  /** Of connections to the operator API, by cause. */
  readonly apiRefused: Readonly<Record<string, number>>;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs?: () => number;
}

/** Anybody may ask: the numbers are counted once for all who ask within this time. */
const keptMs = 1000;
/** A row of the store for each host. */
const lossesKeptMs = 30_000;

export function createMetrics({
  fleet,
  admission,
  disk,
  lostFlows,
  certificates,
  apiRefused,
  elapsedMs = () => performance.now(),
}: MetricsParts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'segwall_' });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `segwall_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const statusCount = (is: (status: AgentStatus) => boolean) =>
    [...fleet.sessions.all()].filter(({ status }) => status !== undefined && is(status)).length;
  gauge('revision', 'The newest revision', () => fleet.revision);
  gauge('agents_enrolled', 'Hosts enrolled', () => fleet.hostCount);
  gauge('agents_connected', 'Agents with a live stream', () => fleet.sessions.size);
  new Gauge({
    name: 'segwall_hosts',
    help: 'Enrolled hosts by what they are known to enforce',
    labelNames: ['protection'] as const,
    registers,
    collect() {
      for (const [protection, count] of fleet.protectionCounts()) this.set({ protection }, count);
    },
  });
  gauge(
    'agents_behind',
    'Connected agents that have not acknowledged what was sent',
    () =>
      [...fleet.sessions.all()].filter((agent) => agent.sent !== undefined && agent.acked < agent.sent.revision).length,
  );
  gauge(
    'agents_refusing',
    'Connected agents that refused a revision',
    () => [...fleet.sessions.all()].filter((agent) => agent.nacked !== undefined).length,
  );
  gauge('agents_offline', 'Enrolled hosts without a live stream', () => fleet.hostCount - fleet.sessions.size);
  gauge(
    'agents_starting_over',
    'Hosts whose agent connected five times or more within ten minutes',
    () => fleet.presenceCounts().startingOver,
  );
  gauge(
    'agents_turned_away',
    'Hosts that are away and were refused when they came last',
    () => fleet.presenceCounts().turnedAway,
  );
  gauge(
    'gone_since_seconds',
    'Since when the host is gone that is gone for longest, in seconds since 1970; 0 where none is',
    () => (fleet.presenceCounts().goneSince ?? 0) / 1000,
  );
  gauge('hosts_panic', 'Hosts that someone opened at their console', () =>
    statusCount((status) => status.panic !== undefined),
  );
  gauge('hosts_tampered', 'Hosts whose table someone else changed since their agent started', () =>
    statusCount(({ repairs }) => repairs > 0),
  );
  gauge('identities_shared', 'Hosts whose identity a second agent tries to use', () => fleet.sharedIdentities().length);
  gauge('policy_held', '1 while the active policy is not sent to hosts, which keep what they have', () =>
    fleet.active.problem === undefined && fleet.hold === undefined ? 0 : 1,
  );
  gauge('store_writable', '0 while the store takes nothing', () => (fleet.storeTrouble() === undefined ? 1 : 0));
  const room = (name: string, help: string, read: (room: DiskRoom) => number) =>
    gauge(name, help, () => {
      const now = disk();
      return now === undefined ? Number.NaN : read(now);
    });
  room('disk_free_bytes', 'Free where the data directory is', ({ freeBytes }) => freeBytes);
  room('disk_low', '1 while less is free than the setting leastFreeMegabytes asks for', (now) =>
    now.room === 'low' ? 1 : 0,
  );
  let losses: { readonly count: Promise<number>; readonly at: number } | undefined;
  new Gauge({
    name: 'segwall_flows_lost',
    help: 'Flows that hosts told they had no room for, of hosts that are enrolled',
    registers,
    async collect() {
      const at = elapsedMs();
      if (losses === undefined || at - losses.at >= lossesKeptMs) losses = { count: lossOf(lostFlows()), at };
      this.set(await losses.count);
    },
  });
  gauge('stored_values_unread', 'Stored values that could not be read and are left out', () => fleet.unread.count);
  new Gauge({
    name: 'segwall_host_problems',
    help: 'Connected hosts by what they say is wrong (docs/reference/host-problems.md)',
    labelNames: ['code'] as const,
    registers,
    collect() {
      for (const code of toldHostProblems)
        this.set(
          { code },
          statusCount(({ warnings = [] }) => warnings.some((text) => codeOfWarning(text) === code)),
        );
    },
  });
  gauge('workloads', 'Workloads in the inventory', () => fleet.inventory().workloads.size);
  gauge('workloads_quarantined', 'Workloads that an operator quarantined', () => fleet.quarantined().length);
  gauge('hosts_revoked', 'Hosts whose certificates are revoked and that are cut off', () => fleet.revoked().length);
  gauge(
    'host_certificates_ending',
    'Hosts whose certificate ends within ten days, or has ended',
    () => fleet.certificatesEnding().length,
  );
  new Gauge({
    name: 'segwall_certificate_end_seconds',
    help: 'When the control plane’s own certificates end, in seconds since 1970',
    labelNames: ['of'] as const,
    registers,
    collect() {
      const { ca, server } = certificates();
      this.set({ of: 'ca' }, ca / 1000);
      this.set({ of: 'server' }, server / 1000);
    },
  });
  gauge(
    'host_clocks_off',
    'Connected hosts whose clock is off by a minute or more',
    () => [...fleet.sessions.all()].filter((agent) => Math.abs(agent.status?.clockAheadMs ?? 0) >= 60_000).length,
  );
  gauge('address_conflicts', 'Addresses that more than one workload claims', () => fleet.conflicts().length);
  gauge('address_claims_pending', 'Addresses that a host claims and does not hold', () => fleet.pendingCount());
  gauge('agent_connections', 'Connections with a certificate that holds', () => admission().agents);
  gauge('stranger_connections', 'Connections without one, unfinished handshakes included', () => admission().strangers);
  gauge(
    'agent_message_bytes',
    'Of messages of agents that are on their way or worked on',
    () => admission().agentBytes,
  );
  new Gauge({
    name: 'segwall_changes_waiting',
    help: 'Changes that wait for their turn, by who caused them',
    labelNames: ['of'] as const,
    registers,
    collect() {
      this.set({ of: 'operators' }, fleet.queue.operators);
      this.set({ of: 'hosts' }, fleet.queue.hosts);
    },
  });
  gauge('hellos_in_progress', 'Agents that are being greeted', () => admission().hellos);
  gauge('handshakes_in_progress', 'TLS handshakes on the port of agents', () => admission().handshakes);
  gauge('handshakes_waiting', 'Connections that wait for theirs', () => admission().handshakesWaiting);
  new Counter({
    name: 'segwall_connections_refused_total',
    help: 'Connections to the port of agents that were refused or ended, by cause',
    labelNames: ['cause'] as const,
    registers,
    collect() {
      this.reset();
      for (const [cause, count] of Object.entries(admission().refused)) this.inc({ cause }, count);
    },
  });
  new Counter({
    name: 'segwall_api_connections_refused_total',
    help: 'Connections to the port of operators that were refused or ended without a token, by cause',
    labelNames: ['cause'] as const,
    registers,
    collect() {
      this.reset();
      for (const [cause, count] of Object.entries(apiRefused)) this.inc({ cause }, count);
    },
  });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `segwall_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  counter(
    'host_entries_skipped_total',
    'Audit entries that hosts caused beyond their number',
    () => fleet.skippedEntries,
  );
  counter(
    'host_turns_replaced_total',
    'Turns of hosts that were not taken, since a newer one of the same host took their place',
    () => fleet.queue.replaced,
  );
  counter('flow_batches_total', 'Batches of flows taken', () => fleet.flowCounts.batchesTaken);
  counter('flow_batches_known_total', 'Batches that were sent again', () => fleet.flowCounts.batchesKnown);
  counter('flow_records_total', 'Flow records taken', () => fleet.flowCounts.records);
  counter('connections_denied_total', 'Connections that hosts reported as denied', () => fleet.flowCounts.denied);
  counter('table_tampered_total', 'Changes of their table by others that hosts told of', () => fleet.tamperings);
  counter(
    'connections_would_deny_total',
    'Connections that hosts reported as let through, and that enforcement would deny',
    () => fleet.flowCounts.wouldDeny,
  );
  const requests = new Histogram({
    name: 'segwall_api_request_seconds',
    help: 'Operator API requests by route and status',
    labelNames: ['route', 'status'] as const,
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  let kept: { readonly text: Promise<string>; readonly at: number } | undefined;
  return {
    requestDone: (route, status, seconds) => requests.observe({ route, status: String(status) }, seconds),
    async render() {
      const at = elapsedMs();
      if (kept === undefined || at - kept.at >= keptMs) kept = { text: registry.metrics(), at };
      return { text: await kept.text, contentType: registry.contentType };
    },
  };
}

/** Not a number while the store does not answer. */
async function lossOf(lost: Promise<readonly FlowLoss[]>): Promise<number> {
  const rows = await lost.catch(() => undefined);
  if (rows === undefined) return Number.NaN;
  return sumCounts(
    rows.flatMap((one) => [one.overruns, one.records, one.spooled, one.deniedInbound, one.deniedOutbound]),
  );
}
