// Who saw a flow, as the API says it: the hosts that reported it, and, between two managed hosts, whether both ends did.

import type { Fleet } from '#control-plane/fleet/fleet.ts';
import { millis } from '#model/time.ts';
import type { Direction, EndVerdict } from '#model/verdict.ts';
import { type FlowEvidence, type RemoteEnd, remoteEndOf } from '#policy/learn/flow-evidence.ts';
import type { ListedFlow } from '../store/flows.ts';

export interface EvidenceView {
  readonly reporters: readonly string[];
  readonly ends?: 'both' | 'one' | undefined;
  readonly oneEnd?:
    | { readonly seenBy: 'client' | 'server'; readonly remoteHost: string; readonly remoteEnd: RemoteEnd }
    | undefined;
}

export function evidenceView({ reporters, ends }: FlowEvidence): EvidenceView {
  if (ends === undefined) return { reporters };
  return ends === 'both' ? { reporters, ends } : { reporters, ends: 'one', oneEnd: ends };
}

/** Of a stored row: its peer is whoever held the address when it came in. Values were checked when its batch came in. */
export function rowEvidence(row: ListedFlow, fleet: Fleet): EvidenceView {
  const remoteHost = fleet.inventory().workloads.get(row.peer_workload)?.host;
  if (row.other_host !== '') return { reporters: [row.host, row.other_host].sort(), ends: 'both' };
  if (remoteHost === undefined || remoteHost === row.host) return { reporters: [row.host] };
  const remoteEnd = remoteEndOf({
    direction: row.direction as Direction,
    verdict: row.verdict as EndVerdict,
    firstSeenAt: millis(row.first_seen),
    newestOfRemote: fleet.lastFlowsOf(remoteHost),
    isRemoteConnected: fleet.sessions.of(remoteHost) !== undefined,
  });
  const seenBy = row.direction === 'outbound' ? 'client' : 'server';
  return { reporters: [row.host], ends: 'one', oneEnd: { seenBy, remoteHost, remoteEnd } };
}
