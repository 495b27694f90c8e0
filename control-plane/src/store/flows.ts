// Flows in the store: one row an hour for each (end, peer, service, verdict), into which every batch's records are added. A batch
// is taken once, however often it is sent.

import { createHash } from 'node:crypto';
import { type FunctionModule, sql } from 'kysely';
import { mostCount } from '#model/counts.ts';
import type { FlowLoss, FlowRecord } from '#model/flow.ts';
import type { Millis } from '#model/time.ts';
import { type FlowRow, goodFlowRow, type Tables } from './schema.ts';
import type { Transaction } from './transaction.ts';

export const bucketMs = 3_600_000;

/** Sequences this far behind a host's newest are known without being listed. */
const rememberedBatches = 4096;

/** In these very words the index of the other rows is declared, so that counting them costs what they are. */
const isGoodRow = sql<boolean>`(${sql.raw(goodFlowRow)})`;

/** Of an upsert: never more than is exact, whatever was there. */
function saturatingSum(table: 'flows' | 'flow_losses', column: string) {
  const sum = sql<number>`${sql.ref(`${table}.${column}`)} + ${sql.ref(`excluded.${column}`)}`;
  return sql<number>`case when ${sum} > ${sql.raw(String(mostCount))} then ${sql.raw(String(mostCount))} else ${sum} end`;
}

/** Added up as floating point, which is exact below the bound and cannot overflow above it. */
function totalOf(column: string) {
  const total = sql<number>`sum(cast(${sql.ref(column)} as double precision))`;
  const most = sql.raw(String(mostCount));
  return sql<number>`case when ${total} >= ${most} then ${most} else cast(${total} as bigint) end`;
}

function clamped(column: string) {
  const most = sql.raw(String(mostCount));
  return sql<number>`case when ${sql.ref(column)} > ${most} then ${most} when ${sql.ref(column)} < 0 then 0 else ${sql.ref(column)} end`;
}

/** A record with the workload that held the peer's address when it came in, or ''. */
export type IncomingFlow = FlowRecord & { readonly peerWorkload: string };

export interface IncomingBatch {
  readonly tenant: string;
  readonly host: string;
  /** Of the caller's certificate: one that is revoked by the time the batch is stored writes nothing. */
  readonly serial?: string;
  /** In which life of its agent it was made; '' where the agent does not say. Sequences count within it. */
  readonly run?: string;
  readonly sequence: number;
  readonly flows: readonly IncomingFlow[];
  readonly lost: FlowLoss;
}

export async function ingestFlows(
  tx: Transaction,
  input: IncomingBatch,
): Promise<'taken' | 'duplicate' | 'not-admitted'> {
  const { tenant, host, run = '', sequence } = input;
  if (input.serial !== undefined && (await isRevokedNow(tx, { tenant, host, serial: input.serial })))
    return 'not-admitted';
  if (await isKnownBatch(tx, input)) return 'duplicate';
  await keepFewRuns(tx, { tenant, host, run });
  await tx.insertInto('batches').values({ tenant, host, run, sequence }).execute();
  // At every batch: the sender chooses the sequence, so one that is seldom met, a multiple of 64 say, may never come.
  await tx
    .deleteFrom('batches')
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('run', '=', run)
    .where('sequence', '<', sequence - rememberedBatches)
    .execute();
  // Compiled once and run for every row: building the query costs more than the upsert itself.
  let upsert: ReturnType<typeof compileUpsert> | undefined;
  for (const flow of input.flows) {
    const row = flowRow(flow, { tenant, host });
    upsert ??= compileUpsert(tx, row);
    await tx.executeQuery({ ...upsert, parameters: Object.values(row) });
  }
  const { overruns, records, spooled, deniedInbound, deniedOutbound } = input.lost;
  if (Object.values(input.lost).some((count) => count > 0)) {
    await tx
      .insertInto('flow_losses')
      .values({
        tenant,
        host,
        overruns,
        records,
        spooled,
        denied_inbound: deniedInbound,
        denied_outbound: deniedOutbound,
      })
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'host']).doUpdateSet({
          overruns: saturatingSum('flow_losses', 'overruns'),
          records: saturatingSum('flow_losses', 'records'),
          spooled: saturatingSum('flow_losses', 'spooled'),
          denied_inbound: saturatingSum('flow_losses', 'denied_inbound'),
          denied_outbound: saturatingSum('flow_losses', 'denied_outbound'),
        }),
      )
      .execute();
  }
  return 'taken';
}

