// The rendered table says what the rule set says: random fleets, their scripts followed packet by packet, against the plain
// reading of the rule set. The mark must name the very decision, not only its verdict, whichever of its bits are ours.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { placeUnits } from '#agent-core/change/unit-placement.ts';
import { endTowards } from '#agent-core/judge/decision.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { complement, defaultMarks, type MarkLayout, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { familyOf } from '#model/address.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import type { Service } from '#model/service.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { arbitraryPacket, arbitraryWorld, type Packet } from '#test/property/arbitraries.ts';
import { readScript, type TracedPacket, trace } from '#test/support/trace-script.ts';

const epoch = 7;

const cgroupOf = (unit: string) => ({ path: `system.slice/${unit}`, level: 2 });

/** One beside another, apart, all there are, and scattered. */
const layouts = [0x0fff_ffff, 0xffff_fff0, 0xff00_ffff, 0xffff_ffff, 0xa5a5_fff0].map((mask) =>
  assertOk(markLayoutOf(mask)),
);

/** Whose bits are which, what others have in theirs, and what peer maps answer with. */
interface Marks {
  readonly layout: MarkLayout;
  readonly others: number;
  readonly mostWalks: number;
}

const arbitraryMarks: fc.Arbitrary<Marks> = fc
  .tuple(fc.constantFrom(...layouts), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 8, mostWalksDefault))
  .map(([layout, bits, mostWalks]) => ({ layout, others: (bits & complement(layout.mask)) >>> 0, mostWalks }));

function load(
  ruleSet: HostRuleSet,
  { layout: marks, mostWalks }: Pick<Marks, 'layout' | 'mostWalks'>,
  doubt: Pick<TableState, 'unswept'> = {},
): { readonly table: Table; readonly script: ReturnType<typeof readScript> } {
  const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering, marks, mostWalks });
  if (table === undefined) throw new Error('out of decision numbers');
  const placement = placeUnits(
    table.units,
    table.units.map(({ unit }, index) => ({ ...cgroupOf(unit), unit, id: String(index) })),
  );
  const script = bootstrapScript(table, { revision: 1, epoch, digest: '-', ...doubt }, nothingStanding, placement);
  return { table, script: readScript(script) };
}

/** Connections that conntrack can begin: of ICMP, requests only. */
function canBegin({ protocol, icmpType }: Service, family: 'ipv4' | 'ipv6'): boolean {
  if (family === 'ipv4' && protocol === 1)
    return icmpType === 8 || icmpType === 13 || icmpType === 15 || icmpType === 17;
  if (family === 'ipv6' && protocol === 58) return icmpType === 128 || icmpType === 139;
  return true;
}

interface Journey {
  readonly ruleSet: HostRuleSet;
  readonly rules: WorkloadRules;
  readonly packet: Packet;
  readonly marks: Marks;
}

function check({ ruleSet, rules, packet, marks: { layout, others, mostWalks } }: Journey): void {
  const { direction, localAddress, peerAddress, service } = packet;
  const { table, script } = load(ruleSet, { layout, mostWalks });
  const end = evaluateEnd({ ruleSet, ...packet });
  const [client, server] = direction === 'inbound' ? [peerAddress, localAddress] : [localAddress, peerAddress];
  const ownHook = rules.kind === 'container' ? 'forward' : direction === 'inbound' ? 'input' : 'output';
  const otherHook = rules.kind === 'container' ? 'forward' : direction === 'inbound' ? 'output' : 'input';
  const connection = {
    client,
    server,
    protocol: service.protocol,
    port: service.port ?? 0,
    ...(service.icmpType === undefined ? {} : { icmpType: service.icmpType }),
    ...(rules.unit === undefined ? {} : { cgroup: cgroupOf(rules.unit) }),
  };
  const journeys = [
    { ...connection, hook: ownHook, state: 'new', way: 'original', mark: others },
    {
      ...connection,
      hook: ownHook,
      state: 'established',
      way: 'original',
      mark: (layout.stamp(0, epoch - 1) | others) >>> 0,
    },
    { ...connection, hook: otherHook, state: 'established', way: 'reply', mark: others },
  ] as const;
  const follow = (packet: TracedPacket) => {
    const { verdict, mark } = trace(script, packet);
    const decision = table.decisions.get(layout.numberOf(mark));
    const seen = {
      verdict: verdict === 'accept' ? 'passes' : 'denied',
      end: decision === undefined ? undefined : endTowards(decision.end, peerAddress, ruleSet.peerSets),
      epoch: layout.epochOf(mark),
      others: (mark & complement(layout.mask)) >>> 0,
    };
    const expected = {
      verdict: end.verdict === 'deny' ? 'denied' : 'passes',
      end,
      epoch: end.verdict === 'deny' ? 0 : epoch,
      others,
    };
    expect(seen, `${packet.state} ${packet.way} ${JSON.stringify(connection)}`).toEqual(expected);
    return mark;
  };
  const [first = 0] = journeys.map(follow);
  if (rules.kind !== 'unit') return;
  // What shows no socket of its own, as a handshake's second packet does, stays with the unit that judged it before.
  const { cgroup, ...without } = connection;
  const stale = (layout.stamp(layout.numberOf(first), epoch - 1) | others) >>> 0;
  follow({ ...without, hook: ownHook, state: 'established', way: 'original', mark: stale });
  follow({ ...without, hook: otherHook, state: 'established', way: 'reply', mark: stale });
}

