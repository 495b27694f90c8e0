// What monitoring sees: a store that takes nothing is not ready and is told of, every problem of a host has a number, and the sample
// alert rules name only numbers that exist.

import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { hostProblemCatalogue } from '#agent-core/host-problem-catalogue.ts';
import { healthRoutes } from '#control-plane/api/health.ts';
import { createMetrics } from '#control-plane/metrics.ts';
import { codeOfWarning, toldHostProblems } from '#model/host-problem-codes.ts';
import { isJournal, journalLine } from '#model/journal-line.ts';
import { millis } from '#model/time.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from './fleet-under-test.ts';

const admission = () => ({ agents: 0, strangers: 0, agentBytes: 0, hellos: 0, refused: {} }) as never;
let clockMs = 0;
const metricsOf = ({ fleet }: FleetUnderTest) =>
  createMetrics({
    certificates: () => ({ ca: millis(1), server: millis(1) }),
    fleet,
    admission,
    apiRefused: {},
    elapsedMs: () => (clockMs += 10_000),
  });
const numberOf = (text: string, name: string) => /^-?[\d.]+/.exec(text.split(`\n${name} `)[1] ?? '')?.[0];

function readyzOf({ fleet, store }: FleetUnderTest): () => Promise<unknown> {
  const routes = new Map<string, () => Promise<unknown>>();
  const app = {
    addHook: () => undefined,
    get: (path: string, _options: object, handler: () => Promise<unknown>) => routes.set(path, handler),
  };
  healthRoutes(app as never, { fleet, store, tenant } as never, metricsOf({ fleet } as FleetUnderTest));
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
  expect(text).not.toContain('made-up');
});

test('the codes that hosts tell are those of the catalogue', () => {
  const told = Object.entries(hostProblemCatalogue).flatMap(([code, entry]) => (entry.told === 'agents' ? [code] : []));
  expect([...toldHostProblems].sort()).toEqual(told.sort());
  expect(codeOfWarning('clock-skew: so much')).toBe('clock-skew');
  expect(codeOfWarning('clock-skew')).toBeUndefined();
});

test('the sample alert rules are rules, and name only numbers that exist', async () => {
  const path = new URL('../../packaging/monitoring/segwall-alerts.yaml', import.meta.url);
  const { groups } = parse(readFileSync(path, 'utf8')) as {
    groups: {
      rules: { alert: string; expr: string; labels: { severity: string }; annotations: { summary: string } }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(10);
  const { text } = await metricsOf(await fleetUnderTest()).render();
  const known = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  for (const { alert, expr, labels, annotations } of rules) {
    expect(alert).toMatch(/^Segwall[A-Z]\w+$/);
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    const names = [...expr.matchAll(/\bsegwall_\w+/g)].map(([name]) => name);
    expect([alert, names.filter((name) => !known.has(name))]).toEqual([alert, []]);
    for (const [, codes = ''] of expr.matchAll(/code!?=~?"([^"]*)"/g))
      expect(codes.split('|').filter((code) => !(code in hostProblemCatalogue))).toEqual([]);
  }
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
