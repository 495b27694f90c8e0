// What a window says of what the kernel showed: direction, attribution, counting once, bounds.

import { describe, expect, test } from 'vitest';
import { type Attribution, createFlowAggregation, type FlowLimits } from '#agent-core/flows/flow-window.ts';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import type { DeniedCount } from '#agent-core/table/denied-listing.ts';
import type { Address } from '#model/address.ts';
import { millis } from '#model/time.ts';
import type { Direction, End } from '#model/verdict.ts';

const me = '10.0.0.1' as Address;
const me6 = 'fd00::1' as Address;
const loopback = '127.0.0.1' as Address;
const peer = '10.0.0.9' as Address;
const peer6 = 'fd00::9' as Address;
const container = '172.17.0.2' as Address;

const webRule: End = { verdict: 'allow', reason: 'rule', workload: 'me', segment: 'shop', rule: 'web' };
const denied: End = { verdict: 'deny', reason: 'default', workload: 'me', segment: 'shop' };
const judged: End = { verdict: 'would-deny', reason: 'default', workload: 'me' };
const decisions: ReadonlyMap<number, { readonly direction: Direction; readonly end: End }> = new Map([
  [10, { direction: 'inbound', end: webRule }],
  [11, { direction: 'inbound', end: denied }],
  [12, { direction: 'outbound', end: { ...webRule, rule: 'out' } }],
  [14, { direction: 'inbound', end: { ...webRule, workload: 'me-app' } }],
  [15, { direction: 'inbound', end: { ...judged, workload: 'me-app' } }],
  [13, { direction: 'inbound', end: { ...webRule, workload: 'box', rule: 'box' } }],
]);
const attribution: Attribution = {
  revision: 7,
  localAddresses: new Set([me, me6, loopback]),
  standsFor: (local) => (local === '172.19.0.2' ? me : local),
  decisionOf: (number) => decisions.get(number),
  unitOf: (workload) => (workload === 'me-app' ? 'app.service' : undefined),
  judge: () => judged,
};

const stamped = (number: number) => (number << 12) | 1;
const startedAt = millis(1_000_000);
const at = millis(1_000_500);

