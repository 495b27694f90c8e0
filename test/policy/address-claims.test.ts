// Whose address is it: each row is a story in a few steps on a wound clock, and who holds the address at its end.

import { describe, expect, test } from 'vitest';
import { type Address, parseAddress } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import { AddressClaims } from '#policy/claims/address-claims.ts';
import { defaultClaimLimits } from '#policy/claims/address-standing.ts';
import type { VirtualAddresses } from '#policy/claims/virtual-claims.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

function ranges(...texts: readonly string[]): readonly AddressRange[] {
  return normaliseRanges(texts.map((text) => assertOk(parseCidr(text))));
}

const addressOf = (text: string): Address => assertOk(parseAddress(text));

/** A world of claims with short verbs; every step happens now, and only `pass` moves the clock. */
class World {
  readonly claims: AddressClaims;
  at = 0;

  constructor(given: { readonly proxies?: readonly string[]; readonly withoutRanges?: number } = {}) {
    this.claims = new AddressClaims({
      limits: { ...defaultClaimLimits, withoutRanges: given.withoutRanges ?? defaultClaimLimits.withoutRanges },
      reserved: ranges('10.9.9.9', 'fd00:9::9'),
      proxies: ranges(...(given.proxies ?? [])),
    });
  }

  enrol(name: string, ...cidrs: readonly string[]): this {
    this.known.add(name);
    this.claims.enrolled(name, cidrs.length === 0 ? undefined : ranges(...cidrs), this.at);
    return this;
  }

  /** Connects, enrolled if need be, seen from `from`, and reports. */
  comes(name: string, from: string, ...reported: readonly string[]): this {
    if (!this.known.has(name)) this.enrol(name);
    this.claims.connected(name, addressOf(from), this.at);
    return this.says(name, ...reported);
  }

  says(name: string, ...reported: readonly string[]): this {
    this.claims.reported(name, reported.map(addressOf), this.at);
    return this;
  }

  goes(name: string): this {
    this.claims.disconnected(name, this.at);
    return this;
  }

  /** Time passes, in which those are heard. */
  pass(ms: number, ...heard: readonly string[]): this {
    this.at += ms;
    for (const name of heard) this.claims.heard(name, this.at);
    this.claims.advance(this.at);
    return this;
  }

  next(step: (claims: AddressClaims, at: number) => void): this {
    step(this.claims, this.at);
    return this;
  }

  holder(address: string): string | undefined {
    return this.claims.holderOf(addressOf(address))?.name;
  }

  pending(name: string): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.claims
        .pendingOf(name)
        .map(({ address, reason }) => [address, reason.kind === 'held-by' ? `held-by ${reason.holder}` : reason.kind]),
    );
  }

  readonly known = new Set<string>();
}

interface Row {
  readonly story: string;
  readonly world: () => World;
  readonly holders: Readonly<Record<string, string | undefined>>;
  readonly pending?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Addresses of virtual workloads that a host holds. */
  readonly virtual?: Readonly<Record<string, readonly string[]>>;
}

const vip = (address: string): VirtualAddresses => ({
  name: 'vip',
  addresses: [addressOf(address)],
  mayHold: () => true,
});

const elsewhere = '127.0.0.1';

