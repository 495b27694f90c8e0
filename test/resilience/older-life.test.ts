// Conntrack outlives agents: marks of an older life must not let anything pass unjudged, whatever epoch the new life begins with.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';

const port = 7002;
const datagrams = fileURLToPath(new URL('datagrams.ts', import.meta.url));
const policy: HostPolicy = {
  revision: 5,
  addresses: ['10.86.0.1'],
  peers: { web: ['10.86.0.7'] },
  allowIn: ['web: tcp/80'],
};

let lab: Lab;
let host: LabHost;
let driven: DrivenHost;
let sender: LineProcess;
let receiver: LineProcess;

beforeAll(async () => {
  lab = await createLab({ name: 'life' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.86.0.1' });
  const peer = await lab.addHost({ name: 'peer', ipv4: '10.86.0.2' });
  receiver = startLineProcess(host, [process.execPath, datagrams, 'receive', '10.86.0.1', String(port)], 'silent');
  sender = startLineProcess(peer, [process.execPath, datagrams, 'send', '10.86.0.1', String(port)], 'silent');
  driven = driveHost(host);
});
afterAll(async () => {
  driven.stop();
  sender.stop();
  receiver.stop();
  await lab.remove();
});

/** As an older life left it: answered, and stamped with an epoch. */
async function leave(mark: string): Promise<void> {
  const tuple = ['-p', 'udp', '-s', '10.86.0.2', '-d', '10.86.0.1', '--sport', String(port), '--dport', String(port)];
  await host.exec(['conntrack', '-D', ...tuple]);
  const made = await host.exec([
    'conntrack',
    '-I',
    ...tuple,
    '-u',
    'SEEN_REPLY,ASSURED',
    '--timeout',
    '300',
    '--mark',
    mark,
  ]);
  expect(made.exitCode, made.stderr).toBe(0);
}

async function passedInTenTries(): Promise<number> {
  const sequence = async () => (await sender.ask<{ sequence: number }>({ do: 'sequence' })).sequence;
  const from = await sequence();
  await waitFor(async () => (await sequence()) >= from + 10, { what: 'ten datagrams are sent' });
  const arrived = await receiver.ask<Readonly<Record<number, number>>>({ do: 'since', sequence: from });
  return arrived[port] ?? Number.NaN;
}

const epoch = async () => Number((await driven.ask({ do: 'counts' }))['epoch']);

test('a host whose state directory was wiped judges what carries the mark of its first epoch', async () => {
  expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'open' });
  await waitFor(async () => (await passedInTenTries()) > 0, { what: 'the way is open' });
  await leave('0xa001');
  expect(await driven.ask({ do: 'apply', policy })).toEqual({ kind: 'applied', revision: 5 });
  expect(await epoch()).toBe(1);
  expect(await passedInTenTries()).toBe(0);
});

test('a host that lost its table, and whose disk missed the last epochs, judges what carries the next one', async () => {
  const next = (await epoch()) + 1;
  await driven.restart();
  await host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
  await leave(`0xa${next.toString(16).padStart(3, '0')}`);
  expect(await driven.ask({ do: 'start' })).toMatchObject({ kind: 'loaded' });
  expect(await epoch()).toBe(next);
  expect(await passedInTenTries()).toBe(0);
});

test('the probe can tell: a mark of the epoch in force passes', async () => {
  await leave(`0xa${(await epoch()).toString(16).padStart(3, '0')}`);
  expect(await passedInTenTries()).toBeGreaterThan(0);
});
