// Which bridges host guests alone, and how long an address outlives the carrier of its link: the tables that need no kernel. What the
// kernel really says of interfaces is in test/agent/addresses-kernel.test.ts.

import { describe, expect, test } from 'vitest';
import {
  guestInterfaces,
  heldAddresses,
  hostingBridges,
  outwardBridges,
} from '#agent-core/addresses/published-addresses.ts';
import type { Link } from '#agent-core/netlink/route-message.ts';
import type { Address } from '#model/address.ts';

const bridge = 1;
const link = (index: number, kind: string, more: Partial<Link> = {}): Link => ({
  ...{ index, name: `if${index}`, kind, up: 'yes', carrier: 'yes', master: bridge, peer: undefined },
  ...more,
});
const self = link(bridge, 'bridge', { master: 0, name: 'br-ex' });

describe('a bridge hosts guests alone', () => {
  const rows: readonly (readonly [
    string,
    readonly Link[],
    Parameters<typeof hostingBridges>[0] | object,
    'yes' | 'no',
  ])[] = [
    ['without ports', [], {}, 'yes'],
    ['with a port of hardware', [link(2, '')], {}, 'no'],
    ['with a bond', [link(2, 'bond')], {}, 'no'],
    ['with a VLAN', [link(2, 'vlan')], {}, 'no'],
    ['with a tunnel', [link(2, 'vxlan')], {}, 'no'],
    ['with a tap', [link(2, 'tun')], {}, 'yes'],
    ['with a container', [link(2, 'veth')], { guestPorts: new Set([2]) }, 'yes'],
    ['with a veth to a switch', [link(2, 'veth')], {}, 'no'],
    ['with a container and hardware', [link(2, 'veth'), link(3, '')], { guestPorts: new Set([2]) }, 'no'],
    ['with a container and a tap', [link(2, 'veth'), link(3, 'tun')], { guestPorts: new Set([2]) }, 'yes'],
    ['with the way to everywhere', [link(2, 'veth')], { guestPorts: new Set([2]), uplinks: new Set([1]) }, 'no'],
    ['hardware elsewhere', [link(2, '', { master: 0 })], {}, 'yes'],
  ];
  test.each(rows)('%s', (_what, ports, more, expected) => {
    const links = new Map([self, ...ports].map((one) => [one.index, one]));
    const hosting = hostingBridges({ links, addresses: [], guestPorts: new Set(), uplinks: new Set(), ...more });
    expect(hosting.has(bridge) ? 'yes' : 'no').toBe(expected);
  });
});

describe('what the host answers for, and where it cannot', () => {
  const own = (index: number, kind: string) => link(index, kind, { master: 0 });
  test.each<
    readonly [
      string,
      readonly Link[],
      object,
      { readonly guests: readonly string[]; readonly outward: readonly string[] },
    ]
  >([
    ['a bridge without ports: its first will be a guest', [], {}, { guests: ['br-ex'], outward: [] }],
    [
      'a bridge of containers and taps',
      [link(2, 'veth'), link(3, 'tun')],
      { guestPorts: new Set([2]) },
      { guests: ['br-ex'], outward: [] },
    ],
    [
      'one that has hardware too',
      [link(2, 'veth'), link(3, '')],
      { guestPorts: new Set([2]) },
      { guests: [], outward: ['br-ex'] },
    ],
    ['one that has a tap and hardware', [link(2, 'tun'), link(3, '')], {}, { guests: [], outward: ['br-ex'] }],
    ['one of hardware alone', [link(2, ''), link(3, 'vlan')], {}, { guests: [], outward: [] }],
    [
      'one that the way to everywhere leads through',
      [link(2, 'veth')],
      { guestPorts: new Set([2]), uplinks: new Set([1]) },
      { guests: [], outward: ['br-ex'] },
    ],
    [
      'a veth of its own to a guest',
      [link(2, ''), own(3, 'veth')],
      { guestPorts: new Set([3]) },
      { guests: ['if3'], outward: [] },
    ],
    [
      'a veth of its own that the way to everywhere leads through',
      [link(2, ''), own(3, 'veth')],
      { guestPorts: new Set([3]), uplinks: new Set([3]) },
      { guests: [], outward: [] },
    ],
    ['a veth of its own to a switch', [link(2, ''), own(3, 'veth')], {}, { guests: [], outward: [] }],
    [
      'a tunnel of its own: who is behind it is not told',
      [link(2, ''), own(3, 'tun')],
      {},
      { guests: [], outward: [] },
    ],
    [
      'a name that nft would not read as it is',
      [link(2, ''), link(3, 'veth', { master: 0, name: 'a"b' })],
      { guestPorts: new Set([3]) },
      { guests: [], outward: [] },
    ],
  ])('%s', (_what, ports, more, expected) => {
    const links = new Map([self, ...ports].map((one) => [one.index, one]));
    const seen = { links, addresses: [], guestPorts: new Set<number>(), uplinks: new Set<number>(), ...more };
    expect({ guests: guestInterfaces(seen), outward: outwardBridges(seen) }).toEqual(expected);
  });
});

describe('an address that went with the carrier', () => {
  const address = '10.0.0.1' as Address;
  const place = { address, link: 2 };
  const eth = (more: Partial<Link>) => new Map([[2, link(2, '', more)]]);
  const at = (given: object) =>
    heldAddresses({ before: [place], held: [], now: [], links: eth({ carrier: 'no' }), atMs: 1000, ...given });
  const waiting = [{ ...place, untilMs: undefined }];
  const rows: readonly (readonly [string, object, readonly object[]])[] = [
    ['is held while there is none, however long', { held: waiting, atMs: 1e9 }, waiting],
    ['is held for ten seconds once it is back', { held: waiting, links: eth({}) }, [{ ...place, untilMs: 11_000 }]],
    [
      'is held until then',
      { held: [{ ...place, untilMs: 11_000 }], links: eth({}), atMs: 10_999 },
      [{ ...place, untilMs: 11_000 }],
    ],
    ['is withdrawn then', { held: [{ ...place, untilMs: 11_000 }], links: eth({}), atMs: 11_000 }, []],
    ['waits anew when the carrier goes again', { held: [{ ...place, untilMs: 11_000 }] }, waiting],
    ['is held no longer once it is back itself', { held: waiting, now: [place] }, []],
    ['is withdrawn when the link is set down', { held: waiting, links: eth({ up: 'no', carrier: 'no' }) }, []],
    ['is withdrawn when the link goes', { held: waiting, links: new Map() }, []],
    ['that went while there was carrier is withdrawn', { links: eth({}) }, []],
  ];
  test.each(rows)('%s', (_what, given, expected) => {
    expect(at(given)).toEqual(expected);
  });
});