describe.each([
  { family: 'IPv4', x: '10.0.0.1', y: '10.0.0.2', z: '10.0.0.3', range: '10.0.0.0/24', reserved: '10.9.9.9' },
  { family: 'IPv6', x: 'fd00::1', y: 'fd00::2', z: 'fd00::3', range: 'fd00::/64', reserved: 'fd00:9::9' },
])('$family', ({ x, y, z, range, reserved }) => {
  const rows: readonly Row[] = [
    // the address it is seen talking from
    {
      story: 'the seen address is its own, reported or not',
      world: () => new World().comes('a', x),
      holders: { [x]: 'a' },
    },
    {
      story: 'reported too, it is still one',
      world: () => new World().comes('a', x, x, y),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'outside of its ranges, too',
      world: () => new World().enrol('a', '192.0.2.0/24').next((claims, at) => claims.connected('a', addressOf(x), at)),
      holders: { [x]: 'a' },
    },
    {
      story: 'of a proxy it is nobody’s',
      world: () => new World({ proxies: [x] }).comes('a', x),
      holders: { [x]: undefined },
      pending: { a: {} },
    },
    {
      story: 'that two hosts talk from at once is nobody’s, and neither is blamed',
      world: () => new World().comes('a', x).comes('b', x).pass(5000, 'a', 'b'),
      holders: { [x]: undefined },
      pending: { a: {}, b: {} },
    },
    {
      story: 'loopback says nothing',
      world: () => new World().comes('a', elsewhere),
      holders: { '127.0.0.1': undefined },
    },
    {
      story: 'shared, it is not to be had by claiming it',
      world: () => new World().comes('a', x).comes('b', x).pass(5000, 'a', 'b').comes('c', elsewhere, x),
      holders: { [x]: undefined },
      pending: { c: { [x]: 'shared-seen-address' } },
    },
    {
      story: 'shared, a gateway that reported it first keeps it',
      world: () => new World().comes('g', elsewhere, x).comes('a', x).comes('b', x).pass(5000, 'a', 'b'),
      holders: { [x]: 'g' },
    },
    {
      story: 'shared no more when the others have moved',
      world: () => new World().comes('a', x).comes('b', x).pass(5000, 'a', 'b').comes('a', y).pass(5000, 'a', 'b'),
      holders: { [x]: 'b', [y]: 'a' },
    },

    // ranges
    {
      story: 'inside of its ranges a claim is good',
      world: () =>
        new World()
          .enrol('a', range)
          .next((claims, at) => claims.connected('a', undefined, at))
          .says('a', x, y),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'outside of them it is pending',
      world: () =>
        new World()
          .enrol('a', '192.0.2.0/24')
          .next((claims, at) => claims.connected('a', undefined, at))
          .says('a', x),
      holders: { [x]: undefined },
      pending: { a: { [x]: 'outside-ranges' } },
    },
    {
      story: 'ranges given later make it good',
      world: () =>
        new World()
          .enrol('a', '192.0.2.0/24')
          .next((claims, at) => claims.connected('a', undefined, at))
          .says('a', x)
          .next((claims, at) => claims.allowed('a', ranges(range), at)),
      holders: { [x]: 'a' },
      pending: { a: {} },
    },
    {
      story: 'ranges taken away end it, and the next one gets it',
      world: () =>
        new World()
          .comes('a', elsewhere, x)
          .comes('b', elsewhere, x)
          .next((claims, at) => claims.allowed('a', ranges('192.0.2.0/24'), at)),
      holders: { [x]: 'b' },
      pending: { a: { [x]: 'held-by b' } },
    },
    {
      story: 'a reserved address is to be had by a range only',
      world: () => new World().comes('a', elsewhere, reserved),
      holders: { [reserved]: undefined },
      pending: { a: { [reserved]: 'reserved' } },
    },
    {
      story: 'the control plane’s own host talks from it',
      world: () => new World().comes('a', reserved),
      holders: { [reserved]: 'a' },
    },
    {
      story: 'without ranges, so many and no more',
      world: () => new World({ withoutRanges: 1 }).comes('a', z, x, y, z),
      holders: { [x]: 'a', [y]: undefined, [z]: 'a' },
      pending: { a: { [y]: 'too-many' } },
    },
    {
      story: 'one let go makes room for one more',
      world: () => new World({ withoutRanges: 1 }).comes('a', z, x, y, z).says('a', y),
      holders: { [x]: undefined, [y]: 'a', [z]: 'a' },
      pending: { a: {} },
    },

    // incumbents
    {
      story: 'a connected holder keeps it',
      world: () => new World().comes('a', x, x).comes('b', elsewhere, x).pass(dayMs, 'a', 'b'),
      holders: { [x]: 'a' },
      pending: { b: { [x]: 'held-by a' } },
    },
    {
      story: 'also against one that is seen talking from it',
      world: () => new World().comes('a', y, x, y).comes('b', x, x).pass(dayMs, 'a', 'b'),
      holders: { [x]: 'a' },
      pending: { b: { [x]: 'held-by a' } },
    },
    {
      story: 'also against one whose ranges have it',
      world: () =>
        new World()
          .comes('a', elsewhere, x)
          .enrol('b', range)
          .next((claims, at) => claims.connected('b', undefined, at))
          .says('b', x),
      holders: { [x]: 'a' },
      pending: { b: { [x]: 'held-by a' } },
    },
    {
      story: 'silent for minutes, it loses it to one that talks from it',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', x, x)
          .pass(5 * minuteMs, 'b'),
      holders: { [x]: 'b' },
      pending: { b: {} },
    },
    {
      story: 'not a moment before',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', x, x)
          .pass(5 * minuteMs - 1, 'b'),
      holders: { [x]: 'a' },
      pending: { b: { [x]: 'held-by a' } },
    },
    {
      story: 'its stream still open as its successor comes, it does not share',
      world: () =>
        new World()
          .comes('a', x, x)
          .pass(3000, 'a')
          .comes('b', x, x)
          .pass(60_000, 'b')
          .goes('a')
          .pass(5 * minuteMs, 'b'),
      holders: { [x]: 'b' },
    },
    {
      story: 'not to one that only claims it',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', elsewhere, x)
          .pass(6 * dayMs, 'b'),
      holders: { [x]: 'a' },
    },
    {
      story: 'that comes back in time keeps it',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .pass(4 * minuteMs)
          .comes('a', x, x)
          .comes('b', y, x)
          .pass(dayMs, 'a', 'b'),
      holders: { [x]: 'a' },
    },
    {
      story: 'that comes back too late waits',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', x, x)
          .pass(5 * minuteMs, 'b')
          .comes('a', y, x, y),
      holders: { [x]: 'b', [y]: 'a' },
      pending: { a: { [x]: 'held-by b' } },
    },
    {
      story: 'that lets go lets the next one have it',
      world: () => new World().comes('a', y, x, y).comes('b', elsewhere, x).says('a', y),
      holders: { [x]: 'b' },
      pending: { b: {} },
    },
    {
      story: 'two hosts swap their addresses',
      world: () =>
        new World()
          .comes('a', x, x)
          .comes('b', y, y)
          .pass(5000, 'a', 'b')
          .comes('a', y, y)
          .comes('b', x, x)
          .pass(5000, 'a', 'b'),
      holders: { [x]: 'b', [y]: 'a' },
      pending: { a: {}, b: {} },
    },

    // leases
    {
      story: 'an absent host keeps its addresses',
      world: () =>
        new World()
          .comes('a', x, x, y)
          .goes('a')
          .pass(7 * dayMs - 1),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'until its lease ends',
      world: () =>
        new World()
          .comes('a', x, x, y)
          .goes('a')
          .pass(7 * dayMs),
      holders: { [x]: undefined, [y]: undefined },
    },
    {
      story: 'then whoever waited has it',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', elsewhere, x)
          .pass(7 * dayMs, 'b'),
      holders: { [x]: 'b' },
    },
    {
      story: 'a host that is removed lets go at once',
      world: () =>
        new World()
          .comes('a', x, x)
          .comes('b', elsewhere, x)
          .next((claims, at) => claims.removed('a', at)),
      holders: { [x]: 'b' },
      pending: { b: {} },
    },

    // containment
    {
      story: 'a contained host keeps what it does not report any more',
      world: () =>
        new World()
          .comes('a', y, x, y)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .says('a'),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'and when it is silent, and past its lease',
      world: () =>
        new World()
          .comes('a', x, x)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .goes('a')
          .comes('b', x, x)
          .pass(30 * dayMs, 'b'),
      holders: { [x]: 'a' },
    },
    {
      story: 'one with something contained inside claims as others do, and no silence ends its lease',
      world: () =>
        new World()
          .comes('a', x, x)
          .next((claims, at) => claims.contained('a', 'inside', at))
          .says('a', x, y)
          .goes('a')
          .pass(30 * dayMs),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'it gains nothing by claiming',
      world: () =>
        new World()
          .comes('a', x)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .says('a', x, y),
      holders: { [y]: undefined },
      pending: { a: { [y]: 'contained' } },
    },
    {
      story: 'where it is seen its quarantine follows it',
      world: () =>
        new World()
          .comes('a', x)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .comes('a', y),
      holders: { [x]: 'a', [y]: 'a' },
    },
    {
      story: 'but it takes nothing over from one that is away',
      world: () =>
        new World()
          .comes('a', x, x)
          .goes('a')
          .comes('b', x)
          .next((claims, at) => claims.contained('b', 'contained', at))
          .pass(dayMs, 'b'),
      holders: { [x]: 'a' },
    },
    {
      story: 'an operator says what it may keep, which it cannot say itself',
      world: () =>
        new World()
          .comes('a', x, x, y)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .next((claims, at) => claims.allowed('a', ranges('192.0.2.0/24'), at)),
      holders: { [x]: 'a', [y]: undefined },
    },
    {
      story: 'released, it is as others are',
      world: () =>
        new World()
          .comes('a', y, x, y)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .says('a', y)
          .next((claims, at) => claims.contained('a', 'none', at)),
      holders: { [x]: undefined, [y]: 'a' },
    },

    // externals
    {
      story: 'an external’s address is not to be claimed',
      world: () =>
        new World()
          .next((claims, at) => claims.setExternals(new Map([['db', [addressOf(x)]]]), at))
          .comes('a', elsewhere, x),
      holders: { [x]: 'db' },
      pending: { a: { [x]: 'held-by db' } },
    },
    {
      story: 'an external that comes later waits',
      world: () =>
        new World()
          .comes('a', elsewhere, x)
          .next((claims, at) => claims.setExternals(new Map([['db', [addressOf(x)]]]), at)),
      holders: { [x]: 'a' },
    },
    {
      story: 'and has it when the host lets go',
      world: () =>
        new World()
          .comes('a', elsewhere, x)
          .next((claims, at) => claims.setExternals(new Map([['db', [addressOf(x)]]]), at))
          .says('a'),
      holders: { [x]: 'db' },
    },
    {
      story: 'an external that goes lets the host have it',
      world: () =>
        new World()
          .next((claims, at) => claims.setExternals(new Map([['db', [addressOf(x)]]]), at))
          .comes('a', elsewhere, x)
          .next((claims, at) => claims.setExternals(new Map(), at)),
      holders: { [x]: 'a' },
      pending: { a: {} },
    },

    // virtual workloads
    {
      story: 'a virtual address is held by all that it selects, and by no other',
      world: () =>
        new World()
          .next((claims, at) =>
            claims.setVirtual([{ name: 'vip', addresses: [addressOf(x)], mayHold: (host) => host !== 'c' }], at),
          )
          .comes('a', elsewhere, x)
          .comes('b', elsewhere, x)
          .comes('c', x, x),
      holders: { [x]: 'vip' },
      pending: { a: {}, b: {}, c: { [x]: 'not-a-holder' } },
    },
    {
      story: 'declared later, it is taken from who is not selected',
      world: () =>
        new World()
          .comes('c', x, x)
          .next((claims, at) =>
            claims.setVirtual([{ name: 'vip', addresses: [addressOf(x)], mayHold: () => false }], at),
          ),
      holders: { [x]: 'vip' },
      pending: { c: { [x]: 'not-a-holder' } },
    },
    {
      story: 'moved, it is held by who has it now',
      world: () =>
        new World()
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x)
          .says('a')
          .comes('b', elsewhere, x),
      holders: { [x]: 'vip' },
      virtual: { a: [], b: [x] },
    },
    {
      story: 'a holder that is away keeps it until it says otherwise, and with its lease it lets go',
      world: () =>
        new World()
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x)
          .comes('b', elsewhere, x)
          .goes('a')
          .goes('b')
          .pass(6 * dayMs)
          .comes('b', elsewhere, x)
          .pass(2 * dayMs, 'b'),
      holders: { [x]: 'vip' },
      virtual: { a: [], b: [x] },
    },
    {
      story: 'a host that is selected no more loses it, and has it when it is selected again',
      world: () => {
        const selected = new Set(['a', 'b']);
        const world = new World().next((claims, at) =>
          claims.setVirtual([{ ...vip(x), mayHold: (host) => selected.has(host) }], at),
        );
        world.comes('a', elsewhere, x).comes('b', elsewhere, x);
        selected.delete('a');
        world.next((claims, at) => claims.relabelled('a', at));
        selected.delete('b');
        world.next((claims, at) => claims.relabelled('b', at));
        selected.add('b');
        return world.next((claims, at) => claims.relabelled('b', at));
      },
      holders: { [x]: 'vip' },
      virtual: { a: [], b: [x] },
      pending: { a: { [x]: 'not-a-holder' }, b: {} },
    },
    {
      story: 'one that is selected and never said that it has it does not hold it',
      world: () => new World().next((claims, at) => claims.setVirtual([vip(x)], at)).comes('a', elsewhere, y),
      holders: { [x]: 'vip', [y]: 'a' },
      virtual: { a: [] },
    },
    {
      story: 'a host without ranges has room for as many of its own beside it, and one with ranges needs none for it',
      world: () =>
        new World({ withoutRanges: 1 })
          .enrol('b', '192.0.2.0/24')
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x, y)
          .comes('b', elsewhere, x),
      holders: { [x]: 'vip', [y]: 'a' },
      virtual: { a: [x], b: [x] },
      pending: { a: {}, b: {} },
    },
    {
      story: 'two holders that talk from it at once are two holders, and nobody is blamed',
      world: () =>
        new World()
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', x)
          .comes('b', x)
          .pass(1000, 'a', 'b'),
      holders: { [x]: 'vip' },
      virtual: { a: [x], b: [x] },
      pending: { a: {}, b: {} },
    },
    {
      story: 'a quarantined holder keeps it until it lets go, and another gains nothing by claiming',
      world: () =>
        new World()
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x)
          .comes('b', elsewhere)
          .next((claims, at) => claims.contained('a', 'contained', at))
          .next((claims, at) => claims.contained('b', 'contained', at))
          .says('b', x),
      holders: { [x]: 'vip' },
      virtual: { a: [x], b: [] },
      pending: { a: {}, b: { [x]: 'contained' } },
    },
    {
      story: 'an external of an older policy gives way, and has it back',
      world: () =>
        new World()
          .next((claims, at) => claims.setExternals(new Map([['db', [addressOf(x)]]]), at))
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x)
          .next((claims, at) => claims.setVirtual([], at)),
      holders: { [x]: 'db' },
      virtual: { a: [] },
      pending: { a: { [x]: 'held-by db' } },
    },
    {
      story: 'a removed holder holds nothing',
      world: () =>
        new World()
          .next((claims, at) => claims.setVirtual([vip(x)], at))
          .comes('a', elsewhere, x)
          .next((claims, at) => claims.removed('a', at)),
      holders: { [x]: 'vip' },
      virtual: { a: [] },
    },
    {
      story: 'ended, it is the first claimant’s',
      world: () =>
        new World()
          .next((claims, at) =>
            claims.setVirtual([{ name: 'vip', addresses: [addressOf(x)], mayHold: () => true }], at),
          )
          .comes('a', elsewhere, x)
          .comes('b', elsewhere, x)
          .next((claims, at) => claims.setVirtual([], at)),
      holders: { [x]: 'a' },
      pending: { b: { [x]: 'held-by a' } },
    },
  ];

  test.each(rows)('$story', ({ world, holders, pending = {}, virtual = {} }) => {
    const ended = world();
    expect(Object.fromEntries(Object.keys(holders).map((address) => [address, ended.holder(address)]))).toEqual(
      holders,
    );
    expect(Object.fromEntries(Object.keys(pending).map((name) => [name, ended.pending(name)]))).toEqual(pending);
    const held = Object.keys(virtual).map((name) => [name, [...ended.claims.virtualHeldBy(name)]]);
    expect(Object.fromEntries(held)).toEqual(virtual);
  });
});

