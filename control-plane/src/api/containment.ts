// Containing a host or workload over the operator API: quarantine and release, revoke and remove. Each answers when the change is on its way to
// the agents; who has cut it off, the progress of the revision says.

import type { z } from 'zod';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Contained } from '#control-plane/fleet/operator-port.ts';
import { containmentWithin } from '#control-plane/inventory/containment.ts';
import type { Naming, OfflineHost } from '#control-plane/inventory/offline-hosts.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import {
  mostRemoved,
  nameParams,
  type QuarantineAnswer,
  quarantineAnswer,
  quarantineRequest,
  type RemoveOfflineAnswer,
  type RevokeAnswer,
  removeAnswer,
  removeOfflineAnswer,
  removeOfflineRequest,
  revokeAnswer,
} from '../answers/schemas.ts';
import type { Api } from './app.ts';
import type { Operator } from './authentication.ts';
import type { ApiContext } from './context.ts';
import { noSuchHost, noSuchWorkload } from './fleet.ts';
import { heldText } from './hold.ts';
import { someOf } from './some-names.ts';

/** In one answer, of each list. */
const addressesTold = 32;

export function containmentRoutes(app: Api, { fleet }: ApiContext): void {
  app.put(
    '/api/v1/workloads/:name/quarantine',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Deny a workload everything but some peers',
        tags: ['fleet'],
        params: nameParams,
        body: quarantineRequest,
        response: { 200: quarantineAnswer },
      },
    },
    async (request) => {
      const workload = request.params.name;
      const result = await fleet.quarantine({ workload, peers: request.body.allow, actor: request.operator });
      if (result === undefined) throw noSuchWorkload(fleet, workload);
      if (!result.ok) throw new ApiError('peer-invalid', result.error);
      return quarantineView(workload, { fleet, state: 'quarantined', contained: result.value });
    },
  );

  app.delete(
    '/api/v1/workloads/:name/quarantine',
    {
      config: { access: 'operator' },
      schema: { summary: 'End a quarantine', tags: ['fleet'], params: nameParams, response: { 200: quarantineAnswer } },
    },
    async (request) => {
      const workload = request.params.name;
      if (fleet.quarantineOf(workload) === undefined) {
        if (fleet.inventory().workloads.get(workload)?.host === undefined) throw noSuchWorkload(fleet, workload);
        const by = fleet.inventory().workloads.get(workload)?.quarantine?.name;
        const why = by === undefined ? '' : by === workload ? ': it is revoked' : `: its host ${by} is, or is revoked`;
        throw new ApiError('not-found', `${workload} is not quarantined${why}`);
      }
      const result = await fleet.quarantine({ workload, actor: request.operator });
      if (result?.ok !== true) throw noSuchWorkload(fleet, workload);
      return quarantineView(workload, { fleet, state: 'released', contained: result.value });
    },
  );

  app.post(
    '/api/v1/agents/:name/revoke',
    {
      config: { access: 'operator' },
      schema: {
        summary: "Revoke a host's certificates, at once; its workload stays",
        tags: ['fleet'],
        params: nameParams,
        response: { 200: revokeAnswer },
      },
    },
    async (request) => {
      const host = request.params.name;
      const revoked = await fleet.revokeAgent(host, request.operator);
      if (revoked === undefined) throw noSuchHost(fleet, host);
      return { host, revision: revoked.revision, cutOff: cutOffView(revoked) };
    },
  );

  app.post(
    '/api/v1/agents/remove-offline',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Revoke and forget the hosts that are offline for long; or show which, and who names them',
        tags: ['fleet'],
        body: removeOfflineRequest,
        response: { 200: removeOfflineAnswer },
      },
    },
    async (request) => removeOffline(fleet, request.body, request.operator),
  );

  app.delete(
    '/api/v1/agents/:name',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Revoke and forget a host; its name may be enrolled again',
        tags: ['fleet'],
        params: nameParams,
        response: { 200: removeAnswer },
      },
    },
    async (request) => {
      const host = request.params.name;
      const removed = await fleet.removeAgent(host, request.operator);
      if (removed === undefined) throw noSuchHost(fleet, host);
      return { host, was: removed.was };
    },
  );
}

