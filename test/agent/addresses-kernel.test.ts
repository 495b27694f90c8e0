// Which addresses a host publishes, with real interfaces: what they are and what they lead to decides, never what they are called.
// One namespace holds every kind at once, so that each is judged beside the others.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LineProcess, startLineProcess } from '#test/resilience/line-process.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

interface Seen {
  readonly published: readonly string[];
  readonly beyond: number;
  readonly all: readonly string[];
  readonly held: readonly unknown[];
}

let lab: Lab;
let host: LabHost;
let reader: LineProcess;
const none = { include: [], exclude: [], outside: [] };
const read = (settings: object = none) => reader.ask<Seen>(settings);

async function sh(script: string, at: LabHost = host): Promise<void> {
  const { exitCode, stderr } = await at.exec(['sh', '-ec', script]);
  if (exitCode !== 0) throw new Error(stderr);
}

beforeAll(async () => {
  lab = await createLab({ name: 'addresses' });
  host = await lab.addHost({ name: 'h', ipv4: '10.71.0.1', ipv6: 'fd71::1' });
  const other = await lab.addHost({ name: 'guest' });
  const far = await lab.addHost({ name: 'far' });
  const guest = other.namespace;
  const lan = far.namespace;
  const veth = (name: string, to: string) =>
    `ip link add ${name} type veth peer name p-${name} netns ${to}; ip link set ${name} up`;
  await sh(`
    ip addr add 10.71.1.1/32 dev lo; ip addr add fd71:1::1/128 dev lo; ip addr add 127.0.0.53/8 dev lo
    for b in br-ex br-mgmt br-lan docker0 corp0 empty0 anycast0 br-mixed; do ip link add $b type bridge; ip link set $b addrgenmode none up; done
    ${veth('up-ex', lan)}; ip link set up-ex master br-ex; ip addr add 10.71.2.1/24 dev br-ex
    ${veth('up-mgmt', lan)}; ip link set up-mgmt master br-mgmt; ip addr add fd71:2::1/64 dev br-mgmt nodad
    ip link add link eth0 name mv0 type macvlan mode bridge; ip link set mv0 master br-lan up || true
    ip addr add 10.71.3.1/24 dev br-lan
    ${veth('c1', guest)}; ip link set c1 master docker0; ip addr add 172.17.0.1/16 dev docker0; ip addr add fd17::1/64 dev docker0 nodad
    ${veth('c2', guest)}; ip link set c2 master corp0; ip addr add 172.18.0.1/16 dev corp0
    ${veth('c3', guest)}; ip link set c3 master br-mixed; ${veth('up-mixed', lan)}; ip link set up-mixed master br-mixed; ip addr add 10.71.4.1/24 dev br-mixed
    ip tuntap add tap0 mode tap; ip link set tap0 up; ip link add virt0 type bridge; ip link set virt0 addrgenmode none up; ip link set tap0 master virt0; ip addr add 192.168.122.1/24 dev virt0
    ip addr add 172.19.0.1/16 dev empty0
    ip addr add 10.71.5.1/32 dev anycast0
    ip link add down0 type bridge; ip addr add 10.71.6.1/32 dev down0
  `);
  // What is at the other end: guests are endpoints; the LAN is a switch.
  await sh('for p in p-c1 p-c2 p-c3; do ip link set $p up; done', other);
  await sh(
    'ip link add sw type bridge; ip link set sw up; for p in p-up-ex p-up-mgmt p-up-mixed; do ip link set $p master sw; ip link set $p up; done',
    far,
  );
  reader = startLineProcess(
    host,
    [process.execPath, fileURLToPath(new URL('addresses-process.ts', import.meta.url))],
    'greets',
  );
  await reader.first;
}, 120_000);
afterAll(async () => {
  reader?.stop();
  await lab?.remove();
});

