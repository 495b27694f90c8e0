// Who saw a flow, as the API says it: the hosts that reported it, and, between two managed hosts, whether both ends did.

import { z } from 'zod';
import { millis } from '#model/time.ts';
import type { Direction, EndVerdict } from '#model/verdict.ts';
import { type FarEnd, type FlowEvidence, farEndOf, farEnds } from '#policy/flow-evidence.ts';
import type { Fleet } from '../fleet.ts';
import type { ListedFlow } from '../store/flows.ts';

export const oneEnd = z.object({
  seenBy: z.enum(['client', 'server']),
  farHost: z.string().describe('the host that did not report it'),
  farEnd: z
    .enum(farEnds)
    .describe(
      'did-not-see: it reported other flows since, and not this one; silent: nothing since; away: nothing since, and its agent is not connected; denied-here: the end that saw it kept it from getting there',
    ),
});

export const evidenceFields = {
  reporters: z.array(z.string()).readonly().describe('the hosts that reported it'),
  ends: z
    .enum(['both', 'one'])
    .optional()
    .describe(
      'between two managed hosts: whether both reported it; what one alone did rests on its word. Absent where the other end is no managed workload, or on the same host',
    ),
  oneEnd: oneEnd.optional(),
};

export interface EvidenceView {
  readonly reporters: readonly string[];
  readonly ends?: 'both' | 'one' | undefined;
  readonly oneEnd?:
    | { readonly seenBy: 'client' | 'server'; readonly farHost: string; readonly farEnd: FarEnd }
    | undefined;
}

export function evidenceView({ reporters, ends }: FlowEvidence): EvidenceView {
  if (ends === undefined) return { reporters };
  return ends === 'both' ? { reporters, ends } : { reporters, ends: 'one', oneEnd: ends };
}

/** Of a stored row: its peer is whoever held the address when it came in. Values were checked when its batch came in. */
export function rowEvidence(row: ListedFlow, fleet: Fleet): EvidenceView {
  const farHost = fleet.inventory().workloads.get(row.peer_workload)?.host;
  if (row.far_host !== '') return { reporters: [row.host, row.far_host].sort(), ends: 'both' };
  if (farHost === undefined || farHost === row.host) return { reporters: [row.host] };
  const farEnd = farEndOf({
    direction: row.direction as Direction,
    verdict: row.verdict as EndVerdict,
    firstSeenAt: millis(row.first_seen),
    newestOfFar: fleet.lastFlowsOf(farHost),
    isFarConnected: fleet.sessions.of(farHost) !== undefined,
  });
  const seenBy = row.direction === 'outbound' ? 'client' : 'server';
  return { reporters: [row.host], ends: 'one', oneEnd: { seenBy, farHost, farEnd } };
}
