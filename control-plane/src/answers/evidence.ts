// Who saw a flow, as the API says it: the hosts that reported it, and, between two managed hosts, whether both ends did.

import type { Fleet } from '#control-plane/fleet/fleet.ts';
import { millis } from '#model/time.ts';
import type { Direction, EndVerdict } from '#model/verdict.ts';
import { type FarEnd, type FlowEvidence, farEndOf } from '#policy/learn/flow-evidence.ts';
import type { ListedFlow } from '../store/flows.ts';

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
