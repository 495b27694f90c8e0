// Removing the hosts that are gone: which they are, what is shown of them before, and who stays all the same.

import { expect, test } from 'vitest';
import type { RemoveOfflineAnswer } from '#control-plane/answers/schemas.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import { apiUnderTest } from '../hostile/support/api-under-test.ts';
import { runSegwall } from '../hostile/support/segwall.ts';
import { shopPolicy, tenant } from './fleet-under-test.ts';

const dayMs = 86_400_000;
const actor = 'operator/test';
const facts = new Map<string, string>();

const documents = `---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: shop-test }
spec: { tests: [{ from: web-1, to: api-1, service: tcp/8080, expect: allow }] }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: pinned }
spec: { selector: app == "shop", rules: [{ name: one, from: [{ cidr: 10.0.0.1/32 }], to: [{ workloads: all() }], services: [tcp/1] }, { name: net, from: [{ cidr: 10.0.0.0/8 }], to: [{ workloads: all() }], services: [tcp/2] }] }
`;

/** Three hosts that left 40, 10 and 10 days ago, one of them contained; one that is there, and one that never was. */
async function gone() {
  let elapsedMs = 0;
  const under = await apiUnderTest({ elapsedMs: () => elapsedMs });
  const { fleet, connect, enrol } = under;
  const pass = (days: number) => {
    elapsedMs += days * dayMs;
  };
  const shop = (role: string, address: string) => ({
    labels: { app: 'shop', role },
    addresses: [address],
    seenFrom: address,
  });
  await enrol('never-1', { app: 'shop' });
  const web = await connect('web-1', shop('web', '10.0.0.1'));
  web.connection.hostReported({ addresses: ['10.0.0.1'], facts, units: ['nginx.service'] });
  const [api, bad] = [await connect('api-1', shop('api', '10.0.0.2')), await connect('bad-1', shop('web', '10.0.0.3'))];
  await connect('here-1', shop('web', '10.0.0.4'));
  await under.apply(shopPolicy({ documents }));
  await fleet.quarantine({ workload: 'bad-1', peers: ['web-1'], actor });
  web.connection.disconnected();
  await fleet.quiet();
  pass(30);
  for (const { connection } of [api, bad]) connection.disconnected();
  await fleet.quiet();
  pass(10);
  return { ...under, pass };
}

const namesOf = ({ hosts }: RemoveOfflineAnswer) => hosts.map(({ host }) => host);

test('shows who is gone for so long and what names them, and changes nothing', async () => {
  const { call, fleet } = await gone();
  const { revision } = fleet;
  const ask = (body: object) => call<RemoveOfflineAnswer>('POST', '/api/v1/agents/remove-offline', body);
  expect(await ask({ offlineForMs: 7 * dayMs })).toMatchObject({
    mode: 'preview',
    count: 3,
    hosts: [
      { host: 'api-1', offlineMs: 10 * dayMs, workloads: 0, tests: { names: ['shop-test'] }, rules: { count: 0 } },
      { host: 'never-1', offlineMs: 40 * dayMs, tests: { count: 0 } },
      {
        host: 'web-1',
        offlineMs: 40 * dayMs,
        workloads: 1,
        tests: { count: 1, names: ['shop-test'] },
        rules: { count: 1, names: ['pinned/one'] },
        quarantines: { count: 1, names: ['bad-1'] },
      },
    ],
    kept: { count: 1, names: ['bad-1'] },
    connected: 1,
  });
  expect(namesOf(await ask({ offlineForMs: 30 * dayMs }))).toEqual(['never-1', 'web-1']);
  expect(namesOf(await ask({ offlineForMs: 7 * dayMs, selector: 'role == "api"' }))).toEqual(['api-1']);
  expect(namesOf(await ask({ offlineForMs: 7 * dayMs, hosts: ['api-1', 'here-1', 'nobody'] }))).toEqual(['api-1']);
  expect(fleet.revision).toBe(revision);
});

test('removes them, one audit entry each; who is there, came back or is contained stays', async () => {
  const { call, fleet, connect, store } = await gone();
  const found = fleet.offline({ offlineForMs: 7 * dayMs, selector: assertOk(parseSelector('all()')) });
  await connect('api-1', { addresses: ['10.0.0.2'] });
  expect(await fleet.removeOffline(found, { offlineForMs: 7 * dayMs, actor })).toEqual(['never-1', 'web-1']);
  expect(fleet.agents().map(({ host }) => host)).toEqual(['api-1', 'bad-1', 'here-1']);
  expect(fleet.inventory().workloads.has('web-1-nginx')).toBe(false);
  const entries = (await store.listAudit({ tenant, afterSeq: 0, limit: 1000 })).filter(
    ({ action }) => action === 'agent-removed',
  );
  expect(entries.map(({ actor: by, target, details }) => [by, target, JSON.parse(details).offlineMinutes])).toEqual([
    [actor, 'never-1', 40 * 1440],
    [actor, 'web-1', 40 * 1440],
  ]);
  const again = await call<RemoveOfflineAnswer>('POST', '/api/v1/agents/remove-offline', {
    ...{ offlineForMs: 7 * dayMs, mode: 'remove' },
  });
  expect([again.count, again.kept.names]).toEqual([0, ['bad-1']]);
});

test('an outage of the control plane makes nobody look gone, and where nobody is connected nobody is removed', async () => {
  const { restart, fleet } = await gone();
  const longest = (one: typeof fleet) =>
    Math.max(...one.offline({ offlineForMs: 1 }).map(({ offlineMs }) => offlineMs));
  expect(longest(fleet)).toBe(40 * dayMs);
  const { fleet: after } = await restart();
  expect(after.offline({ offlineForMs: 41 * dayMs })).toEqual([]);
});

test('the command shows, asks or takes --yes, and removes what it showed', async () => {
  const { listen, fleet } = await gone();
  const environment = { SEGWALL_SERVER: await listen(), SEGWALL_TOKEN: 't' };
  const remove = (...args: readonly string[]) => runSegwall(['agents', 'remove', ...args], environment);
  const shown = await remove('--offline-for', '7d', '--plan');
  expect(shown.exitCode).toBe(0);
  expect(shown.stdout).toMatch(
    /^web-1 +40 d 0 h +\S+ \S+Z +1 +tests shop-test; rules pinned\/one; quarantine of bad-1$/m,
  );
  expect(shown.stdout).toMatch(/^never-1 +40 d 0 h +never +0$/m);
  expect(shown.stderr).toContain('bad-1 stays, quarantined or revoked');
  expect(await remove('--offline-for', '7d')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('nothing was removed: --yes removes without asking'),
  });
  expect(fleet.hostCount).toBe(5);
  for (const wrong of [[], ['web-1', '--offline-for', '7d'], ['--offline-for', 'long']])
    expect((await remove(...wrong)).exitCode).toBe(2);
  expect((await remove('--offline-for', '7d', '--selector', 'role ==')).stderr).toContain('selector');
  const json = await remove('--offline-for', '7d', '--yes', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ mode: 'remove', count: 3 });
  expect(fleet.agents().map(({ host }) => host)).toEqual(['bad-1', 'here-1']);
  expect(await remove('--offline-for', '7d', '--yes')).toMatchObject({
    exitCode: 0,
    stdout: 'no host is offline for so long',
  });
});
