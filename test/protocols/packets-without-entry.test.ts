// TCP packets whose connection has no entry, by what they are, where they go, who may, what is enforced, and whether the kernel takes up
// connections in their midst (nf_conntrack_tcp_loose): nothing that is not permitted passes, and what the host's own stack owes a reset
// reaches it. One host with a container behind it, both families, every row at once: a packet passed or it did not.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Address, Family } from '#model/address.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import type { LabHost } from '#test/support/lab.ts';
import { type Ends, packet, tcp, tcpFlags } from './packets.ts';
import { openRawSockets, type RawSockets } from './raw-sockets.ts';
import {
  families,
  neighbourOwn,
  own,
  type ProtocolStage,
  remoteAddress,
  remoteRanges,
  standUpProtocols,
} from './stage.ts';

const { syn, ack, fin, rst, psh } = tcpFlags;
const kinds = {
  data: psh | ack,
  ack,
  end: fin | ack,
  reset: rst,
  'reset and ack': rst | ack,
  'syn and ack': syn | ack,
} as const;
type Kind = keyof typeof kinds;

/** On the host, by what is there. */
const ports = { nobody: 7001, listener: 7002, 'listener of one address': 7003, connected: 7004 } as const;
type Port = keyof typeof ports;
const box = { ipv4: '10.79.1.2' as Address, ipv6: 'fd79:1::2' as Address } as const;
const gateway = { ipv4: '10.79.1.1', ipv6: 'fd79:1::1' } as const;
const peers = { may: 1, 'may not': 2 } as const;
const ways = ['to the host', 'from the host', 'to the container', 'from the container'] as const;
type Way = (typeof ways)[number];
const connectedPort = 4000;

interface Row {
  readonly way: Way;
  readonly peer: keyof typeof peers;
  readonly port: Port;
  readonly kind: Kind;
  readonly family: Family;
}
const textOf = ({ way, peer, port, kind, family }: Row) => `${kind} ${way} (${port}), ${peer}, ${family}`;

/** The neighbour alone has a connection, which it may have. */
const rows: readonly Row[] = ways.flatMap((way) =>
  (Object.keys(peers) as (keyof typeof peers)[]).flatMap((peer) =>
    (Object.keys(ports) as Port[]).flatMap((port) =>
      (Object.keys(kinds) as Kind[]).flatMap((kind) =>
        families
          .map((family) => ({ way, peer, port, kind, family }))
          .filter(() => (way.endsWith('host') ? peer === 'may' || port !== 'connected' : port === 'nobody')),
      ),
    ),
  ),
);

const modes = {
  'both directions enforced': { inbound: 'enforce', outbound: 'enforce' },
  'inbound enforced': { inbound: 'enforce', outbound: 'observe' },
  'outbound enforced': { inbound: 'observe', outbound: 'enforce' },
  'all observed': { inbound: 'observe', outbound: 'observe' },
} as const;
type Mode = keyof typeof modes;
type Pickup = 'loose' | 'strict';
/** What a connection that goes on would send: where it is dropped, the agent is told by a counter. */
const tells: Readonly<Record<Pickup, readonly Kind[]>> = { loose: ['data', 'ack', 'end'], strict: ['end'] };

/**
 * Whoever speaks to what nobody has is owed the host's reset, if he may use it; that is all that passes while anything is denied.
 * Strict, conntrack calls it invalid, and nothing is known of it by which it could be judged.
 */
function mustPass({ way, peer, port, kind }: Row, mode: Mode, pickup: Pickup): boolean {
  if (mode === 'all observed') return true;
  return (
    pickup === 'loose' &&
    way === 'to the host' &&
    (kind === 'data' || kind === 'ack') &&
    (port === 'nobody' || port === 'listener') &&
    (peer === 'may' || modes[mode].inbound === 'observe')
  );
}

let stage: ProtocolStage;
let container: LabHost;
let inside: RawSockets;
let last = 0;

const listeners = `const net = require('net');
net.createServer().listen(${ports.listener}, '::');
for (const address of ['${own.ipv4}', '${own.ipv6}']) net.createServer().listen(${ports['listener of one address']}, address);
const open = [];
const short = net.createServer((socket) => {
  if (open.push(socket.on('error', () => {})) === ${families.length}) short.close(), console.log('connected');
}).listen(${ports.connected}, '::', () => console.log('up'));`;
const connections = `for (const host of ['${own.ipv4}', '${own.ipv6}'])
  require('net').connect({ host, port: ${ports.connected}, localPort: ${connectedPort} }).on('error', () => {});`;

