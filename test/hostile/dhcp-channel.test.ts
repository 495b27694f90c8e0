// DHCP's ports are no channel: what passes by them before any policy is what a client's or a granted server's own sockets send, and what
// comes from who is not cut off. Real sockets exchange small datagrams on those ports, in both families.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { dhcpUsersIn } from '#agent/host/dhcp-users.ts';
import type { Address, Family } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { address, tcp, udp } from '#test/protocols/packets.ts';
import { families, neighbourOwn, own, type ProtocolStage, standUpProtocols } from '#test/protocols/stage.ts';
import { type LineProcess, startLineProcess } from '#test/resilience/line-process.ts';
import type { LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

const ports = { ipv4: { client: 68, server: 67 }, ipv6: { client: 546, server: 547 } } as const;
const linkLocal = { host: 'fe80::79', near: 'fe80::aa' } as const;
const everyone = { ipv4: '255.255.255.255', ipv6: 'ff02::1:2%eth0' } as const;
const box = { ipv4: '10.81.0.2' as Address, ipv6: 'fd81::2' as Address } as const;
const root = 0;
const somebody = 1234;

let stage: ProtocolStage;
const started: LineProcess[] = [];

beforeAll(async () => {
  stage = await standUpProtocols('dhcp');
  for (const [host, ip] of [
    [stage.host, linkLocal.host],
    [stage.neighbour, linkLocal.near],
  ] as const)
    await host.exec(['ip', 'address', 'add', `${ip}/64`, 'dev', 'eth0', 'nodad']);
  // As in a container of the host's network that may bind any port.
  await stage.host.exec(['sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=0']);
});
beforeEach(async () => {
  await stage.host.exec(['conntrack', '-F']);
});
afterAll(async () => {
  for (const one of started) one.stop();
  await stage?.remove();
});

const endpoint = `
  const [family, port, uid] = process.argv.slice(1);
  const heard = [];
  const socket = require('node:dgram').createSocket({ type: family === 'ipv4' ? 'udp4' : 'udp6', reuseAddr: true });
  process.setgid(Number(uid)); process.setuid(Number(uid));
  socket.on('message', (bytes, { address, port }) => heard.push([String(bytes), address, port]));
  const say = (value) => console.log(JSON.stringify(value));
  socket.bind(Number(port), () => {
    if (family === 'ipv4') socket.setBroadcast(true);
    else socket.addMembership('ff02::1:2', '::%eth0');
    say('bound');
  });
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { text, to, port } = JSON.parse(line);
    if (text === undefined) return say(heard);
    socket.send(text, port, to, (error) => say(error ? error.code : 'sent'));
  });`;

interface Endpoint {
  /** "sent", or what the host's own rules made of it: EPERM where they drop it. */
  send(text: string, to: string, port: number): Promise<string>;
  /** Waits until that text came; gives from whom. */
  heard(text: string): Promise<{ readonly from: string; readonly port: number }>;
  stop(): void;
}

/** A socket made as that user, where `as` says so: who drops root later keeps a socket of root's. */
async function open(host: LabHost, family: Family, port: number, uid = root): Promise<Endpoint> {
  // A socket belongs to who made it, so the user changes first.
  const script =
    uid === root
      ? endpoint
      : endpoint
          .replace(/^ {2}process\.setgid.*$/m, '')
          .replace('const heard', 'process.setgid(Number(uid)); process.setuid(Number(uid)); const heard');
  const process_ = startLineProcess(
    host,
    [process.execPath, '-e', script, family, String(port), String(uid)],
    'greets',
  );
  started.push(process_);
  await process_.first;
  const all = () => process_.ask<readonly (readonly [string, string, number])[]>({});
  return {
    send: (text, to, at) => process_.ask<string>({ text, to, port: at }),
    async heard(text) {
      const of = async () => (await all()).find(([one]) => one === text);
      await waitFor(async () => (await of()) !== undefined, { what: `"${text}" is heard on port ${port}` });
      const [, from = '', at = 0] = (await of()) ?? [];
      return { from, port: at };
    },
    stop: process_.stop,
  };
}

const policy = (given: Partial<HostPolicy> = {}): HostRuleSet =>
  hostRuleSet({ addresses: [own.ipv4, own.ipv6], inbound: 'enforce', outbound: 'enforce', ...given });

const inQuarantine = (ruleSet: HostRuleSet): HostRuleSet => ({
  ...ruleSet,
  workloads: ruleSet.workloads.map((rules) => ({
    ...rules,
    quarantine: { name: 'q', peers: { kind: 'sets' as const, ids: [] } },
  })),
});

const cutOff = (ruleSet: HostRuleSet): HostRuleSet => {
  const id = 'quarantine/lost';
  const addresses = [...Object.values(neighbourOwn), linkLocal.near as Address];
  return {
    ...ruleSet,
    peerSets: new Map([...ruleSet.peerSets, [id, { id, quarantine: 'lost', addresses, ranges: [] }]]),
  };
};

describe.each(families)('%s', (family) => {
  const { client, server } = ports[family];
  const near = family === 'ipv4' ? neighbourOwn.ipv4 : `${linkLocal.near}%eth0`;
  const ours = family === 'ipv4' ? own.ipv4 : `${linkLocal.host}%eth0`;

  test.each([
    ['denied everything', policy()],
    ['in quarantine', inQuarantine(policy())],
  ] as const)(
    'a client that is %s gets a lease by broadcast or multicast, and renews it by unicast',
    async (_, ruleSet) => {
      await stage.apply(ruleSet);
      const [asking, answering] = [await open(stage.host, family, client), await open(stage.neighbour, family, server)];
      expect(await asking.send('discover', everyone[family], server)).toBe('sent');
      await answering.heard('discover');
      await answering.send('offer', family === 'ipv4' ? everyone.ipv4 : ours, client);
      expect(await asking.heard('offer')).toMatchObject({ port: server });
      expect(await asking.send('renew', near, server)).toBe('sent');
      const { from, port } = await answering.heard('renew');
      await answering.send('ack', from.includes(':') && !from.includes('%') ? `${from}%eth0` : from, port);
      await asking.heard('ack');
      asking.stop();
      answering.stop();
    },
  );

  test('nobody but who may be a client has it: not another user, not towards who is cut off', async () => {
    await stage.apply(policy());
    const other = await open(stage.host, family, client, somebody);
    const seen = [await other.send('out', near, server), await other.send('out', everyone[family], server)];
    other.stop();
    const own = await open(stage.host, family, client);
    seen.push(await own.send('out', near, server));
    await stage.apply(cutOff(policy({ inbound: 'observe', outbound: 'observe' })));
    seen.push(await own.send('out', near, server));
    own.stop();
    expect(seen).toEqual(['EPERM', 'EPERM', 'sent', 'EPERM']);
  });

  test('who is cut off reaches the client’s port neither first nor as an answer', async () => {
    const ends = { source: neighbourOwn[family], target: ownOf(family) };
    await stage.apply(policy());
    const before = await stage.hasPassed('arrive', stage.inject('arrive', ends, udp(server, client)));
    await stage.apply(cutOff(policy()));
    const after = await stage.hasPassed('arrive', stage.inject('arrive', ends, udp(server, client)));
    expect({ before, after }).toEqual({ before: true, after: false });
  });

  test('a server that is granted its port gives a lease, renews it, and no more once it is revoked', async () => {
    const granted = policy({ allowIn: [`any: udp/${server}`] });
    await stage.apply(granted);
    const serving = await open(stage.host, family, server);
    const asking = await open(stage.neighbour, family, client);
    if (family === 'ipv6') await asking.send('discover', everyone.ipv6, server);
    else
      stage.inject(
        'arrive',
        { source: address('0.0.0.0'), target: address('255.255.255.255') },
        udp(client, server, Buffer.from('discover')),
      );
    await serving.heard('discover');
    expect(await serving.send('offer', family === 'ipv4' ? everyone.ipv4 : near, client)).toBe('sent');
    await asking.heard('offer');
    await asking.send('renew', ours, server);
    await serving.heard('renew');
    expect(await serving.send('ack', near, client)).toBe('sent');
    await asking.heard('ack');

    const outcomes: string[] = [];
    await stage.apply(cutOff(granted));
    outcomes.push(`cut off: ${await serving.send('no', near, client)}`);
    await stage.apply(inQuarantine(granted));
    outcomes.push(`in quarantine: ${await serving.send('no', near, client)}`);
    await stage.apply(policy());
    outcomes.push(`revoked: ${await serving.send('no', near, client)}`);
    await stage.apply(granted);
    serving.stop();
    const other = await open(stage.host, family, server, somebody);
    outcomes.push(`another user: ${await other.send('no', everyone[family], client)}`);
    other.stop();
    asking.stop();
    expect(outcomes).toEqual(['cut off: EPERM', 'in quarantine: EPERM', 'revoked: EPERM', 'another user: EPERM']);
  });

  test('a container has none of it', async () => {
    await stage.host.exec([
      'sh',
      '-ec',
      `ip link show pods 2>/dev/null || { ip link add pods type veth peer name podsend; ip link set podsend up; ip link set pods up arp off; }
ip route replace 10.81.0.0/24 dev pods; ip -6 route replace fd81::/64 dev pods
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
nft 'table inet seen { chain after { type filter hook forward priority 10; ip saddr 10.81.0.2 counter; ip daddr 10.81.0.2 counter; ip6 saddr fd81::2 counter; ip6 daddr fd81::2 counter; }; }'`,
    ]);
    await stage.apply(policy({ containers: { box: { addresses: Object.values(box) } } }));
    const far = family === 'ipv4' ? address('10.80.1.1') : address('fd80:1::1');
    const into = { source: far, target: box[family] };
    const outOf = { source: box[family], target: far };
    stage.inject('arrive', into, udp(server, client));
    stage.inject('arrive', into, udp(client, server));
    stage.inject('arrive', outOf, udp(client, server));
    stage.inject('arrive', outOf, udp(server, client));
    // What a rule would deny anyway, so that a counter that is not there shows.
    stage.inject('arrive', into, tcp(1, 2, { flags: 2 }));
    await stage.passed();
    const { stdout } = await stage.host.exec(['nft', 'list', 'table', 'inet', 'seen']);
    expect([...stdout.matchAll(/counter packets (\d+)/g)].map(([, packets]) => packets)).toEqual(['0', '0', '0', '0']);
    await stage.host.exec(['nft', 'delete', 'table', 'inet', 'seen']);
  });
});

const ownOf = (family: Family): Address => own[family];

test.each([
  ['root alone where there are no others', 'root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/false\n', [0]],
  ['those that the common ones run as', 'systemd-network:x:998:998::/:/x\n_kea:x:101:1::/:/x\n', [0, 101, 998]],
  ['nobody by a line that is none', 'systemd-network:x:many:1::/:/x\ndhcpcd\n\n:::', [0]],
] as const)('who may be a DHCP client: %s', (_, passwd, expected) => {
  expect(dhcpUsersIn(passwd)).toEqual(expected);
});
