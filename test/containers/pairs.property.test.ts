// Two workloads of one host, whatever their policies: the rendered table lets a connection pass where both rule sets do, and its mark names
// the end that decided. Random fleets, their scripts followed packet by packet, on the forward path and at the host's own hooks.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { endTowards } from '#agent-core/judge/decision.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { type Address, familyOf } from '#model/address.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type { Service } from '#model/service.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { arbitraryPacket, arbitraryWorld, inventoryOf, type World } from '#test/property/arbitraries.ts';
import { readScript, type TracedPacket, trace } from '#test/support/trace-script.ts';

const epoch = 7;

/** Every container has another beside it, with labels of the host of the same number of the tenant. */
function withNeighbours(world: World): World {
  const workloads = [...world.inventory.workloads.values()];
  const hosts = workloads.filter(({ kind }) => kind === 'host');
  const neighbours = workloads.flatMap((workload, index): Workload[] => {
    const labels = hosts[index % hosts.length]?.labels;
    if (workload.kind !== 'container' || labels === undefined) return [];
    const addresses = workload.addresses.map((address) => address.replace(/10$/, '11') as Address);
    const { quarantine: _, ...rest } = workload;
    return [{ ...rest, name: `${workload.name}-2`, addresses, labels }];
  });
  return { ...world, inventory: inventoryOf([...workloads, ...neighbours]) };
}

interface Pair {
  readonly client: Workload;
  readonly server: Workload;
}

function pairsOf(world: World): readonly Pair[] {
  const all = [...world.inventory.workloads.values()];
  return all
    .filter(({ kind }) => kind === 'container')
    .flatMap((box) =>
      all
        .filter((other) => other !== box && other.host === box.host && (other.kind === 'host' || other.name > box.name))
        .filter(({ kind }) => kind === 'host' || kind === 'container')
        .flatMap((other) => [
          { client: box, server: other },
          { client: other, server: box },
        ]),
    );
}

function canBegin({ protocol, icmpType }: Service, address: Address): boolean {
  if (protocol === 1) return familyOf(address) === 'ipv4' && icmpType === 8;
  if (protocol === 58) return familyOf(address) === 'ipv6' && icmpType === 128;
  return true;
}

test('two workloads of one host connect where both of them let it', () => {
  const outcomes = new Map<string, number>();
  const cases = arbitraryWorld().chain((world) =>
    fc.tuple(
      fc.constant(withNeighbours(world)),
      fc.array(arbitraryPacket(world), { minLength: 2, maxLength: 4 }),
      fc.constantFrom(0, mostWalksDefault),
    ),
  );
  fc.assert(
    fc.property(cases, ([world, packets, mostWalks]) => {
      const fleet = compileFleet(world);
      for (const pair of pairsOf(world)) {
        const ruleSet = fleet.ruleSetOf(pair.client.host ?? '', 1);
        const table =
          ruleSet === undefined
            ? undefined
            : buildTable({ ruleSet, essentials: [], numbering: emptyNumbering, mostWalks });
        if (ruleSet === undefined || table === undefined) throw new Error('nothing was compiled');
        const script = readScript(bootstrapScript(table, { revision: 1, epoch, digest: '-' }, nothingStanding));
        for (const { service } of packets) {
          const { client, server } = addressesOf(pair);
          if (client === undefined || server === undefined || !canBegin(service, client)) continue;
          const judged = { ruleSet, service, essentials: [] };
          const outbound = evaluateEnd({
            ...judged,
            workload: pair.client.name,
            direction: 'outbound',
            localAddress: client,
            peerAddress: server,
          });
          const inbound = evaluateEnd({
            ...judged,
            workload: pair.server.name,
            direction: 'inbound',
            localAddress: server,
            peerAddress: client,
          });
          // The container is asked before its host; of two containers the client's is.
          const ends = pair.client.kind === 'host' ? [inbound, outbound] : [outbound, inbound];
          const denying = ends.find(({ verdict }) => verdict === 'deny');
          const expected = {
            verdict: denying === undefined ? 'passes' : 'denied',
            end: denying ?? ends[1],
            epoch: denying === undefined ? epoch : 0,
          };
          const { port = 0, protocol, icmpType } = service;
          const connection = { client, server, protocol, port, ...(icmpType === undefined ? {} : { icmpType }) };
          for (const journey of journeysOf(pair)) {
            const { verdict, mark } = trace(script, { ...connection, ...journey });
            const decided = table.decisions.get((mark >>> 12) & 0xffff)?.end;
            const peer = decided?.workload === pair.client.name ? server : client;
            const seen = {
              verdict: verdict === 'accept' ? 'passes' : 'denied',
              end: decided === undefined ? undefined : endTowards(decided, peer, ruleSet.peerSets),
              epoch: mark & 0xfff,
            };
            expect(
              seen,
              `${pair.client.name} > ${pair.server.name} ${JSON.stringify({ ...journey, service })}`,
            ).toEqual(expected);
          }
          const kind = `${pair.client.kind} to ${pair.server.kind} ${expected.verdict}`;
          outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
        }
      }
    }),
    { numRuns: 150 },
  );
  for (const kinds of ['container to container', 'container to host', 'host to container']) {
    for (const verdict of ['passes', 'denied']) {
      expect([kinds, verdict, outcomes.get(`${kinds} ${verdict}`) ?? 0]).toEqual([kinds, verdict, expect.any(Number)]);
      expect(outcomes.get(`${kinds} ${verdict}`) ?? 0).toBeGreaterThan(20);
    }
  }
});

/** Of one family that both have. */
function addressesOf({ client, server }: Pair): { readonly client?: Address; readonly server?: Address } {
  for (const far of server.addresses) {
    const near = client.addresses.find((address) => familyOf(address) === familyOf(far));
    if (near !== undefined) return { client: near, server: far };
  }
  return {};
}

type Journey = Pick<TracedPacket, 'hook' | 'state' | 'way' | 'mark'>;

/** A first packet, and both ways of a connection that an older epoch judged. */
function journeysOf({ client, server }: Pair): readonly Journey[] {
  const [there, back] =
    client.kind === 'host'
      ? (['output', 'input'] as const)
      : server.kind === 'host'
        ? (['input', 'output'] as const)
        : (['forward', 'forward'] as const);
  return [
    { hook: there, state: 'new', way: 'original', mark: 0 },
    { hook: there, state: 'established', way: 'original', mark: epoch - 1 },
    { hook: back, state: 'established', way: 'reply', mark: 0 },
  ];
}
