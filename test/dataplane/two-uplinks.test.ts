// A host with two uplinks that routes answers by connection mark: what came in by the second leaves by it, because rules of others write a
// number into the connection's mark and read all of it back. The agent must change nothing of that while nothing is denied, and where
// something is, only in the bits that the operator gives it. The remote end takes an answer only from the uplink that it asked by.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FedAgent, feedAgent } from '#test/resilience/fed-agent.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { startTraffic, type Traffic } from './traffic.ts';

const port = 7001;
const far = '10.88.99.9';
const own = '10.88.12.1';
/** Of the second uplink, in others' rules. */
const second = 2;

let lab: Lab;
let host: LabHost;
let remoteEnd: LabHost;
let agent: FedAgent;
let ends: { readonly host: Traffic; readonly far: Traffic };
const open: string[] = [];

const run = async (at: LabHost, script: string) =>
  expect(await at.exec(['sh', '-ec', script])).toMatchObject({ exitCode: 0, stderr: '' });

/** `bits`: what others' rules write and read; absent, the whole mark. */
const loadRouting = (bits?: string) => {
  const set = (number: number) =>
    `ct mark set ${bits === undefined ? number : `ct mark and ${~Number(bits) >>> 0} or ${number}`}`;
  const restore = `meta mark set ct mark${bits === undefined ? '' : ` and ${bits}`}`;
  return run(
    host,
    `nft -f - <<'END'
add table ip uplinks
delete table ip uplinks
table ip uplinks {
	chain in {
		type filter hook prerouting priority mangle; policy accept;
		iifname "up1" ct state new ${set(1)}
		iifname "up2" ct state new ${set(second)}
		${restore}
	}
	chain out {
		type route hook output priority mangle; policy accept;
		${restore}
	}
}
END`,
  );
};

beforeAll(async () => {
  lab = await createLab({ name: 'uplinks' });
  const [controlPlane, routed, remote] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.88.1.9' }),
    lab.addHost({ name: 'h1', ipv4: '10.88.1.1' }),
    lab.addHost({ name: 'far', ipv4: '10.88.1.5' }),
  ]);
  host = routed;
  remoteEnd = remote;
  for (const link of [1, 2]) {
    await run(
      host,
      `ip link add up${link} type veth peer name up${link} netns ${remoteEnd.namespace}
       ip addr add 10.88.1${link}.1/24 dev up${link}; ip link set up${link} up`,
    );
    await run(
      remoteEnd,
      `ip addr add 10.88.1${link}.2/24 dev up${link}; ip link set up${link} up
       echo 1 > /proc/sys/net/ipv4/conf/up${link}/rp_filter`,
    );
  }
  await run(
    remoteEnd,
    `ip addr add ${far}/32 dev lo; echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter
     for link in 1 2; do ip route replace 10.88.1$link.0/24 dev up$link src ${far}; done`,
  );
  await run(
    host,
    `for at in all up1 up2; do echo 0 > /proc/sys/net/ipv4/conf/$at/rp_filter; done
     ip route add ${far} via 10.88.11.2; ip route add ${far} via 10.88.12.2 table 102
     ip rule add fwmark ${second} lookup 102`,
  );
  await loadRouting();
  agent = await feedAgent({ lab, controlPlane, host });
  ends = { host: startTraffic(host), far: startTraffic(remoteEnd) };
  await ends.host.listen('tcp', port);
  await ends.host.listen('tcp', port + 1);
}, 120_000);
afterAll(async () => {
  ends?.host.stop();
  ends?.far.stop();
  await agent?.stop();
  await lab?.remove();
});

const settings = (text: string) => writeFileSync(join(agent.stateDirectory, 'agent.yaml'), text);
const policy = (revision: number, inbound: 'observe' | 'enforce') => ({
  revision,
  inbound,
  addresses: ['10.88.1.1', '10.88.11.1', own],
  peers: { far: [far] },
  allowIn: [`far: tcp/${port}`],
});

