// What was accepted once stays in force: over a restart, after a host that its tests name is removed, and on the way back to it. And
// where the active policy cannot be read, so that agents keep what they have, that ends for every stream when another is applied.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { type OperatorAnswer, operatorOf } from '../hostile/support/operator.ts';
import { shopPolicy } from './fleet-under-test.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { startWireAgent, type WireAgent } from './wire-agent.ts';

/** Names the hosts whose connection it asserts. */
const testOf = (from: string, to: string) => `---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: reach }
spec: { tests: [{ from: ${from}, to: ${to}, service: tcp/8080, expect: allow }] }
`;
const named = shopPolicy({ documents: testOf('web-1', 'api-1') });
const enforced = { inbound: { mode: 'enforce' } };

interface Shop {
  readonly directory: string;
  /** Of the control plane that runs now. */
  call(method: string, path: string, body?: unknown): Promise<OperatorAnswer>;
  apply(text: string, more?: object): Promise<OperatorAnswer>;
  join(name: string, labels: Readonly<Record<string, string>>, address: string): Promise<WireAgent>;
  /** Stops it, and starts it anew on the same port; `change` has the store's file between the two. */
  restart(change?: (store: DatabaseSync) => void): Promise<void>;
}

async function shop(): Promise<Shop> {
  const directory = await scratchDirectory();
  let server: ApiServer = await startApiServer({ directory });
  const settings = { agents: server.controlPlane.agents };
  const close = () => server.close();
  onTestFinished(close);
  const call: Shop['call'] = (method, path, body) => operatorOf(server).call(method, `/api/v1${path}`, body);
  return {
    directory,
    call,
    apply: (text, more) => call('POST', '/policy/apply', { files: [{ path: 'shop.yaml', text }], ...more }),
    async join(name, labels, address) {
      const { agents, caFingerprint } = server.controlPlane;
      const token = await operatorOf(server).joinToken(labels);
      const agent = await startWireAgent({ controlPlane: agents, caFingerprint, token, name, addresses: [address] });
      const known = async () => (await call('GET', '/workloads')).body as { name: string; addresses: string[] }[];
      await expect
        .poll(known, { timeout: 60_000 })
        .toContainEqual(expect.objectContaining({ name, addresses: [address] }));
      return agent;
    },
    async restart(change) {
      await server.close();
      if (change !== undefined) {
        const store = new DatabaseSync(join(directory, 'store.db'));
        change(store);
        store.close();
      }
      server = await startApiServer({ directory, settings });
    },
  };
}

const mode = ({ workloads }: HostRuleSet) => workloads[0]?.inbound.mode;

const peersOf = (ruleSet: HostRuleSet): readonly string[] =>
  [...ruleSet.peerSets.values()].flatMap(({ addresses }) => addresses);

test('a policy whose tests name hosts is in force after a restart, for hosts that come later too', async () => {
  const { apply, call, join, restart } = await shop();
  const web = await join('web-1', { app: 'shop', role: 'web' }, '10.0.0.1');
  const api = await join('api-1', { app: 'shop', role: 'api' }, '10.0.0.2');
  await Promise.all([web.until(() => true), api.until(() => true)]);
  expect(await apply(named)).toMatchObject({ status: 200, body: { testsPassed: 1 } });
  await restart();
  expect((await call('GET', '/status')).body).toMatchObject({ policy: { problem: '', segments: 1, rules: 1 } });
  const plan = await call('POST', '/policy/plan', { files: [{ path: 'shop.yaml', text: named }], since: 0 });
  expect(plan.body).toMatchObject({ workloads: [], testsPassed: 1 });
  const late = await join('web-2', { app: 'shop', role: 'web' }, '10.0.0.3');
  await late.until((ruleSet) => mode(ruleSet) === 'enforce');
  await api.until((ruleSet) => peersOf(ruleSet).includes('10.0.0.3'));
  expect((await call('PUT', '/workloads/web-1/quarantine', { allow: [] })).status).toBe(200);
  await web.until(({ workloads }) => workloads[0]?.quarantine !== undefined);
});

