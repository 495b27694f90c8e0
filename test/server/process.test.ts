// The control plane as a process: started as an operator starts it, asked by `segwall`, and spoken to by agents over mTLS.

import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';
import { encodeFlowBatch } from '#wire/flow-batch.ts';
import { shopPolicy } from './fleet-under-test.ts';
import { flowRecord, nothingLost } from './flow-records.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { type SpawnedControlPlane, spawnControlPlane } from './spawned-control-plane.ts';
import { startWireAgent, type WireAgent } from './wire-agent.ts';

const mainPath = programPath('segwall-control-plane');

async function policyDirectory(text: string): Promise<string> {
  const directory = join(await scratchDirectory(), 'policy');
  await mkdir(directory);
  await writeFile(join(directory, 'shop.yaml'), text);
  return directory;
}

async function joinHost(
  controlPlane: SpawnedControlPlane,
  host: { readonly name: string; readonly labels: string; readonly address: string; readonly refuses?: string },
): Promise<WireAgent> {
  const { token } = await controlPlane.segwallJson<{ token: string }>(['tokens', 'create', '--labels', host.labels]);
  const { agents, caFingerprint } = controlPlane.firstStart;
  const agent = await startWireAgent({
    controlPlane: agents,
    caFingerprint,
    token,
    name: host.name,
    addresses: [host.address],
    refuse: ({ workloads }) => (workloads[0]?.inbound.mode === host.refuses ? 'Error: syntax error' : undefined),
  });
  await agent.until(() => true);
  return agent;
}

/** Programs start a dozen times here, on machines with other things to do. */
const timeout = 120_000;

describe('wrong use ends with 2 and names the setting', () => {
  const cases = [
    {
      name: 'no settings at all',
      args: ['run'],
      text: /data is not given/,
    },
    {
      name: 'a bad address',
      args: ['run', '--data', 'd', '--agents', 'here', '--api', '127.0.0.1:0'],
      text: /agents is "here"; allowed/,
    },
    { name: 'an unknown flag', args: ['run', '--dta', 'd'], text: /--dta/ },
    {
      name: 'a file that is not there',
      args: ['run', '--config', 'nowhere.yaml'],
      text: /nowhere.yaml is not there; allowed/,
    },
  ];
  test.each(cases)('$name', async ({ args, text }) => {
    const { exitCode, stderr } = await execa(process.execPath, [mainPath, ...args], { reject: false });
    expect(stderr).toMatch(text);
    expect(exitCode).toBe(2);
  });
});

test('the first start leaves a token for its user alone and says what comes next; later ones do not', {
  timeout,
}, async () => {
  const directory = join(await scratchDirectory(), 'data');
  const first = await spawnControlPlane({ directory });
  const path = join(directory, 'first-start.json');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'store.db'))).mode & 0o777).toBe(0o600);
  expect(first.firstStart).toEqual({
    apiUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    adminToken: `${first.firstStart.adminToken.split('.')[0]}.${first.firstStart.caFingerprint}`,
    caFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    agents: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  });
  await waitFor(() => first.stdout().includes(`segwall-agent enroll --control-plane ${first.firstStart.agents}`), {
    what: 'the first start has said what comes next',
    explain: first.stdout,
  });
  expect(first.stdout()).not.toContain(first.firstStart.adminToken);
  const taken = await execa(
    process.execPath,
    [mainPath, 'run', '--data', directory, '--agents', '127.0.0.1:0', '--api', '127.0.0.1:0'],
    { reject: false },
  );
  expect(taken).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/in use by another control plane/) });
  expect(await first.stop('SIGTERM')).toBe(0);
  const second = await spawnControlPlane({ directory });
  expect(second.stdout()).not.toContain('First start');
  expect(second.firstStart.adminToken).toBe(first.firstStart.adminToken);
  expect((await second.segwall(['status'])).exitCode).toBe(0);
});