/** Marks of the connections by the second uplink that are open now. */
const marks = async () => {
  const { stdout } = await host.exec(['conntrack', '-L', '-p', 'tcp', '-d', own, '--state', 'ESTABLISHED']);
  return [...stdout.matchAll(/ mark=(\d+) /g)].map(([, mark]) => Number(mark));
};
const hears = async (id: string) => {
  const before = (await ends.far.heard())[id] ?? 0;
  await ends.host.say(id);
  await waitFor(async () => ((await ends.far.heard())[id] ?? 0) > before, { what: `${id} is heard at the remote end` });
};
/** A new connection opens, and all that were open before it go on. */
const works = async (id: string) => {
  await ends.far.open({ id, address: own, port });
  open.push(id);
  await waitFor(async () => id in (await ends.host.heard()), { what: `${id} is known to both ends` });
  for (const one of open) await hears(one);
};
const problems = async () =>
  ((await agent.status())['problems'] as readonly { readonly code: string; readonly text: string }[])
    .filter(({ code }) => code.startsWith('mark-'))
    .map(({ text }) => text);
const restarted = async () => {
  await agent.kill();
  agent.start();
};

test('it works before there is an agent', async () => {
  await works('before');
  expect(await marks()).toEqual([second]);
});

test('an agent without a policy changes nothing', async () => {
  agent.start();
  await waitFor(async () => (await agent.status())['connected'] === true, { what: 'the agent is connected' });
  await works('no policy');
  expect(await marks()).toEqual([second, second]);
});

test('an agent that only observes changes nothing, and says what it cannot tell', async () => {
  await agent.apply(policy(1, 'observe'));
  await works('observed');
  expect(new Set(await marks())).toEqual(new Set([second]));
  expect((await problems()).join('\n')).toContain('while nothing is denied none is written');
});

test('nor does it after a restart, or when the boot unit loads what it had', async () => {
  await restarted();
  await agent.acked(1);
  await works('restarted');
  await agent.kill();
  await run(host, 'nft delete table inet segwall');
  expect(await agent.command('restore')).toMatchObject({ exitCode: 0 });
  await works('restored');
  expect(new Set(await marks())).toEqual(new Set([second]));
  agent.start();
  await agent.acked(1);
  await works('booted');
  expect(new Set(await marks())).toEqual(new Set([second]));
});

test('a stamp that others read breaks their routing, so that the above can fail', async () => {
  settings('connections: { stampWhileObserving: always }\n');
  await restarted();
  await agent.acked(1);
  await agent.apply(policy(2, 'observe'));
  ends.far.open({ id: 'broken', address: own, port }).catch(() => undefined);
  await waitFor(
    async () => (await host.exec(['conntrack', '-L', '-p', 'tcp', '-d', own])).stdout.includes('SYN_RECV'),
    { what: 'an answer goes the wrong way' },
  );
});

test('from connections that were stamped before others’ rules came, the stamps are taken back', async () => {
  await agent.kill();
  await run(host, 'nft delete table ip uplinks');
  settings('');
  await restarted();
  await agent.acked(2);
  ends.far.stop();
  ends = { ...ends, far: startTraffic(remoteEnd) };
  open.length = 0;
  await ends.far.open({ id: 'stamped', address: '10.88.11.1', port });
  const stamps = async () =>
    (await host.exec(['conntrack', '-L', '-p', 'tcp', '-d', '10.88.11.1'])).stdout.match(/ mark=\d{4,} /g) ?? [];
  expect(await stamps()).not.toEqual([]);
  await loadRouting();
  await waitFor(async () => (await stamps()).length === 0, {
    what: 'the stamps are gone: a look may be a minute away',
    timeoutMs: 90_000,
    intervalMs: 200,
  });
  await works('later');
  expect(new Set(await marks())).toEqual(new Set([second]));
});

test('enforced, with bits of its own', async () => {
  settings('connections: { markMask: 0xffffff00 }\n');
  await loadRouting('0xff');
  await restarted();
  await agent.acked(2);
  await agent.apply(policy(3, 'enforce'));
  await works('enforced');
  expect(await problems()).toEqual([]);
  const now = await marks();
  expect(now.map((mark) => mark & 0xff)).toEqual(now.map(() => second));
  expect(now.every((mark) => mark > 0xff)).toBe(true);
  ends.far.open({ id: 'denied', address: own, port: port + 1 }).catch(() => undefined);
  await waitFor(
    async () => (await host.exec(['nft', 'list', 'set', 'inet', 'segwall', 'den_in4'])).stdout.includes(far),
    {
      what: 'what is not granted is denied',
    },
  );
});