describe('attribution', () => {
  const rows: readonly (readonly [string, Partial<ConntrackEntry>, object | undefined])[] = [
    [
      'a stamped inbound connection carries its rule',
      { mark: stamped(10) },
      { direction: 'inbound', local: me, peer, port: 443, end: webRule, connections: 1 },
    ],
    [
      'an outbound one has the server as its peer',
      { client: me, server: peer, serverPort: 5432, mark: stamped(12) },
      { direction: 'outbound', local: me, peer, port: 5432, end: { ...webRule, rule: 'out' } },
    ],
    [
      'the port is where the server listens, not what the client addressed',
      { target: peer, targetPort: 8080, serverPort: 7000, mark: stamped(10) },
      { port: 7000, askedPort: 8080 },
    ],
    [
      'one taken up by what looks like its server, of which nothing else tells how it was opened, is not told: a stranger’s packet does so',
      {
        begun: 'in-the-midst',
        ...{ client: peer, clientPort: 443, target: me, targetPort: 40_000, server: me, serverPort: 40_000 },
        mark: stamped(10),
      },
      undefined,
    ],
    [
      'one taken up at its client’s packet is what it looks like',
      { begun: 'in-the-midst', mark: stamped(10) },
      { direction: 'inbound', local: me, peer, port: 443, end: webRule, connections: 1 },
    ],
    ['bits of the mark that belong to others do not matter', { mark: (0x9 << 28) | stamped(10) }, { end: webRule }],
    [
      'a unit’s connection names the unit',
      { mark: stamped(14) },
      { unit: 'app.service', end: { ...webRule, workload: 'me-app' } },
    ],
    ['also one that was only observed', { mark: stamped(15) }, { unit: 'app.service' }],
    ['the epoch does not matter', { mark: (10 << 12) | 4095 }, { end: webRule }],
    [
      'without a mark the address tells the direction, and the rule set the end',
      {},
      { direction: 'inbound', end: judged },
    ],
    ['likewise outbound', { client: me, server: peer }, { direction: 'outbound', end: judged }],
    ['a number no longer known is judged again', { mark: stamped(999) }, { end: judged }],
    ['loopback is no flow', { client: loopback, server: loopback }, undefined],
    ['the host talking to itself is no flow', { client: me, server: me }, undefined],
    [
      'what is only forwarded is not ours',
      { client: peer, target: '10.0.0.77' as Address, server: '10.0.0.77' as Address },
      undefined,
    ],
    [
      'what addressed us and was sent on is ours, with the port that it ends at',
      { client: peer, target: me, targetPort: 18080, server: '172.19.0.2' as Address, serverPort: 8080 },
      { direction: 'inbound', local: me, peer, port: 8080, end: judged },
    ],
    [
      'a guest’s that was judged as ours is told by an address of ours',
      { client: '172.19.0.2' as Address, target: peer, server: peer, serverPort: 5432, mark: stamped(12) },
      { direction: 'outbound', local: me, peer, port: 5432, end: { ...webRule, rule: 'out' } },
    ],
    [
      'what is forwarded to a container and was judged is ours',
      { client: peer, server: container, mark: stamped(13) },
      { local: container, peer, end: { ...webRule, workload: 'box', rule: 'box' } },
    ],
    ['a denied connection that was entered is no allowed flow', { mark: 11 << 12 }, undefined],
    [
      'ICMP has its type in the place of the port',
      { protocol: 1, icmpType: 8, serverPort: 0 },
      { protocol: 1, port: 8 },
    ],
    [
      'IPv6 is the same',
      { family: 'ipv6', client: peer6, server: me6, mark: stamped(10) },
      { local: me6, peer: peer6, end: webRule },
    ],
  ];
  test.each(rows)('%s', (_, entry, expected) => {
    const flows = open();
    flows.observe(connection(entry), at);
    const { records } = flows.closeWindow(millis(1_005_000));
    if (expected === undefined) expect(records).toEqual([]);
    else
      expect(records).toEqual([expect.objectContaining({ revision: 7, firstSeenAt: at, lastSeenAt: at, ...expected })]);
  });
});

test('a connection of two workloads of one host is a flow of each, of the one by its mark, of the other by the rule set', () => {
  const flows = createFlowAggregation(startedAt);
  flows.attributeBy({ ...attribution, localAddresses: new Set([me, container]) });
  const entry = { client: me, server: container, mark: stamped(13) };
  flows.observe(connection(entry), at);
  flows.observe(connection({ ...entry, event: 'closed', packetsOriginal: 3 }), at);
  expect(records(flows)).toEqual([
    expect.objectContaining({ direction: 'inbound', local: container, peer: me, connections: 1, packetsOriginal: 3 }),
    expect.objectContaining({ direction: 'outbound', local: me, peer: container, end: judged, packetsOriginal: 3 }),
  ]);
});

