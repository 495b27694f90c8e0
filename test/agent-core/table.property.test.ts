// The rendered table says what the rule set says: random fleets, their scripts followed packet by packet, against the plain
// reading of the rule set. The mark must name the very decision, not only its verdict.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildTable } from '#agent-core/build-table.ts';
import { emptyNumbering } from '#agent-core/numbering.ts';
import type { Table } from '#agent-core/table.ts';
import { bootstrapScript, nothingStanding } from '#agent-core/transaction.ts';
import { placementLines } from '#agent-core/unit-placement.ts';
import { familyOf } from '#model/address.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type { HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import type { Service } from '#model/service.ts';
import { compileFleet } from '#policy/compile.ts';
import { arbitraryPacket, arbitraryWorld, type Packet } from '#test/property/arbitraries.ts';
import { readScript, type TracedPacket, trace } from '#test/support/trace-script.ts';

const epoch = 7;

const cgroupOf = (unit: string) => ({ path: `system.slice/${unit}`, level: 2 });

function load(ruleSet: HostRuleSet): { readonly table: Table; readonly script: ReturnType<typeof readScript> } {
  const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering });
  if (table === undefined) throw new Error('out of decision numbers');
  const placement = placementLines(
    table.units,
    table.units.map(({ unit }, index) => ({ ...cgroupOf(unit), unit, id: String(index) })),
  );
  const script = bootstrapScript(table, { revision: 1, epoch, digest: '-' }, nothingStanding, placement);
  return { table, script: readScript(script) };
}

/** Connections that conntrack can begin: of ICMP, requests only. */
function canBegin({ protocol, icmpType }: Service, family: 'ipv4' | 'ipv6'): boolean {
  if (family === 'ipv4' && protocol === 1)
    return icmpType === 8 || icmpType === 13 || icmpType === 15 || icmpType === 17;
  if (family === 'ipv6' && protocol === 58) return icmpType === 128 || icmpType === 139;
  return true;
}

function check(ruleSet: HostRuleSet, rules: WorkloadRules, packet: Packet): void {
  const { direction, localAddress, peerAddress, service } = packet;
  const { table, script } = load(ruleSet);
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
    { ...connection, hook: ownHook, state: 'new', way: 'original', mark: 0 },
    { ...connection, hook: ownHook, state: 'established', way: 'original', mark: epoch - 1 },
    { ...connection, hook: otherHook, state: 'established', way: 'reply', mark: 0 },
  ] as const;
  const follow = (packet: TracedPacket) => {
    const { verdict, mark } = trace(script, packet);
    const decision = table.decisions.get((mark >>> 12) & 0xffff);
    const seen = { verdict: verdict === 'accept' ? 'passes' : 'denied', end: decision?.end, epoch: mark & 0xfff };
    const expected = {
      verdict: end.verdict === 'deny' ? 'denied' : 'passes',
      end,
      epoch: end.verdict === 'deny' ? 0 : epoch,
    };
    expect(seen, `${packet.state} ${packet.way} ${JSON.stringify(connection)}`).toEqual(expected);
    return mark;
  };
  const [first = 0] = journeys.map(follow);
  if (rules.kind !== 'unit') return;
  // What shows no socket of its own, as a handshake's second packet does, stays with the unit that judged it before.
  const { cgroup, ...without } = connection;
  const stale = (first & 0x0ffff000) | (epoch - 1);
  follow({ ...without, hook: ownHook, state: 'established', way: 'original', mark: stale });
  follow({ ...without, hook: otherHook, state: 'established', way: 'reply', mark: stale });
}

test('a packet meets the verdict, the reason and the rule that the rule set gives it', () => {
  let judged = 0;
  const cases = arbitraryWorld().chain((world) =>
    fc.tuple(fc.constant(world), fc.array(arbitraryPacket(world), { minLength: 15, maxLength: 15 })),
  );
  fc.assert(
    fc.property(cases, ([world, packets]) => {
      const fleet = compileFleet(world);
      for (const packet of packets) {
        const host = world.inventory.workloads.get(packet.workload)?.host;
        const ruleSet = host === undefined ? undefined : fleet.ruleSetOf(host, 1);
        const rules = ruleSet?.workloads.find(({ workload }) => workload === packet.workload);
        if (ruleSet === undefined || rules === undefined || !canBegin(packet.service, familyOf(packet.localAddress)))
          continue;
        // Two workloads of one host are judged at both ends: test/containers/pairs.property.test.ts.
        if (ruleSet.workloads.some(({ addresses }) => addresses.includes(packet.peerAddress))) continue;
        check(ruleSet, rules, packet);
        judged += 1;
      }
    }),
    { numRuns: 300 },
  );
  expect(judged).toBeGreaterThan(2000);
});
