// A suggestion, written as YAML and read back by check, allows exactly what was observed: every seen pair of workloads, and nothing
// that was neither seen nor allowed before. Observations are made by an agent that sees whatever was not allowed.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Address, familyOf } from '#model/address.ts';
import { rangeCidrs } from '#model/address-range.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type { Service } from '#model/service.ts';
import type { Direction } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import type { CompiledFleet } from '#policy/compile/compile.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import type { ObservedFlow } from '#policy/learn/observed-flow.ts';
import { compileEnforced } from '#policy/learn/observed-pairs.ts';
import { renderSuggestion } from '#policy/learn/render-suggestion.ts';
import { applySuggestion, suggestRules } from '#policy/learn/suggest.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';
import { segmentDocument } from '#policy/policy/render-segment.ts';
import { arbitraryWorld, baseTime, type World } from './arbitraries.ts';

const services: readonly Service[] = [
  { protocol: 6, port: 8080 },
  { protocol: 6, port: 8081 },
  { protocol: 17, port: 53 },
  { protocol: 47 },
];

/** Who talked to whom, by numbers that are taken modulo what there is. */
interface Talk {
  readonly client: number;
  readonly server: number;
  readonly service: number;
  readonly family: number;
}

const arbitraryTalks = fc.array(
  fc.record({ client: fc.nat(40), server: fc.nat(40), service: fc.nat(3), family: fc.nat(2) }),
  { minLength: 1, maxLength: 14 },
);

interface Connection {
  readonly client: Workload;
  readonly server: Workload;
  readonly src: Address;
  readonly dst: Address;
  readonly service: Service;
}

function connectionsOf({ inventory }: World, talks: readonly Talk[]): readonly Connection[] {
  const workloads = [...inventory.workloads.values()];
  return talks.flatMap((talk): Connection[] => {
    const client = workloads[talk.client % workloads.length];
    const server = workloads[talk.server % workloads.length];
    const service = services[talk.service];
    if (client === undefined || server === undefined || client === server || service === undefined) return [];
    const src = client.addresses[talk.family % client.addresses.length];
    const dst = server.addresses.find((address) => src !== undefined && familyOf(address) === familyOf(src));
    return src === undefined || dst === undefined ? [] : [{ client, server, src, dst, service }];
  });
}

function flowsOf(connections: readonly Connection[]): readonly ObservedFlow[] {
  return connections.flatMap(({ client, server, src, dst, service }) => {
    const seen = {
      protocol: service.protocol,
      port: service.port ?? 0,
      verdict: 'would-deny',
      reason: 'default',
      connections: 1,
      firstSeenAt: baseTime,
      lastSeenAt: baseTime,
    } as const;
    return [
      {
        host: client.host ?? '',
        workload: client.name,
        direction: 'outbound' as const,
        local: src,
        peer: dst,
        ...seen,
      },
      { host: server.host ?? '', workload: server.name, direction: 'inbound' as const, local: dst, peer: src, ...seen },
    ];
  });
}

interface Probe {
  readonly workload: Workload;
  readonly direction: Direction;
  readonly local: Address;
  readonly peer: Address;
  readonly peerWorkload: Workload;
  readonly service: Service;
}

/** Every end of every pair of workloads, by every address and service. */
function* probesOf(inventory: Inventory): Generator<Probe> {
  const workloads = [...inventory.workloads.values()];
  for (const workload of workloads) {
    if (!isManaged(workload)) continue;
    for (const peerWorkload of workloads) {
      if (peerWorkload === workload) continue;
      for (const local of workload.addresses) {
        for (const peer of peerWorkload.addresses) {
          if (familyOf(local) !== familyOf(peer)) continue;
          for (const direction of ['inbound', 'outbound'] as const) {
            for (const service of services) yield { workload, direction, local, peer, peerWorkload, service };
          }
        }
      }
    }
  }
}

function isAllowed(fleet: CompiledFleet, { workload, direction, local, peer, service }: Probe): boolean {
  const ruleSet = fleet.ruleSetOf(workload.host ?? '', 1);
  if (ruleSet === undefined) return false;
  const end = evaluateEnd({
    ruleSet,
    workload: workload.name,
    direction,
    localAddress: local,
    peerAddress: peer,
    service,
  });
  return end.reason === 'rule' || end.reason === 'essential';
}

