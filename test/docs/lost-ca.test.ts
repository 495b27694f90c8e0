// The chapter "The CA is lost" of docs/guides/day-two.md: its commands run as they stand, in their order, against a control plane in this
// process and an agent's real identity and stream. What `systemctl` starts and stops is started and stopped here.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { run } from '#test/support/run-command.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { connectWireAgent, startWireAgent, type WireAgent } from '../server/wire-agent.ts';

const chapter =
  readText('docs/guides/day-two.md')
    .split('\n## ')
    .find((text) => text.startsWith('The CA is lost\n')) ?? '';
const [newCa = '', tokens = '', onHost = '', anew = '', ...rest] = [
  ...chapter.matchAll(/^ *```sh\n(.*?)^ *```/gms),
].map((match) => match[1] ?? '');

test('the chapter has the blocks that are run here, and no other', () => {
  expect(rest).toEqual([]);
  expect(anew).toContain('segwall apply');
});

const policy = (cidr: string) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  rules: [{ name: in, from: [{ cidr: ${cidr} }], to: [{ workloads: all() }], services: [tcp/80] }]
`;

async function fleet() {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-lost-ca-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const data = join(directory, 'data');
  let server: ApiServer | undefined = await startApiServer({ directory: data });
  const { agents } = server.controlPlane;
  const settings = { agents, api: `127.0.0.1:${server.port}` };
  let token = server.token;
  onTestFinished(async () => server?.close());
  let agent: WireAgent | undefined;
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://${settings.api}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const apply = (text: string) =>
    call('POST', '/policy/apply', { mode: 'activate', files: [{ path: 'shop.yaml', text }] });
  const join1 = await call('POST', '/tokens', { labels: { app: 'shop' }, uses: 1, ttlSeconds: 3600 });
  await apply(policy('10.1.0.0/16'));
  const { caFingerprint } = server.controlPlane;
  agent = await startWireAgent({
    controlPlane: agents,
    caFingerprint,
    token: String(join1['token']),
    name: 'web-1',
    addresses: [],
  });
  await agent.until(grants);
  const state = agent.stateDirectory;
  await mkdir(join(directory, 'bin'));
  for (const [name, path, more] of [
    ['segwall', 'control-plane/cli/main.ts', ''],
    ['segwall-control-plane', 'control-plane/src/main.ts', ''],
    ['segwall-agent', 'agent/src/main.ts', ` --state '${state}'`],
  ] as const) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, path)}' "$@"${more}\n`;
    await writeFile(join(directory, 'bin', name), script, { mode: 0o755 });
  }
  const start = async () => {
    server = await startApiServer({ directory: data, settings });
    ({ token } = server);
  };
  const own: Readonly<Record<string, () => Promise<unknown>>> = {
    'systemctl stop segwall-control-plane': async () => {
      await server?.close();
      server = undefined;
    },
    'systemctl start segwall-control-plane': start,
    'systemctl stop segwall-agent': async () => agent?.stop(),
    'systemctl start segwall-agent': async () => {
      agent = await connectWireAgent(state, { addresses: [] });
    },
  };
  return {
    ...{ directory, data, call, apply, start },
    stop: own['systemctl stop segwall-control-plane'] ?? (async () => undefined),
    agent: () => agent,
    fingerprint: () => server?.controlPlane.caFingerprint ?? '',
    /** Line by line, or what stands between two of `systemctl`. */
    async runs(block: string, given: { readonly tokenFile?: string } = {}): Promise<string> {
      const parts = block.split(/^ *(systemctl .*)\n/m).map((part) => part.trim());
      let said = '';
      for (const part of parts.filter((text) => text !== '')) {
        const work = own[part];
        if (work !== undefined) {
          await work();
          continue;
        }
        const script = part
          .replaceAll('/var/lib/segwall-control-plane', data)
          .replaceAll('cp.example.com:7443', agents)
          .replaceAll('web-1.token', given.tokenFile ?? 'web-1.token');
        const { exitCode, stdout, stderr } = await run(['sh', '-ec', script], {
          cwd: directory,
          env: {
            PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
            ...{ SEGWALL_SERVER: `http://${settings.api}`, SEGWALL_TOKEN: token },
            ...{ FINGERPRINT: server?.controlPlane.caFingerprint ?? '', XDG_STATE_HOME: directory },
          },
        });
        expect({ part, exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ part, exitCode: 0, stderr: '' });
        said += stdout;
      }
      return said;
    },
  };
}

const grants: Parameters<WireAgent['until']>[0] = ({ workloads }) =>
  [...workloads.values()].some(({ inbound }) => inbound.grants.length > 0);

test('the folder of the CA is gone: the page’s commands bring the host back under its name and labels', async () => {
  const { data, stop, start, runs, fingerprint, agent, call } = await fleet();
  const before = fingerprint();
  await stop();
  await rm(join(data, 'pki'), { recursive: true });
  await expect(start()).rejects.toThrow(/pki holds no CA, and the store knows 1 hosts that trust one: .*new-ca --data/);
  expect(await runs(newCa)).toMatch(/^CA fingerprint [0-9a-f]{64}\. /);
  expect(fingerprint()).not.toBe(before);
  await runs(tokens);
  await runs(onHost);
  await agent()?.until(grants);
  expect(await call('GET', '/agents')).toMatchObject([{ host: 'web-1', state: 'connected' }]);
  expect(await call('GET', '/workloads')).toMatchObject([{ name: 'web-1', labels: { app: 'shop' } }]);
}, 300_000);

test('the whole directory is gone: the page’s commands bring policy and host back', async () => {
  const { directory, data, stop, start, runs, agent, call } = await fleet();
  await stop();
  await rm(data, { recursive: true });
  await start();
  await mkdir(join(directory, 'policy'));
  await writeFile(join(directory, 'policy', 'shop.yaml'), policy('10.2.0.0/16'));
  await runs(anew);
  expect((await readFile(join(directory, 'join.token'), 'utf8')).startsWith('swj_')).toBe(true);
  await runs(onHost, { tokenFile: 'join.token' });
  await agent()?.until(grants);
  expect(await call('GET', '/workloads')).toMatchObject([{ name: 'web-1', labels: { app: 'shop' } }]);
}, 300_000);
