// Workloads, their rules and peer sets, between the model and the generated messages. Encoding trusts the model; decoding
// trusts nothing: unknown enum values, names that are no index, addresses out of order and services out of range are refused.

import type { Address } from '#model/address.ts';
import { domainName } from '#model/domain-name.ts';
import type {
  DirectionRules,
  Exemption,
  Grant,
  GuardrailDeny,
  LocalAddresses,
  ManagedKind,
  PeerSet,
  Peers,
  Quarantine,
  SegmentRef,
  SelectiveServices,
  WorkloadRules,
} from '#model/rule-set.ts';
import type { DenyAction, EnforcementMode } from '#model/verdict.ts';
import { packAddresses, packRanges, unpackAddresses, unpackRanges } from './address-codec.ts';
import { createEnumCodec } from './enum-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1 } from './protobuf.ts';
import { boundedCount, checkedName, refuse, refuseUnless } from './refusal.ts';
import { decodeSchedule, encodeSchedule } from './schedule-codec.ts';
import { decodeServices, encodeServices } from './service-codec.ts';
import type { Interner, StringTable } from './string-table.ts';

type Message = segwall.v1.Workload.$Properties;

const workloadKinds = createEnumCodec<ManagedKind, segwall.v1.WorkloadKind>('workload kind', {
  host: v1.WorkloadKind.WORKLOAD_HOST,
  unit: v1.WorkloadKind.WORKLOAD_UNIT,
  container: v1.WorkloadKind.WORKLOAD_CONTAINER,
});
const modes = createEnumCodec<EnforcementMode, segwall.v1.EnforcementMode>('enforcement mode', {
  off: v1.EnforcementMode.MODE_OFF,
  observe: v1.EnforcementMode.MODE_OBSERVE,
  selective: v1.EnforcementMode.MODE_SELECTIVE,
  enforce: v1.EnforcementMode.MODE_ENFORCE,
});
const guardrailModes = createEnumCodec<GuardrailDeny['mode'], segwall.v1.GuardrailMode>('guardrail mode', {
  observe: v1.GuardrailMode.GUARDRAIL_OBSERVE,
  enforce: v1.GuardrailMode.GUARDRAIL_ENFORCE,
});
const denyActions = createEnumCodec<DenyAction, segwall.v1.DenyAction>('deny action', {
  drop: v1.DenyAction.DENY_DROP,
  reject: v1.DenyAction.DENY_REJECT,
});
const peersKinds = createEnumCodec<Peers['kind'], segwall.v1.PeersKind>('peers kind', {
  any: v1.PeersKind.PEERS_ANY,
  sets: v1.PeersKind.PEERS_SETS,
});
const localKinds = createEnumCodec<LocalAddresses['kind'], segwall.v1.LocalKind>('local addresses kind', {
  any: v1.LocalKind.LOCAL_ANY,
  ranges: v1.LocalKind.LOCAL_RANGES,
});

/** What decoding needs beside the message: its strings, and a tally of what the whole rule set may hold. */
export interface DecodeContext {
  readonly strings: StringTable;
  readonly tally: { addresses: number; ranges: number; rules: number; names: number };
}

export function createDecodeContext(strings: StringTable): DecodeContext {
  return { strings, tally: { addresses: 0, ranges: 0, rules: 0, names: 0 } };
}

// ---- peer sets

export function encodePeerSet(set: PeerSet): segwall.v1.PeerSet.$Properties {
  return {
    id: set.id,
    ...packAddresses(set.addresses),
    ranges: packRanges(set.ranges),
    ...(set.fqdn === undefined ? {} : { fqdn: set.fqdn }),
    ...(set.quarantine === undefined ? {} : { quarantine: set.quarantine }),
  };
}

export function decodePeerSet(message: segwall.v1.PeerSet.$Properties, context: DecodeContext): PeerSet {
  const id = checkedName(message.id ?? '', limits.stringCharacters, 'peer set');
  const where = `peer set "${id}"`;
  const fqdn = message.fqdn ?? '';
  if (fqdn !== '') {
    refuseUnless(
      domainName(fqdn) === fqdn,
      where,
      () => `the name "${fqdn.slice(0, 80)}"`,
      'a domain name in lower case',
    );
    context.tally.names += 1;
    boundedCount(context.tally.names, limits.names, 'peer sets with a domain name');
  }
  const quarantine = message.quarantine ?? '';
  const addresses = decodeAddresses(message, context, where);
  const ranges = decodeRanges(message.ranges, context, where);
  if (quarantine === '') return { id, ...(fqdn === '' ? {} : { fqdn }), addresses, ranges };
  refuseUnless(
    fqdn === '' && ranges.length === 0,
    where,
    () => 'a domain name or ranges beside a quarantine',
    'a quarantine with addresses only',
  );
  return { id, quarantine: checkedName(quarantine, limits.stringCharacters, where), addresses, ranges };
}

export function decodeAddresses(
  packed: Parameters<typeof unpackAddresses>[0],
  { tally }: DecodeContext,
  where: string,
): Address[] {
  tally.addresses += (packed.ipv4?.length ?? 0) + (packed.ipv6?.length ?? 0) / 16;
  boundedCount(tally.addresses, limits.addresses, 'addresses');
  return unpackAddresses(packed, where);
}

