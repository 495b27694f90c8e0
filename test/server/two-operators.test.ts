// Two operators at once, and one who looks before he changes: an update that would be lost is refused, labels and tokens are planned, an unchanged
// directory is no new policy, and the fleet is an inventory for offline work.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { enrolFakeAgent } from '../hostile/support/fake-agent.ts';
import { operatorOf } from '../hostile/support/operator.ts';
import { shopPolicy } from './fleet-under-test.ts';

let server: ApiServer;
let directory: string;
beforeAll(async () => {
  server = await startApiServer();
  directory = join(server.directory, 'policy');
  await mkdir(directory);
});
afterAll(() => server.close());

async function segwall(...args: readonly string[]) {
  const env = {
    SEGWALL_SERVER: server.controlPlane.apiUrl,
    SEGWALL_TOKEN: server.token,
    XDG_STATE_HOME: join(server.directory, 'state'),
  };
  const { stdout, stderr, exitCode } = await execa(process.execPath, [programPath('segwall'), ...args], {
    reject: false,
    env,
  });
  return { stdout, stderr, exitCode };
}
const call = (method: string, path: string, body?: unknown) => operatorOf(server).call(method, `/api/v1${path}`, body);
const applied = async (text: string, more: object = {}) =>
  call('POST', '/policy/apply', { files: [{ path: 'shop.yaml', text }], ...more });
const revisionOf = ({ body }: { readonly body: unknown }) => (body as { revision: number }).revision;
const observing = shopPolicy({ mode: 'observe' });

test('what somebody else applied since a plan is not undone: apply tells who and what, and a new plan lets it pass', async () => {
  await writeFile(join(directory, 'shop.yaml'), observing);
  expect((await segwall('apply', directory)).exitCode).toBe(0);
  await writeFile(join(directory, 'shop.yaml'), shopPolicy());
  expect((await segwall('plan', directory)).exitCode).toBe(0);
  await applied(shopPolicy({ mode: 'selective' }), { message: 'hot fix' });
  const refused = await segwall('apply', directory, '--json');
  expect(refused.exitCode).not.toBe(0);
  expect(JSON.parse(refused.stdout)).toMatchObject({
    error: {
      code: 'revision-changed',
      since: [{ kind: 'apply', actor: 'operator/admin', message: 'hot fix' }],
      files: ['shop.yaml'],
    },
  });
  expect((await segwall('plan', directory)).exitCode).toBe(0);
  expect((await segwall('apply', directory)).exitCode).toBe(0);
  await applied(observing);
  expect((await segwall('apply', directory)).stderr).not.toContain('revision-changed');
});

test('apply expects the revision that is said, and nothing else', async () => {
  const now = revisionOf(await applied(observing));
  expect(await applied(shopPolicy(), { expectRevision: now - 1 })).toMatchObject({ status: 409 });
  expect(await applied(shopPolicy(), { expectRevision: now })).toMatchObject({ status: 200 });
  const both = await Promise.all(
    ['a', 'b'].map((extra) =>
      applied(`${shopPolicy()}# ${extra}\n`, { expectRevision: revisionOf({ body: { revision: now + 1 } }) }),
    ),
  );
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
});

test('an unchanged directory is no new policy, and the history says why and from which commit', async () => {
  const git = (...args: readonly string[]) =>
    execa('git', ['-C', directory, '-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args]);
  await git('init', '-q');
  await git('add', '.');
  await git('commit', '-qm', 'first');
  const commit = (await git('rev-parse', 'HEAD')).stdout;
  const first = JSON.parse((await segwall('apply', directory, '--message', 'SHOP-1', '--json')).stdout) as {
    policy: number;
  };
  expect((await segwall('apply', directory)).stdout).toContain(`policy ${first.policy} is unchanged, and active again`);
  await writeFile(join(directory, 'shop.yaml'), `${shopPolicy()}# more\n`);
  expect((await segwall('apply', directory)).exitCode).toBe(0);
  const { activations } = JSON.parse((await segwall('history', '--json')).stdout) as {
    activations: { policy: number; message?: string; commit?: string }[];
  };
  expect(activations.slice(0, 3)).toMatchObject([
    { policy: first.policy + 1, commit: `${commit}-dirty` },
    { policy: first.policy, commit },
    { policy: first.policy, commit, message: 'SHOP-1' },
  ]);
  expect(await applied(observing, { message: 'two\nlines' })).toMatchObject({ status: 400 });
});

test('labels are planned and slips in them are told; a program is not asked', async () => {
  const { agents, caFingerprint } = server.controlPlane;
  const token = await operatorOf(server).joinToken({ app: 'shop', role: 'web' });
  const web = await enrolFakeAgent({
    controlPlane: agents,
    caFingerprint,
    token,
    name: 'web-1',
    directory: server.directory,
  });
  const stream = await web.greeted({ host: { addresses: ['10.0.0.1'], facts: new Map([['os', 'debian']]) } });
  await expect
    .poll(async () => (await call('GET', '/workloads')).body)
    .toContainEqual(expect.objectContaining({ addresses: ['10.0.0.1'] }));
  await applied(shopPolicy());
  const plan = await segwall('label', 'web-1', 'app=mail', 'role=wbe', '--plan');
  expect(plan.stdout).toMatch(/web-1 +inbound +enforce → observe/);
  expect(plan.stderr).toContain('role=wbe, and no other workload has it; did you mean web?');
  expect((await call('GET', '/workloads')).body).toContainEqual(
    expect.objectContaining({ labels: { app: 'shop', role: 'web' } }),
  );
  expect((await segwall('label', 'web-1', 'role=api')).exitCode).toBe(0);
  const planned = await segwall('tokens', 'create', '--labels', 'app=shop,rol=web', '--plan');
  expect(planned.stdout).toContain('in segment shop: inbound enforce, outbound observe');
  expect(planned.stderr).toContain('did you mean role?');
  const body = await call('POST', '/policy/plan', { labels: { workload: 'nobody', set: { a: 'b' } } });
  expect(body).toMatchObject({ status: 404 });
  expect(await call('POST', '/policy/plan', {})).toMatchObject({ status: 400 });
  stream.close();
  web.close();
});

test('the fleet as YAML is an inventory, and --server stands in its place', async () => {
  const written = join(server.directory, 'fleet.yaml');
  const { stdout } = await segwall('workloads', '--format', 'yaml');
  await writeFile(written, stdout);
  const asserted = join(server.directory, 'asserted');
  await mkdir(asserted);
  const documents = `---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: t }
spec: { tests: [{ from: { ip: 10.9.9.9 }, to: web-1, service: tcp/22, expect: deny }] }
`;
  await writeFile(join(asserted, 'p.yaml'), shopPolicy({ documents }));
  const live = ['--server', server.controlPlane.apiUrl];
  for (const from of [['--inventory', written], live])
    expect(await segwall('policy', 'test', asserted, ...from)).toMatchObject({ exitCode: 0, stderr: '' });
  const answer = await segwall('policy', 'explain', asserted, '10.9.9.9', 'web-1', 'tcp/22', ...live);
  expect(answer.stdout).toContain('default/shop');
  expect((await segwall('policy', 'test', asserted, ...live, '--inventory', written)).exitCode).toBe(2);
});
