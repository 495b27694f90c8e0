// A control plane that is told to stop ends within its time, whatever those who are connected to it do or leave undone.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { type SpawnedControlPlane, spawnControlPlane } from '../server/spawned-control-plane.ts';
import { enrolFakeAgent } from './support/fake-agent.ts';
import { operatorOf } from './support/operator.ts';

/** A connection whose end does nothing of itself, and closes nothing when the other does. */
async function mute(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  return socket;
}

/** Those who are there when it is told to stop. */
async function crowd({ firstStart: first, directory }: SpawnedControlPlane, scheme: 'http' | 'https'): Promise<void> {
  const apiPort = Number(new URL(first.apiUrl).port);
  const agents = { host: '127.0.0.1', port: Number(first.agents.split(':').at(-1)) };
  const operator = operatorOf({ controlPlane: first as never, token: first.adminToken });
  for (const port of [apiPort, agents.port]) {
    await mute(port);
    (await mute(port)).write(Buffer.from([22, 3, 1, 2]));
  }
  if (scheme === 'http') {
    (await mute(apiPort)).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ');
    const authorization = `Authorization: Bearer ${first.adminToken}`;
    const waiting = `GET /api/v1/protection?host=nobody&waitMs=30000 HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\n\r\n`;
    (await mute(apiPort)).write(waiting);
    (await mute(apiPort)).write(
      `POST /api/v1/policy/plan HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{`,
    );
    const token = await operator.joinToken({ app: 'shop' });
    const controlPlane = `${agents.host}:${agents.port}`;
    const { caFingerprint } = first;
    const agent = await enrolFakeAgent({ controlPlane, caFingerprint, token, name: 'web-1', directory });
    onTestFinished(() => agent.close());
    await agent.greeted();
  }
  for (const port of scheme === 'https' ? [apiPort, agents.port] : [agents.port]) {
    const ALPNProtocols = port === apiPort ? [] : ['h2'];
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.pause();
  }
}

test.each([
  ['http', '127.0.0.1:0'],
  ['https', '0.0.0.0:0'],
] as const)(
  'it ends, of itself and with exit code 0, beside peers that vanish, wait, or never finish what they began: %s',
  async (scheme, api) => {
    const directory = await mkdtemp(join(tmpdir(), 'segwall-stop-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const started = await spawnControlPlane({ directory, args: ['--agents', '127.0.0.1:0', '--api', api] });
    await crowd(started, scheme);
    const code = await started.stop('SIGTERM');
    expect(code).toBe(0);
  },
  120_000,
);