export function decodeRanges(
  message: segwall.v1.Ranges.$Properties | null | undefined,
  { tally }: DecodeContext,
  where: string,
): ReturnType<typeof unpackRanges> {
  if (message === null || message === undefined) refuse(where, 'no ranges', 'ranges, empty where there are none');
  tally.ranges += (message.ipv4?.length ?? 0) / 2 + (message.ipv6?.length ?? 0) / 32;
  boundedCount(tally.ranges, limits.ranges, 'ranges');
  return unpackRanges(message, where);
}

// ---- workloads

export function encodeWorkload(rules: WorkloadRules, interner: Interner): Message {
  return {
    name: rules.workload,
    kind: workloadKinds.encode(rules.kind),
    ...(rules.unit === undefined ? {} : { unit: rules.unit }),
    ...packAddresses(rules.addresses),
    ...(rules.quarantine === undefined ? {} : { quarantine: encodeQuarantine(rules.quarantine, interner) }),
    inbound: encodeDirection(rules.inbound, interner),
    outbound: encodeDirection(rules.outbound, interner),
    exemptFrom: (rules.exemptFrom ?? []).map(({ set, local }) => ({
      set: interner.index(set),
      local: encodeLocal(local),
    })),
  };
}

export function decodeWorkload(message: Message, context: DecodeContext): WorkloadRules {
  const workload = checkedName(message.name ?? '', limits.stringCharacters, 'workload');
  const where = `workload ${workload}`;
  const kind = workloadKinds.decode(message.kind ?? 0, where);
  const unit = message.unit ?? '';
  refuseUnless(
    (kind === 'unit') === (unit !== ''),
    where,
    () => `kind ${kind} with unit "${unit}"`,
    'a unit where kind is unit',
  );
  const addresses = decodeAddresses(message, context, where);
  boundedCount(addresses.length, limits.workloadAddresses, `${where}, addresses`);
  return {
    workload,
    kind,
    ...(kind === 'unit' ? { unit: checkedName(unit, limits.stringCharacters, where) } : {}),
    addresses,
    ...(message.quarantine ? { quarantine: decodeQuarantine(message.quarantine, context, where) } : {}),
    ...decodeExemptions(message.exemptFrom ?? [], context, where),
    inbound: decodeDirection(message.inbound, context, `${where}, inbound`),
    outbound: decodeDirection(message.outbound, context, `${where}, outbound`),
  };
}

function encodeQuarantine(quarantine: Quarantine, interner: Interner): segwall.v1.Quarantine.$Properties {
  return { name: interner.index(quarantine.name), peers: encodePeers(quarantine.peers, interner) };
}

function decodeQuarantine(
  message: segwall.v1.Quarantine.$Properties,
  context: DecodeContext,
  where: string,
): Quarantine {
  const name = context.strings.required(message.name ?? 0, `${where}, quarantine`);
  return { name, peers: decodePeers(message.peers, context, `${where}, quarantine`) };
}

function decodeExemptions(
  messages: readonly segwall.v1.Exemption.$Properties[],
  context: DecodeContext,
  where: string,
): Pick<WorkloadRules, 'exemptFrom'> {
  if (messages.length === 0) return {};
  context.tally.rules += messages.length;
  boundedCount(context.tally.rules, limits.rules, 'rules');
  const here = `${where}, exempt from`;
  const exemptFrom = messages.map(({ set, local }): Exemption => {
    const id = context.strings.required(set ?? 0, here);
    return { set: id, local: decodeLocal(local, context, `${here} "${id}"`) };
  });
  for (const [at, { set }] of exemptFrom.entries()) {
    const before = exemptFrom[at - 1];
    const isInOrder = before === undefined || before.set < set;
    refuseUnless(isInOrder, here, () => `"${set}" after "${before?.set}"`, 'each set once, in code-unit order');
  }
  return { exemptFrom };
}

function encodeDirection(rules: DirectionRules, interner: Interner): segwall.v1.DirectionRules.$Properties {
  return {
    mode: modes.encode(rules.mode),
    ...(rules.defaultSegment === undefined ? {} : { defaultSegment: encodeSegment(rules.defaultSegment, interner) }),
    onDeny: denyActions.encode(rules.onDeny),
    selective: rules.selective.map((entry) => ({
      segment: encodeSegment(entry, interner),
      services: encodeServices(entry.services),
      ...(entry.onDeny === undefined ? {} : { onDeny: denyActions.encode(entry.onDeny) }),
    })),
    guardrails: rules.guardrails.map((entry) => ({
      guardrail: interner.index(entry.guardrail),
      mode: guardrailModes.encode(entry.mode),
      ...encodeMatch(entry, interner),
    })),
    grants: rules.grants.map((grant) => ({
      segment: encodeSegment(grant, interner),
      rule: interner.index(grant.rule),
      ...encodeMatch(grant, interner),
      ...(grant.schedule === undefined ? {} : { schedule: encodeSchedule(grant.schedule) }),
    })),
  };
}