test('who holds what is told once, and as events where nobody asked for it', () => {
  const world = new World().comes('a', '10.0.0.1', '10.0.0.1', '10.0.0.2');
  expect([...world.claims.outcome.takeHolderChanges()].sort()).toEqual([
    ['10.0.0.1', 'a'],
    ['10.0.0.2', 'a'],
  ]);
  expect([...world.claims.outcome.takeTouched()]).toEqual(['a']);
  world
    .goes('a')
    .comes('b', '10.0.0.1')
    .pass(5 * minuteMs, 'b');
  world.pass(7 * dayMs, 'b');
  expect(world.claims.outcome.takeEvents()).toEqual([
    { kind: 'passed', address: '10.0.0.1', from: 'a', to: 'b' },
    { kind: 'lease-ended', host: 'a', addresses: ['10.0.0.2'] },
  ]);
  expect([...world.claims.outcome.takeHolderChanges()].sort()).toEqual([
    ['10.0.0.1', 'b'],
    ['10.0.0.2', undefined],
  ]);
  expect(world.claims.outcome.takeEvents()).toEqual([]);
});

test('fifty hosts behind one address: it is nobody’s, also for the first that comes back after a restart', () => {
  const names = Array.from({ length: 50 }, (_, index) => `h${index}`);
  const world = new World();
  for (const name of names) world.comes(name, '203.0.113.1');
  world.pass(5000, ...names);
  expect(world.holder('203.0.113.1')).toBeUndefined();
  const after = new World();
  for (const name of names) {
    const seen = world.claims.seenOf(name);
    after.claims.remember({
      name,
      reported: [],
      ranges: undefined,
      containment: 'none',
      absentSince: 0,
      held: [...world.claims.heldBy(name)],
      ...(seen === undefined ? {} : { seen }),
    });
    after.known.add(name);
  }
  after.claims.remembered();
  after.comes('h7', '203.0.113.1').pass(5000, 'h7');
  expect(after.holder('203.0.113.1')).toBeUndefined();
  expect(after.pending('h7')).toEqual({});
});

test('a report costs what it changes, whatever the fleet claims', () => {
  const bridge = '172.17.0.1';
  const world = new World();
  const count = 5000;
  for (let index = 0; index < count; index += 1)
    world.comes(`h${index}`, `10.1.${index >> 8}.${index & 255}`, bridge, `10.1.${index >> 8}.${index & 255}`);
  world.claims.outcome.takeTouched();
  world.claims.outcome.takePendingChanges();
  world.says('h77', '10.1.0.77', '10.2.0.1');
  expect([...world.claims.outcome.takeTouched()]).toEqual(['h77']);
  expect([...world.claims.outcome.takePendingChanges()]).toEqual(['h77']);
  world.pass(5000);
  expect(world.claims.outcome.takePendingChanges().size).toBe(0);
});
