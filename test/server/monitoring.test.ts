// What monitoring sees: a store that takes nothing is not ready and is told of, every problem of a host has a number, and the sample
// alert rules name only numbers that exist.

import { expect, test, vi } from 'vitest';
import { hostProblemCatalogue } from '#agent-core/host/host-problem-catalogue.ts';
import { status } from '#control-plane/answers/schemas.ts';
import { healthRoutes } from '#control-plane/api/health.ts';
import { metricRows } from '#control-plane/api/metric-catalogue.ts';
import { createMetrics } from '#control-plane/api/metrics.ts';
import { type DiskRoom, readDiskRoom } from '#control-plane/data/disk-room.ts';
import type { HostEventKind } from '#model/host-event.ts';
import { codeOfWarning, toldHostProblems } from '#model/host-problem-codes.ts';
import { isJournal, journalLine } from '#model/journal-line.ts';
import { millis } from '#model/time.ts';
import { alertsOn, sampleAlerts } from '#test/reference/metrics-page.ts';
import { waitFor } from '#test/support/wait.ts';
import { apiUnderTest } from '../hostile/support/api-under-test.ts';
import { runSegwall } from '../hostile/support/segwall.ts';
import { servedMetrics, wrongIn } from './alert-expressions.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from './fleet-under-test.ts';
import { nothingLost } from './flow-records.ts';
import { scratchDirectory } from './scratch-directory.ts';

const admission = () =>
  ({ agents: 0, strangers: 0, agentBytes: 0, hellos: 0, handshakes: 0, handshakesWaiting: 0, refused: {} }) as never;
let clockMs = 0;
const metricsOf = ({ fleet, store }: FleetUnderTest, disk?: DiskRoom) =>
  createMetrics({
    disk: () => disk,
    lostFlows: () => store.listFlowLosses({ tenant }),
    certificates: () => ({ ca: millis(1), server: millis(1) }),
    fleet,
    admission,
    apiRefused: {},
    elapsedMs: () => (clockMs += 60_000),
  });
const numberOf = (text: string, name: string) => /^-?[\d.]+/.exec(text.split(`\n${name} `)[1] ?? '')?.[0];

function readyzOf({ fleet, store }: FleetUnderTest): () => Promise<unknown> {
  const routes = new Map<string, () => Promise<unknown>>();
  const app = {
    addHook: () => undefined,
    get: (path: string, _options: object, handler: () => Promise<unknown>) => routes.set(path, handler),
  };
  healthRoutes(app as never, { fleet, store, tenant } as never, metricsOf({ fleet, store } as FleetUnderTest));
  return () => routes.get('/readyz')?.() ?? Promise.reject(new Error('there is no such route'));
}

test('a store that takes nothing is not ready, and is ready again once it does', async () => {
  const under = await fleetUnderTest();
  const ready = readyzOf(under);
  expect(await ready()).toEqual({ status: 'ok' });
  const full = () => Promise.reject(new Error('database or disk is full'));
  const broken = [vi.spyOn(under.store, 'appendAudit'), vi.spyOn(under.store, 'setRevision')];
  for (const write of broken) write.mockImplementation(full);
  await under.connect('web-1');
  await waitFor(() => under.fleet.storeTrouble()?.reason === 'database or disk is full', { what: 'it is noticed' });
  await expect(ready()).rejects.toThrow('takes nothing');
  expect(numberOf((await metricsOf(under).render()).text, 'segwall_store_writable')).toBe('0');
  for (const write of broken) write.mockRestore();
  await waitFor(() => under.fleet.storeTrouble() === undefined, { what: 'it is over' });
  expect(await ready()).toEqual({ status: 'ok' });
  expect(numberOf((await metricsOf(under).render()).text, 'segwall_store_writable')).toBe('1');
});

