// The control plane's numbers for Prometheus: counts and times only, no names of hosts or segments, no secrets. What there is stands in
// metric-catalogue.ts; here is where each comes from.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { systemClock } from '#clock/system-clock.ts';
import type { AgentStatus } from '#control-plane/agents/agent-backend.ts';
import type { AgentServerCounts } from '#control-plane/agents/agent-service.ts';
import type { DiskRoom } from '#control-plane/data/disk-room.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { sumCounts } from '#model/counts.ts';
import type { FlowLoss } from '#model/flow.ts';
import { codeOfWarning, toldHostProblems } from '#model/host-problem-codes.ts';
import { counters, gauges, histograms, type Metric, metricPrefix, type Readings } from './metric-catalogue.ts';

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

export function createMetrics(parts: MetricsParts): Metrics {
  const elapsedMs = parts.elapsedMs ?? systemClock.elapsedMs;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: metricPrefix });
  for (const { name, help, labelNames, read } of joined(gauges, gaugeReadings(parts, elapsedMs)))
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        for (const [labels, value] of samplesOf(labelNames, await read())) this.set(labels, value);
      },
    });
  for (const { name, help, labelNames, read } of joined(counters, counterReadings(parts)))
    new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const samples = samplesOf(labelNames, await read());
        this.reset();
        for (const [labels, value] of samples) this.inc(labels, value);
      },
    });
  const { help, labels } = histograms.api_request_seconds;
  const requests = new Histogram({
    name: `${metricPrefix}api_request_seconds`,
    help,
    labelNames: labels.map(({ name }) => name),
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

function gaugeReadings(
  { fleet, admission, disk, lostFlows, certificates }: MetricsParts,
  elapsedMs: () => number,
): Readings<typeof gauges> {
  const connected = () => [...fleet.sessions.all()];
  const statusCount = (is: (status: AgentStatus) => boolean) =>
    connected().filter(({ status }) => status !== undefined && is(status)).length;
  let losses: { readonly count: Promise<number>; readonly at: number } | undefined;
  return {
    revision: () => fleet.revision,
    agents_enrolled: () => fleet.hostCount,
    agents_connected: () => fleet.sessions.size,
    hosts: () => fleet.protectionCounts(),
    agents_behind: () =>
      connected().filter((agent) => agent.sent !== undefined && agent.acked < agent.sent.revision).length,
    agents_refusing: () => connected().filter((agent) => agent.nacked !== undefined).length,
    agents_offline: () => fleet.hostCount - fleet.sessions.size,
    agents_starting_over: () => fleet.presenceCounts().startingOver,
    agents_turned_away: () => fleet.presenceCounts().turnedAway,
    gone_since_seconds: () => (fleet.presenceCounts().goneSince ?? 0) / 1000,
    hosts_panic: () => statusCount((status) => status.panic !== undefined),
    hosts_tampered: () => statusCount(({ repairs }) => repairs > 0),
    identities_shared: () => fleet.sharedIdentities().length,
    policy_held: () => (fleet.active.problem === undefined && fleet.hold === undefined ? 0 : 1),
    store_writable: () => (fleet.storeTrouble() === undefined ? 1 : 0),
    disk_free_bytes: () => disk()?.freeBytes ?? Number.NaN,
    disk_low: () => {
      const room = disk()?.room;
      return room === undefined ? Number.NaN : Number(room === 'low');
    },
    flows_lost: () => {
      const at = elapsedMs();
      if (losses === undefined || at - losses.at >= lossesKeptMs) losses = { count: lossOf(lostFlows()), at };
      return losses.count;
    },
    stored_values_unread: () => fleet.unread.count,
    host_problems: () =>
      toldHostProblems.map((code) => [
        code,
        statusCount(({ warnings = [] }) => warnings.some((text) => codeOfWarning(text) === code)),
      ]),
    workloads: () => fleet.inventory().workloads.size,
    workloads_quarantined: () => fleet.quarantined().length,
    hosts_revoked: () => fleet.revoked().length,
    host_certificates_ending: () => fleet.certificatesEnding().length,
    certificate_end_seconds: () => {
      const { ca, server } = certificates();
      return [
        ['ca', ca / 1000],
        ['server', server / 1000],
      ];
    },
    certificates_ending: () => fleet.ownCertificatesEnding().length,
    ca_rotating: () => (fleet.caRotation() === undefined ? 0 : 1),
    ca_hosts: () => {
      const { hosts, moved } = fleet.caRotation() ?? { hosts: fleet.certificateCas().length, moved: 0 };
      return [
        ['present', hosts - moved],
        ['next', moved],
      ];
    },
    host_clocks_off: () => connected().filter((agent) => Math.abs(agent.status?.clockAheadMs ?? 0) >= 60_000).length,
    address_conflicts: () => fleet.conflicts().length,
    address_claims_pending: () => fleet.pendingCount(),
    agent_connections: () => admission().agents,
    stranger_connections: () => admission().strangers,
    agent_message_bytes: () => admission().agentBytes,
    changes_waiting: () => [
      ['operators', fleet.queue.operators],
      ['hosts', fleet.queue.hosts],
    ],
    hellos_in_progress: () => admission().hellos,
    handshakes_in_progress: () => admission().handshakes,
    handshakes_waiting: () => admission().handshakesWaiting,
  };
}

function counterReadings({ fleet, admission, apiRefused }: MetricsParts): Readings<typeof counters> {
  return {
    connections_refused_total: () => Object.entries(admission().refused),
    api_connections_refused_total: () => Object.entries(apiRefused),
    host_entries_skipped_total: () => fleet.skippedEntries,
    host_turns_replaced_total: () => fleet.queue.replaced,
    flow_batches_total: () => fleet.flowCounts.batchesTaken,
    flow_batches_known_total: () => fleet.flowCounts.batchesKnown,
    flow_records_total: () => fleet.flowCounts.records,
    connections_denied_total: () => fleet.flowCounts.denied,
    table_tampered_total: () => fleet.tamperings,
    connections_would_deny_total: () => fleet.flowCounts.wouldDeny,
  };
}

type Reading = number | Iterable<readonly [string, number]>;

/** What is declared beside where it comes from. The types of `Readings` say that neither is without the other. */
function joined<Catalogue extends Readonly<Record<string, Metric>>>(
  catalogue: Catalogue,
  readings: Readonly<Record<keyof Catalogue, () => Reading | Promise<Reading>>>,
) {
  return Object.entries(catalogue).map(([name, { help, label }]) => ({
    name: `${metricPrefix}${name}`,
    help,
    labelNames: label === undefined ? [] : [label.name],
    read: readings[name as keyof Catalogue],
  }));
}

function samplesOf(
  [label = '']: readonly string[],
  reading: Reading,
): readonly (readonly [Readonly<Record<string, string>>, number])[] {
  if (typeof reading === 'number') return [[{}, reading]];
  return [...reading].map(([value, number]) => [{ [label]: value }, number] as const);
}

/** Not a number while the store does not answer. */
async function lossOf(lost: Promise<readonly FlowLoss[]>): Promise<number> {
  const rows = await lost.catch(() => undefined);
  if (rows === undefined) return Number.NaN;
  return sumCounts(
    rows.flatMap((one) => [one.overruns, one.records, one.spooled, one.deniedInbound, one.deniedOutbound]),
  );
}
