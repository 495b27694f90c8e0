// TCP connections that were open before nftables and conntrack were ever used in a network namespace: entered into conntrack just
// before the first table is loaded, they obey it as if they had been seen from their first packet, whoever speaks next.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { connectionsOf, type DirectedConnection, parseSocketLine } from '#agent-core/host/open-tcp-connections.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { startTraffic, type Traffic } from './traffic.ts';

const addresses = { h1: { ipv4: '10.79.0.1', ipv6: 'fd79::1' }, peer: { ipv4: '10.79.0.2', ipv6: 'fd79::2' } } as const;
const families = ['ipv4', 'ipv6'] as const;
const ports = { allowed: 7001, denied: 7002 } as const;
const inserter = new URL('./insert-open-sockets.ts', import.meta.url).pathname;

/** Both directions enforced: `allowed` is open in both, `denied` in neither. */
const policy: HostPolicy = {
  addresses: Object.values(addresses.h1),
  inbound: 'enforce',
  outbound: 'enforce',
  peers: { peer: Object.values(addresses.peer) },
  allowIn: [`peer: tcp/${ports.allowed}`],
  allowOut: [`peer: tcp/${ports.allowed}`],
};

type Name = keyof typeof addresses;
type Port = keyof typeof ports;

interface Connection {
  readonly id: string;
  readonly port: Port;
}

describe.each([
  ['entered into conntrack first', 'entered'],
  ['not entered', 'left'],
] as const)('connections older than the table, %s', (_, preparation) => {
  let lab: Lab;
  let host: LabHost;
  let ends: Readonly<Record<Name, Traffic>>;
  let connections: readonly Connection[];

  const heardBy = async (name: Name, id: string) => (await ends[name].heard())[id] ?? 0;
  const saidBy = async (name: Name, among: readonly Connection[]) => {
    for (const { id } of among) await ends[name].say(id);
  };
  const of = (port: Port) => connections.filter((connection) => connection.port === port);

  beforeEach(async () => {
    lab = await createLab({ name: 'older' });
    host = await lab.addHost({ name: 'h1', ...addresses.h1 });
    const peer = await lab.addHost({ name: 'peer', ...addresses.peer });
    ends = { h1: startTraffic(host), peer: startTraffic(peer) };
    const opened: Connection[] = [];
    for (const [client, server] of [
      ['h1', 'peer'],
      ['peer', 'h1'],
    ] as const) {
      for (const port of ['allowed', 'denied'] as const) {
        await ends[server].listen('tcp', ports[port]);
        for (const family of families) {
          const id = `${client} ${family} ${port}`;
          await ends[client].open({ id, address: addresses[server][family], port: ports[port] });
          opened.push({ id, port });
        }
      }
    }
    connections = opened;
    await waitFor(
      async () => {
        const [a, b] = [await ends.h1.heard(), await ends.peer.heard()];
        return opened.every(({ id }) => id in a && id in b);
      },
      { what: 'both ends know every connection' },
    );
    const entries = await host.exec(['conntrack', '-L', '-p', 'tcp']);
    expect(entries.stdout, 'conntrack was never active here').toBe('');
    if (preparation === 'entered') {
      const { stdout } = await host.exec([process.execPath, inserter]);
      expect(JSON.parse(stdout)).toEqual({ ok: true, value: { inserted: opened.length, failed: 0, known: 0 } });
    }
    const loaded = await host.exec(['nft', '-f', '-'], {
      input: renderFromNothing(hostRuleSet(policy), { essentials: [] }),
    });
    expect(loaded.exitCode, loaded.stderr).toBe(0);
  });

  afterEach(async () => {
    ends.h1.stop();
    ends.peer.stop();
    await lab.remove();
  });

  test.each([
    ['h1', 'peer'],
    ['peer', 'h1'],
  ] as const)('obey it, whichever end speaks first: %s', async (first, second) => {
    const allowed = of('allowed');
    if (preparation === 'left') {
      // The remedy is what makes the difference: without it even what is allowed is cut.
      await saidBy(first, connections);
      await saidBy(second, connections);
      const fresh = { id: 'fresh', address: addresses.peer.ipv4, port: ports.allowed };
      await ends.h1.open(fresh);
      for (let round = 0; round < 20; round += 1) {
        await ends.h1.say(fresh.id);
        await waitFor(async () => (await heardBy('peer', fresh.id)) > round, { what: 'a new connection carries data' });
      }
      for (const { id } of connections)
        expect([id, await heardBy(first, id), await heardBy(second, id)]).toEqual([id, 0, 0]);
      return;
    }
    await saidBy(first, connections);
    for (const { id } of allowed) {
      await waitFor(async () => (await heardBy(second, id)) === 1, { what: `${second} hears ${id}` });
    }
    for (let round = 1; round <= 10; round += 1) {
      await saidBy(second, connections);
      for (const { id } of allowed) {
        await waitFor(async () => (await heardBy(first, id)) === round, { what: `${first} hears ${id}` });
      }
    }
    for (const { id } of of('denied'))
      expect([id, await heardBy(first, id), await heardBy(second, id)]).toEqual([id, 0, 0]);
  });

  test('are entered once, whenever it is asked for', async () => {
    const { stdout } = await host.exec([process.execPath, inserter]);
    const [inserted, known] = preparation === 'left' ? [connections.length, 0] : [0, connections.length];
    expect(JSON.parse(stdout)).toEqual({ ok: true, value: { inserted, failed: 0, known } });
  });
});

