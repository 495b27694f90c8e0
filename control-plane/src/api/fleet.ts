// The fleet over the operator API: status, agents, workloads with their labels, and how far a revision has come.

import { z } from 'zod';
import type { DiskRoom } from '#control-plane/data/disk-room.ts';
import type { AgentView } from '#control-plane/fleet/agent-view.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { StoreTrouble } from '#control-plane/fleet/owed-writes.ts';
import type { Canary } from '#control-plane/publish/canary.ts';
import type { Protection } from '#control-plane/publish/protection.ts';
import { closestName } from '#model/closest-name.ts';
import { sumCounts } from '#model/counts.ts';
import { factPrefix } from '#model/label.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import { byName, pageOf, pageQuery, placeOf } from '../answers/paging.ts';
import {
  type Agent,
  agent,
  labelAnswer,
  labelRequest,
  nameParams,
  type ProtectionAnswer,
  progress,
  progressQuery,
  protectionAnswer,
  protectionQuery,
  revisionParams,
  type Status,
  status,
  type WorkloadView,
  workload,
} from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { heldText, holdView } from './hold.ts';
import { assertLabelKeys } from './label-keys.ts';
import { someOf } from './some-names.ts';

const agentsPaged = byName('agents');
const workloadsPaged = byName('workloads');

export function fleetRoutes(app: Api, context: ApiContext): void {
  const { fleet } = context;

  app.get(
    '/api/v1/status',
    {
      config: { access: 'operator' },
      schema: { summary: 'The fleet in one look', tags: ['fleet'], response: { 200: status } },
    },
    () => statusView(context),
  );

  app.get(
    '/api/v1/revisions/:revision',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'How far a revision has come among the hosts it concerns; waits up to waitMs for the connected ones',
        tags: ['fleet'],
        params: revisionParams,
        querystring: progressQuery,
        response: { 200: progress },
      },
    },
    async (request) => {
      const { revision } = request.params;
      if (revision > fleet.revision)
        throw new ApiError('not-found', `there is no revision ${revision} yet; the newest is ${fleet.revision}`);
      const held = heldText(fleet);
      const progress = await fleet.standing.waitFor(revision, held === undefined ? request.query.waitMs : 0);
      return { revision, ...progress, ...(held === undefined ? {} : { held }) };
    },
  );

  app.get(
    '/api/v1/agents',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Enrolled hosts and their agents, by name',
        tags: ['fleet'],
        querystring: pageQuery,
        response: { 200: z.array(agent) },
      },
    },
    async ({ query: { limit, cursor } }, reply) => {
      const agents = fleet.agents({ after: placeOf(agentsPaged, cursor), limit: limit + 1 });
      return pageOf(agents, { paged: agentsPaged, reply, placeAt: ({ host }) => host }).map(agentView);
    },
  );

  app.get(
    '/api/v1/protection',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Hosts by what they are known to enforce; waits up to waitMs until it is the newest policy',
        tags: ['fleet'],
        querystring: protectionQuery,
        response: { 200: protectionAnswer },
      },
    },
    async (request) => {
      const { host = [], waitMs } = request.query;
      return protectionView(fleet, await fleet.standing.waitForProtection([host].flat(), waitMs));
    },
  );

  app.get(
    '/api/v1/workloads',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Workloads as policy sees them, by name',
        tags: ['fleet'],
        querystring: pageQuery,
        response: { 200: z.array(workload) },
      },
    },
    async ({ query: { limit, cursor } }, reply) => {
      const after = placeOf(workloadsPaged, cursor) ?? '';
      const workloads = [...fleet.inventory().workloads.values()]
        .filter(({ name }) => name > after)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit + 1);
      return workloadViews(context, pageOf(workloads, { paged: workloadsPaged, reply, placeAt: ({ name }) => name }));
    },
  );

  app.patch(
    '/api/v1/workloads/:name/labels',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change labels; answered when the change is on its way to the agents',
        tags: ['fleet'],
        params: nameParams,
        body: labelRequest,
        response: { 200: labelAnswer },
      },
    },
    async (request) => {
      const { set, remove } = request.body;
      assertLabelKeys([...Object.keys(set), ...remove]);
      const workload = request.params.name;
      const asked = { workload, set: new Map(Object.entries(set)), remove, actor: request.operator };
      const change = await fleet.label(asked);
      if (change === undefined) throw noSuchWorkload(fleet, workload);
      return { revision: change.revision, workload, labels: Object.fromEntries(change.labels) };
    },
  );
}

