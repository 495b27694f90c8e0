// The status socket: who may ask, what comes back, and what is said when nobody answers.

import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgentStatusDocument, askStatus, serveStatus } from '#agent/status/status-socket.ts';
import { modesOf, quarantinesOf, statusRows } from '#agent/status/status-view.ts';
import type { Address } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet, Quarantine } from '#model/rule-set.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';

let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'segwall-status-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const main = programPath('segwall-agent');

test('whoever asks gets the newest answer, through a socket that is its owner’s alone', async () => {
  const socket = join(path, 'agent.sock');
  await writeFile(socket, 'left behind');
  let revision = 1;
  const server = await serveStatus(socket, () => ({ revision }));
  expect(await askStatus(socket)).toEqual({ ok: true, value: { revision: 1 } });
  revision = 2;
  expect(await askStatus(socket)).toEqual({ ok: true, value: { revision: 2 } });
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  await server.close();
  expect(await askStatus(socket)).toEqual({ ok: false, error: 'there is no socket' });
});

test('a path longer than a socket’s name may be works all the same', async () => {
  const deep = join(path, 'x'.repeat(60), 'y'.repeat(60));
  await mkdir(deep, { recursive: true });
  const socket = join(deep, 'agent.sock');
  const server = await serveStatus(socket, () => ({ deep: true }));
  expect(await askStatus(socket)).toEqual({ ok: true, value: { deep: true } });
  await server.close();
});

test('without an agent the command says so, gives what is known and ends with 3', async () => {
  const result = await run([process.execPath, main, 'status', '--state', path, '--json']);
  expect(result.exitCode).toBe(3);
  expect(JSON.parse(result.stdout)).toMatchObject({ revision: 0, applied: 0, mode: 'open', connected: false, lost: 0 });
  expect(result.stderr).toContain('agent-not-running');
});

test('the answer of a running agent is printed, as JSON or as a table', async () => {
  const answer = { host: 'web-1', revision: 7, applied: 6, mode: 'enforce', connected: true, lost: 0, running: true };
  const server = await serveStatus(join(path, 'agent.sock'), () => answer);
  const json = await run([process.execPath, main, 'status', '--state', path, '--json']);
  expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([0, answer]);
  const table = await run([process.execPath, main, 'status', '--state', path]);
  expect(table.stdout).toContain('6 in force, 7 was offered');
  await server.close();
});

describe('a quarantine', () => {
  const rules = (workload: string, quarantine?: Quarantine) => {
    const direction = { mode: 'enforce', onDeny: 'drop', selective: [], guardrails: [], grants: [] } as const;
    return {
      workload,
      kind: workload === 'web-1' ? ('host' as const) : ('container' as const),
      addresses: [],
      ...(quarantine === undefined ? {} : { quarantine }),
      inbound: direction,
      outbound: direction,
    };
  };
  const ruleSet = (workloads: HostRuleSet['workloads'], addresses: readonly string[] = []): HostRuleSet => ({
    revision: 1,
    host: 'web-1',
    workloads,
    peerSets: new Map([
      ['jump', { id: 'jump', addresses: addresses as Address[], ranges: [assertOk(parseCidr('10.9.0.0/24'))] }],
    ]),
  });
  const ofHost: Quarantine = { name: 'web-1', peers: { kind: 'sets', ids: ['jump'] } };

  test.each<readonly [string, HostRuleSet, string | undefined]>([
    ['that is not there is not shown', ruleSet([rules('web-1')]), undefined],
    [
      'of the host holds for what is inside of it',
      ruleSet([rules('web-1', ofHost), rules('web-1.nginx', ofHost)], ['10.0.0.9', 'fd00::9']),
      'web-1 and 1 of its units and containers: all is denied but for 10.0.0.9, fd00::9, 10.9.0.0/24',
    ],
    [
      'of a container is its own, and one without peers denies all',
      ruleSet([rules('web-1'), rules('web-1.db', { name: 'web-1.db', peers: { kind: 'sets', ids: [] } })]),
      'web-1.db: all is denied',
    ],
    [
      'names its first peers and counts the others',
      ruleSet(
        [rules('web-1', ofHost)],
        Array.from({ length: 30 }, (_, at) => `10.0.0.${at}`),
      ),
      `web-1: all is denied but for ${Array.from({ length: 20 }, (_, at) => `10.0.0.${at}`).join(', ')} and 11 more`,
    ],
  ])('%s', (_, given, text) => {
    const rows = new Map(statusRows({ quarantines: quarantinesOf(given) }));
    expect(rows.get('QUARANTINED')).toBe(text);
  });
});

test('an identity that another agent holds is shown with the control plane’s words', () => {
  const identityShared = { since: '2026-01-01T00:00:00.000Z', reason: 'another agent is connected as web-1' };
  expect(statusRows({ identityShared })).toContainEqual([
    'IDENTITY SHARED',
    'since 2026-01-01T00:00:00.000Z: another agent is connected as web-1',
  ]);
});

test('the mode is the stricter of the host’s directions, and open without a policy', () => {
  expect(modesOf(undefined).mode).toBe('open');
  const direction = { onDeny: 'drop', selective: [], guardrails: [], grants: [] } as const;
  const host = {
    workload: 'me',
    kind: 'host',
    addresses: [],
    inbound: { ...direction, mode: 'observe' },
    outbound: { ...direction, mode: 'selective' },
  } as const;
  expect(modesOf({ revision: 1, host: 'me', workloads: [host], peerSets: new Map() })).toEqual({
    mode: 'selective',
    modes: { inbound: 'observe', outbound: 'selective' },
  });
  expect(statusRows({ applied: 0 })).toContainEqual(['revision', 'none: this host is open']);
});

test('records that the control plane did not count are a problem, with what to do about each kind', () => {
  const row = (refused: { workload: number; address: number; time: number }) =>
    new Map(statusRows({ flows: { refused } as AgentStatusDocument['flows'] })).get('PROBLEM');
  expect(row({ workload: 0, address: 0, time: 0 })).toBeUndefined();
  expect(row({ workload: 0, address: 3, time: 1 })?.split('\n')).toEqual([
    'the control plane did not count some of the flows this host reported:',
    '3 of an address that it does not hold: see NOT ITS OWN here, and segwall agents there',
    '1 too old to be kept: is the clock of this host right?',
  ]);
});