function onJourneys(numRuns: number, act: (journey: Journey) => void): number {
  let judged = 0;
  const cases = arbitraryWorld().chain((world) =>
    fc.tuple(fc.constant(world), fc.array(arbitraryPacket(world), { minLength: 15, maxLength: 15 }), arbitraryMarks),
  );
  fc.assert(
    fc.property(cases, ([world, packets, marks]) => {
      const fleet = compileFleet(world);
      for (const packet of packets) {
        const host = world.inventory.workloads.get(packet.workload)?.host;
        const ruleSet = host === undefined ? undefined : fleet.ruleSetOf(host, 1);
        const rules = ruleSet?.workloads.find(({ workload }) => workload === packet.workload);
        if (ruleSet === undefined || rules === undefined || !canBegin(packet.service, familyOf(packet.localAddress)))
          continue;
        // Two workloads of one host are judged at both ends: test/containers/pairs.property.test.ts.
        if (ruleSet.workloads.some(({ addresses }) => addresses.includes(packet.peerAddress))) continue;
        act({ ruleSet, rules, packet, marks });
        judged += 1;
      }
    }),
    { numRuns },
  );
  return judged;
}

test('a packet meets the verdict, the reason and the rule that the rule set gives it', () => {
  expect(onJourneys(300, check)).toBeGreaterThan(2000);
});

/** What stands in the mark of a connection that another layout stamped may read as anything. */
function verdictsByMark(journey: Journey, doubt: Pick<TableState, 'unswept'>): ReadonlySet<string> {
  const { ruleSet, rules, packet } = journey;
  const layout = defaultMarks;
  const { direction, localAddress, peerAddress, service } = packet;
  const [client, server] = direction === 'inbound' ? [peerAddress, localAddress] : [localAddress, peerAddress];
  const { table, script } = load(ruleSet, { layout, mostWalks: journey.marks.mostWalks }, doubt);
  const misread = [0, epoch - 1, epoch].flatMap((read) =>
    [0, ...table.decisions.keys()].map((number) => layout.stamp(number, read)),
  );
  return new Set(
    misread.map((mark) => {
      const { verdict } = trace(script, {
        hook: rules.kind === 'container' ? 'forward' : direction === 'inbound' ? 'input' : 'output',
        state: 'established',
        way: 'original',
        client,
        server,
        protocol: service.protocol,
        port: service.port ?? 0,
        ...(service.icmpType === undefined ? {} : { icmpType: service.icmpType }),
        ...(rules.unit === undefined ? {} : { cgroup: cgroupOf(rules.unit) }),
        mark,
      });
      return verdict === 'accept' ? 'passes' : 'denied';
    }),
  );
}

test('while marks are in doubt, none of them lets a packet pass or stops one', () => {
  let misled = 0;
  const judged = onJourneys(25, (journey) => {
    const end = evaluateEnd({ ruleSet: journey.ruleSet, ...journey.packet });
    const right = new Set([end.verdict === 'deny' ? 'denied' : 'passes']);
    expect(verdictsByMark(journey, { unswept: 0x0fff_ffff })).toEqual(right);
    // The same table with the lines that believe marks.
    if (verdictsByMark(journey, {}).size > 1) misled += 1;
  });
  expect(judged).toBeGreaterThan(100);
  expect(misled).toBeGreaterThan(20);
});