describe('a first start that ends too early is made good by the next', () => {
  test('where an address is none of this machine', { timeout }, async () => {
    const directory = join(await scratchDirectory(), 'data');
    for (const addresses of [
      ['--agents', '192.0.2.1:0', '--api', '127.0.0.1:0'],
      ['--agents', '127.0.0.1:0', '--api', '192.0.2.1:0'],
    ]) {
      const failed = await execa(process.execPath, [mainPath, 'run', '--data', directory, ...addresses], {
        reject: false,
      });
      expect(failed).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(
          /^error: cannot-start: cannot listen for (agents|operators) on 192\.0\.2\.1:0: EADDRNOTAVAIL/m,
        ),
      });
    }
    const next = await spawnControlPlane({ directory });
    expect((await next.segwall(['status'])).exitCode).toBe(0);
  });

  test('where it died before the token stood in its place', { timeout }, async () => {
    const directory = join(await scratchDirectory(), 'data');
    const first = await spawnControlPlane({ directory });
    await first.stop('SIGKILL');
    const path = join(directory, 'first-start.json');
    await rename(path, `${path}.new`);
    const next = await spawnControlPlane({ directory });
    expect(next.firstStart.adminToken).toBe(first.firstStart.adminToken);
    expect((await next.segwall(['status'])).exitCode).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('where it died before the token was worth anything', { timeout }, async () => {
    const directory = join(await scratchDirectory(), 'data');
    await mkdir(directory);
    await writeFile(join(directory, 'first-start.json.new'), '{"adminToken":"segwall_worthless","apiUrl":');
    const next = await spawnControlPlane({ directory });
    expect((await next.segwall(['status'])).exitCode).toBe(0);
    expect((await stat(join(directory, 'first-start.json'))).mode & 0o777).toBe(0o600);
  });
});

test('hosts join, policy reaches them, a label lets one in, a refusal is told, and a kill loses nothing', {
  timeout,
}, async () => {
  const directory = join(await scratchDirectory(), 'data');
  const controlPlane = await spawnControlPlane({ directory });
  const api = await joinHost(controlPlane, { name: 'api-1', labels: 'app=shop,role=api', address: '10.0.0.2' });
  const web = await joinHost(controlPlane, { name: 'web-1', labels: 'app=shop', address: '10.0.0.1' });

  const policy = await policyDirectory(shopPolicy());
  const applied = await controlPlane.segwallJson<{ revision: number }>(['apply', policy, '--wait']);
  expect(applied).toMatchObject({ acked: ['api-1', 'web-1'], nacked: [], pending: [] });
  expect(api.applied.at(-1)).toMatchObject({
    revision: applied.revision,
    workloads: [{ inbound: { mode: 'enforce' } }],
  });

  const labelled = await controlPlane.segwallJson<{ revision: number }>(['label', 'web-1', 'role=web', '--wait']);
  expect(labelled).toMatchObject({
    labels: { app: 'shop', role: 'web' },
    acked: expect.arrayContaining(['api-1']),
    pending: [],
  });
  const admitted = await api.until(({ revision }) => revision >= labelled.revision);
  expect([...admitted.peerSets.values()].flatMap(({ addresses }) => addresses)).toContain('10.0.0.1');

  const batch = {
    sequence: 1,
    startedAt: millis(0),
    endedAt: millis(1),
    records: [flowRecord({ lastSeenAt: millis(Date.now()) })],
    lost: nothingLost,
  };
  const signal = new AbortController().signal;
  expect(await api.flows.report({ sequence: 1, bytes: encodeFlowBatch(batch) }, signal)).toMatchObject({
    ok: true,
    value: { sequence: 1, kind: 'taken' },
  });
  expect(await api.flows.report({ sequence: 1, bytes: encodeFlowBatch(batch) }, signal)).toMatchObject({
    ok: true,
    value: { sequence: 1, kind: 'duplicate' },
  });
  const flow = await controlPlane.segwallJson(['flows', '--from', 'web-1', '--since', '1h']);
  expect(flow).toMatchObject({
    from: { workload: 'web-1', address: '10.0.0.1' },
    to: { workload: 'api-1' },
    service: 'tcp/8080',
    connections: 2,
  });

  const selective = await policyDirectory(shopPolicy({ mode: 'selective' }));
  const db = await joinHost(controlPlane, {
    name: 'db-1',
    labels: 'app=shop',
    address: '10.0.0.3',
    refuses: 'selective',
  });
  const refused = await controlPlane.segwall(['apply', selective, '--wait', '--json']);
  expect(JSON.parse(refused.stdout)).toMatchObject({
    acked: ['api-1', 'web-1'],
    nacked: [{ host: 'db-1', reason: expect.stringContaining('syntax error') }],
    pending: [],
  });
  expect(refused.exitCode).toBe(1);
  expect(db.applied.at(-1)).toMatchObject({ workloads: [{ inbound: { mode: 'enforce' } }] });

  const before = await controlPlane.segwallJson(['workloads']);
  await controlPlane.stop('SIGKILL');
  const again = await spawnControlPlane({
    directory,
    args: ['--agents', controlPlane.firstStart.agents, '--api', '127.0.0.1:0'],
  });
  await expect
    .poll(async () => (await again.segwallJson<{ agents: { connected: number } }>(['status'])).agents.connected, {
      timeout: 60_000,
    })
    .toBe(3);
  expect(await again.segwallJson(['workloads'])).toEqual(before);
  await again.segwallJson(['rollback', '--wait']);
  const rolledBack = await again.segwallJson<{ revision: number }>(['rollback', '--wait']);
  expect(rolledBack).toMatchObject({ acked: ['api-1', 'db-1', 'web-1'], pending: [] });
  expect(rolledBack.revision).toBeGreaterThan(labelled.revision);
  expect(web.applied.at(-1)).toMatchObject({ workloads: [{ inbound: { mode: 'observe' } }] });
  expect(await again.segwallJson(['audit', '--verify'])).toMatchObject({ kind: 'intact' });
});