test('what a host tells of itself is counted by code, and nothing else of it is', async () => {
  const under = await fleetUnderTest();
  const { connection } = await under.connect('web-1');
  const status = { revision: 0, enforcing: true, lost: 0, spooledBatches: 0, repairs: 2, problem: '' };
  connection.statusReported({ ...status, warnings: ['conntrack-full: 9 of 9. Raise it.', 'made-up: nothing'] });
  const { text } = await metricsOf(under).render();
  expect(numberOf(text, 'segwall_host_problems{code="conntrack-full"}')).toBe('1');
  expect(numberOf(text, 'segwall_host_problems{code="clock-skew"}')).toBe('0');
  expect(numberOf(text, 'segwall_hosts_tampered')).toBe('1');
  expect(numberOf(text, 'segwall_table_tampered_total')).toBe('0');
  expect(text).not.toContain('made-up');
});

test('each tampering that a host tells of counts, and so does what it lost', async () => {
  const under = await fleetUnderTest();
  const { connection } = await under.connect('web-1');
  const metrics = metricsOf(under);
  const numbers = async () => {
    const { text } = await metrics.render();
    return ['table_tampered_total', 'flows_lost'].map((name) => numberOf(text, `segwall_${name}`));
  };
  expect(await numbers()).toEqual(['0', '0']);
  const event = (kind: HostEventKind, id: string) => ({ id, kind, at: millis(1), details: new Map() });
  await connection.eventsReported([event('table-tampered', 'a'), event('opened', 'b'), event('table-tampered', 'c')]);
  const lost = { ...nothingLost, records: 3, deniedInbound: 4 };
  await under.fleet.ingestFlows({ tenant, host: 'web-1', serial: 's' }, { sequence: 1, records: [], lost } as never);
  expect(await numbers()).toEqual(['2', '7']);
});

test('a disk that fills up is told: free room, and whether it is too little', async () => {
  const under = await apiUnderTest();
  const directory = await scratchDirectory();
  const [enough, low] = [readDiskRoom(directory, 0), readDiskRoom(directory, 2 ** 40)];
  expect([enough?.room, low?.room, readDiskRoom(`${directory}/none`, 0)]).toEqual(['enough', 'low', undefined]);
  expect(enough?.freeBytes).toBeGreaterThan(0);
  const numbers = async (room: DiskRoom | undefined) => {
    const { text } = await metricsOf(under, room).render();
    return ['disk_free_bytes', 'disk_low'].map((name) => text.split(`\nsegwall_${name} `)[1]?.split('\n')[0]);
  };
  expect(await numbers(enough)).toEqual([String(enough?.freeBytes), '0']);
  expect((await numbers(low))[1]).toBe('1');
  expect(await numbers(undefined)).toEqual(['Nan', 'Nan']);
  const environment = { SEGWALL_SERVER: await under.listen(), SEGWALL_TOKEN: 't' };
  expect((await runSegwall(['status'], environment)).stdout).toContain(
    'DISK       3 MiB are free where the data directory is, less than 4 (leastFreeMegabytes)',
  );
});

test('the codes that hosts tell are those of the catalogue', () => {
  const told = Object.entries(hostProblemCatalogue).flatMap(([code, entry]) => (entry.told === 'agents' ? [code] : []));
  expect([...toldHostProblems].sort()).toEqual(told.sort());
  expect(codeOfWarning('clock-skew: so much')).toBe('clock-skew');
  expect(codeOfWarning('clock-skew')).toBeUndefined();
});

const sample = `
# TYPE segwall_hosts_panic gauge
# TYPE segwall_hosts_tampered gauge
# TYPE segwall_flow_records_total counter
# TYPE segwall_hosts gauge
segwall_hosts{protection="none"} 0
# TYPE segwall_host_problems gauge
segwall_host_problems{code="conntrack-full"} 0
`;