/** A batch waits for its turn behind urgent calls, and a revocation is one of them. */
async function isRevokedNow(
  tx: Transaction,
  { tenant, host, serial }: { readonly tenant: string; readonly host: string; readonly serial: string },
): Promise<boolean> {
  const enrolled = await tx
    .selectFrom('hosts')
    .select('revoked_at')
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .executeTakeFirst();
  if (enrolled === undefined || enrolled.revoked_at !== null) return true;
  const own = await tx.selectFrom('certificates').select('revoked_at').where('serial', '=', serial).executeTakeFirst();
  return own !== undefined && own.revoked_at !== null;
}

/** The most lives of a host's agent whose batches are remembered: of one that ended long ago nothing is sent any more. */
const rememberedRuns = 16;

/** Called before a batch of the run is stored: what a host can make its store keep is bounded, however often it begins a run. */
async function keepFewRuns(
  tx: Transaction,
  { tenant, host, run }: { readonly tenant: string; readonly host: string; readonly run: string },
): Promise<void> {
  const before = await tx
    .selectFrom('batch_runs')
    .select(['run', 'number'])
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .orderBy('number', 'desc')
    .execute();
  if (before.some((known) => known.run === run)) return;
  const number = (before[0]?.number ?? 0) + 1;
  await tx.insertInto('batch_runs').values({ tenant, host, run, number }).execute();
  for (const old of before.slice(rememberedRuns - 1)) {
    for (const table of ['batches', 'batch_runs'] as const)
      await tx
        .deleteFrom(table)
        .where('tenant', '=', tenant)
        .where('host', '=', host)
        .where('run', '=', old.run)
        .execute();
  }
}

async function isKnownBatch(tx: Transaction, { tenant, host, run = '', sequence }: IncomingBatch): Promise<boolean> {
  const ofRun = tx
    .selectFrom('batches')
    .select('sequence')
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('run', '=', run);
  const newest = await ofRun.orderBy('sequence', 'desc').limit(1).executeTakeFirst();
  if (newest === undefined || sequence > newest.sequence) return false;
  if (sequence < newest.sequence - rememberedBatches) return true;
  return (await ofRun.where('sequence', '=', sequence).executeTakeFirst()) !== undefined;
}

function compileUpsert(tx: Transaction, row: FlowRow) {
  const sum = (column: string) => saturatingSum('flows', column);
  const pick = (column: string, comparison: '<' | '>') =>
    sql<number>`case when ${sql.ref(`excluded.${column}`)} ${sql.raw(comparison)} ${sql.ref(`flows.${column}`)} then ${sql.ref(`excluded.${column}`)} else ${sql.ref(`flows.${column}`)} end`;
  return tx
    .insertInto('flows')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'key']).doUpdateSet({
        revision: pick('revision', '>'),
        connections: sum('connections'),
        packets_original: sum('packets_original'),
        packets_reply: sum('packets_reply'),
        bytes_original: sum('bytes_original'),
        bytes_reply: sum('bytes_reply'),
        first_seen: pick('first_seen', '<'),
        last_seen: pick('last_seen', '>'),
        answered: pick('answered', '>'),
        asked_port: pick('asked_port', '>'),
      }),
    )
    .compile();
}

function flowRow(flow: IncomingFlow, from: { readonly tenant: string; readonly host: string }): FlowRow {
  const { end } = flow;
  const key = {
    bucket: flow.lastSeenAt - (flow.lastSeenAt % bucketMs),
    host: from.host,
    workload: end.workload ?? from.host,
    direction: flow.direction,
    local: flow.local,
    peer: flow.peer,
    peer_workload: flow.peerWorkload,
    protocol: flow.protocol,
    port: flow.port,
    verdict: end.verdict,
    reason: end.reason,
    segment: end.segment ?? '',
    combination: end.combination ?? '',
    rule: end.rule ?? '',
    guardrail: end.guardrail ?? '',
    essential: end.essential ?? '',
    quarantine: end.quarantine ?? '',
    unit: flow.unit ?? '',
    process: flow.process ?? '',
  };
  return {
    tenant: from.tenant,
    key: createHash('sha256')
      .update(JSON.stringify(Object.values(key)))
      .digest('base64url')
      .slice(0, 24),
    ...key,
    revision: flow.revision,
    connections: flow.connections,
    packets_original: flow.packetsOriginal,
    packets_reply: flow.packetsReply,
    bytes_original: flow.bytesOriginal,
    bytes_reply: flow.bytesReply,
    first_seen: flow.firstSeenAt,
    last_seen: flow.lastSeenAt,
    answered: flow.answered ? 1 : 0,
    asked_port: flow.askedPort ?? 0,
  };
}