test('a canary holds a policy before the rest has it, and one that refuses it spares the rest', {
  timeout,
}, async () => {
  const controlPlane = await spawnControlPlane({ directory: join(await scratchDirectory(), 'data') });
  const api = await joinHost(controlPlane, {
    name: 'api-1',
    labels: 'app=shop,role=api',
    address: '10.0.0.2',
    refuses: 'selective',
  });
  const web = await joinHost(controlPlane, { name: 'web-1', labels: 'app=shop,role=web', address: '10.0.0.1' });
  const canary = (policy: string, ...args: readonly string[]) =>
    controlPlane.segwall(['apply', policy, '--canary', 'role == "api"', '--hold', '200ms', '--wait', ...args]);

  const held = await canary(await policyDirectory(shopPolicy()), '--json');
  const answer = JSON.parse(held.stdout) as {
    readonly revision: number;
    readonly canary: { readonly revision: number };
  };
  expect(answer).toMatchObject({
    acked: ['api-1', 'web-1'],
    nacked: [],
    pending: [],
    canary: { state: 'promoted', hosts: ['api-1'] },
  });
  expect(answer.revision).toBeGreaterThan(answer.canary.revision);
  expect(held.exitCode).toBe(0);
  const modes = () => [api, web].map(({ applied }) => applied.at(-1)?.workloads[0]?.inbound.mode);
  expect(modes()).toEqual(['enforce', 'enforce']);

  const selective = await policyDirectory(shopPolicy({ mode: 'selective' }));
  const refused = await canary(selective, '--json');
  expect(JSON.parse(refused.stdout)).toMatchObject({
    acked: [],
    nacked: [{ host: 'api-1', reason: expect.stringContaining('syntax error') }],
    pending: [],
    canary: { state: 'failed', hosts: ['api-1'], reason: expect.stringContaining('api-1 refused it') },
  });
  expect(refused.exitCode).toBe(1);
  expect(web.applied.some(({ workloads }) => workloads[0]?.inbound.mode === 'selective')).toBe(false);
  expect(modes()).toEqual(['enforce', 'enforce']);
  const status = await controlPlane.segwall(['status']);
  expect(status.stdout).toContain(`since revision ${answer.revision}: 1 segment, 1 rule\n`);

  // Where the selector could be meant, the directory is.
  const begun = await controlPlane.segwall([
    'apply',
    '--canary',
    await policyDirectory(shopPolicy({ mode: 'observe' })),
  ]);
  expect([begun.exitCode, begun.stdout]).toEqual([0, expect.stringMatching(/is on trial at revision \d+/)]);
  expect((await controlPlane.segwall(['status'])).stdout).toMatch(/^canary +policy \d+ since revision \d+ on api-1;/m);
  expect((await controlPlane.segwall(['rollback', '--wait'])).exitCode).toBe(0);
  expect((await controlPlane.segwall(['status'])).stdout).not.toContain('canary');
  expect((await controlPlane.segwall(['tokens'])).stdout).toMatch(/^ID +STATE/);

  // Who is offline is not waited for, and no success.
  await web.stop();
  const connected = async () =>
    (await controlPlane.segwallJson<{ agents: { connected: number } }>(['status'])).agents.connected;
  await expect.poll(connected, { timeout: 60_000 }).toBe(1);
  const observed = await policyDirectory(shopPolicy({ mode: 'observe' }));
  const away = await controlPlane.segwall(['apply', observed, '--wait', '--json']);
  expect(away.exitCode).toBe(1);
  const offline = { acked: ['api-1'], nacked: [], pending: ['web-1'], offline: ['web-1'] };
  expect(JSON.parse(away.stdout)).toMatchObject(offline);
  const ignored = ['apply', observed, '--wait', '--ignore-offline'];
  expect(await controlPlane.segwallJson(ignored)).toMatchObject(offline);
  const inWords = await controlPlane.segwall(['apply', observed, '--wait']);
  expect(inWords).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^offline, [^\n]*: web-1$/m) });
  expect((await controlPlane.segwall(['label', 'web-1', 'app=mail', '--wait'])).exitCode).toBe(1);
  expect((await controlPlane.segwall(['label', 'web-1', 'owner=ops', '--wait'])).exitCode).toBe(0);
  expect((await controlPlane.segwall(['agents', 'wait', 'api-1'])).exitCode).toBe(0);
  expect((await controlPlane.segwall(['agents', 'wait', '--timeout', '50ms', '--json'])).stdout).toMatch(
    /"in-force":\["api-1"\].*"unknown":\["web-1"\]/,
  );
  expect((await controlPlane.segwall(['agents'])).stdout).toMatch(/^web-1 +offline +unknown +- .*not known$/m);
  expect((await controlPlane.segwall(['status'])).stdout).toMatch(
    /^protection 1 in force, 1 unknown; not in force: web-1$/m,
  );
});