async function removeOffline(
  fleet: Fleet,
  asked: z.output<typeof removeOfflineRequest>,
  actor: Operator,
): Promise<RemoveOfflineAnswer> {
  const { offlineForMs, hosts, mode } = asked;
  const selector = asked.selector === undefined ? undefined : parseSelector(asked.selector);
  if (selector?.ok === false) throw new ApiError('bad-request', `selector: ${selector.error.message}`);
  const all = fleet.offline({ offlineForMs, selector: selector?.value, hosts: hosts && new Set(hosts) });
  const { free = [], contained = [] } = Object.groupBy(all, ({ entry }) =>
    containmentWithin(entry) === 'none' ? 'free' : 'contained',
  );
  const connected = fleet.sessions.size;
  const first = free.slice(0, mostRemoved);
  const naming = fleet.namingOf(first);
  const views = first.map((host) => offlineView(fleet, host, naming.get(host.entry.name)));
  const kept = someOf(contained.map(({ entry }) => entry.name));
  if (mode === 'preview') return { mode, count: free.length, hosts: views, kept, connected };
  assertTellsSilence(fleet);
  const mayRemove = () => silenceRefusal(fleet) === undefined;
  const removed = new Set(await fleet.removeOffline(first, { offlineForMs, actor, mayRemove }));
  // It may have come to that while this waited for its turn.
  if (removed.size === 0) assertTellsSilence(fleet);
  return { mode, count: removed.size, hosts: views.filter(({ host }) => removed.has(host)), kept, connected };
}

function assertTellsSilence(fleet: Fleet): void {
  const refusal = silenceRefusal(fleet);
  if (refusal !== undefined) throw refusal;
}

/** Why silence says nothing of a host now. */
function silenceRefusal(fleet: Fleet): ApiError | undefined {
  const held = heldText(fleet);
  if (held !== undefined)
    return new ApiError('held', `nobody is removed by silence while ${held}; nothing was changed`);
  if (fleet.sessions.size > 0) return undefined;
  return new ApiError(
    'nobody-connected',
    'no host at all is connected: the control plane is more likely cut off than every host gone; nothing was changed. Remove hosts by name where they are',
  );
}

function offlineView(
  fleet: Fleet,
  { entry, offlineMs }: OfflineHost,
  naming: Naming | undefined,
): RemoveOfflineAnswer['hosts'][number] {
  const lastConnectedAt = fleet.lastConnectedAt(entry.name);
  return {
    host: entry.name,
    offlineMs,
    ...(lastConnectedAt === undefined ? {} : { lastConnectedAt: isoTime(lastConnectedAt) }),
    workloads: entry.units.size + entry.containers.size,
    tests: someOf(naming?.tests ?? []),
    rules: someOf(naming?.rules ?? []),
    quarantines: someOf(naming?.quarantines ?? []),
  };
}

function cutOffView({ cutOff }: Contained): RevokeAnswer['cutOff'] {
  return { count: cutOff.length, addresses: cutOff.slice(0, addressesTold) };
}

function quarantineView(
  workload: string,
  given: { readonly fleet: Fleet; readonly state: QuarantineAnswer['state']; readonly contained: Contained },
): QuarantineAnswer {
  const { revision, host } = given.contained;
  const quarantinedBy = given.fleet.inventory().workloads.get(workload)?.quarantine?.name;
  return {
    revision,
    workload,
    host,
    state: given.state,
    ...(quarantinedBy === undefined ? {} : { quarantinedBy }),
    cutOff: cutOffView(given.contained),
    named: (given.fleet.quarantineOf(workload) ?? []).flatMap((text) => namedView(given.fleet, text)),
  };
}

function namedView(fleet: Fleet, text: string): QuarantineAnswer['named'] {
  const named = fleet.namedPeer(text);
  if (named === undefined) return [];
  const { name, kind, host, unit } = named.workload;
  const { addresses } = named;
  return [
    {
      ...{ name, kind },
      ...(host === undefined ? {} : { host }),
      ...(unit === undefined ? {} : { unit }),
      count: addresses.length,
      addresses: addresses.slice(0, addressesTold),
    },
  ];
}
