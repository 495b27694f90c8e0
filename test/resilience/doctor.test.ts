// `segwall-agent doctor` and `status` on one real agent, through the states of a host: never enrolled, running, cut off, stopped.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusFields } from '#agent/status/status-fields.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FedAgent, feedAgent } from './fed-agent.ts';

interface Doctor {
  readonly exitCode: number;
  readonly codes: readonly string[];
  readonly good: readonly string[];
}

let lab: Lab;
let controlPlane: LabHost;
let host: LabHost;
let agent: FedAgent;

async function doctor(): Promise<Doctor> {
  const { exitCode, stdout, stderr } = await agent.command('doctor', '--json');
  expect(stderr).toBe('');
  const told = JSON.parse(stdout) as { problems: { code: string; remedy: string }[]; good: { name: string }[] };
  expect(told.problems.filter(({ remedy }) => remedy === '')).toEqual([]);
  return { exitCode, codes: told.problems.map(({ code }) => code), good: told.good.map(({ name }) => name) };
}

beforeAll(async () => {
  lab = await createLab({ name: 'doctor' });
  [controlPlane, host] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.87.2.9' }),
    lab.addHost({ name: 'h1', ipv4: '10.87.2.1' }),
  ]);
  agent = await feedAgent({ lab, controlPlane, host });
}, 120_000);
afterAll(async () => {
  await agent?.stop();
  await lab?.remove();
});

test('a host that is not enrolled', async () => {
  const state = mkdtempSync(join(tmpdir(), 'segwall-none-'));
  lab.alsoRemove(state);
  const main = programPath('segwall-agent');
  const result = await host.exec([process.execPath, main, 'doctor', '--state', state, '--json']);
  const codes = (JSON.parse(result.stdout) as { problems: { code: string }[] }).problems.map(({ code }) => code);
  expect([result.exitCode, codes]).toEqual([1, ['agent-not-running', 'not-enrolled', 'no-policy']]);
});

const foreign =
  'add table inet other; add chain inet other pre { type filter hook prerouting priority -300; }; add rule inet other pre udp dport 9 notrack';

test('what keeps rules from holding is told with what to do', async () => {
  await host.exec(['nft', foreign]);
  agent.start();
  await agent.apply({ revision: 1, addresses: ['10.87.2.1'], inbound: 'enforce', outbound: 'enforce' });
  await waitFor(async () => (await doctor()).codes.includes('others-override'), { what: 'the rule is seen' });
  await agent.kill();
  await host.exec(['nft', 'delete', 'table', 'inet', 'other']);
});

test('an agent that runs and enforces has nothing wrong', async () => {
  agent.start();
  await agent.acked(1);
  expect(await doctor()).toEqual({
    exitCode: 0,
    codes: [],
    good: ['agent', 'identity', 'nft', 'settings', 'disk', 'certificate', 'table'],
  });
  const status = await agent.status();
  // Each field of a real answer is one that docs/reference/status.md has.
  expect(Object.keys(statusFields)).toEqual(expect.arrayContaining(Object.keys(status)));
  expect(Object.keys(status).length).toBeGreaterThan(25);
  const { connected, connection, certificateEnds } = status;
  expect([connected, Number.isFinite(Date.parse((connection as { since: string }).since))]).toEqual([true, true]);
  expect(Date.parse(certificateEnds as string)).toBeGreaterThan(Date.now());
});

test('addresses that reach nobody are told', async () => {
  await host.exec(['sh', '-ec', 'ip addr flush dev eth0; ip addr add 169.254.3.4/16 dev eth0']);
  await waitFor(async () => (await doctor()).codes.includes('no-addresses'), { what: 'the addresses are missed' });
});

test('cut off, it says since when and why', async () => {
  await waitFor(async () => (await doctor()).codes.includes('control-plane-unreachable'), {
    what: 'it is missed',
    timeoutMs: 60_000,
  });
  const { stdout } = await agent.command('status');
  expect(stdout.replace(/\s*│\s*/g, ' ')).toMatch(/not connected since \d{4}-/);
});

test('an agent that is stopped', async () => {
  await agent.kill();
  const told = await doctor();
  expect([told.exitCode, told.codes]).toEqual([1, ['agent-not-running', 'control-plane-unreachable']]);
  await host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
  expect((await doctor()).codes).toEqual(['agent-not-running', 'control-plane-unreachable', 'table-missing']);
  writeFileSync(join(agent.stateDirectory, 'agent.yaml'), 'interfaces: { includes: [eth0] }\n');
  expect((await doctor()).codes).toContain('settings-invalid');
});
