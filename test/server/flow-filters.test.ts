// What flows and coverage are asked for, and how their numbers count: names that nobody has are told, and one connection is one, though both its
// ends report it.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Coverage } from '#control-plane/answers/schemas.ts';
import * as schemas from '#control-plane/answers/schemas.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { connectionCountText } from '#policy/learn/connection-count.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { unknownFlowNames, unknownInSelector } from '#policy/select/unknown-names.ts';
import { apiUnderTest } from '../hostile/support/api-under-test.ts';
import { runSegwall } from '../hostile/support/segwall.ts';
import { shopPolicy, tenant } from './fleet-under-test.ts';
import { flowRecord, nothingLost } from './flow-records.ts';
import { scratchDirectory } from './scratch-directory.ts';

const workload = (name: string, labels: Readonly<Record<string, string>>, unit?: string): Workload => ({
  ...{ name, kind: unit === undefined ? 'host' : 'unit', host: 'web-1', addresses: [] },
  labels: new Map(Object.entries(labels)),
  ...(unit === undefined ? {} : { unit }),
});
const workloads = new Map(
  [
    workload('web-1', { app: 'shop', env: 'prod', 'fact/os': 'debian' }),
    workload('web-1-nginx', { app: 'shop' }, 'nginx.service'),
  ].map((one) => [one.name, one]),
);

test.each([
  ['a workload', { from: 'web-1', to: 'web-1-nginx' }, []],
  ['an address', { from: '10.0.0.1', to: 'fd00::1' }, []],
  ['nothing', {}, []],
  [
    'a slip',
    { from: 'wbe-1' },
    ['from: no workload is called "wbe-1" now, and it is no address; did you mean "web-1"?'],
  ],
  ['nothing alike', { to: 'mainframe' }, ['to: no workload is called "mainframe" now, and it is no address']],
  ['a segment', { segment: 'shop' }, []],
  ['another', { segment: 'shp' }, ['segment: the active policy has no segment "shp"; did you mean "shop"?']],
  ['a unit', { unit: 'nginx.service' }, []],
  [
    'another unit',
    { unit: 'ngnix.service' },
    ['unit: no workload is the unit "ngnix.service"; did you mean "nginx.service"?'],
  ],
] as const)('flows of %s', (_what, names, told) => {
  expect(unknownFlowNames(names, { workloads, segments: ['shop'] })).toEqual(told);
});

test.each([
  ['all()', []],
  ['app == "shop" && fact/os == "debian"', []],
  ['app == "shpo"', ['no workload has app=shpo; did you mean "shop"?']],
  [
    'has(evn) || app not in {"shop", "x-y-z"}',
    ['no workload has a label "evn"; did you mean "env"?', 'no workload has app=x-y-z'],
  ],
] as const)('labels that nobody has, in %s', (text, told) => {
  expect(unknownInSelector(assertOk(parseSelector(text)), workloads.values())).toEqual(told);
});

test('the commands tell it, and find what there is', async () => {
  const { apply, connect, fleet, listen } = await apiUnderTest();
  await apply(shopPolicy());
  await connect('api-1', { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] });
  const lastSeenAt = millis(Date.now());
  const records = [flowRecord({ lastSeenAt, firstSeenAt: lastSeenAt })];
  await fleet.ingestFlows({ tenant, host: 'api-1', serial: 's' }, { sequence: 1, records, lost: nothingLost } as never);
  const environment = { SEGWALL_SERVER: await listen(), SEGWALL_TOKEN: 't' };
  const segwall = (...args: readonly string[]) => runSegwall(args, environment);
  expect((await segwall('flows', '--to', 'api-1')).stderr).toBe('');
  const slip = await segwall('flows', '--to', 'apii-1', '--segment', 'shop', '--json');
  expect(slip).toMatchObject({
    exitCode: 0,
    stdout: '',
    stderr: expect.stringMatching(/^to: .*did you mean "api-1"\?$/),
  });
  expect((await segwall('flows', '--from', 'x\u009b31m')).stderr).not.toContain('\u009b');
  expect(await segwall('suggest', '--segment', 'shpo')).toMatchObject({
    stderr: expect.stringContaining('no segment "shpo"; did you mean "shop"?'),
  });
  expect((await segwall('suggest', '--segment', 'shop', '--exclude', 'rolle == "api"')).stderr).toContain(
    '--exclude: no workload has a label "rolle"; did you mean "role"?',
  );
});