beforeAll(async () => {
  stage = await standUpProtocols('entryless');
  const { host, neighbour, lab } = stage;
  container = await lab.addHost({ name: 'box' });
  const must = async (on: LabHost, ...argv: readonly string[]) => {
    const { exitCode, stderr } = await on.exec(argv);
    expect(exitCode, `${argv.join(' ')}: ${stderr}`).toBe(0);
  };
  await must(host, 'ip', 'link', 'add', 'c0', 'type', 'veth', 'peer', 'name', 'c1', 'netns', container.namespace);
  const plug = (name: string, addresses: Readonly<Record<Family, string>>) =>
    `ip link set ${name} up && ip addr add ${addresses.ipv4}/24 dev ${name} && ip addr add ${addresses.ipv6}/64 dev ${name} nodad`;
  await must(
    host,
    'sh',
    '-c',
    `${plug('c0', gateway)} && cd /proc/sys/net && echo 1 | tee ipv4/ip_forward ipv6/conf/all/forwarding`,
  );
  await must(
    container,
    ...[
      'sh',
      '-c',
      `${plug('c1', box)} && ip link set eth0 down && ip route replace default via ${gateway.ipv4} && ip route replace default via ${gateway.ipv6}`,
    ],
  );
  const service = host.spawn([process.execPath, '-e', listeners]);
  const said = (word: string) =>
    new Promise<void>((resolve) =>
      service.stdout?.on('data', (data) => void (String(data).includes(word) && resolve())),
    );
  await said('up');
  const connected = said('connected');
  neighbour.spawn([process.execPath, '-e', connections]);
  await connected;
  await must(host, 'ip', 'link', 'set', 'eth0', 'arp', 'off');
  inside = await openRawSockets(container, neighbour);
}, 60_000);

afterAll(async () => {
  inside?.close();
  await stage?.remove();
});

beforeEach(async () => {
  await stage.host.exec(['conntrack', '-F']);
  await stage.forget();
});

async function enter(mode: Mode): Promise<void> {
  const services = `near: tcp/7001-7004`;
  const grants = { allowIn: [services], allowOut: [`near: tcp/1-65535`] };
  await stage.apply(
    hostRuleSet({
      addresses: [own.ipv4, own.ipv6],
      ...modes[mode],
      ...grants,
      peers: { near: [...remoteRanges(peers.may), neighbourOwn.ipv4, neighbourOwn.ipv6] },
      containers: { box: { addresses: [box.ipv4, box.ipv6], ...grants } },
    }),
  );
}

/** Sends it as of a connection that nobody else has, but the connected one; gives its tag. */
function send({ way, peer, port, kind, family }: Row): number {
  last += 1;
  const near = way.endsWith('host') ? own[family] : box[family];
  const isConnected = port === 'connected';
  const remote = isConnected ? neighbourOwn[family] : remoteAddress(family, peers[peer], 1 + (last % 250));
  const remotePort = isConnected ? connectedPort : 10_000 + last;
  const tag = stage.tag();
  const options = { flags: kinds[kind], acknowledgement: 5, ...(kind === 'data' ? { data: Buffer.from('x') } : {}) };
  const comes = way.startsWith('to');
  const ends: Ends = comes ? { source: remote, target: near } : { source: near, target: remote };
  const payload = comes ? tcp(remotePort, ports[port], options) : tcp(ports[port], remotePort, options);
  const made = packet(ends, payload, { tag });
  if (comes) stage.arrive(made);
  else if (way === 'from the host') stage.leave(made);
  else inside.leave(made);
  return tag;
}

async function counted(): Promise<number> {
  const { stdout } = await stage.host.exec(['nft', 'list', 'counter', 'inet', 'segwall', 'n_mid']);
  return Number(/packets (\d+)/.exec(stdout)?.[1] ?? 0);
}

test.each(
  (['loose', 'strict'] as const).flatMap((pickup) =>
    (Object.keys(modes) as Mode[]).map((mode) => [mode, pickup] as const),
  ),
)(
  '%s, conntrack %s: nothing passes but what is owed a reset, and the agent is told of what a connection would send',
  async (mode, pickup) => {
    const value = pickup === 'loose' ? '1' : '0';
    const set = ['sh', '-c', `echo ${value} > /proc/sys/net/netfilter/nf_conntrack_tcp_loose`];
    expect((await stage.host.exec(set)).exitCode).toBe(0);
    await enter(mode);
    const before = await counted();
    const sent = rows.map((row) => [row, send(row)] as const);
    const passed = await stage.passed();
    const seen = new Set([...passed.inbound, ...passed.outbound, ...passed.through]);
    const of = (which: (row: Row, tag: number) => boolean) =>
      sent.filter(([row, tag]) => which(row, tag)).map(([row]) => textOf(row));
    expect(of((_, tag) => seen.has(tag))).toEqual(of((row) => mustPass(row, mode, pickup)));
    const dropped = rows.filter((row) => tells[pickup].includes(row.kind) && !mustPass(row, mode, pickup));
    expect((await counted()) - before).toBe(dropped.length);
  },
);