test.each([
  ['segwall_hosts_panic > 0', []],
  ['up{job="segwall"} == 0', []],
  ['sum(rate(segwall_flow_records_total[15m])) > 1', []],
  ['sum by (code) (segwall_host_problems{code!~"conntrack-full|mark"}) > 0', ['code is never "mark"']],
  ['increase(segwall_hosts_tampered[15m]) > 0', ['segwall_hosts_tampered is a gauge, and increase() is for counters']],
  ['segwall_flow_records_total > 9', ['segwall_flow_records_total is a counter, and is taken as it stands']],
  ['delta(segwall_flow_records_total[1d]) > 9', ['segwall_flow_records_total is a counter, and is taken as delta']],
  [
    'segwall_nothing > 0 or segwall_hosts{kind="none"} > 0',
    ['segwall_nothing is not served', 'segwall_hosts has no label kind'],
  ],
])('of the expression %s is said: %j', (expression, wrong) => {
  expect(wrongIn(expression, servedMetrics(sample))).toEqual(wrong);
});

test('the sample alert rules are rules, and hold of the numbers that are served, by their types and labels', async () => {
  expect(sampleAlerts.length).toBeGreaterThan(10);
  const { text } = await metricsOf(await fleetUnderTest()).render();
  const served = servedMetrics(text);
  for (const { alert, expr, labels, annotations } of sampleAlerts) {
    expect(alert).toMatch(/^Segwall[A-Z]\w+$/);
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    expect([alert, wrongIn(expr, served)]).toEqual([alert, []]);
  }
});

test('every number is served that the catalogue has, of its type and with its label, and no other of ours', async () => {
  const metrics = metricsOf(await fleetUnderTest());
  metrics.requestDone('GET /v1/status', 200, 0.1);
  const { text } = await metrics.render();
  const told = [...text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)]
    .map(([, name = '', help = '', type = '']) => ({ name, help, type }))
    .filter(({ name }) => !/^segwall_(process|nodejs)_/.test(name));
  expect(told).toEqual(metricRows.map(({ name, help, type }) => ({ name, help, type })));
  const { labels } = servedMetrics(text);
  const labelled = (name: string) => [...labels.keys()].filter((key) => key.split(' ')[0] === name);
  for (const { name, type, labels: known } of metricRows) {
    const series = type === 'histogram' ? `${name}_count` : name;
    // Causes are counted from the first on: nobody was refused here.
    if (name.endsWith('connections_refused_total')) continue;
    expect(labelled(series)).toEqual(known.map((label) => `${series} ${label.name}`));
  }
});

test('every number that stands for a trouble has a sample alert, and the others say why they have none', () => {
  const told = metricRows.map((row) => [row.name, alertsOn(row).length > 0 ? 'alert' : 'none'] as const);
  expect(told).toEqual(metricRows.map(({ name, noAlert }) => [name, noAlert === undefined ? 'alert' : 'none']));
});

/** What `segwall status` shows → the number that says it, or why there is none. */
const numberOfStatus: Readonly<Record<string, string>> = {
  version: 'none: no trouble',
  revision: 'revision',
  policy: 'policy_held',
  'agents.enrolled': 'agents_enrolled',
  'agents.connected': 'agents_connected',
  'agents.behind': 'agents_behind',
  'agents.refusing': 'agents_refusing',
  'agents.protection': 'hosts',
  'agents.unprotected': 'hosts',
  'agents.open': 'hosts_panic',
  'agents.tampered': 'hosts_tampered',
  'agents.shared': 'identities_shared',
  quarantined: 'workloads_quarantined',
  revoked: 'hosts_revoked',
  workloads: 'workloads',
  lineage: 'none: no trouble',
  store: 'store_writable',
  disk: 'disk_low',
  hold: 'policy_held',
  canary: 'none: an operator waits for it',
  conflicts: 'address_conflicts',
  claims: 'address_claims_pending',
  unread: 'stored_values_unread',
  certificates: 'certificates_ending',
  rotation: 'ca_rotating',
  lostFlows: 'flows_lost',
  skippedEntries: 'host_entries_skipped_total',
  skippedFlows: 'none: to count them reads all flows',
};

