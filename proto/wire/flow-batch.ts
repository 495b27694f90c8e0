// Flow batches in columns: some 30 bytes a record where a row would cost 80. Distinct decisions, addresses and strings stand
// once in tables; a column that is all 0 is left out. Decoding checks every index, count and enum, and that columns are of one length.

import type { Address } from '#model/address.ts';
import { familyOf } from '#model/address.ts';
import { latestInstant } from '#model/counts.ts';
import type { FlowBatch, FlowReceipt, FlowRecord } from '#model/flow.ts';
import type { Result } from '#model/result.ts';
import { millis } from '#model/time.ts';
import type { Direction, End, EndVerdict, Reason } from '#model/verdict.ts';
import { packAddresses, unpackAddressTable } from './address-codec.ts';
import { createEnumCodec } from './enum-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1 } from './protobuf.ts';
import { boundedCount, boundedNumber, parseMessage, refuse, refuseUnless, refusing, safeCount } from './refusal.ts';
import { createInterner, type Interner, openStringTable, type StringTable } from './string-table.ts';

const directions = createEnumCodec<Direction, segwall.v1.FlowDirection>('direction', {
  inbound: v1.FlowDirection.INBOUND,
  outbound: v1.FlowDirection.OUTBOUND,
});
const verdicts = createEnumCodec<EndVerdict, segwall.v1.FlowVerdict>('verdict', {
  allow: v1.FlowVerdict.VERDICT_ALLOW,
  deny: v1.FlowVerdict.VERDICT_DENY,
  'would-deny': v1.FlowVerdict.VERDICT_WOULD_DENY,
  unmanaged: v1.FlowVerdict.VERDICT_UNMANAGED,
});
const reasons = createEnumCodec<Reason, segwall.v1.FlowReason>('reason', {
  essential: v1.FlowReason.REASON_ESSENTIAL,
  off: v1.FlowReason.REASON_OFF,
  quarantine: v1.FlowReason.REASON_QUARANTINE,
  guardrail: v1.FlowReason.REASON_GUARDRAIL,
  rule: v1.FlowReason.REASON_RULE,
  default: v1.FlowReason.REASON_DEFAULT,
  unmanaged: v1.FlowReason.REASON_UNMANAGED,
});
const receiptKinds = createEnumCodec<FlowReceipt['kind'], segwall.v1.FlowReceiptKind>('receipt kind', {
  taken: v1.FlowReceiptKind.FLOW_TAKEN,
  duplicate: v1.FlowReceiptKind.FLOW_DUPLICATE,
});
const endNames = ['workload', 'segment', 'combination', 'rule', 'guardrail', 'essential', 'quarantine'] as const;

/** Ends are shared by identity: the aggregator keeps one object a decision. Equal ones that are not one object only cost bytes. */
export function encodeFlowBatch(batch: FlowBatch): Uint8Array {
  const { records } = batch;
  const interner = createInterner();
  const ends = internEnds(records, interner);
  const addresses = internAddresses(records);
  const baseRevision = records.reduce((least, record) => Math.min(least, record.revision), records[0]?.revision ?? 0);
  const column = (read: (record: FlowRecord) => number): number[] => {
    const values = records.map(read);
    return values.every((value) => value === 0) ? [] : values;
  };
  return v1.FlowBatch.encode({
    sequence: batch.sequence,
    ...(batch.run === undefined ? {} : { run: Buffer.from(batch.run, 'hex') }),
    startedAt: batch.startedAt,
    endedAt: batch.endedAt,
    lost: batch.lost,
    ends: ends.messages,
    ipv4: addresses.ipv4,
    ipv6: addresses.ipv6,
    count: records.length,
    end: column(ends.indexOf),
    local: column((record) => addresses.indexOf(record.local)),
    peer: column((record) => addresses.indexOf(record.peer)),
    protocol: column((record) => record.protocol),
    port: column((record) => record.port),
    baseRevision,
    revision: column((record) => record.revision - baseRevision),
    connections: column((record) => record.connections),
    packetsOriginal: column((record) => record.packetsOriginal),
    packetsReply: column((record) => record.packetsReply),
    bytesOriginal: column((record) => record.bytesOriginal),
    bytesReply: column((record) => record.bytesReply),
    firstSeen: column((record) => record.firstSeenAt - batch.startedAt),
    lastSeen: column((record) => record.lastSeenAt - record.firstSeenAt),
    answered: column((record) => (record.answered ? 1 : 0)).map((value) => value === 1),
    unit: column((record) => interner.index(record.unit)),
    process: column((record) => interner.index(record.process)),
    askedPort: column((record) => record.askedPort ?? 0),
    strings: interner.strings,
  }).finish();
}

