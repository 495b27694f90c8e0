// How long an address outlives the carrier of its link: the table that needs no kernel. What the kernel really says of interfaces is in
// test/agent/addresses-kernel.test.ts.

import { describe, expect, test } from 'vitest';
import { heldAddresses } from '#agent-core/addresses/published-addresses.ts';
import type { Link } from '#agent-core/netlink/route-message.ts';
import type { Address } from '#model/address.ts';

const bridge = 1;
const link = (index: number, kind: string, more: Partial<Link> = {}): Link => ({
  ...{ index, name: `if${index}`, kind, up: 'yes', carrier: 'yes', master: bridge, peer: undefined },
  ...more,
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