describe('counting', () => {
  test('ephemeral ports fold into one record', () => {
    const flows = open();
    for (let port = 40_000; port < 40_100; port += 1) {
      flows.observe(connection({ clientPort: port, id: port, mark: stamped(10) }), at);
    }
    expect(records(flows)).toEqual([expect.objectContaining({ connections: 100, answered: false })]);
  });

  test('a connection that opens and closes counts once, with its packets and its answer', () => {
    const flows = open();
    flows.observe(connection({ mark: stamped(10) }), at);
    flows.observe(connection({ event: 'closed', mark: stamped(10), ...counters(5, 4) }), millis(at + 100));
    expect(records(flows)).toEqual([
      expect.objectContaining({
        connections: 1,
        packetsOriginal: 5,
        packetsReply: 4,
        bytesOriginal: 500,
        bytesReply: 400,
        answered: true,
        firstSeenAt: at,
        lastSeenAt: at + 100,
      }),
    ]);
  });

  test('progress is told in each window, and the end tells only the rest', () => {
    const flows = open();
    flows.observe(connection({ mark: stamped(10) }), at);
    list(flows, [connection({ event: 'listed', mark: stamped(10), ...counters(5, 4) })]);
    expect(totals(flows)).toEqual([1, 5, 4]);
    list(flows, [connection({ event: 'listed', mark: stamped(10), ...counters(9, 6) })]);
    expect(totals(flows)).toEqual([0, 4, 2]);
    list(flows, [connection({ event: 'listed', mark: stamped(10), ...counters(9, 6) })]);
    expect(totals(flows)).toEqual([0, 0, 0]);
    flows.observe(connection({ event: 'closed', mark: stamped(10), ...counters(10, 7) }), at);
    expect(totals(flows)).toEqual([0, 1, 1]);
  });

  test('what the first list shows is new to a host that never had an agent', () => {
    const flows = open();
    list(flows, [connection({ event: 'listed', ...counters(9, 9) })], { kind: 'first', knownUntil: undefined });
    expect(totals(flows)).toEqual([1, 9, 9]);
  });

  test('after a restart, only what opened meanwhile is new', () => {
    const before = (startedAt - 9_000) * 1e6;
    const meanwhile = (startedAt - 1_000) * 1e6;
    const flows = open();
    list(
      flows,
      [
        connection({ event: 'listed', id: 1, startedAtNanos: before, ...counters(9, 9) }),
        connection({ event: 'listed', id: 2, startedAtNanos: meanwhile, ...counters(3, 2) }),
      ],
      { kind: 'first', knownUntil: millis(startedAt - 5_000) },
    );
    expect(totals(flows)).toEqual([1, 3, 2]);
    list(flows, [connection({ event: 'listed', id: 1, startedAtNanos: before, ...counters(11, 9) })]);
    expect(totals(flows)).toEqual([0, 2, 0]);
  });

  test('what opened since we listen is counted by its event, not by the first list', () => {
    const flows = open();
    const opened = { id: 5, startedAtNanos: (startedAt + 10) * 1e6 };
    list(flows, [connection({ event: 'listed', ...opened, ...counters(2, 1) })], {
      kind: 'first',
      knownUntil: undefined,
    });
    flows.observe(connection(opened), at);
    expect(totals(flows)).toEqual([1, 2, 1]);
  });

  test('what flows to the control plane is no reason for a report, a new connection to it is', () => {
    const flows = open();
    flows.attributeBy({
      ...attribution,
      judge: () => ({ verdict: 'allow', reason: 'essential', workload: 'me', essential: 'control-plane' }),
    });
    flows.observe(connection({ client: me, server: peer }), at);
    expect(totals(flows)).toEqual([1, 0, 0]);
    list(flows, [connection({ event: 'listed', client: me, server: peer, ...counters(5, 4) })]);
    expect(records(flows)).toEqual([]);
  });

  test('new connections are asked for first, then those asked longest ago, and what is gone no more', () => {
    const flows = open();
    const ports = (entries: readonly ConntrackEntry[]) => entries.map(({ clientPort }) => clientPort);
    for (const port of [1, 2, 3]) flows.observe(connection({ clientPort: port, mark: stamped(10) }), at);
    expect(ports(flows.toAskFor(10))).toEqual([1, 2, 3]);
    flows.observe(connection({ clientPort: 4, mark: stamped(10) }), at);
    expect(ports(flows.toAskFor(2))).toEqual([4, 1]);
    flows.observe(connection({ event: 'closed', clientPort: 2, mark: stamped(10) }), at);
    expect(ports(flows.toAskFor(10)).sort()).toEqual([1, 3, 4]);
  });

  test('loopback, ICMP and what is forwarded are never asked for', () => {
    const flows = open();
    flows.observe(connection({ client: loopback, server: loopback }), at);
    flows.observe(connection({ client: peer, target: '10.0.0.77' as Address, server: '10.0.0.77' as Address }), at);
    flows.observe(connection({ protocol: 1, icmpType: 8 }), at);
    expect(flows.toAskFor(10)).toEqual([]);
  });

  test('an answer counts what is new', () => {
    const flows = open();
    flows.observe(connection({ mark: stamped(10) }), at);
    flows.observeProgress(connection({ event: 'changed', mark: stamped(10), ...counters(5, 4) }), at);
    expect(records(flows)).toEqual([expect.objectContaining({ connections: 1, packetsOriginal: 5, answered: true })]);
    flows.observe(connection({ event: 'closed', mark: stamped(10), ...counters(6, 4) }), at);
    expect(totals(flows)).toEqual([0, 1, 0]);
  });

  test('packets of a revoked connection are not counted as allowed ones', () => {
    const flows = open();
    list(flows, [connection({ event: 'listed', mark: stamped(10), ...counters(5, 4) })]);
    flows.closeWindow(at);
    list(flows, [connection({ event: 'listed', mark: 11 << 12, ...counters(50, 4) })]);
    flows.observe(connection({ event: 'closed', mark: 11 << 12, ...counters(60, 4) }), at);
    expect(records(flows)).toEqual([]);
  });

  test('a connection whose end was lost is forgotten by the next whole list, and only by a whole one', () => {
    const flows = open();
    const entry = connection({ event: 'listed', mark: stamped(10), ...counters(5, 4) });
    list(flows, [entry]);
    flows.closeWindow(at);
    list(flows, [], { kind: 'progress' }, 'broken-off');
    list(flows, [entry]);
    expect(totals(flows)).toEqual([0, 0, 0]);
    list(flows, []);
    list(flows, [entry]);
    expect(totals(flows)).toEqual([0, 5, 4]);
  });
});