const listed = (local: string, remote: string, state: string, uid = 0) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 1 1 0000000000000000`;

test.each([
  ['IPv4', listed('0100000A:1F90', '0200000A:C350', '01'), 'open 10.0.0.1:8080 10.0.0.2:50000'],
  [
    'IPv6',
    listed('000000FD000000000000000001000000:1F90', '000000FD000000000000000002000000:C350', '08'),
    'open fd00::1:8080 fd00::2:50000, close-wait',
  ],
  [
    'IPv4 on an IPv6 socket',
    listed('0000000000000000FFFF00000100000A:1F90', '0000000000000000FFFF00000200000A:C350', '01'),
    'open 10.0.0.1:8080 10.0.0.2:50000',
  ],
  ['a listener', listed('00000000:1F90', '00000000:0000', '0A'), 'listening 0.0.0.0:8080 0.0.0.0:0'],
  ['one that is still opening', listed('0100000A:C350', '0200000A:1F90', '02'), 'opening 10.0.0.1:50000 10.0.0.2:8080'],
  [
    'one that a process has half closed',
    listed('0100000A:C350', '0200000A:1F90', '05'),
    'open 10.0.0.1:50000 10.0.0.2:8080, close-wait',
  ],
  [
    'one that is half closed and nobody’s',
    listed('0100000A:C350', '0200000A:1F90', '05').replace(/ 1 1 0+$/, ' 0 3 0'),
    undefined,
  ],
  ['one that is over', listed('0100000A:C350', '0200000A:1F90', '06'), undefined],
  ['the heading', '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when', undefined],
  ['a line cut short', '   0: 0100000A:1F90 0200', undefined],
])('a line of the socket list is read: %s', (_, line, expected) => {
  const socket = parseSocketLine(line);
  const phase = socket === undefined || socket.phase === 'established' ? '' : `, ${socket.phase}`;
  const text =
    socket && `${socket.state} ${socket.local}:${socket.localPort} ${socket.remote}:${socket.remotePort}${phase}`;
  expect(text).toBe(expected);
});

const [root, own, another] = [0, 1000, 1001];
test.each([
  ['a port that someone listens on', 8080, 50_000, [['00000000', own]], 'listener 10.0.0.2:50000 > 10.0.0.1:8080'],
  ['an ephemeral port', 45_000, 50_000, [['0100000A', own]], 'listener 10.0.0.2:50000 > 10.0.0.1:45000'],
  ['root’s listener', 8080, 50_000, [['00000000', root]], 'listener 10.0.0.2:50000 > 10.0.0.1:8080'],
  ['no listener on loopback', 45_000, 443, [['0100007F', own]], 'ports 10.0.0.1:45000 > 10.0.0.2:443'],
  ['no listener of another user', 45_000, 443, [['00000000', another]], 'ports 10.0.0.1:45000 > 10.0.0.2:443'],
  ['a listener that has gone', 22, 50_000, [], 'ports 10.0.0.2:50000 > 10.0.0.1:22'],
  ['our own ephemeral port', 50_000, 443, [], 'ports 10.0.0.1:50000 > 10.0.0.2:443'],
  ['two ephemeral ports', 50_000, 50_001, [], 'ports 10.0.0.1:50000 > 10.0.0.2:50001'],
] as const)('who called whom is told by %s', (_, localPort, remotePort, listeners, expected) => {
  const sockets = [
    listed(`0100000A:${hex(localPort)}`, `0200000A:${hex(remotePort)}`, '01', own),
    ...listeners.map(([address, uid]) => listed(`${address}:${hex(localPort)}`, '00000000:0000', '0A', uid)),
  ].flatMap((line) => parseSocketLine(line) ?? []);
  const told = (connection: DirectedConnection | undefined) =>
    connection &&
    `${connection.evidence} ${connection.client}:${connection.clientPort} > ${connection.server}:${connection.serverPort}`;
  const ephemeral = { low: 32_768, high: 60_999 };
  expect(told(connectionsOf(sockets, ephemeral)[0])).toBe(expected);
  expect(told(connectionsOf(sockets, ephemeral, () => ({ direction: 'outbound' }))[0])).toBe(
    `opening 10.0.0.1:${localPort} > 10.0.0.2:${remotePort}`,
  );
});

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