/** Of one row among others, in the order of listings. */
export interface FlowPlace {
  readonly lastSeenAt: Millis;
  readonly key: string;
}

/** All that are given must hold. `from` and `to` are the client's and the server's workload name or address. */
export interface FlowFilter {
  readonly tenant: string;
  /** Last seen at or after this instant. */
  readonly since: Millis;
  readonly from?: string;
  readonly to?: string;
  readonly verdict?: string;
  readonly segment?: string;
  readonly unit?: string;
  /** Only what comes after this one. */
  readonly after?: FlowPlace;
  readonly limit: number;
}

/** `other_host`: another host that reported the same connections from the other end, about then; '' where none did. */
export type ListedFlow = FlowRow & { readonly other_host: string };

/** Newest first. */
export async function listFlows(tx: Transaction, filter: FlowFilter): Promise<readonly ListedFlow[]> {
  let query = tx
    .selectFrom('flows')
    .selectAll()
    .where('tenant', '=', filter.tenant)
    .where('last_seen', '>=', filter.since)
    .where(isGoodRow);
  if (filter.verdict !== undefined) query = query.where('verdict', '=', filter.verdict);
  if (filter.segment !== undefined) query = query.where('segment', '=', filter.segment);
  if (filter.unit !== undefined) query = query.where('unit', '=', filter.unit);
  const { after } = filter;
  if (after !== undefined) {
    query = query
      .where('last_seen', '<=', after.lastSeenAt)
      .where((where) => where.or([where('last_seen', '<', after.lastSeenAt), where('key', '>', after.key)]));
  }
  for (const [name, direction] of [
    [filter.from, 'outbound'],
    [filter.to, 'inbound'],
  ] as const) {
    if (name === undefined) continue;
    query = query.where((where) =>
      where.or([
        where.and([
          where('direction', '=', direction),
          where.or([where('workload', '=', name), where('local', '=', name)]),
        ]),
        where.and([
          where('direction', '!=', direction),
          where.or([where('peer_workload', '=', name), where('peer', '=', name)]),
        ]),
      ]),
    );
  }
  const page = query.orderBy('last_seen', 'desc').orderBy('key').limit(filter.limit).as('page');
  const otherHost = tx
    .selectFrom('flows as other')
    .select('other.host')
    .where('other.tenant', '=', filter.tenant)
    .where('other.local', '=', sql.ref<string>('page.peer'))
    .where('other.peer', '=', sql.ref<string>('page.local'))
    .where('other.direction', '!=', sql.ref<string>('page.direction'))
    .where('other.protocol', '=', sql.ref<number>('page.protocol'))
    .where('other.port', '=', sql.ref<number>('page.port'))
    .where('other.host', '!=', sql.ref<string>('page.host'))
    .where(
      sql<boolean>`other.last_seen >= page.first_seen - ${bucketMs} and other.first_seen <= page.last_seen + ${bucketMs}`,
    )
    .limit(1);
  return tx
    .selectFrom(page)
    .selectAll('page')
    .select(({ fn }) => fn.coalesce(otherHost, sql<string>`''`).as('other_host'))
    .orderBy('last_seen', 'desc')
    .orderBy('key')
    .execute();
}

export interface ObservedRow {
  readonly host: string;
  readonly workload: string;
  readonly direction: string;
  readonly local: string;
  readonly peer: string;
  readonly protocol: number;
  readonly port: number;
  readonly verdict: string;
  readonly reason: string;
  readonly connections: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** 0 for none. */
  readonly askedPort: number;
}

