// The control plane's numbers for Prometheus: counts and times only, no names of hosts or segments, no secrets.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AgentServerCounts } from './agent-service.ts';
import type { Fleet } from './fleet.ts';

export interface Metrics {
  requestDone(route: string, status: number, seconds: number): void;
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

export interface MetricsParts {
  readonly fleet: Fleet;
  readonly admission: () => AgentServerCounts;
  /** Of connections to the operator API, by cause. */
  readonly apiRefused: Readonly<Record<string, number>>;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs?: () => number;
}

/** Anybody may ask: the numbers are counted once for all who ask within this time. */
const keptMs = 1000;

export function createMetrics({
  fleet,
  admission,
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
  gauge('workloads', 'Workloads in the inventory', () => fleet.inventory().workloads.size);
  gauge('workloads_quarantined', 'Workloads that an operator quarantined', () => fleet.quarantined().length);
  gauge('hosts_revoked', 'Hosts whose certificates are revoked and that are cut off', () => fleet.revoked().length);
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
