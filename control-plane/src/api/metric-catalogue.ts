// Every number of the control plane's own at /metrics: what is served (metrics.ts), docs/reference/metrics.md, and the numbers that the sample alert
// rules may name are made from this table or held to it by tests. Counts and times only, no names of hosts or segments, no secrets.

export interface Metric {
  readonly help: string;
  readonly label?: Label;
  /** Why none of the sample alert rules asks for it; absent where one does. */
  readonly noAlert?: string;
}

export interface Label {
  readonly name: string;
  /** Its values, in words. */
  readonly says: string;
}

interface RequestMetric extends Metric {
  readonly labels: readonly Label[];
}

const operatorDid = 'an operator did it';
const workDone = 'work done';
const hostsWait = 'bounded, and hosts wait';

export const gauges = {
  revision: { help: 'The newest revision', noAlert: 'counts policies' },
  agents_enrolled: { help: 'Hosts enrolled', noAlert: 'the size of the fleet' },
  agents_connected: { help: 'Agents with a live stream', noAlert: 'what is not is offline' },
  hosts: {
    help: 'Enrolled hosts by what they are known to enforce',
    label: { name: 'protection', says: 'as in `segwall status`; all but `in-force` is a trouble' },
  },
  agents_behind: {
    help: 'Connected agents that have not acknowledged what was sent',
    noAlert: '`segwall_hosts` says which of them are not reached in time',
  },
  agents_refusing: { help: 'Connected agents that refused a revision' },
  agents_offline: { help: 'Enrolled hosts without a live stream' },
  agents_starting_over: { help: 'Hosts whose agent connected five times or more within ten minutes' },
  agents_turned_away: { help: 'Hosts that are away and were refused when they came last' },
  gone_since_seconds: {
    help: 'Since when the host is gone that is gone for longest, in seconds since 1970; 0 where none is',
    noAlert: '`segwall_agents_offline` says that there is one',
  },
  hosts_panic: { help: 'Hosts that someone opened at their console' },
  hosts_tampered: {
    help: 'Hosts whose table someone else changed since their agent started',
    noAlert: '`segwall_table_tampered_total` counts each time',
  },
  identities_shared: { help: 'Hosts whose identity a second agent tries to use' },
  policy_held: { help: '1 while the active policy is not sent to hosts, which keep what they have' },
  store_writable: { help: '0 while the store takes nothing' },
  disk_free_bytes: {
    help: 'Free where the data directory is',
    noAlert: '`segwall_disk_low` says when it is too little',
  },
  disk_low: { help: '1 while less is free than the setting leastFreeMegabytes asks for' },
  flows_lost: { help: 'Flows that hosts told they had no room for, of hosts that are enrolled' },
  stored_values_unread: { help: 'Stored values that could not be read and are left out' },
  host_problems: {
    help: 'Connected hosts by what they say is wrong (docs/reference/host-problems.md)',
    label: { name: 'code', says: 'a code of [host-problems.md](host-problems.md) that agents are told' },
  },
  workloads: { help: 'Workloads in the inventory', noAlert: 'the size of the fleet' },
  workloads_quarantined: { help: 'Workloads that an operator quarantined' },
  hosts_revoked: { help: 'Hosts whose certificates are revoked and that are cut off', noAlert: operatorDid },
  host_certificates_ending: { help: 'Hosts whose certificate ends within ten days, or has ended' },
  certificate_end_seconds: {
    help: 'When the control plane’s own certificates end, in seconds since 1970',
    label: { name: 'of', says: '`ca`, `server`' },
  },
  certificates_ending: {
    help: 'Certificates of the control plane itself that end within ten days, or have ended',
  },
  ca_rotating: { help: '1 while the CA is replaced by another', noAlert: operatorDid },
  ca_hosts: {
    help: 'Hosts by the CA of the certificate that they use; of the next one only while the CA is replaced',
    label: { name: 'ca', says: '`present`, `next`' },
    noAlert: `${operatorDid}, and \`segwall status\` says who is left`,
  },
  host_clocks_off: { help: 'Connected hosts whose clock is off by a minute or more' },
  address_conflicts: { help: 'Addresses that more than one workload claims' },
  address_claims_pending: { help: 'Addresses that a host claims and does not hold' },
  agent_connections: { help: 'Connections with a certificate that holds', noAlert: 'refused ones are counted' },
  stranger_connections: {
    help: 'Connections without one, unfinished handshakes included',
    noAlert: 'refused ones are counted',
  },
  agent_message_bytes: { help: 'Of messages of agents that are on their way or worked on', noAlert: hostsWait },
  changes_waiting: {
    help: 'Changes that wait for their turn, by who caused them',
    label: { name: 'of', says: '`operators`, `hosts`' },
  },
  hellos_in_progress: { help: 'Agents that are being greeted', noAlert: hostsWait },
  handshakes_in_progress: { help: 'TLS handshakes on the port of agents', noAlert: hostsWait },
  handshakes_waiting: { help: 'Connections that wait for theirs', noAlert: 'bounded, and come to their turn or again' },
} as const satisfies Readonly<Record<string, Metric>>;