export function decodeFlowBatch(bytes: Uint8Array): Result<FlowBatch> {
  return refusing(() => readFlowBatch(parseMessage('flow batch', () => v1.FlowBatch.decode(bytes))));
}

export function encodeFlowReceipt(receipt: FlowReceipt): Uint8Array {
  const { workload = 0, address = 0, time = 0 } = receipt.refused ?? {};
  return v1.FlowReceipt.encode({
    sequence: receipt.sequence,
    kind: receiptKinds.encode(receipt.kind),
    refusedWorkload: workload,
    refusedAddress: address,
    refusedTime: time,
  }).finish();
}

export function decodeFlowReceipt(bytes: Uint8Array): Result<FlowReceipt> {
  return refusing(() => {
    const message = parseMessage('flow receipt', () => v1.FlowReceipt.decode(bytes));
    return {
      sequence: safeCount(message.sequence ?? 0, 'flow receipt, sequence'),
      kind: receiptKinds.decode(message.kind ?? 0, 'flow receipt'),
      refused: {
        workload: safeCount(message.refusedWorkload ?? 0, 'flow receipt, refused'),
        address: safeCount(message.refusedAddress ?? 0, 'flow receipt, refused'),
        time: safeCount(message.refusedTime ?? 0, 'flow receipt, refused'),
      },
    };
  });
}

function readRun(run: Uint8Array | null | undefined): Pick<FlowBatch, 'run'> {
  const length = run?.length ?? 0;
  refuseUnless(length === 0 || length === 16, 'flow batch, run', () => `${length} bytes`, '16, or none');
  return run == null || length === 0 ? {} : { run: Buffer.from(run).toString('hex') };
}

function readFlowBatch(message: segwall.v1.FlowBatch.$Properties): FlowBatch {
  const count = message.count ?? 0;
  boundedCount(count, limits.flowRecords, 'flow records');
  const strings = openStringTable(message.strings ?? []);
  boundedCount(message.ends?.length ?? 0, limits.flowRecords, 'flow ends');
  const ends = (message.ends ?? []).map((end) => readEnd(end, strings));
  boundedCount(message.ipv4?.length ?? 0, 2 * limits.flowRecords, 'flow addresses');
  boundedCount((message.ipv6?.length ?? 0) / 16, 2 * limits.flowRecords, 'flow addresses');
  const addresses = unpackAddressTable(message, 'flow addresses');
  const startedAt = millis(boundedNumber(message.startedAt, 'FlowBatch.started_at', 'flow batch, start'));
  const baseRevision = boundedNumber(message.baseRevision, 'FlowBatch.base_revision', 'flow batch, base revision');
  const columns = readColumns(message, count);
  const records: FlowRecord[] = [];
  for (let at = 0; at < count; at += 1) {
    const value = (name: ColumnName): number => columns[name][at] ?? 0;
    const saturated = (name: ColumnName, most: number): number => Math.min(most, value(name));
    const { direction, end } =
      ends[value('end')] ?? refuse(`flow ${at}`, `end ${value('end')}`, `below ${ends.length}`);
    const address = (name: 'local' | 'peer'): Address =>
      addresses[value(name)] ?? refuse(`flow ${at}`, `${name} ${value(name)}`, `below ${addresses.length}`);
    const local = address('local');
    const peer = address('peer');
    const isOneFamily = familyOf(local) === familyOf(peer);
    refuseUnless(isOneFamily, `flow ${at}`, () => `${local} with ${peer}`, 'addresses of one family');
    const firstSeenAt = instant(startedAt + value('firstSeen'), `flow ${at}, first seen`);
    const unit = strings.optional(value('unit'), `flow ${at}, unit`);
    const process = strings.optional(value('process'), `flow ${at}, process`);
    const askedPort = bounded(value('askedPort'), 65535, `flow ${at}, asked port`);
    records.push({
      direction,
      local,
      peer,
      protocol: bounded(value('protocol'), 255, `flow ${at}, protocol`),
      port: bounded(value('port'), 65535, `flow ${at}, port`),
      end,
      revision: safeCount(baseRevision + value('revision'), `flow ${at}, revision`),
      connections: saturated('connections', limits.flowConnections),
      packetsOriginal: saturated('packetsOriginal', limits.flowPackets),
      packetsReply: saturated('packetsReply', limits.flowPackets),
      bytesOriginal: saturated('bytesOriginal', limits.flowBytes),
      bytesReply: saturated('bytesReply', limits.flowBytes),
      firstSeenAt: millis(firstSeenAt),
      lastSeenAt: millis(instant(firstSeenAt + value('lastSeen'), `flow ${at}, last seen`)),
      answered: message.answered?.[at] ?? false,
      ...(unit === undefined ? {} : { unit }),
      ...(process === undefined ? {} : { process }),
      ...(askedPort === 0 ? {} : { askedPort }),
    });
  }
  return {
    sequence: boundedNumber(message.sequence, 'FlowBatch.sequence', 'flow batch, sequence'),
    ...readRun(message.run),
    startedAt,
    endedAt: millis(boundedNumber(message.endedAt, 'FlowBatch.ended_at', 'flow batch, end')),
    records,
    lost: {
      overruns: boundedNumber(message.lost?.overruns, 'FlowLoss.overruns', 'flow loss, overruns'),
      records: boundedNumber(message.lost?.records, 'FlowLoss.records', 'flow loss, records'),
      spooled: boundedNumber(message.lost?.spooled, 'FlowLoss.spooled', 'flow loss, spooled'),
      deniedInbound: boundedNumber(message.lost?.deniedInbound, 'FlowLoss.denied_inbound', 'flow loss, denied inbound'),
      deniedOutbound: boundedNumber(
        message.lost?.deniedOutbound,
        'FlowLoss.denied_outbound',
        'flow loss, denied outbound',
      ),
    },
  };
}

