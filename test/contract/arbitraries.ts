// Rule sets and flow batches for property tests: small, but with both families, every kind of every union, and names shared
// between parts, so that interning and order have something to get wrong.

import fc from 'fast-check';
import { type Address, addressFromIpv4Number, addressFromValue } from '#model/address.ts';
import { type AddressRange, normaliseRanges } from '#model/address-range.ts';
import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { latestInstant } from '#model/counts.ts';
import type { FlowBatch, FlowRecord } from '#model/flow.ts';
import type {
  DirectionRules,
  Exemption,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  LocalAddresses,
  PeerSet,
  Peers,
  SelectiveServices,
  WorkloadRules,
} from '#model/rule-set.ts';
import { type Schedule, type TimeWindow, weekdays } from '#model/schedule.ts';
import type { ServiceTerm } from '#model/service.ts';
import { millis } from '#model/time.ts';
import type { End } from '#model/verdict.ts';
import { limits } from '#wire/limits.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const ipv4 = fc.nat({ max: 0xffff_ffff }).map(addressFromIpv4Number);
// From 2000:: on, and so never an IPv4-mapped form.
const ipv6 = fc
  .bigInt({ min: 0x2000n << 112n, max: (1n << 128n) - 1n })
  .map((value) => addressFromValue('ipv6', value));
const address = fc.oneof(ipv4, ipv6);
const addresses = fc.uniqueArray(address, { maxLength: 12 }).map(sortedByCodeUnits);

const ranges: fc.Arbitrary<readonly AddressRange[]> = fc
  .array(
    fc.oneof(
      fc.tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0xffff })).map(
        ([first, length]): AddressRange => ({
          family: 'ipv4',
          first: BigInt(first),
          last: BigInt(Math.min(first + length, 0xffff_ffff)),
        }),
      ),
      fc
        .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.bigInt({ min: 0n, max: 1n << 64n }))
        .map(([first, length]): AddressRange => {
          const greatest = (1n << 128n) - 1n;
          return { family: 'ipv6', first, last: first + length > greatest ? greatest : first + length };
        }),
    ),
    { maxLength: 4 },
  )
  .map(normaliseRanges);

const port = fc.integer({ min: 1, max: 65535 });
const byte = fc.integer({ min: 0, max: 255 });
const icmpType = fc.oneof(fc.constant('any' as const), byte);
const service: fc.Arbitrary<ServiceTerm> = fc.oneof(
  fc.constant({ kind: 'any' as const }),
  fc.tuple(fc.constantFrom('tcp', 'udp', 'sctp'), port, port).map(([protocol, a, b]) => ({
    kind: 'ports' as const,
    protocol,
    low: Math.min(a, b),
    high: Math.max(a, b),
  })),
  fc.record({ kind: fc.constantFrom('icmp', 'icmpv6'), type: icmpType }),
  fc.record({ kind: fc.constant('protocol' as const), number: byte }),
);
const services = fc.array(service, { maxLength: 3 });

const segment = fc.record(
  { segment: name, combination: fc.constant('app=shop,env=prod') },
  { requiredKeys: ['segment'] },
);
const local: fc.Arbitrary<LocalAddresses> = fc.oneof(
  fc.constant({ kind: 'any' as const }),
  ranges.map((list) => ({ kind: 'ranges' as const, ranges: list })),
);

const window: fc.Arbitrary<TimeWindow> = fc.record({
  days: fc.subarray([...weekdays], { minLength: 1 }).map((days) => new Set(days)),
  fromMinute: fc.integer({ min: 0, max: 1439 }),
  toMinute: fc.integer({ min: 0, max: 1440 }),
  zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Etc/GMT+5'),
});
const schedules: fc.Arbitrary<Schedule> = fc
  .record({ expiresAt: fc.integer({ min: 1, max: latestInstant }).map(millis), when: window }, { requiredKeys: [] })
  .filter(({ expiresAt, when }) => expiresAt !== undefined || when !== undefined);

function peersOf(ids: readonly string[]): fc.Arbitrary<Peers> {
  return fc.oneof(
    fc.constant({ kind: 'any' as const }),
    fc.subarray([...ids]).map((some) => ({ kind: 'sets' as const, ids: some })),
  );
}

function directionOf(ids: readonly string[]): fc.Arbitrary<DirectionRules> {
  const match = { peers: peersOf(ids), local, services };
  const grant: fc.Arbitrary<Grant> = fc
    .tuple(segment, fc.record({ rule: name, ...match }), fc.option(schedules, { freq: 3, nil: undefined }))
    .map(([ref, rest, schedule]) => ({ ...ref, ...rest, ...(schedule === undefined ? {} : { schedule }) }));
  const guardrail: fc.Arbitrary<GuardrailDeny> = fc.record({
    guardrail: name,
    mode: fc.constantFrom('observe', 'enforce'),
    ...match,
  });
  const selective: fc.Arbitrary<SelectiveServices> = fc
    .tuple(segment, services, fc.constantFrom(undefined, 'drop' as const, 'reject' as const))
    .map(([ref, terms, onDeny]) => ({ ...ref, services: terms, ...(onDeny === undefined ? {} : { onDeny }) }));
  return fc.record(
    {
      mode: fc.constantFrom('off', 'observe', 'selective', 'enforce'),
      defaultSegment: segment,
      onDeny: fc.constantFrom('drop', 'reject'),
      selective: fc.array(selective, { maxLength: 2 }),
      guardrails: fc.array(guardrail, { maxLength: 2 }),
      grants: fc.array(grant, { maxLength: 4 }),
    },
    { requiredKeys: ['mode', 'onDeny', 'selective', 'guardrails', 'grants'] },
  );
}