export const counters = {
  connections_refused_total: {
    help: 'Connections to the port of agents that were refused or ended, by cause',
    label: { name: 'cause', says: 'as in [operating.md](../guides/operating.md)' },
  },
  api_connections_refused_total: {
    help: 'Connections to the port of operators that were refused or ended without a token, by cause',
    label: { name: 'cause', says: 'as in [operating.md](../guides/operating.md)' },
  },
  host_entries_skipped_total: {
    help: 'Audit entries that hosts caused beyond their number',
    noAlert: 'the audit log says whose',
  },
  host_turns_replaced_total: {
    help: 'Turns of hosts that were not taken, since a newer one of the same host took their place',
    noAlert: 'the newest one is taken',
  },
  flow_batches_total: { help: 'Batches of flows taken', noAlert: workDone },
  flow_batches_known_total: { help: 'Batches that were sent again', noAlert: workDone },
  flow_records_total: { help: 'Flow records taken', noAlert: workDone },
  connections_denied_total: { help: 'Connections that hosts reported as denied' },
  table_tampered_total: { help: 'Changes of their table by others that hosts told of' },
  connections_would_deny_total: {
    help: 'Connections that hosts reported as let through, and that enforcement would deny',
    noAlert: 'nothing is denied',
  },
} as const satisfies Readonly<Record<string, Metric>>;

export const histograms = {
  api_request_seconds: {
    help: 'Operator API requests by route and status',
    labels: [
      { name: 'route', says: 'method and path, as [api.md](api.md) has them' },
      { name: 'status', says: 'of HTTP' },
    ],
    noAlert: workDone,
  },
} as const satisfies Readonly<Record<string, RequestMetric>>;

export const metricPrefix = 'segwall_';

type Labelled<Entry> = Entry extends { readonly label: Label } ? true : false;

/** A number, or with a label one for each of its values. */
export type ReadingOf<Entry> =
  Labelled<Entry> extends true ? () => Iterable<readonly [string, number]> : () => number | Promise<number>;

export type Readings<Catalogue> = { readonly [Name in keyof Catalogue]: ReadingOf<Catalogue[Name]> };

export interface MetricRow {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly labels: readonly Label[];
  readonly noAlert: string | undefined;
}

/** All of them, as they are served. */
export const metricRows: readonly MetricRow[] = [
  ...Object.entries<Metric>(gauges).map((entry) => rowOf('gauge', entry)),
  ...Object.entries<Metric>(counters).map((entry) => rowOf('counter', entry)),
  ...Object.entries<RequestMetric>(histograms).map(([name, entry]) => ({
    ...rowOf('histogram', [name, entry]),
    labels: entry.labels,
  })),
];

function rowOf(type: MetricRow['type'], [name, { help, label, noAlert }]: readonly [string, Metric]): MetricRow {
  return { name: `${metricPrefix}${name}`, type, help, labels: label === undefined ? [] : [label], noAlert };
}