export function noSuchHost(fleet: Fleet, name: string): ApiError {
  const hosts = fleet.agents().map(({ host }) => host);
  return new ApiError('not-found', `there is no host "${name}"${suggestion(name, hosts)}`);
}

/** Labels and quarantine are an operator's word on what agents enforce. */
export function noSuchWorkload(fleet: Fleet, name: string): ApiError {
  const { workloads } = fleet.inventory();
  const known = workloads.get(name);
  if (known?.kind === 'virtual') {
    const [first, ...more] = fleet.holdersOfVirtual(name);
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    const now = first === undefined ? 'none holds it now' : `now ${first}${others}`;
    return new ApiError(
      'not-found',
      `"${name}" is virtual: what is known of it stands in the policy, and the hosts that hold it enforce it (${now})`,
    );
  }
  if (known !== undefined)
    return new ApiError(
      'not-found',
      `"${name}" is external: no agent enforces it, and what is known of it stands in the policy`,
    );
  return new ApiError('not-found', `there is no workload "${name}"${suggestion(name, workloads.keys())}`);
}

function suggestion(name: string, names: Iterable<string>): string {
  const closest = closestName(name, names);
  return closest === undefined ? '' : `; did you mean "${closest}"?`;
}

async function statusView({ fleet, store, tenant, version, prunedFlows, disk }: ApiContext): Promise<Status> {
  const agents = fleet.agents();
  const losses = await store.listFlowLosses({ tenant });
  const sum = (of: (loss: (typeof losses)[number]) => number) => sumCounts(losses.map(of));
  const skippedFlows = await store.countBadFlows({ tenant });
  const { policy, id, revision } = fleet.active;
  return {
    version,
    revision: fleet.revision,
    policy: {
      id,
      revision,
      segments: policy.segments.size,
      rules: [...policy.segments.values()].reduce((total, segment) => total + segment.rules.length, 0),
      problem: fleet.active.problem ?? '',
    },
    agents: {
      enrolled: agents.length,
      connected: agents.filter((one) => one.state === 'connected').length,
      behind: agents.filter((one) => one.state === 'connected' && one.acked < one.sent).length,
      refusing: agents.filter((one) => one.nack !== undefined).length,
      protection: protectionCounts(agents),
      unprotected: someOf(agents.filter((one) => one.protection !== 'in-force').map((one) => one.host)),
      open: agents.filter((one) => one.panic !== undefined).map((one) => one.host),
      tampered: agents.filter((one) => one.repairs > 0).map((one) => one.host),
      shared: someOf(fleet.sharedIdentities()),
    },
    quarantined: someOf(fleet.quarantined()),
    revoked: someOf(fleet.revoked()),
    workloads: fleet.inventory().workloads.size,
    lineage: fleet.lineage,
    ...storeView(fleet.storeTrouble()),
    ...diskView(disk()),
    ...(fleet.hold === undefined ? {} : { hold: holdView(fleet.hold) }),
    ...(fleet.canary?.state === 'running' ? { canary: canaryOf(fleet.canary.canary) } : {}),
    conflicts: fleet.conflicts(),
    claims: { pending: fleet.pendingCount(), hosts: someOf(fleet.claimants()) },
    lostFlows: {
      overruns: sum((loss) => loss.overruns),
      records: sum((loss) => loss.records),
      spooled: sum((loss) => loss.spooled),
      deniedInbound: sum((loss) => loss.deniedInbound),
      deniedOutbound: sum((loss) => loss.deniedOutbound),
      pruned: prunedFlows(),
    },
    skippedEntries: fleet.skippedEntries,
    skippedFlows,
    unread: { count: fleet.unread.count, names: fleet.unread.samples },
  };
}

function storeView(trouble: StoreTrouble | undefined): Pick<Status, 'store'> {
  return trouble === undefined ? {} : { store: { since: isoTime(trouble.since), reason: trouble.reason } };
}

function diskView(room: DiskRoom | undefined): Pick<Status, 'disk'> {
  return room === undefined ? {} : { disk: { ...room } };
}