test('everything that status shows has a number, or a reason for none', async () => {
  const { agents, ...shape } = status.shape;
  const shown = [...Object.keys(shape), ...Object.keys(agents.shape).map((key) => `agents.${key}`)];
  expect(Object.keys(numberOfStatus).sort()).toEqual(shown.sort());
  const { types } = servedMetrics((await metricsOf(await fleetUnderTest()).render()).text);
  const numbers = Object.values(numberOfStatus).filter((name) => !name.startsWith('none: '));
  expect(numbers.filter((name) => !types.has(`segwall_${name}`))).toEqual([]);
});

test('an agent that starts over and over, one that was turned away, and since when the longest is gone', async () => {
  let nowMs = 1_700_000_000_000;
  const under = await fleetUnderTest({ now: () => millis(nowMs) });
  const numbers = async () => {
    const { text } = await metricsOf(under).render();
    return ['agents_starting_over', 'agents_turned_away', 'gone_since_seconds'].map((name) =>
      numberOf(text, `segwall_${name}`),
    );
  };
  expect(await numbers()).toEqual(['0', '0', '0']);
  for (let connects = 0; connects < 5; connects += 1) {
    const { connection } = await under.connect('web-1');
    if (connects < 4) connection.disconnected();
  }
  const { connection } = await under.connect('web-2');
  expect(await numbers()).toEqual(['1', '0', '0']);
  connection.disconnected();
  nowMs += 90_000;
  expect(await numbers()).toEqual(['1', '0', String(nowMs / 1000 - 90)]);
  await under.fleet.revokeAgent('web-2', 'operator/test');
  const identity = { tenant, host: 'web-2', serial: 'serial-web-2' };
  const certificate = { identity, enrolment: 'any', notBefore: millis(nowMs), notAfter: millis(nowMs + 1) };
  expect(under.fleet.refusalOf(certificate as never)).toBeDefined();
  expect(await numbers()).toEqual(['1', '1', String(nowMs / 1000 - 90)]);
});

test('since when a host is gone is known after a restart, as far as anybody was there to see it', async () => {
  let nowMs = 1_700_000_000_000;
  const under = await fleetUnderTest({ now: () => millis(nowMs) });
  const { connection } = await under.connect('web-1');
  await under.connect('web-2');
  connection.disconnected();
  await under.fleet.quiet();
  const gone = (fleet: FleetUnderTest['fleet'], name: string) =>
    fleet.agents().find(({ host }) => host === name)?.goneSince;
  const goneAt = gone(under.fleet, 'web-1');
  expect(goneAt).toBe(nowMs);
  nowMs += 60_000;
  const again = await under.restart();
  // No earlier than it was, and no later than this life began; of who was there to the end, since this life began.
  expect(gone(again.fleet, 'web-1')).toBeGreaterThanOrEqual(goneAt ?? Number.NaN);
  expect(gone(again.fleet, 'web-1')).toBeLessThanOrEqual(nowMs);
  expect(gone(again.fleet, 'web-2')).toBe(nowMs);
});

test.each([
  ['{"level":60,"msg":"x"}', '<2>'],
  ['{"level":50,"msg":"x"}', '<3>'],
  ['{"level":40,"msg":"x"}', '<4>'],
  ['{"level":30,"msg":"x"}', '<6>'],
  ['{"level":20,"msg":"x"}', '<7>'],
  ['no JSON', '<6>'],
])('in the journal %s has priority %s', (line, prefix) => {
  expect(journalLine(line)).toBe(`${prefix}${line}`);
});

test('only the stream that systemd connected to the journal is the journal', () => {
  expect(isJournal('8:12', { dev: 8, ino: 12 })).toBe(true);
  expect(isJournal('8:12', { dev: 8, ino: 13 })).toBe(false);
  expect(isJournal(undefined, { dev: 8, ino: 12 })).toBe(false);
});