describe('an address is published by what it can reach', () => {
  const rows = [
    ['of an uplink', '10.71.0.1', 'published'],
    ['of an uplink, IPv6', 'fd71::1', 'published'],
    ['on lo: anycast, direct server return, a routing daemon’s', '10.71.1.1', 'published'],
    ['on lo, IPv6', 'fd71:1::1', 'published'],
    ['on lo, of loopback’s own range', '127.0.0.53', 'kept back'],
    ['on a bridge named like a container engine’s, with an uplink', '10.71.2.1', 'published'],
    ['on such a bridge, IPv6', 'fd71:2::1', 'published'],
    ['on a bridge with an uplink and a container', '10.71.4.1', 'published'],
    ['on a bridge of containers alone', '172.17.0.1', 'kept back'],
    ['on a bridge of containers alone, IPv6', 'fd17::1', 'kept back'],
    ['on a bridge of containers alone that is called otherwise', '172.18.0.1', 'kept back'],
    ['on a bridge of virtual machines alone', '192.168.122.1', 'kept back'],
    ['on a bridge without ports', '172.19.0.1', 'kept back'],
    ['of its own, on a bridge without ports', '10.71.5.1', 'published'],
    ['on an interface that is set down', '10.71.6.1', 'kept back'],
  ] as const;
  test.each(rows)('%s', async (_what, address, expected) => {
    const { published, all } = await read();
    expect(all).toContain(address);
    expect(published.includes(address) ? 'published' : 'kept back').toBe(expected);
  });

  test('nothing else is published, and nothing twice', async () => {
    const { published, beyond } = await read();
    const expected = rows.filter(([, , outcome]) => outcome === 'published').map(([, address]) => address);
    expect(published.filter((address) => address !== '10.71.3.1')).toEqual([...expected].sort());
    expect(beyond).toBe(0);
  });

  test.each([
    ['a renamed uplink keeps its address', none, true],
    ['what is excluded by name is kept back', { ...none, exclude: ['wan*'] }, false],
    ['include wins over exclude', { ...none, include: ['wan0'], exclude: ['wan*'] }, true],
  ] as const)('%s', async (_what, settings, isPublished) => {
    await sh('ip link show wan0 >/dev/null 2>&1 || ip link set eth0 name wan0');
    expect((await read(settings)).published.includes('10.71.0.1')).toBe(isPublished);
  });

  test('a bridge of containers is published where the settings include it', async () => {
    expect((await read({ ...none, include: ['docker0'] })).published).toContain('172.17.0.1');
  });
});

describe('an address comes and goes', () => {
  test('loss of carrier withdraws none, not even what a network manager takes away with it', async () => {
    await sh(
      'ip link add cable0 type veth peer name cable1; ip link set cable0 up; ip link set cable1 up; ip addr add 10.71.7.1/24 dev cable0; ip addr add 10.71.7.2/24 dev cable0',
    );
    const before = (await read()).published;
    expect(before).toContain('10.71.7.1');
    await sh('ip link set cable1 down');
    expect((await read()).published).toEqual(before);
    await sh('ip addr flush dev cable0');
    expect(await read()).toMatchObject({
      published: before,
      held: [{ address: '10.71.7.1' }, { address: '10.71.7.2' }],
    });
    await sh('ip link set cable1 up; ip addr add 10.71.7.1/24 dev cable0');
    expect(await read()).toMatchObject({ published: before, held: [{ address: '10.71.7.2' }] });
    await sh('ip link del cable0');
    expect((await read()).published).toEqual(before.filter((address) => !address.startsWith('10.71.7.')));
  });

  test('an address that is removed while there is carrier is withdrawn', async () => {
    await sh('ip addr add 10.71.8.1/32 dev lo');
    expect((await read()).published).toContain('10.71.8.1');
    await sh('ip addr del 10.71.8.1/32 dev lo');
    expect((await read()).published).not.toContain('10.71.8.1');
  });

  test('of more than 4,096, the first are published, networks’ own before single ones, and the rest is counted', async () => {
    const { published } = await read();
    await host.exec(['ip', '-batch', '-'], {
      input: Array.from({ length: 5000 }, (_, at) => `addr add 10.72.${at >> 8}.${at & 255}/32 dev lo`).join('\n'),
    });
    const now = await read();
    expect(now.published).toHaveLength(4096);
    expect(now.beyond).toBe(published.length + 5000 - 4096);
    expect(now.published).toEqual(expect.arrayContaining(['10.71.0.1', 'fd71::1', '10.71.2.1']));
  });
});