describe('a policy that cannot be read any more: agents keep what they have', () => {
  const held = async () => {
    const under = await shop();
    const web = await under.join('web-1', { app: 'shop', role: 'web' }, '10.0.0.1');
    const api = await under.join('api-1', { app: 'shop', role: 'api' }, '10.0.0.2');
    await under.apply(shopPolicy());
    await api.until((ruleSet) => mode(ruleSet) === 'enforce');
    await under.restart((store) => store.exec(`update policies set files = '{'`));
    const late = await under.join('web-2', { app: 'shop', role: 'web' }, '10.0.0.3');
    const connected = async () =>
      ((await under.call('GET', '/status')).body as { agents: { connected: number } }).agents;
    await expect.poll(connected, { timeout: 60_000 }).toMatchObject({ connected: 3 });
    return { ...under, web, api, late };
  };

  test('until another is applied, which reaches all that came meanwhile, with what changed meanwhile', async () => {
    const { apply, call, web, api, late } = await held();
    expect((await call('GET', '/status')).body).toMatchObject({ policy: { problem: expect.stringContaining('keep') } });
    expect(late.applied).toEqual([]);
    const before = [web, api].map(({ applied }) => applied.length);
    expect((await call('PUT', '/workloads/web-1/quarantine', { allow: [] })).status).toBe(200);
    expect((await call('PATCH', '/workloads/web-2/labels', { set: { role: 'api' } })).status).toBe(200);
    expect([web, api].map(({ applied }) => applied.length)).toEqual(before);
    const answer = await apply(shopPolicy());
    expect(answer.status).toBe(200);
    const { revision } = answer.body as { revision: number };
    const progress = await call('GET', `/revisions/${revision}?waitMs=30000`);
    expect(progress.body).toMatchObject({ acked: ['api-1', 'web-1', 'web-2'], pending: [] });
    expect(web.applied.at(-1)?.workloads[0]).toMatchObject({ quarantine: expect.anything() });
    expect(late.applied.at(-1)?.workloads[0]).toMatchObject(enforced);
    expect((await call('GET', '/status')).body).toMatchObject({ policy: { problem: '' } });
  });
});

describe('a test names a host that was removed', () => {
  const removed = async () => {
    const under = await shop();
    const web = await under.join('web-1', { app: 'shop', role: 'web' }, '10.0.0.1');
    const api = await under.join('api-1', { app: 'shop', role: 'api' }, '10.0.0.2');
    await Promise.all([web.until(() => true), api.until(() => true)]);
    expect((await under.apply(named)).status).toBe(200);
    await web.stop();
    expect((await under.call('DELETE', '/agents/web-1')).status).toBe(200);
    return under;
  };
  const warnings = expect.arrayContaining([expect.objectContaining({ code: 'test-not-run', severity: 'warning' })]);

  test('it blocks no apply: the test is told, and not run', async () => {
    const { apply, call } = await removed();
    expect(await apply(named)).toMatchObject({ status: 200, body: { testsPassed: 0, warnings } });
    expect(
      (await call('POST', '/policy/plan', { files: [{ path: 'shop.yaml', text: named }], since: 0 })).body,
    ).toMatchObject({
      testFailures: [],
      warnings,
    });
    expect(await apply(shopPolicy({ documents: testOf('web-1', 'api-2') }))).toMatchObject({
      status: 422,
      body: { error: { problems: [expect.objectContaining({ code: 'dangling-reference' })] } },
    });
  });

  test('the way back to it is open, whatever became of the fleet since', async () => {
    const { apply, call, restart } = await removed();
    expect((await apply(shopPolicy({ mode: 'observe' }))).status).toBe(200);
    await restart();
    expect(await apply(named)).toMatchObject({ status: 422 });
    expect(await call('POST', '/policy/rollback', {})).toMatchObject({ status: 200, body: { state: 'active' } });
    await restart();
    expect((await call('GET', '/status')).body).toMatchObject({ policy: { problem: '' } });
  });
});
