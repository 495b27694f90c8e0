// The wire holds what the model says, and nothing else gets in: round trips, canonical digests, refusals, size and speed.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, addressFromIpv4Number } from '#model/address.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import { assertOk } from '#model/result.ts';
import type { DirectionRules, Grant, HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';
import { applyWireDelta, decodeDelta, encodeDelta } from '#wire/delta.ts';
import { v1 } from '#wire/protobuf.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import { decodeSnapshot, encodeSnapshot } from '#wire/snapshot.ts';
import { ruleSets } from './arbitraries.ts';

describe('a snapshot', () => {
  test('decodes to the rule set it was made of', () => {
    fc.assert(
      fc.property(ruleSets, (ruleSet) => {
        expect(decodeSnapshot(encodeSnapshot(ruleSet))).toEqual({ ok: true, value: ruleSet });
      }),
    );
  });

  test('of 10,000 peers is packed, and takes milliseconds either way', () => {
    const ruleSet = withPeers(10_000);
    const bytes = encodeSnapshot(ruleSet);
    expect(assertOk(decodeSnapshot(bytes))).toEqual(ruleSet);
    expect(bytes.length).toBeLessThan(41_000);
    expect(leastReferencesOf(() => decodeSnapshot(encodeSnapshot(ruleSet)), 20)).toBeLessThan(20);
  });
});

describe('a digest', () => {
  test('is the same whatever the order of peer sets and the revision, and differs with any content', () => {
    const ruleSet = withPeers(3);
    const [first] = [...ruleSet.peerSets.values()];
    if (first === undefined) throw new Error('no peer set');
    const other: PeerSet = { ...first, id: 'zz' };
    const forth: HostRuleSet = { ...ruleSet, peerSets: new Map([first, other].map((set) => [set.id, set])) };
    const back: HostRuleSet = {
      ...ruleSet,
      revision: 99,
      peerSets: new Map([other, first].map((set) => [set.id, set])),
    };
    expect(ruleSetDigest(forth)).toBe(ruleSetDigest(back));
    expect(ruleSetDigest(forth)).not.toBe(ruleSetDigest(ruleSet));
  });

  test('tells "any peer" from "no peer" and "no default segment" from one', () => {
    const variants: readonly Partial<DirectionRules>[] = [
      { grants: [grant({ peers: { kind: 'any' } })] },
      { grants: [grant({ peers: { kind: 'sets', ids: [] } })] },
      { grants: [grant({ local: { kind: 'ranges', ranges: [] } })] },
      { grants: [grant({})] },
      { grants: [grant({ schedule: { expiresAt: millis(1) } })] },
      { grants: [grant({ schedule: { when: whole } })] },
      { grants: [grant({ schedule: { when: { ...whole, zone: 'Europe/Berlin' } } })] },
      { grants: [grant({ schedule: { when: { ...whole, days: new Set(['mon']) } } })] },
      { grants: [] },
      { grants: [], defaultSegment: { segment: 'shop' } },
    ];
    const digests = variants.map((inbound) => ruleSetDigest(withInbound(inbound)));
    expect(new Set(digests).size).toBe(variants.length);
    const bytes = variants.map((inbound) => Buffer.from(encodeSnapshot(withInbound(inbound))).toString('hex'));
    expect(new Set(bytes).size).toBe(variants.length);
  });
});

describe('a delta', () => {
  test('applied to its base gives the next rule set', () => {
    fc.assert(
      fc.property(ruleSets, ruleSets, (base, other) => {
        const next = { ...other, revision: base.revision + 1 };
        const wire = assertOk(decodeDelta(encodeDelta(base, next)));
        const result = assertOk(applyWireDelta(base, wire));
        expect(result.workloads).toEqual(next.workloads);
        expect(new Map(result.peerSets)).toEqual(next.peerSets);
        expect(ruleSetDigest(result)).toBe(ruleSetDigest(next));
      }),
    );
  });

  test('of one peer among 10,000 is small, and keeps what did not change', () => {
    const base = withPeers(10_000);
    const next = { ...withPeers(10_001), revision: base.revision + 1 };
    const bytes = encodeDelta(base, { ...next, workloads: base.workloads });
    expect(bytes.length).toBeLessThan(200);
    const result = assertOk(applyWireDelta(base, assertOk(decodeDelta(bytes))));
    expect(result.workloads[0]).toBe(base.workloads[0]);
    expect(result.peerSets).toEqual(next.peerSets);
  });

  test('is the same whether or not its change of a shared set was made before', () => {
    const base = withPeers(10);
    const next = { ...withPeers(11), revision: 8 };
    const other = { ...withPeers(12), revision: 9 };
    const fresh = encodeDelta(base, next);
    encodeDelta(other, { ...next, revision: 9 });
    expect(encodeDelta(base, next)).toEqual(fresh);
    const back = encodeDelta({ ...other, revision: 7 }, next);
    const result = assertOk(applyWireDelta({ ...other, revision: 7 }, assertOk(decodeDelta(back))));
    expect(result.peerSets).toEqual(next.peerSets);
  });

  test('that moves only the revision is not an empty policy', () => {
    const base = withPeers(2);
    const wire = assertOk(decodeDelta(encodeDelta(base, { ...base, revision: base.revision + 5 })));
    const result = assertOk(applyWireDelta(base, wire));
    expect(result).toEqual({ ...base, revision: base.revision + 5 });
  });

  test.each([
    ['nothing is held', undefined, /no rule set is held/],
    ['something else is held', withPeers(4), /builds on digest/],
    ['another revision of the same is held', { ...withPeers(3), revision: 2 }, /builds on revision 7/],
  ] as const)('is refused where %s', (_, held, reason) => {
    const base = withPeers(3);
    const wire = assertOk(decodeDelta(encodeDelta(base, { ...withPeers(5), revision: 8 })));
    const result = applyWireDelta(held, wire);
    expect(result.ok ? '' : result.error).toMatch(reason);
  });
});

type SnapshotMessage = ReturnType<typeof v1.Snapshot.decode>;

/** What a peer that lies, or is newer than we are, might send: a valid snapshot with one thing changed. */
const refusals: readonly (readonly [string, (message: SnapshotMessage) => void, RegExp])[] = [
  ['a digest of something else', (m) => set(m, 'digest', Buffer.alloc(32)), /digest: found .* allowed/],
  ['a digest cut short', (m) => set(m, 'digest', Buffer.alloc(31)), /31 bytes; allowed: 32 bytes/],
  ['a changed host', (m) => set(m, 'host', 'web-2'), /digest/],
  ['no host', (m) => set(m, 'host', ''), /host: found an empty name/],
  ['an unknown mode', (m) => set(m.workloads[0]?.inbound, 'mode', 9), /enforcement mode 9; allowed: 1 \(off\)/],
  ['a mode left out', (m) => set(m.workloads[0]?.inbound, 'mode', 0), /enforcement mode 0/],
  ['an unknown deny action', (m) => set(m.workloads[0]?.outbound, 'onDeny', 3), /deny action 3/],
  ['an unknown workload kind', (m) => set(m.workloads[0], 'kind', 7), /workload kind 7/],
  ['a unit that is none', (m) => set(m.workloads[0], 'kind', 2), /a unit where kind is unit/],
  ['a direction left out', (m) => set(m.workloads[0], 'outbound', null), /outbound: found no rules/],
  ['peers left out', (m) => set(m.workloads[0]?.inbound?.grants?.[0], 'peers', null), /peers kind 0/],
  ['unknown peers', (m) => set(m.workloads[0]?.inbound?.grants?.[0], 'peers', { kind: 3 }), /peers kind 3/],
  [
    'any peer and sets at once',
    (m) => set(m.workloads[0]?.inbound?.grants?.[0]?.peers, 'kind', 1),
    /beside peers of kind any/,
  ],
  [
    'a string that is not there',
    (m) => set(m.workloads[0]?.inbound?.grants?.[0], 'rule', 99),
    /string 99; allowed: 1 to/,
  ],
  ['a port of 0', (m) => set(m.workloads[0]?.inbound?.grants?.[0]?.services?.[0], 'low', 0), /ports 1 to 65535/],
  [
    'a port of 70000',
    (m) => set(m.workloads[0]?.inbound?.grants?.[0]?.services?.[0], 'high', 70000),
    /ports 1 to 65535/,
  ],
  [
    'an unknown service',
    (m) => set(m.workloads[0]?.inbound?.grants?.[0]?.services?.[0], 'kind', 42),
    /service kind 42/,
  ],
  ['a peer set nobody sent', (m) => set(m, 'peerSets', []), /peer set "peers"; allowed: peer sets that/],
  ['a peer set twice', (m) => void m.peerSets.push(m.peerSets[0] ?? {}), /two of that id/],
  ['addresses out of order', (m) => void m.peerSets[0]?.ipv4?.reverse(), /in code-unit order/],
  ['an address twice', (m) => set(m.peerSets[0], 'ipv4', [1, 1]), /each address once/],
  ['half an IPv6 address', (m) => set(m.peerSets[0], 'ipv6', Buffer.alloc(8)), /8 bytes of IPv6; allowed: runs of 16/],
  ['an IPv4-mapped address', (m) => set(m.peerSets[0], 'ipv6', mapped()), /IPv4-mapped/],
  ['a range turned round', (m) => set(m.peerSets[0], 'ranges', { ipv4: [9, 3] }), /first ≤ last/],
  ['ranges that overlap', (m) => set(m.peerSets[0], 'ranges', { ipv4: [1, 9, 5, 20] }), /normalised ranges/],
  ['half a range', (m) => set(m.peerSets[0], 'ranges', { ipv4: [1] }), /odd number/],
  ['a name that is none', (m) => set(m.peerSets[0], 'fqdn', 'a..b'), /a domain name in lower case/],
  ['a name in capitals', (m) => set(m.peerSets[0], 'fqdn', 'API.example.com'), /a domain name in lower case/],
  ['a name with a line in it', (m) => set(m.peerSets[0], 'fqdn', 'a.example\n.com'), /a domain name in lower case/],
  ['too many names', (m) => set(m, 'peerSets', manyNames(1025)), /at most 1024/],
  [
    'a quarantine of a name',
    (m) => void Object.assign(m.peerSets[0] ?? {}, { quarantine: 'lost', fqdn: 'a.example' }),
    /addresses only/,
  ],
  [
    'a quarantine of ranges',
    (m) => void Object.assign(m.peerSets[0] ?? {}, { quarantine: 'lost', ranges: { ipv4: [1, 9] } }),
    /addresses only/,
  ],
  ['a control character in a quarantine', (m) => set(m.peerSets[0], 'quarantine', 'lo\nst'), /no control characters/],
  ['an exemption of a set twice', (m) => set(m.workloads[0], 'exemptFrom', [exemption, exemption]), /each set once/],
  ['an exemption without local addresses', (m) => set(m.workloads[0], 'exemptFrom', [{ set: 1 }]), /local/],
  ['a schedule that says nothing', (m) => schedule(m, {}), /an empty schedule; allowed: an end or a window/],
  ['an end beyond the year 9999', (m) => schedule(m, { expiresAt: 2 ** 50 }), /instants up to/],
  ['a window of no day', (m) => schedule(m, { when: { ...window, days: 0 } }), /days 0; allowed: 1 to 127/],
  ['a window of an eighth day', (m) => schedule(m, { when: { ...window, days: 128 } }), /days 128/],
  ['a window from the end of the day', (m) => schedule(m, { when: { ...window, fromMinute: 1440 } }), /0 to 1439/],
  ['a window beyond the day', (m) => schedule(m, { when: { ...window, toMinute: 1441 } }), /0 to 1440/],
  ['a window of no zone', (m) => schedule(m, { when: { ...window, zone: '' } }), /a name such as Europe/],
  ['a zone that is a path', (m) => schedule(m, { when: { ...window, zone: '../etc' } }), /a name such as Europe/],
  ['ranges left out', (m) => set(m.peerSets[0], 'ranges', null), /no ranges/],
  ['a workload twice', (m) => void m.workloads.push(m.workloads[0] ?? {}), /each workload once/],
  ['a control character in a name', (m) => set(m.workloads[0], 'name', 'web\n1'), /no control characters/],
  [
    'too many services',
    (m) => set(m.workloads[0]?.inbound?.grants?.[0], 'services', Array(2000).fill({ kind: 1 })),
    /at most 1024/,
  ],
  ['a revision beyond exact numbers', (m) => set(m, 'revision', 2 ** 60), /2\^53 - 1/],
];

describe('a snapshot is refused, saying what and what is allowed, with', () => {
  test.each(refusals)('%s', (_, change, reason) => {
    const message = v1.Snapshot.decode(encodeSnapshot(withPeers(3)));
    change(message);
    const result = decodeSnapshot(v1.Snapshot.encode(message).finish());
    expect(result.ok ? 'taken' : result.error).toMatch(reason);
  });

  test('nothing changed it is taken', () => {
    const message = v1.Snapshot.decode(encodeSnapshot(withPeers(3)));
    expect(decodeSnapshot(v1.Snapshot.encode(message).finish()).ok).toBe(true);
  });
});

function set<T extends object, K extends keyof T>(target: T | null | undefined, key: K, value: unknown): void {
  if (target === null || target === undefined) throw new Error(`nothing to set ${String(key)} on`);
  Object.assign(target, { [key]: value });
}

const window = { days: 1, fromMinute: 0, toMinute: 0, zone: 'UTC' };

function schedule(message: SnapshotMessage, value: object): void {
  set(message.workloads[0]?.inbound?.grants?.[0], 'schedule', value);
}

const whole = { days: new Set(['mon', 'tue'] as const), fromMinute: 0, toMinute: 1440, zone: 'UTC' };
const exemption = { set: 1, local: { kind: 1 } };

function manyNames(count: number) {
  const ranges = { ipv4: [], ipv6: Buffer.alloc(0) };
  return Array.from({ length: count }, (_, at) => ({ id: `fqdn/n${at}.x`, fqdn: `n${at}.x`, ranges }));
}

function mapped(): Buffer {
  return Buffer.from('00000000000000000000ffff0a000001', 'hex');
}

function grant(change: Partial<Grant>): Grant {
  return {
    segment: 'shop',
    rule: 'web-to-api',
    peers: { kind: 'sets', ids: ['peers'] },
    local: { kind: 'any' },
    services: [{ kind: 'ports', protocol: 'tcp', low: 80, high: 90 }],
    ...change,
  };
}

function withInbound(inbound: Partial<DirectionRules>): HostRuleSet {
  const ruleSet = withPeers(3);
  return {
    ...ruleSet,
    workloads: ruleSet.workloads.map((rules) => ({ ...rules, inbound: { ...rules.inbound, ...inbound } })),
  };
}

function withPeers(count: number): HostRuleSet {
  const numbers = Array.from({ length: count }, (_, index) => 0x0a00_0000 + index);
  const addresses = sortedByCodeUnits(numbers.map((number): Address => addressFromIpv4Number(number)));
  const direction = { mode: 'enforce', onDeny: 'drop', selective: [], guardrails: [], grants: [grant({})] } as const;
  return {
    revision: 7,
    host: 'web-1',
    workloads: [{ workload: 'web-1', kind: 'host', addresses: [], inbound: direction, outbound: direction }],
    peerSets: new Map([['peers', { id: 'peers', addresses, ranges: [] }]]),
  };
}