describe('a connection that was taken up at its server’s packet', () => {
  const taken: Partial<ConntrackEntry> = {
    ...{ client: me, clientPort: 443, target: peer, targetPort: 40_000, server: peer, serverPort: 40_000 },
    mark: stamped(12),
  };
  const observed = (limits: FlowLimits) => {
    const flows = open(limits);
    flows.observe(connection({ ...taken, begun: 'in-the-midst' }), at);
    // The end does not say how it began.
    flows.observe(connection({ ...taken, event: 'closed', ...counters(3, 2) }), at);
    return records(flows);
  };

  test('keeps its direction, where it was seen to open, to its end, and its mark says nothing', () => {
    expect(observed({ openedAs: () => 'reversed' })).toMatchObject([
      { direction: 'inbound', port: 443, end: judged, connections: 1, packetsOriginal: 2, packetsReply: 3 },
    ]);
  });

  test('is not told where it was not seen, at its end neither', () => {
    expect(observed({})).toEqual([]);
  });
});

describe('denied sets', () => {
  test('count by what was added since the last reading', () => {
    const flows = open();
    flows.observeDenied([deny({ packets: 3 })], at);
    expect(records(flows)).toEqual([
      expect.objectContaining({ direction: 'inbound', local: me, peer, port: 22, end: denied, connections: 3 }),
    ]);
    flows.observeDenied([deny({ packets: 5 })], at);
    expect(totals(flows)).toEqual([2, 0, 0]);
    flows.observeDenied([deny({ packets: 5 })], at);
    expect(totals(flows)).toEqual([0, 0, 0]);
  });

  test('an element that timed out and came back counts from nothing', () => {
    const flows = open();
    flows.observeDenied([deny({ packets: 5 })], at);
    flows.observeDenied([], at);
    flows.observeDenied([deny({ packets: 2 })], at);
    expect(totals(flows)).toEqual([7, 0, 0]);
  });

  test('one that comes back in silence, as far as before, is told again: a denial every ten minutes is one each', () => {
    const minutes = (count: number) => millis(at + count * 60_000);
    const told = (packets: number, lastAt: number) => deny({ packets, expiresAt: minutes(lastAt + 5) });
    const flows = open();
    const totalsOf = (packets: number, lastAt: number) => {
      flows.observeDenied([told(packets, lastAt)], minutes(lastAt));
      return totals(flows)[0];
    };
    expect(totalsOf(1, 0)).toBe(1);
    expect(totalsOf(1, 10)).toBe(1);
    expect(totalsOf(4, 20), 'and further than before').toBe(4);
    // The same element, and the same listing again for the sake of the other direction.
    expect(totalsOf(5, 24)).toBe(1);
    flows.observeDenied([told(5, 24)], minutes(40));
    expect(totals(flows)[0]).toBe(0);
  });

  test('elements that differ only in mark bits of others are one', () => {
    const flows = open();
    flows.observeDenied([deny({ packets: 5 }), deny({ packets: 4 })], at);
    flows.observeDenied([deny({ packets: 6 }), deny({ packets: 4 })], at);
    expect(totals(flows)).toEqual([10, 0, 0]);
  });

  test('outbound, the local end is the client', () => {
    const flows = open();
    flows.observeDenied([deny({ direction: 'outbound', client: me, server: peer })], at);
    expect(records(flows)).toEqual([expect.objectContaining({ direction: 'outbound', local: me, peer })]);
  });
});