// ---- columns

const columnNames = [
  'end',
  'local',
  'peer',
  'protocol',
  'port',
  'revision',
  'connections',
  'packetsOriginal',
  'packetsReply',
  'bytesOriginal',
  'bytesReply',
  'firstSeen',
  'lastSeen',
  'unit',
  'process',
  'askedPort',
] as const;
type ColumnName = (typeof columnNames)[number];

function readColumns(
  message: segwall.v1.FlowBatch.$Properties,
  count: number,
): Readonly<Record<ColumnName, readonly number[]>> {
  for (const name of [...columnNames, 'answered'] as const) {
    const length = message[name]?.length ?? 0;
    const isWhole = length === 0 || length === count;
    refuseUnless(isWhole, `flow column ${name}`, () => `${length} entries`, `none or ${count}`);
  }
  const column = (name: ColumnName): readonly number[] => message[name] ?? [];
  return {
    end: column('end'),
    local: column('local'),
    peer: column('peer'),
    protocol: column('protocol'),
    port: column('port'),
    revision: column('revision'),
    connections: column('connections'),
    packetsOriginal: column('packetsOriginal'),
    packetsReply: column('packetsReply'),
    bytesOriginal: column('bytesOriginal'),
    bytesReply: column('bytesReply'),
    firstSeen: column('firstSeen'),
    lastSeen: column('lastSeen'),
    unit: column('unit'),
    process: column('process'),
    askedPort: column('askedPort'),
  };
}

/** Of a flow: from 1970 to 9999. */
function instant(value: number, where: string): number {
  return bounded(safeCount(value, where), latestInstant, where);
}

function bounded(value: number, greatest: number, where: string): number {
  refuseUnless(value <= greatest, where, () => String(value), `0 to ${greatest}`);
  return value;
}

// ---- tables

function internEnds(records: readonly FlowRecord[], interner: Interner) {
  const indexes = { inbound: new Map<End, number>(), outbound: new Map<End, number>() };
  const messages: segwall.v1.FlowEnd.$Properties[] = [];
  for (const { direction, end } of records) {
    if (indexes[direction].has(end)) continue;
    indexes[direction].set(end, messages.length);
    const message: segwall.v1.FlowEnd.$Properties = {
      direction: directions.encode(direction),
      verdict: verdicts.encode(end.verdict),
      reason: reasons.encode(end.reason),
    };
    for (const name of endNames) message[name] = interner.index(end[name]);
    messages.push(message);
  }
  return { messages, indexOf: ({ direction, end }: FlowRecord): number => indexes[direction].get(end) ?? 0 };
}

function readEnd(message: segwall.v1.FlowEnd.$Properties, strings: StringTable) {
  const direction = directions.decode(message.direction ?? 0, 'flow end');
  const names: { [Name in (typeof endNames)[number]]?: string } = {};
  for (const name of endNames) {
    const text = strings.optional(message[name] ?? 0, `flow end, ${name}`);
    if (text !== undefined) names[name] = text;
  }
  const verdict = verdicts.decode(message.verdict ?? 0, 'flow end');
  const end: End = { verdict, reason: reasons.decode(message.reason ?? 0, 'flow end'), ...names };
  return { direction, end };
}

function internAddresses(records: readonly FlowRecord[]) {
  const all = new Set<Address>();
  for (const { local, peer } of records) all.add(local).add(peer);
  const packed = packAddresses([...all]);
  const ordered = [...all].sort((a, b) => Number(familyOf(a) === 'ipv6') - Number(familyOf(b) === 'ipv6'));
  const indexes = new Map(ordered.map((address, index) => [address, index]));
  return { ...packed, indexOf: (address: Address): number => indexes.get(address) ?? 0 };
}