test('what was observed becomes rules, and a plan says whom enforcement would cut off', { timeout }, async () => {
  const controlPlane = await spawnControlPlane({ directory: join(await scratchDirectory(), 'data') });
  const api = await joinHost(controlPlane, { name: 'api-1', labels: 'app=shop,role=api', address: '10.0.0.2' });
  await joinHost(controlPlane, { name: 'web-1', labels: 'app=shop,role=web', address: '10.0.0.1' });
  const bare = (mode: string) => shopPolicy({ mode }).replace(/ {2}rules:[\s\S]*/, '');
  const observed = await policyDirectory(bare('observe'));
  await controlPlane.segwallJson(['apply', observed, '--wait']);

  const end = { verdict: 'would-deny', reason: 'default', workload: 'api-1', segment: 'shop' } as const;
  const records = [flowRecord({ end, lastSeenAt: millis(Date.now()) })];
  const batch = { sequence: 1, startedAt: millis(0), endedAt: millis(1), records, lost: nothingLost };
  expect(
    await api.flows.report({ sequence: 1, bytes: encodeFlowBatch(batch) }, new AbortController().signal),
  ).toMatchObject({ ok: true });
  expect(await controlPlane.segwallJson(['coverage'])).toMatchObject({
    wouldDeny: [{ segment: 'shop', direction: 'inbound', connections: 2 }],
  });

  const cutOff = await controlPlane.segwallJson(['plan', await policyDirectory(bare('enforce'))]);
  expect(cutOff).toMatchObject({
    newlyDenied: {
      count: 1,
      flows: [
        { from: { workload: 'web-1' }, to: { workload: 'api-1' }, service: 'tcp/8080', after: { reason: 'default' } },
      ],
    },
  });
  expect((await controlPlane.segwall(['plan', await policyDirectory(bare('enforce'))])).stdout).toContain(
    'observe → enforce',
  );

  const suggested = await controlPlane.segwall(['suggest', '--segment', 'shop']);
  expect(suggested).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('tcp/8080') });
  expect(await controlPlane.segwall(['suggest', '--segment', 'shop', '--out', join(mainPath, 'x.yaml')])).toMatchObject(
    {
      exitCode: 2,
      stderr: expect.stringMatching(/^error: cannot-write: .*\/x\.yaml/),
    },
  );
  const enforced = await policyDirectory(suggested.stdout.replace('inbound: observe', 'inbound: enforce'));
  expect((await controlPlane.segwall(['policy', 'check', enforced])).exitCode).toBe(0);
  const kept = await controlPlane.segwallJson(['plan', enforced]);
  expect(kept).toMatchObject({ newlyDenied: { count: 0 }, unchangedFlows: 1, unjudgedFlows: 0 });
  await controlPlane.segwallJson(['apply', enforced, '--wait']);
  expect(api.applied.at(-1)).toMatchObject({
    workloads: [{ inbound: { mode: 'enforce', grants: [{ services: [{ low: 8080 }] }] } }],
  });
  expect((await controlPlane.segwall(['diff', enforced])).stdout).toMatch(/^no difference/);
});

test('beyond loopback operators use https, and the token pins the CA', { timeout }, async () => {
  const directory = join(await scratchDirectory(), 'data');
  const controlPlane = await spawnControlPlane({ directory, args: ['--agents', '127.0.0.1:0', '--api', '0.0.0.0:0'] });
  const { apiUrl, adminToken } = controlPlane.firstStart;
  expect(apiUrl).toMatch(/^https:\/\/(?!0\.0\.0\.0)/);
  expect(await controlPlane.segwallJson(['status'])).toMatchObject({ revision: 1 });
  const stranger = join(directory, 'stranger-token');
  await writeFile(stranger, `${adminToken.split('.')[0]}.${'0'.repeat(64)}`);
  const refused = await controlPlane.segwall(['status', '--token-file', stranger]);
  expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/ca-mismatch/) });
});
