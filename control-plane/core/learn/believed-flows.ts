// Which flow records of a batch count: a host speaks for itself, its units and its containers, with addresses that it holds, and with
// times before now. What does not count is counted by its reason, with some of it kept for people. Pure; the fleet says who holds what.

import type { Address } from '#model/address.ts';
import type { FlowRecord } from '#model/flow.ts';
import { type Millis, millis } from '#model/time.ts';

/** What the sender may speak for, now or until lately. */
export interface Reporter {
  readonly host: string;
  isOwn(workload: string): boolean;
  holds(local: Address): boolean;
}

/** `workload`: another's or nobody's. `address`: not the sender's. `time`: so long ago that nothing of then is kept. */
export type FlowRefusal = 'workload' | 'address' | 'time';

export interface RefusedFlows {
  readonly counts: Readonly<Record<FlowRefusal, number>>;
  /** The first few, in words made of checked parts. */
  readonly samples: readonly string[];
}

export interface BelievedFlows {
  readonly records: readonly FlowRecord[];
  readonly refused: RefusedFlows;
}

export const mostFlowAgeMs = 400 * 86_400_000;
const mostSamples = 5;

/** Loopback, link-local, multicast and broadcast addresses are on every host, and so nobody else's. */
const everyonesAddress = /^(127\.|0\.|169\.254\.|2(2[4-9]|3\d|4\d|5\d)\.|::1?$|fe[89ab][0-9a-f]:|ff)/;

export function believeFlows(
  records: readonly FlowRecord[],
  { reporter, now }: { readonly reporter: Reporter; readonly now: Millis },
): BelievedFlows {
  const counts = { workload: 0, address: 0, time: 0 };
  const samples: string[] = [];
  const good: FlowRecord[] = [];
  for (const record of records) {
    const refusal = refusalOf(record, reporter, now);
    if (refusal === undefined) good.push(beforeNow(record, now));
    else {
      counts[refusal] += 1;
      if (samples.length < mostSamples) samples.push(sampleOf(record, reporter, refusal));
    }
  }
  return { records: good, refused: { counts, samples } };
}

function refusalOf({ end, local, lastSeenAt }: FlowRecord, reporter: Reporter, now: Millis): FlowRefusal | undefined {
  if (!reporter.isOwn(end.workload ?? reporter.host)) return 'workload';
  if (!everyonesAddress.test(local) && !reporter.holds(local)) return 'address';
  return lastSeenAt < now - mostFlowAgeMs ? 'time' : undefined;
}

/** A clock that is ahead must not keep a flow the newest for years. */
function beforeNow(record: FlowRecord, now: Millis): FlowRecord {
  const lastSeenAt = Math.min(record.lastSeenAt, now);
  const firstSeenAt = Math.min(record.firstSeenAt, lastSeenAt);
  if (lastSeenAt === record.lastSeenAt && firstSeenAt === record.firstSeenAt) return record;
  return { ...record, firstSeenAt: millis(firstSeenAt), lastSeenAt: millis(lastSeenAt) };
}

function sampleOf(record: FlowRecord, { host }: Reporter, refusal: FlowRefusal): string {
  const { end, direction, local, peer } = record;
  const [from, to] = direction === 'inbound' ? [peer, local] : [local, peer];
  return `${refusal}: ${end.workload ?? host} ${direction} ${from} to ${to} ${record.protocol}/${record.port}`;
}

export function refusedCount({ counts }: RefusedFlows): number {
  return counts.workload + counts.address + counts.time;
}