function exemptionsOf(ids: readonly string[]): fc.Arbitrary<readonly Exemption[]> {
  return fc
    .subarray([...ids], { minLength: 1 })
    .chain((some) =>
      fc.tuple(...some.sort(compareCodeUnits).map((set) => fc.record({ set: fc.constant(set), local }))),
    );
}

function workloadOf(workload: string, ids: readonly string[]): fc.Arbitrary<WorkloadRules> {
  return fc
    .tuple(
      fc.oneof(
        fc.record({ kind: fc.constantFrom('host', 'container') }),
        fc.record({ kind: fc.constant('unit' as const), unit: fc.constant('nginx.service') }),
      ),
      fc.record(
        {
          addresses,
          quarantine: fc.record({ name, peers: peersOf(ids) }),
          ...(ids.length === 0 ? {} : { exemptFrom: exemptionsOf(ids) }),
          inbound: directionOf(ids),
          outbound: directionOf(ids),
        },
        { requiredKeys: ['addresses', 'inbound', 'outbound'] },
      ),
    )
    .map(([kind, rest]) => ({ workload, ...kind, ...rest }));
}

export const ruleSets: fc.Arbitrary<HostRuleSet> = fc
  .tuple(fc.uniqueArray(name, { maxLength: 4 }), fc.uniqueArray(name, { maxLength: 3 }))
  .chain(([ids, names]) =>
    fc.record({
      revision: fc.nat(),
      host: fc.constant('web-1'),
      workloads: fc.tuple(...names.sort(compareCodeUnits).map((workload) => workloadOf(workload, ids))),
      peerSets: fc
        .tuple(
          ...ids.map(
            (id): fc.Arbitrary<PeerSet> =>
              fc.oneof(
                fc.record(
                  { id: fc.constant(id), addresses, ranges, fqdn: fc.constantFrom('api.example.com', '*.example.com') },
                  { requiredKeys: ['id', 'addresses', 'ranges'] },
                ),
                fc.record({ id: fc.constant(id), quarantine: name, addresses, ranges: fc.constant([]) }),
              ),
          ),
        )
        .map((sets) => new Map(sets.map((set) => [set.id, set]))),
    }),
  );

// ---- flows

const end: fc.Arbitrary<End> = fc.record(
  {
    verdict: fc.constantFrom('allow', 'deny', 'would-deny', 'unmanaged'),
    reason: fc.constantFrom('essential', 'off', 'quarantine', 'guardrail', 'rule', 'default', 'unmanaged'),
    workload: name,
    segment: name,
    combination: name,
    rule: name,
    guardrail: name,
    essential: name,
    quarantine: name,
  },
  { requiredKeys: ['verdict', 'reason'] },
);
const count = fc.oneof(
  fc.nat({ max: 1000 }),
  fc.constant(0),
  // What the wire takes of any of them; beyond it a number is brought to its bound.
  fc.nat({ max: limits.flowConnections }),
);
const pair: fc.Arbitrary<readonly [Address, Address]> = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6));
const moment = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }).map(millis);

const flow: fc.Arbitrary<FlowRecord> = fc
  .tuple(
    pair,
    fc.record(
      {
        direction: fc.constantFrom('inbound', 'outbound'),
        protocol: byte,
        port: fc.integer({ min: 0, max: 65535 }),
        end,
        revision: fc.nat(),
        connections: count,
        packetsOriginal: count,
        packetsReply: count,
        bytesOriginal: count,
        bytesReply: count,
        firstSeenAt: moment,
        lastSeenAt: moment,
        answered: fc.boolean(),
        unit: name,
        process: name,
        askedPort: fc.integer({ min: 1, max: 65535 }),
      },
      {
        requiredKeys: [
          'direction',
          'protocol',
          'port',
          'end',
          'revision',
          'connections',
          'packetsOriginal',
          'packetsReply',
          'bytesOriginal',
          'bytesReply',
          'firstSeenAt',
          'lastSeenAt',
          'answered',
        ],
      },
    ),
  )
  .map(([[own, peer], rest]) => ({ local: own, peer, ...rest }));

export const flowBatches: fc.Arbitrary<FlowBatch> = fc.record({
  sequence: fc.maxSafeNat(),
  startedAt: moment,
  endedAt: moment,
  records: fc.array(flow, { maxLength: 12 }),
  lost: fc.record({
    overruns: count,
    records: count,
    spooled: count,
    deniedInbound: count,
    deniedOutbound: count,
  }),
});
