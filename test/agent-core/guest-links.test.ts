// Behind which links only guests are, and of which it is not certain: the tables that need no kernel. What the kernel really says, and what
// is judged of it, is in test/containers/guests.test.ts.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownNamespace } from '#agent/host/own-namespace.ts';
import { type GuestLinks, guestLinks, type SeenLinks, standingOfPort } from '#agent-core/addresses/guest-links.ts';
import type { Link } from '#agent-core/netlink/route-message.ts';

const bridge = 1;
const port = (index: number, kind: string, more: Partial<Link> = {}): Link => ({
  ...{ index, name: `if${index}`, kind, up: 'yes', carrier: 'yes', master: bridge, peer: undefined },
  ...more,
});
const own = (index: number, kind: string) => port(index, kind, { master: 0 });
const self = port(bridge, 'bridge', { master: 0, name: 'br0' });
const guest = (...indexes: readonly number[]) => ({ guestPorts: new Set(indexes) });
const doubtful = (...indexes: readonly number[]) => ({ doubtfulPorts: new Set(indexes) });
const uplink = (...indexes: readonly number[]) => ({ uplinks: new Set(indexes) });

const guests = { guests: ['br0'], inDoubt: [], outward: [] };
const inDoubt = { guests: [], inDoubt: ['br0'], outward: [] };
const outside = { guests: [], inDoubt: [], outward: [] };
const outward = { guests: [], inDoubt: [], outward: ['br0'] };

describe('what is behind a link', () => {
  test.each<readonly [string, readonly Link[], Partial<SeenLinks>, Partial<GuestLinks>]>([
    ['a bridge without ports: its first will be a guest', [], {}, guests],
    ['of hardware', [port(2, '')], {}, outside],
    ['of a bond', [port(2, 'bond')], {}, outside],
    ['of a VLAN', [port(2, 'vlan')], {}, outside],
    ['of a tunnel', [port(2, 'vxlan')], {}, outside],
    ['of a veth to another part of this host', [port(2, 'veth')], {}, outside],
    ['of a tap', [port(2, 'tun')], {}, guests],
    ['of a container', [port(2, 'veth')], guest(2), guests],
    ['of containers and taps', [port(2, 'veth'), port(3, 'tun')], guest(2), guests],
    ['of a container and hardware', [port(2, 'veth'), port(3, '')], guest(2), outward],
    ['of a tap and hardware', [port(2, 'tun'), port(3, '')], {}, outward],
    ['of hardware, and elsewhere a container', [port(2, ''), own(3, 'bridge')], {}, { ...outside, guests: ['if3'] }],
    ['of hardware that is no port of it', [own(2, '')], {}, guests],
    // In doubt.
    ['of a port in doubt', [port(2, 'veth')], doubtful(2), inDoubt],
    [
      'of a container and a port in doubt',
      [port(2, 'veth'), port(3, 'veth')],
      { ...guest(2), ...doubtful(3) },
      inDoubt,
    ],
    ['of a port in doubt and hardware', [port(2, 'veth'), port(3, '')], doubtful(2), outward],
    // A route takes one step, and takes judging away from no guest.
    ['of a container, with the way to everywhere', [port(2, 'veth')], { ...guest(2), ...uplink(1) }, inDoubt],
    ['of a port in doubt, with the way to everywhere', [port(2, 'veth')], { ...doubtful(2), ...uplink(1) }, outward],
    // A link of its own.
    ['a veth to a guest', [port(2, ''), own(3, 'veth')], guest(3), { guests: ['if3'] }],
    [
      'a veth to a guest, with the way to everywhere',
      [own(3, 'veth')],
      { ...guest(3), ...uplink(3) },
      { inDoubt: ['if3'] },
    ],
    ['a veth in doubt', [own(3, 'veth')], doubtful(3), { inDoubt: ['if3'] }],
    [
      'a veth in doubt, with the way to everywhere',
      [own(3, 'veth')],
      { ...doubtful(3), ...uplink(3) },
      { inDoubt: [] },
    ],
    ['a veth to another part of this host', [port(2, ''), own(3, 'veth')], {}, outside],
    ['a tunnel: who is behind it is not told', [port(2, ''), own(3, 'tun')], {}, outside],
    ['a name that nft would not read', [port(2, ''), port(3, 'veth', { master: 0, name: 'a"b' })], guest(3), outside],
    // Settings have the last word.
    ['of a port that settings name', [port(2, 'veth')], { ...guest(2), outside: ['if2'] }, outward],
    ['a bridge that settings name', [port(2, 'veth')], { ...guest(2), outside: ['br*'] }, outward],
    ['a veth that settings name', [port(2, ''), own(3, 'veth')], { ...guest(3), outside: ['if3'] }, outside],
  ])('%s', (_what, ports, more, expected) => {
    const links = new Map([self, ...ports].map((one) => [one.index, one]));
    const none = { guestPorts: new Set<number>(), doubtfulPorts: new Set<number>(), uplinks: new Set<number>() };
    expect(guestLinks({ links, outside: [], ...none, ...more })).toMatchObject(expected);
  });
});

describe('what is at the other end of a port', () => {
  test.each([
    ['inner', 'endpoint', 'guests'],
    ['inner', 'port', 'in-doubt'],
    ['inner', 'untold', 'in-doubt'],
    ['inner', 'foreign', 'outside'],
    ['outermost', 'endpoint', 'guests'],
    ['outermost', 'port', 'guests'],
    ['outermost', 'untold', 'guests'],
    ['outermost', 'foreign', 'guests'],
  ] as const)('of a host whose network is %s, %s: %s', (place, told, expected) => {
    expect(standingOfPort(place, () => told)).toBe(expected);
  });

  test('the outermost network asks no guest', () => {
    const asked = () => {
      throw new Error('a guest was asked');
    };
    expect(standingOfPort('outermost', asked)).toBe('guests');
  });
});

describe('whether this host’s network is the machine’s own', () => {
  test.each([
    ['that of the first process, and of the first processes', 'same', 'pid:[4026531836]', 'outermost'],
    ['another than that of the first process', 'other', 'pid:[4026531836]', 'inner'],
    ['that of the first process of a system container', 'same', 'pid:[4026532800]', 'inner'],
    ['the first process is not shown', 'hidden', 'pid:[4026531836]', 'inner'],
  ] as const)('%s', (_what, first, processes, expected) => {
    const proc = mkdtempSync(join(tmpdir(), 'segwall-proc-'));
    try {
      for (const folder of ['self/net', 'self/ns', '1']) mkdirSync(join(proc, folder), { recursive: true });
      writeFileSync(join(proc, 'self/net/dev'), '');
      symlinkSync(processes, join(proc, 'self/ns/pid'));
      if (first === 'same') symlinkSync('../self/net', join(proc, '1/net'));
      if (first === 'other') {
        mkdirSync(join(proc, '1/net'));
        writeFileSync(join(proc, '1/net/dev'), '');
      }
      expect(ownNamespace(proc)).toBe(expected);
    } finally {
      rmSync(proc, { recursive: true });
    }
  });
});