test('what connections count is said in the same words beside every column and field', async () => {
  const { apply, connect, fleet, listen } = await apiUnderTest();
  await apply(shopPolicy({ mode: 'observe' }));
  await connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1'] });
  await connect('api-1', { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] });
  const at = millis(Date.now());
  const { end } = flowRecord();
  const seen = { lastSeenAt: at, firstSeenAt: at, local: '10.0.0.2', peer: '10.0.0.1', port: 9090 };
  const records = [flowRecord({ ...seen, end: { ...end, verdict: 'would-deny', reason: 'default' } })];
  await fleet.ingestFlows({ tenant, host: 'api-1', serial: 's' }, { sequence: 1, records, lost: nothingLost } as never);
  const policy = await scratchDirectory();
  await writeFile(join(policy, 'shop.yaml'), shopPolicy({ mode: 'enforce' }));
  const environment = { SEGWALL_SERVER: await listen(), SEGWALL_TOKEN: 't' };
  for (const command of [['flows'], ['coverage'], ['plan', policy], ['suggest', '--segment', 'shop']]) {
    const { stdout, stderr } = await runSegwall(command, environment);
    const said = `${stdout}\n${stderr}`.split(connectionCountText).length - 1;
    expect([command[0], said]).toEqual([command[0], 1]);
  }
  const fields = [
    schemas.flow.shape,
    schemas.coverage.shape.rules.unwrap().element.shape,
    schemas.coverage.shape.wouldDeny.unwrap().element.shape,
    schemas.coverage.shape.denied.unwrap().element.shape,
    schemas.planAnswer.shape.newlyDenied.shape.flows.unwrap().element.shape,
    schemas.suggestAnswer.shape.rules.unwrap().element.shape,
  ];
  expect(fields.map(({ connections }) => connections.description)).toEqual(fields.map(() => connectionCountText));
  for (const page of ['api', 'cli']) {
    const text = await readFile(new URL(`../../docs/reference/${page}.md`, import.meta.url), 'utf8');
    expect(text.replaceAll(/\s+/g, ' '), page).toContain(connectionCountText);
  }
});

test('coverage counts a connection once, whoever reported it', async () => {
  const { apply, call, connect, fleet } = await apiUnderTest();
  await apply(shopPolicy());
  await connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1'] });
  await connect('api-1', { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] });
  const [client, server] = ['10.0.0.1', '10.0.0.2'];
  const now = millis(Date.now());
  const seen = (given: Parameters<typeof flowRecord>[0]) => flowRecord({ lastSeenAt: now, firstSeenAt: now, ...given });
  const { end } = flowRecord();
  const report = (host: string, records: readonly ReturnType<typeof flowRecord>[]) =>
    fleet.ingestFlows({ tenant, host, serial: 's' }, { sequence: 1, records, lost: nothingLost } as never);
  await report('api-1', [
    seen({ local: server, peer: client, connections: 7 }),
    // One whose client has no agent.
    seen({ local: server, peer: '10.9.9.9', connections: 3 }),
    seen({
      local: server,
      peer: client,
      port: 22,
      connections: 2,
      end: { ...end, verdict: 'deny', reason: 'default' },
    }),
  ]);
  // The client saw two more, which the server has not reported yet.
  const near = { ...end, workload: 'web-1' };
  await report('web-1', [seen({ direction: 'outbound', local: client, peer: server, connections: 9, end: near })]);
  const coverage = await call<Coverage>('GET', '/api/v1/coverage');
  expect(coverage.rules).toMatchObject([{ segment: 'shop', rule: 'web-to-api', connections: 12 }]);
  expect(coverage.denied).toMatchObject([{ direction: 'inbound', connections: 2 }]);
});