function canaryOf({ id, revision, hosts }: Canary): NonNullable<Status['canary']> {
  return { policy: id, revision, hosts: someOf([...hosts].sort()) };
}

function protectionView(fleet: Fleet, found: ReadonlyMap<string, Protection>): ProtectionAnswer {
  const view = { 'in-force': [], behind: [], none: [], open: [], unknown: [], unenrolled: [] };
  const names: Record<keyof ProtectionAnswer, string[]> = view;
  for (const [host, protection] of [...found].sort(([a], [b]) => (a < b ? -1 : 1)))
    names[fleet.hostEntry(host) === undefined ? 'unenrolled' : protection].push(host);
  return names;
}

function protectionCounts(agents: readonly AgentView[]): Status['agents']['protection'] {
  const counts = { 'in-force': 0, behind: 0, none: 0, open: 0, unknown: 0 };
  for (const { protection } of agents) counts[protection] += 1;
  return counts;
}

function agentView(view: AgentView): Agent {
  const { enrolledAt, lastConnectedAt, goneSince, turnedAway, certificateEndsAt, nack, panic, seenFrom, ...rest } =
    view;
  return {
    ...rest,
    ...(seenFrom === undefined ? {} : { seenFrom: { ...seenFrom } }),
    ...(nack === undefined ? {} : { nack: { ...nack } }),
    ...(panic === undefined ? {} : { panic: { since: isoTime(panic.since), reason: panic.reason } }),
    ...(certificateEndsAt === undefined ? {} : { certificateEndsAt: isoTime(certificateEndsAt) }),
    enrolledAt: isoTime(enrolledAt),
    ...(lastConnectedAt === undefined ? {} : { lastConnectedAt: isoTime(lastConnectedAt) }),
    ...(goneSince === undefined ? {} : { goneSince: isoTime(goneSince) }),
    ...(turnedAway === undefined ? {} : { turnedAway: { at: isoTime(turnedAway.at), reason: turnedAway.reason } }),
  };
}

function workloadViews({ fleet }: ApiContext, workloads: readonly Workload[]): WorkloadView[] {
  const conflicts = new Map<string, string[]>();
  for (const { address, claimants } of fleet.conflicts()) {
    for (const name of claimants) conflicts.set(name, [...(conflicts.get(name) ?? []), address]);
  }
  for (const name of fleet.claimants())
    conflicts.set(
      name,
      fleet.pendingClaims(name).map(({ address }) => address),
    );
  return workloads.map((one) => workloadView(one, { fleet, conflicting: conflicts.get(one.name) ?? [] }));
}

const notJudgedText =
  'its processes use a network of their own: not judged as this unit, see segwall-agent status on its host';

function workloadView(
  one: Workload,
  { fleet, conflicting }: { readonly fleet: ApiContext['fleet']; readonly conflicting: readonly string[] },
): WorkloadView {
  const own: Record<string, string> = {};
  const facts: Record<string, string> = {};
  for (const [key, value] of one.labels) {
    if (key.startsWith(factPrefix)) facts[key.slice(factPrefix.length)] = value;
    else own[key] = value;
  }
  const rules = fleet.rulesOf(one);
  const quarantine = fleet.quarantineOf(one.name);
  return {
    name: one.name,
    kind: one.kind,
    ...(one.host === undefined ? {} : { host: one.host }),
    ...(one.unit === undefined ? {} : { unit: one.unit }),
    addresses: one.addresses,
    conflicting,
    ...(one.holders === undefined
      ? {}
      : { holders: selectorText(one.holders), heldBy: fleet.holdersOfVirtual(one.name) }),
    labels: own,
    facts,
    segments: fleet.segmentsOf(one),
    ...(rules === undefined ? {} : { inbound: rules.inbound.mode, outbound: rules.outbound.mode }),
    ...(fleet.isUnjudged(one) ? { notJudged: notJudgedText } : {}),
    ...(one.host === undefined || fleet.isUnjudged(one) ? {} : { protection: fleet.standing.protectionOf(one.host) }),
    ...(quarantine === undefined ? {} : { quarantine: { allow: quarantine } }),
    ...(one.quarantine === undefined ? {} : { quarantinedBy: one.quarantine.name }),
  };
}