/** The whole policy as files, with the suggested document in place of the segment's own. */
function readBack({ policy, inventory }: World, rendered: ReadonlyMap<string, string>): Policy {
  const documents = [
    ...[...policy.segments.values()].map(
      (segment) => rendered.get(segment.name) ?? stringify(segmentDocument(segment)),
    ),
    ...[...policy.ipLists].map(([name, ranges]) =>
      stringify({
        apiVersion: 'segwall/v1',
        kind: 'IPList',
        metadata: { name },
        spec: { cidrs: ranges.flatMap(rangeCidrs) },
      }),
    ),
  ];
  const checked = checkPolicy({
    files: [{ path: 'policy.yaml', text: documents.join('---\n') }],
    now: baseTime,
    mode: 'server',
    knownWorkloads: inventory.workloads,
  });
  expect(checked.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (checked.policy === undefined) throw new Error('check gave no policy');
  return checked.policy;
}

/** Containers have addresses of their own; guardrails and quarantines are left out, since no rule can override them. */
function arbitraryCase(kinds: readonly ('unit' | 'container')[]) {
  return fc
    .record({
      world: arbitraryWorld({ kinds, quarantines: 'none', maxHosts: 5, maxRules: 1 }),
      talks: arbitraryTalks,
    })
    .map(({ world, talks }) => ({
      world: { ...world, policy: { ...world.policy, guardrails: new Map() } },
      talks,
    }))
    .filter(({ world }) => world.policy.segments.size > 0);
}

/** Suggests for every segment; what it finds after applying, against what was seen. */
function suggestAll(world: World, flows: readonly ObservedFlow[]) {
  const suggestions = [...world.policy.segments.keys()].map((segment) => suggestRules({ ...world, segment, flows }));
  const rendered = new Map(
    suggestions.map((suggestion) => [suggestion.segment.name, renderSuggestion({ suggestion })] as const),
  );
  return { suggestions, applied: readBack(world, rendered) };
}

/** Workloads that some segment selects. */
function membersOf(fleet: CompiledFleet): ReadonlySet<string> {
  const rules = [...fleet.hosts].flatMap((host) => fleet.ruleSetOf(host, 1)?.workloads ?? []);
  return new Set(rules.filter(({ inbound }) => inbound.defaultSegment !== undefined).map(({ workload }) => workload));
}

let suggested = 0;

describe('a suggestion', () => {
  test('allows exactly the observed connections when its YAML is applied', () => {
    fc.assert(
      fc.property(arbitraryCase(['container']), ({ world, talks }) => {
        const connections = connectionsOf(world, talks);
        const { suggestions, applied } = suggestAll(world, flowsOf(connections));
        suggested += suggestions.flatMap(({ rules }) => rules).length;
        const before = compileEnforced(world.policy, world.inventory, world.now);
        const after = compileEnforced(applied, world.inventory, world.now);
        const pairOf = (client: Workload, server: Workload, service: Service) =>
          `${client.name} ${server.name} ${JSON.stringify(service)}`;
        const seenPairs = new Set(connections.map(({ client, server, service }) => pairOf(client, server, service)));
        const seenFlows = new Set(
          connections.map(
            ({ client, server, src, dst, service }) => `${pairOf(client, server, service)} ${src} ${dst}`,
          ),
        );
        const members = membersOf(after);
        for (const probe of probesOf(world.inventory)) {
          const { workload, peerWorkload, local, peer, service } = probe;
          const [client, server] = probe.direction === 'outbound' ? [workload, peerWorkload] : [peerWorkload, workload];
          const [src, dst] = probe.direction === 'outbound' ? [local, peer] : [peer, local];
          const pair = pairOf(client, server, service);
          const isMember = members.has(workload.name);
          const mustPass = isAllowed(before, probe) || (isMember && seenFlows.has(`${pair} ${src} ${dst}`));
          // A workload is all of its addresses: a pair that was seen by one family may be opened in both.
          const mayPass = mustPass || (isMember && seenPairs.has(pair));
          const passes = isAllowed(after, probe);
          if (passes ? !mayPass : mustPass) expect({ probe, passes, suggestions }).toEqual('otherwise');
        }
        for (const { unsaid } of suggestions) expect(unsaid).toEqual([]);
      }),
      { numRuns: 250 },
    );
    expect(suggested).toBeGreaterThan(250);
  });

  test('with units, allows every observed connection that it does not list as unsaid', () => {
    fc.assert(
      fc.property(arbitraryCase(['unit', 'container']), ({ world, talks }) => {
        const connections = connectionsOf(world, talks).filter(
          ({ client, server }) => client.host === undefined || client.host !== server.host,
        );
        const flows = flowsOf(connections);
        const { suggestions, applied } = suggestAll(world, flows);
        const after = compileEnforced(applied, world.inventory, world.now);
        const unsaid = new Set(
          suggestions.flatMap((suggestion) => suggestion.unsaid).flatMap(({ client, server }) => [client, server]),
        );
        for (const flow of flows) {
          const workload = world.inventory.workloads.get(flow.workload);
          const ruleSet = after.ruleSetOf(workload?.host ?? '', 1);
          if (workload === undefined || !isManaged(workload) || ruleSet === undefined) continue;
          const end = evaluateEnd({
            ruleSet,
            workload: workload.name,
            direction: flow.direction,
            localAddress: flow.local,
            peerAddress: flow.peer,
            service: { protocol: flow.protocol, port: flow.port },
          });
          if (end.reason === 'default' && end.segment !== undefined && !unsaid.has(flow.workload)) {
            expect({ flow, end, suggestions }).toEqual('allowed');
          }
        }
      }),
      { numRuns: 120 },
    );
  });

  test('as applied to the model is what its YAML reads back to', () => {
    fc.assert(
      fc.property(arbitraryCase(['container']), ({ world, talks }) => {
        const flows = flowsOf(connectionsOf(world, talks));
        const { suggestions, applied } = suggestAll(world, flows);
        const inModel = suggestions.reduce<Policy>(
          (policy, suggestion) => applySuggestion(policy, suggestion),
          world.policy,
        );
        const [written, made] = [applied, inModel].map((policy) => compileFleet({ ...world, policy }));
        for (const host of made?.hosts ?? []) {
          expect(written?.ruleSetOf(host, 1)).toEqual(made?.ruleSetOf(host, 1));
        }
      }),
      { numRuns: 80 },
    );
  });

  test('does not depend on the order of the flows', () => {
    fc.assert(
      fc.property(arbitraryCase(['container']), ({ world, talks }) => {
        const flows = flowsOf(connectionsOf(world, talks));
        for (const segment of world.policy.segments.keys()) {
          const [one, other] = [flows, [...flows].reverse()].map((order) =>
            renderSuggestion({ suggestion: suggestRules({ ...world, segment, flows: order }) }),
          );
          expect(other).toBe(one);
        }
      }),
      { numRuns: 60 },
    );
  });
});