/** Who talked to whom since an instant, added up over all hours: what plans and suggestions are made of. */
export async function listObserved(
  tx: Transaction,
  input: { readonly tenant: string; readonly since: Millis; readonly limit: number },
): Promise<readonly ObservedRow[]> {
  const key = ['host', 'workload', 'direction', 'local', 'peer', 'protocol', 'port', 'verdict', 'reason'] as const;
  return tx
    .selectFrom('flows')
    .select(key)
    .select(({ fn }) => [
      totalOf('connections').as('connections'),
      fn.min('first_seen').as('firstSeenAt'),
      fn.max('last_seen').as('lastSeenAt'),
      fn.max('asked_port').as('askedPort'),
    ])
    .where('tenant', '=', input.tenant)
    .where('last_seen', '>=', input.since)
    .where(isGoodRow)
    .groupBy(key)
    .orderBy('lastSeenAt', 'desc')
    .limit(input.limit)
    .execute();
}

export interface DecisionCount {
  /** '' of a rule, which lets the same connection through at both its ends. */
  readonly direction: string;
  readonly verdict: string;
  readonly reason: string;
  readonly segment: string;
  readonly rule: string;
  readonly guardrail: string;
  readonly connections: number;
  readonly lastSeenAt: number;
}

/** Connections by what decided them, since an instant: what coverage is made of. */
export async function countDecisions(
  tx: Transaction,
  input: { readonly tenant: string; readonly since: Millis },
): Promise<readonly DecisionCount[]> {
  const decided = tx
    .selectFrom('flows')
    .where('tenant', '=', input.tenant)
    .where('last_seen', '>=', input.since)
    .where(isGoodRow);
  const seen = ({ fn }: { readonly fn: FunctionModule<Tables, 'flows'> }) => fn.max('last_seen').as('lastSeenAt');
  const others = await decided
    .where('reason', '<>', 'rule')
    .select(['direction', 'verdict', 'reason', 'segment', 'rule', 'guardrail', seen])
    .select(totalOf('connections').as('connections'))
    .groupBy(['direction', 'verdict', 'reason', 'segment', 'rule', 'guardrail'])
    .orderBy('segment')
    .execute();
  // Both ends of a connection that one rule lets through report it: of each pair and service the end that saw more counts.
  const at = (direction: 'inbound' | 'outbound') =>
    sql<number>`sum(case when direction = ${direction} then cast(connections as double precision) else 0 end)`;
  const pairs = decided
    .where('reason', '=', 'rule')
    .select(['verdict', 'segment', 'rule', 'guardrail', 'protocol', 'port', seen])
    .select([clientOf.as('client'), serverOf.as('server'), at('inbound').as('inbound'), at('outbound').as('outbound')])
    .groupBy(['verdict', 'segment', 'rule', 'guardrail', 'protocol', 'port', clientOf, serverOf])
    .as('pairs');
  const most = sql.raw(String(mostCount));
  const total = sql<number>`sum(case when inbound > outbound then inbound else outbound end)`;
  const rules = await tx
    .selectFrom(pairs)
    .select(['verdict', 'segment', 'rule', 'guardrail', sql<number>`max(pairs.lastSeenAt)`.as('lastSeenAt')])
    .select(sql<number>`case when ${total} >= ${most} then ${most} else cast(${total} as bigint) end`.as('connections'))
    .groupBy(['verdict', 'segment', 'rule', 'guardrail'])
    .orderBy('segment')
    .orderBy('rule')
    .execute();
  return [...rules.map((one) => ({ ...one, reason: 'rule', direction: '' })), ...others];
}

const clientOf = sql<string>`case when direction = 'outbound' then local else peer end`;
const serverOf = sql<string>`case when direction = 'outbound' then peer else local end`;

/** Rows that are skipped wherever flows are read, since their numbers are beyond all bounds: none that this version wrote. */
export async function countBadFlows(tx: Transaction, input: { readonly tenant: string }): Promise<number> {
  const { bad } = await tx
    .selectFrom('flows')
    .select(({ fn }) => fn.countAll<number>().as('bad'))
    .where('tenant', '=', input.tenant)
    .where(sql<boolean>`not ${isGoodRow}`)
    .executeTakeFirstOrThrow();
  return bad;
}

export type HostLoss = FlowLoss & { readonly host: string };

export async function listFlowLosses(
  tx: Transaction,
  input: { readonly tenant: string },
): Promise<readonly HostLoss[]> {
  return tx
    .selectFrom('flow_losses')
    .select([
      'host',
      clamped('overruns').as('overruns'),
      clamped('records').as('records'),
      clamped('spooled').as('spooled'),
      clamped('denied_inbound').as('deniedInbound'),
      clamped('denied_outbound').as('deniedOutbound'),
    ])
    .where('tenant', '=', input.tenant)
    .orderBy('host')
    .execute();
}
