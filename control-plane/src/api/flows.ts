// Observed flows over the operator API, and what they say of the policy.

import { z } from 'zod';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import { addCounts, atLeast } from '#model/counts.ts';
import { serviceText } from '#model/service.ts';
import { millis } from '#model/time.ts';
import { unknownFlowNames } from '#policy/select/unknown-names.ts';
import { rowEvidence } from '../answers/evidence.ts';
import { isoTime } from '../answers/iso-time.ts';
import { type Paged, pageOf, placeOf } from '../answers/paging.ts';
import { type Coverage, coverage, coverageQuery, type FlowView, flow, flowQuery } from '../answers/schemas.ts';
import type { FlowPlace, ListedFlow } from '../store/flows.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';

/** By when they were seen last; one that is seen again while pages are read moves to the newest, and is found by the next listing. */
const flowsPaged: Paged<FlowPlace> = {
  listing: 'flows',
  place: z.object({ lastSeenAt: z.number().int().transform(millis), key: z.string().max(64) }),
};

/** How many stored rows are read nowhere, since their numbers are beyond all bounds. */
const skippedHeader = 'segwall-skipped-flows';

/** Where no flow matches: sentences on filters that ask for what nobody has, as JSON in percent-encoding. */
const unknownHeader = 'segwall-unknown-names';

export function flowRoutes(app: Api, context: ApiContext): void {
  const { store, tenant } = context;
  app.get(
    '/api/v1/flows',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Flows that agents reported, newest first; one entry an hour for each end, peer, service and verdict',
        tags: ['flows'],
        querystring: flowQuery,
        response: { 200: z.array(flow) },
      },
    },
    async (request, reply) => {
      const { since, from, to, verdict, segment, unit, limit, cursor } = request.query;
      const after = placeOf(flowsPaged, cursor);
      context.rows.take(limit, { operator: request.operator, answer: reply.raw });
      const rows = await store.listFlows({
        tenant,
        since: millis(since),
        limit: limit + 1,
        ...(after === undefined ? {} : { after }),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(verdict === undefined ? {} : { verdict }),
        ...(segment === undefined ? {} : { segment }),
        ...(unit === undefined ? {} : { unit }),
      });
      const skipped = await store.countBadFlows({ tenant });
      if (skipped > 0) reply.header(skippedHeader, String(skipped));
      const placeAt = ({ last_seen, key }: ListedFlow) => ({ lastSeenAt: millis(last_seen), key });
      const page = pageOf(rows, { paged: flowsPaged, reply, placeAt });
      if (rows.length === 0 && after === undefined) {
        const { workloads } = context.fleet.inventory();
        const segments = context.fleet.active.policy.segments.keys();
        const unknown = unknownFlowNames({ from, to, segment, unit }, { workloads, segments });
        if (unknown.length > 0) reply.header(unknownHeader, encodeURIComponent(JSON.stringify(unknown)));
      }
      return page.map((row) => flowView(row, context.fleet));
    },
  );

  app.get(
    '/api/v1/coverage',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'How often each rule was used, and what was or would have been denied',
        tags: ['flows'],
        querystring: coverageQuery,
        response: { 200: coverage },
      },
    },
    (request) => coverageView(context, request.query.since),
  );
}

export function flowView(row: ListedFlow, fleet: Fleet): FlowView {
  const local = { ...(row.workload === '' ? {} : { workload: row.workload }), address: row.local };
  const remote = { ...(row.peer_workload === '' ? {} : { workload: row.peer_workload }), address: row.peer };
  const isOutbound = row.direction === 'outbound';
  const isIcmp = row.protocol === 1 || row.protocol === 58;
  return {
    firstSeenAt: isoTime(row.first_seen),
    lastSeenAt: isoTime(row.last_seen),
    from: isOutbound ? local : remote,
    to: isOutbound ? remote : local,
    service: serviceText({ protocol: row.protocol, ...(isIcmp ? { icmpType: row.port } : { port: row.port }) }),
    protocol: row.protocol,
    port: row.port,
    direction: isOutbound ? 'outbound' : 'inbound',
    host: row.host,
    verdict: row.verdict,
    reason: row.reason,
    ...present({
      segment: row.segment,
      combination: row.combination,
      rule: row.rule,
      guardrail: row.guardrail,
      essential: row.essential,
      quarantine: row.quarantine,
      unit: row.unit,
      process: row.process,
    }),
    revision: row.revision,
    connections: row.connections,
    packetsOriginal: row.packets_original,
    packetsReply: row.packets_reply,
    bytesOriginal: row.bytes_original,
    bytesReply: row.bytes_reply,
    ...atLeast(...[row.connections, row.packets_original, row.packets_reply, row.bytes_original, row.bytes_reply]),
    answered: row.answered === 1 ? 'yes' : 'no',
    ...rowEvidence(row, fleet),
  };
}

function present<T extends Record<string, string>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) as Partial<T>;
}

async function coverageView({ fleet, store, tenant }: ApiContext, since: number): Promise<Coverage> {
  const counts = await store.countDecisions({ tenant, since: millis(since) });
  const used = new Map<string, { connections: number; lastSeenAt: number }>();
  const wouldDeny: Coverage['wouldDeny'][number][] = [];
  const denied: Coverage['denied'][number][] = [];
  for (const count of counts) {
    const { segment, rule, direction, connections, verdict } = count;
    if (count.reason === 'rule') {
      const key = `${segment}/${rule}`;
      const before = used.get(key);
      used.set(key, {
        connections: addCounts(before?.connections ?? 0, connections),
        lastSeenAt: Math.max(before?.lastSeenAt ?? 0, count.lastSeenAt),
      });
    } else if (verdict === 'would-deny') wouldDeny.push({ segment, direction, connections, ...atLeast(connections) });
    else if (verdict === 'deny')
      denied.push({
        ...{ reason: count.reason, name: count.guardrail || segment, direction, connections },
        ...atLeast(connections),
      });
  }
  const rules = [...fleet.active.policy.segments.values()].flatMap((segment) =>
    segment.rules.map((rule) => {
      const use = used.get(`${segment.name}/${rule.name}`);
      return {
        segment: segment.name,
        rule: rule.name,
        connections: use?.connections ?? 0,
        ...atLeast(use?.connections ?? 0),
        ...(use === undefined ? {} : { lastSeenAt: isoTime(use.lastSeenAt) }),
      };
    }),
  );
  return { rules, wouldDeny, denied, skippedFlows: await store.countBadFlows({ tenant }) };
}