function decodeDirection(
  message: segwall.v1.DirectionRules.$Properties | null | undefined,
  context: DecodeContext,
  where: string,
): DirectionRules {
  if (message === null || message === undefined) refuse(where, 'no rules', 'rules for both directions');
  const { selective = [], guardrails = [], grants = [], defaultSegment } = message;
  context.tally.rules += (selective?.length ?? 0) + (guardrails?.length ?? 0) + (grants?.length ?? 0);
  boundedCount(context.tally.rules, limits.rules, 'rules');
  return {
    mode: modes.decode(message.mode ?? 0, where),
    ...(defaultSegment ? { defaultSegment: decodeSegment(defaultSegment, context, where) } : {}),
    onDeny: denyActions.decode(message.onDeny ?? 0, where),
    selective: (selective ?? []).map((entry) => decodeSelective(entry, context, where)),
    guardrails: (guardrails ?? []).map((entry) => decodeGuardrail(entry, context, where)),
    grants: (grants ?? []).map((grant) => decodeGrant(grant, context, where)),
  };
}

function decodeSelective(
  message: segwall.v1.SelectiveServices.$Properties,
  context: DecodeContext,
  where: string,
): SelectiveServices {
  const ref = decodeSegment(message.segment, context, where);
  const here = `${where}, selective of ${ref.segment}`;
  const services = decodeServices(message.services, here);
  return message.onDeny ? { ...ref, services, onDeny: denyActions.decode(message.onDeny, here) } : { ...ref, services };
}

function decodeGuardrail(
  message: segwall.v1.GuardrailDeny.$Properties,
  context: DecodeContext,
  where: string,
): GuardrailDeny {
  const guardrail = context.strings.required(message.guardrail ?? 0, where);
  const here = `${where}, guardrail ${guardrail}`;
  return { guardrail, mode: guardrailModes.decode(message.mode ?? 0, here), ...decodeMatch(message, context, here) };
}

function decodeGrant(message: segwall.v1.Grant.$Properties, context: DecodeContext, where: string): Grant {
  const ref = decodeSegment(message.segment, context, where);
  const rule = context.strings.required(message.rule ?? 0, where);
  const here = `${where}, rule ${ref.segment}/${rule}`;
  const match = decodeMatch(message, context, here);
  return { ...ref, rule, ...match, ...(message.schedule ? { schedule: decodeSchedule(message.schedule, here) } : {}) };
}

type Match = Pick<Grant, 'peers' | 'local' | 'services'>;

function encodeMatch(match: Match, interner: Interner) {
  return {
    peers: encodePeers(match.peers, interner),
    local: encodeLocal(match.local),
    services: encodeServices(match.services),
  };
}

function decodeMatch(message: segwall.v1.Grant.$Properties, context: DecodeContext, where: string): Match {
  return {
    peers: decodePeers(message.peers, context, where),
    local: decodeLocal(message.local, context, where),
    services: decodeServices(message.services, where),
  };
}

function encodeLocal(local: LocalAddresses): segwall.v1.LocalAddresses.$Properties {
  return {
    kind: localKinds.encode(local.kind),
    ...(local.kind === 'ranges' ? { ranges: packRanges(local.ranges) } : {}),
  };
}

function decodeLocal(
  message: segwall.v1.LocalAddresses.$Properties | null | undefined,
  context: DecodeContext,
  where: string,
): LocalAddresses {
  const kind = localKinds.decode(message?.kind ?? 0, where);
  if (kind === 'ranges') return { kind, ranges: decodeRanges(message?.ranges, context, where) };
  refuseUnless(
    !message?.ranges,
    where,
    () => 'ranges beside local addresses of kind any',
    'ranges where kind is ranges',
  );
  return { kind };
}

function encodePeers(peers: Peers, interner: Interner): segwall.v1.Peers.$Properties {
  const sets = peers.kind === 'sets' ? peers.ids.map((id) => interner.index(id)) : [];
  return { kind: peersKinds.encode(peers.kind), sets };
}

function decodePeers(
  message: segwall.v1.Peers.$Properties | null | undefined,
  context: DecodeContext,
  where: string,
): Peers {
  const kind = peersKinds.decode(message?.kind ?? 0, where);
  const sets = message?.sets ?? [];
  if (kind === 'sets') {
    boundedCount(sets.length, limits.peerSetsPerRule, `${where}, peer sets`);
    return { kind, ids: sets.map((index) => context.strings.required(index, where)) };
  }
  refuseUnless(sets.length === 0, where, () => 'peer sets beside peers of kind any', 'sets where kind is sets');
  return { kind };
}

function encodeSegment(ref: SegmentRef, interner: Interner): segwall.v1.SegmentRef.$Properties {
  return { segment: interner.index(ref.segment), combination: interner.index(ref.combination) };
}

function decodeSegment(
  message: segwall.v1.SegmentRef.$Properties | null | undefined,
  { strings }: DecodeContext,
  where: string,
): SegmentRef {
  const segment = strings.required(message?.segment ?? 0, `${where}, segment`);
  const combination = strings.optional(message?.combination ?? 0, `${where}, combination`);
  return combination === undefined ? { segment } : { segment, combination };
}
