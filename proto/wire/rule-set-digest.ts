// The digest that both sides compute over a rule set, to know whether they hold the same. It covers everything but the
// revision: a policy change that means nothing to a host leaves its digest alone.
//
// Canonical form: JSON without white space of nested lists (below), addresses, ranges and services as their canonical texts,
// absent fields as null. Digest of a peer set or workload = SHA-256, hex, of its form; of the rule set = SHA-256, hex, of
// ["segwall/v1", host, [digests of workloads in order], [digests of peer sets by id]]. Parts are values that never change, so their
// digests are remembered: the cost of a change is that of the parts it replaced.

import { createHash } from 'node:crypto';
import { type AddressRange, rangeText } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type {
  DirectionRules,
  HostRuleSet,
  LocalAddresses,
  PeerSet,
  Peers,
  SegmentRef,
  WorkloadRules,
} from '#model/rule-set.ts';
import { type Schedule, weekdays } from '#model/schedule.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';

const known = new WeakMap<PeerSet | WorkloadRules | HostRuleSet, string>();

/** 64 lower-case hex digits. */
export function ruleSetDigest(ruleSet: HostRuleSet): string {
  return remembered(ruleSet, () => {
    const peerSets = [...ruleSet.peerSets.values()].sort((a, b) => compareCodeUnits(a.id, b.id));
    return [
      'segwall/v1',
      ruleSet.host,
      ruleSet.workloads.map((rules) => remembered(rules, () => workloadForm(rules))),
      peerSets.map((set) => remembered(set, () => peerSetForm(set))),
    ];
  });
}

function remembered<T extends PeerSet | WorkloadRules | HostRuleSet>(part: T, form: () => unknown): string {
  const digest = known.get(part) ?? createHash('sha256').update(JSON.stringify(form())).digest('hex');
  known.set(part, digest);
  return digest;
}

/** Names are there only where there are some, so that rule sets without them keep the digests they had. */
function peerSetForm({ id, addresses, ranges, fqdn, quarantine }: PeerSet): unknown {
  const names = quarantine === undefined ? (fqdn === undefined ? [] : [fqdn]) : [fqdn ?? null, quarantine];
  return [id, addresses, rangesForm(ranges), ...names];
}

function workloadForm(rules: WorkloadRules): unknown {
  const { workload, kind, unit, addresses, quarantine, exemptFrom, inbound, outbound } = rules;
  const quarantineForm = quarantine === undefined ? null : [quarantine.name, peersForm(quarantine.peers)];
  return [
    workload,
    kind,
    unit ?? null,
    addresses,
    quarantineForm,
    directionForm(inbound),
    directionForm(outbound),
    ...(exemptFrom === undefined ? [] : [exemptFrom.map(({ set, local }) => [set, localForm(local)])]),
  ];
}

function directionForm(rules: DirectionRules): unknown {
  return [
    rules.mode,
    rules.defaultSegment === undefined ? null : segmentForm(rules.defaultSegment),
    rules.onDeny,
    rules.selective.map((entry) => [segmentForm(entry), servicesForm(entry.services), entry.onDeny ?? null]),
    rules.guardrails.map((entry) => [
      entry.guardrail,
      entry.mode,
      peersForm(entry.peers),
      localForm(entry.local),
      servicesForm(entry.services),
    ]),
    rules.grants.map((grant) => [
      segmentForm(grant),
      grant.rule,
      peersForm(grant.peers),
      localForm(grant.local),
      servicesForm(grant.services),
      ...(grant.schedule === undefined ? [] : [scheduleForm(grant.schedule)]),
    ]),
  ];
}

function scheduleForm({ expiresAt, when }: Schedule): unknown {
  const days = when === undefined ? [] : weekdays.filter((day) => when.days.has(day));
  return [expiresAt ?? null, when === undefined ? null : [days, when.fromMinute, when.toMinute, when.zone]];
}

function segmentForm(ref: SegmentRef): unknown {
  return [ref.segment, ref.combination ?? null];
}

function peersForm(peers: Peers): unknown {
  return peers.kind === 'any' ? ['any'] : ['sets', peers.ids];
}

function localForm(local: LocalAddresses): unknown {
  return local.kind === 'any' ? ['any'] : ['ranges', rangesForm(local.ranges)];
}

function rangesForm(ranges: readonly AddressRange[]): unknown {
  return ranges.map(rangeText);
}

function servicesForm(services: readonly ServiceTerm[]): unknown {
  return services.map(serviceTermText);
}