describe('bounds', () => {
  test('a full window counts what it does not keep, and goes on with what it has', () => {
    const flows = open({ recordsMost: 2 });
    for (const serverPort of [1, 2, 3, 4, 1]) flows.observe(connection({ serverPort, mark: stamped(10) }), at);
    const window = flows.closeWindow(millis(1_005_000));
    expect(window.records.map(({ port, connections }) => [port, connections])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(window.lostRecords).toBe(2);
    expect(flows.closeWindow(millis(1_010_000))).toMatchObject({ startedAt: 1_005_000, records: [], lostRecords: 0 });
  });

  test('a connection beyond the remembered ones is still counted in full when it closes', () => {
    const flows = open({ progressMost: 0 });
    flows.observe(connection({ mark: stamped(10) }), at);
    flows.observe(connection({ event: 'closed', mark: stamped(10), ...counters(5, 4) }), at);
    expect(totals(flows)).toEqual([1, 5, 4]);
  });
});

function open(limits: FlowLimits = {}) {
  const flows = createFlowAggregation(startedAt, limits);
  flows.attributeBy(attribution);
  return flows;
}

type Flows = ReturnType<typeof open>;

function list(
  flows: Flows,
  entries: readonly ConntrackEntry[],
  purpose: Parameters<Flows['beginList']>[0] = { kind: 'progress' },
  extent: 'whole' | 'broken-off' = 'whole',
): void {
  flows.beginList(purpose);
  for (const entry of entries) flows.observeListed(entry, at);
  flows.endList(extent);
}

function records(flows: Flows) {
  return flows.closeWindow(millis(1_005_000)).records;
}

function totals(flows: Flows): readonly [number, number, number] {
  const sum = { connections: 0, original: 0, reply: 0 };
  for (const { connections, packetsOriginal, packetsReply } of records(flows)) {
    sum.connections += connections;
    sum.original += packetsOriginal;
    sum.reply += packetsReply;
  }
  return [sum.connections, sum.original, sum.reply];
}

function counters(original: number, reply: number) {
  return {
    packetsOriginal: original,
    bytesOriginal: original * 100,
    packetsReply: reply,
    bytesReply: reply * 100,
    answered: reply > 0 ? 'yes' : 'no',
  } as const;
}

function connection(given: Partial<ConntrackEntry>): ConntrackEntry {
  return {
    event: 'opened',
    family: 'ipv4',
    protocol: 6,
    client: peer,
    clientPort: 40_000,
    target: me,
    targetPort: 443,
    server: me,
    serverPort: 443,
    icmpType: -1,
    id: 1,
    zone: 0,
    mark: 0,
    answered: 'no',
    begun: 'here',
    packetsOriginal: 0,
    bytesOriginal: 0,
    packetsReply: 0,
    bytesReply: 0,
    startedAtNanos: 0,
    stoppedAtNanos: 0,
    ...given,
  };
}

function deny(given: Partial<DeniedCount>): DeniedCount {
  return {
    direction: 'inbound',
    client: peer,
    server: me,
    protocol: 6,
    port: 22,
    decision: 11,
    packets: 1,
    bytes: 60,
    ...given,
  };
}
