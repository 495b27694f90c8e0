// The control plane, wired. Who talks to whom:
//
//   agents ══gRPC══► agent service ──► fleet ◄── operator API ◄══REST══ operators
//                        │  ▲           │ │ ▲         │
//                        ▼  └─rule sets─┘ │ └─judged──┤ (check and tests, in a thread that reads the store; and compiled in slices)
//                       pki               ▼           ▼  (judging: plans and suggestions, another such thread)
//                                store (writer and reader threads) ──► DIR/store.db
//
// The fleet owns the state that is in force; the store is its memory. Stopping goes from the outside in.

import { hostname } from 'node:os';
import { Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import { type AgentServer, startAgentServer } from '#control-plane/agents/agent-service.ts';
import { createMetrics } from '#control-plane/api/metrics.ts';
import { AuditCheckpoints } from '#control-plane/audit/audit-checkpoints.ts';
import { AuditPruner } from '#control-plane/audit/audit-pruning.ts';
import type { ActivePolicy } from '#control-plane/changes/fleet-state.ts';
import { openDataDirectory } from '#control-plane/data/data-directory.ts';
import { readDiskRoom } from '#control-plane/data/disk-room.ts';
import { assertCaIsThere } from '#control-plane/data/lost-ca.ts';
import { assertCaIsTrusted, isCaJustMade } from '#control-plane/data/strange-ca.ts';
import { assertKeysAreOwn } from '#control-plane/data/strange-keys.ts';
import { CaRotation } from '#control-plane/fleet/ca-rotation.ts';
import { Fleet } from '#control-plane/fleet/fleet.ts';
import { keepFlowsBounded } from '#control-plane/fleet/flow-retention.ts';
import { OperatorTokens, type OperatorTokensOptions } from '#control-plane/fleet/operator-tokens.ts';
import { newOperatorToken, newTokenId, tokenHash } from '#control-plane/fleet/tokens.ts';
import { Judging } from '#control-plane/judging/judging.ts';
import { openPki, type Pki, type ServerTls } from '#control-plane/pki/pki.ts';
import { reviewStored } from '#control-plane/publish/policy-review.ts';
import { createPolicyTime } from '#control-plane/publish/policy-time.ts';
import { type OpenedProofs, openRevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { isLoopback, listenAddressText, reachableAddress } from '#control-plane/settings/listen-address.ts';
import type { Settings } from '#control-plane/settings/settings.ts';
import { markLog, prepareStore } from '#control-plane/store/store-file.ts';
import { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import { controlPlaneName } from '#wire/services.ts';
import { admissionOptions } from './admission-options.ts';
import { allowAddressesRoutes } from './api/allow-addresses.ts';
import { createHostCheck } from './api/answered-hosts.ts';
import { type Api, createApi } from './api/app.ts';
import { auditRoutes } from './api/audit.ts';
import { caRoutes } from './api/ca.ts';
import { Connections, connectionLimits, tlsConnectionLimits } from './api/connections.ts';
import { containmentRoutes } from './api/containment.ts';
import type { ApiContext } from './api/context.ts';
import { controlPlaneRoutes } from './api/control-planes.ts';
import { FailedCalls } from './api/failed-calls.ts';
import { fleetRoutes } from './api/fleet.ts';
import { flowRoutes } from './api/flows.ts';
import { healthRoutes } from './api/health.ts';
import { holdRoutes } from './api/hold.ts';
import { labelRoutes } from './api/labels.ts';
import { operatorRoutes } from './api/operators.ts';
import { planRoutes } from './api/plan.ts';
import { policyRoutes } from './api/policy.ts';
import type { DeclaredRoute } from './api/route-access.ts';
import { RowBudget } from './api/row-budget.ts';
import { tokenRoutes } from './api/tokens.ts';
import { claimsOptions } from './claims-options.ts';
import { prepareFirstStart, publishFirstStart, type Running, readPrepared, refreshFirstStart } from './first-start.ts';
import { openStore, type Store } from './store/store.ts';

const tenant = 'default';

/** The PKI renews the server's certificate long before it ends; the API takes the newest this often. */
const tlsRefreshMs = 3_600_000;

/** For calls of agents under way when the process is told to stop. */
const stopGraceMs = 2000;

export interface ControlPlane extends Running {
  readonly start: 'first' | 'later';
  /** Of the operator API, each with who may call it. */
  readonly routes: readonly DeclaredRoute[];
  /** Lets requests and streams end, then closes the store. */
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly settings: Settings;
  readonly log: Logger;
  readonly version: string;
  /** The store is gone while running: nothing can be kept any more, so the process is to end and be started anew. */
  readonly died: (error: Error) => void;
}

/** Throws an Error whose message is for the operator when it cannot start; then nothing is left running. */
export async function startControlPlane({ settings, log, version, died }: ControlPlaneOptions): Promise<ControlPlane> {
  const now = systemClock.wall;
  const policyTime = createPolicyTime(now);
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const directory = openDataDirectory(settings.data);
    if (!directory.ok) throw new Error(directory.error);
    stops.push(() => directory.value.release());
    const found = prepareStore(directory.value);
    if (!found.ok) throw new Error(found.error);
    const store = await openStore({ path: directory.value.storePath, died });
    stops.push(() => store.close());
    const keys = { directory: directory.value, store, tenant };
    await assertKeysAreOwn(keys);
    const checkpoints = await AuditCheckpoints.open({
      store,
      tenant,
      directory: directory.value.auditPath,
      now,
      log: log.child({ part: 'audit' }),
    });
    stops.push(() => checkpoints.stop());
    const told = await openRevisionProofs(directory.value.keysPath);
    await assertKeysAreOwn(keys);
    const older =
      found.value === 'put-back'
        ? 'the file of the store is another than was used last'
        : (checkpoints.departure ?? (await keyLoss(store, told)));
    if (older !== undefined) {
      const hold = await store.beginHold({ tenant, hold: { kind: 'put-back', since: now(), why: older } });
      log.error(
        { hold },
        'the store was put back: agents keep what they have until an operator resumes or applies a policy',
      );
    }
    const recovered = await store.recoverRevision({ tenant, at: now() });
    if (recovered !== undefined) {
      // What agents were told under those numbers is no sign of a store that was put back.
      await store.beginLineage({ tenant });
      log.warn({ revision: recovered }, 'the store held an impossible revision; counting on from its activations');
    }
    const serverNames = [hostname(), 'localhost', '127.0.0.1', '::1', reachableAddress(settings.api.address)];
    await assertCaIsThere({ directory: directory.value, store, tenant, now: now() });
    const { pkiPath } = directory.value;
    const isJustMade = await isCaJustMade(pkiPath);
    const pki = await openPki({ directory: pkiPath, serverNames: [...new Set(serverNames)], now });

    const used: OperatorTokensOptions['used'] = (use) =>
      void store.touchOperatorToken(use).catch((cause: unknown) => log.debug({ err: cause }, 'a use is not stored'));
    const operators = new OperatorTokens(await store.listOperatorTokens({ tenant }), { now: policyTime.now, used });
    const claims = claimsOptions(settings);
    const certificateOverlapMs = settings.certificateOverlapSeconds * 1000;
    const { proofs } = told;
    const fleet = await Fleet.open(
      { store, tenant, now, policyTime: policyTime.now, log, claims, certificateOverlapMs, proofs, pki },
      await loadActivePolicy({ store, now, log }),
    );
    stops.push(() => fleet.stop());
    await assertCaIsTrusted({ pkiPath, pki, isJustMade, hosts: fleet.certificateCas() });
    markLog(directory.value);
    const retention = keepFlowsBounded({
      ...{ store, tenant, settings, log },
      taken: () => fleet.flowCounts.records,
      hostPruned: (host, rows) => fleet.flowsPruned(host, rows),
    });
    stops.push(() => retention.stop());
    const pruner = new AuditPruner({
      store,
      tenant,
      checkpoints,
      keepDays: settings.keepAuditDays,
      now,
      log: log.child({ part: 'audit' }),
    });
    stops.push(() => pruner.stop());

    const admission = admissionOptions(settings, {
      now,
      log: log.child({ part: 'agents' }),
      audit: (note) => store.appendAudit({ tenant, note }),
    });
    stops.push(() => admission.stop());
    const agentServer: AgentServer = await startAgentServer({
      policyTime: policyTime.now,
      address: listenAddressText(settings.agents),
      pki,
      backend: fleet,
      log: log.child({ part: 'agents' }),
      renewals: { burst: settings.renewalsAtOnce, everyMs: settings.renewalMinutes * 60_000 },
      renewExpiredMs: settings.renewExpiredDays * 86_400_000,
      ...admission,
    });
    stops.push(() => agentServer.stop(stopGraceMs));
    stops.push(() => fleet.aboutToStop());
    const agents = listenAddressText({
      address: reachableAddress(settings.agents.address),
      port: Number(agentServer.address.split(':').at(-1)),
    });

    const judgingOptions = {
      ...{ fleet, tenant, now, storePath: directory.value.storePath },
      log: log.child({ part: 'judging' }),
    };
    const judging = new Judging(judgingOptions);
    const changes = new Judging({ ...judgingOptions, work: 'changes' });
    stops.push(() => judging.stop());
    stops.push(() => changes.stop());
    const context: ApiContext = {
      fleet,
      store,
      tenant,
      now,
      rows: new RowBudget(),
      version,
      prunedFlows: retention.pruned,
      disk: () => readDiskRoom(settings.data, settings.leastFreeMegabytes),
    };
    let shown: Api | undefined;
    const rotation = new CaRotation({
      ...{ pki, fleet, operators, store, tenant, now },
      api: isLoopback(settings.api.address) ? 'http' : 'https',
      log: log.child({ part: 'ca' }),
      changed: () => {
        agentServer.casChanged();
        if (shown !== undefined) renewTls(shown, pki.serverTls());
      },
    });
    const tls: { readonly tls?: Pick<Pki, 'serverTls' | 'serverTlsNamed'> } = isLoopback(settings.api.address)
      ? {}
      : { tls: pki };
    const connections = new Connections(tls.tls === undefined ? connectionLimits : tlsConnectionLimits);
    const metrics = createMetrics({
      fleet,
      disk: context.disk,
      lostFlows: () => store.listFlowLosses({ tenant }),
      admission: () => agentServer.counts(),
      certificates: () => pki.ends(),
      apiRefused: connections.refused,
    });
    const failures = new FailedCalls({
      now,
      log: log.child({ part: 'api' }),
      audit: (note) => store.appendAudit({ tenant, note }),
    });
    stops.push(() => failures.stop());
    const isAnsweredHost = createHostCheck([
      ...settings.apiNames,
      ...[settings.api.address, reachableAddress(settings.api.address)],
      ...(tls.tls === undefined ? [] : [controlPlaneName]),
    ]);
    const frame = { log, version, operators, isAnsweredHost, failures, connections, ...tls };
    const { app: api, routes } = await createApi(frame, (app) => {
      healthRoutes(app, context, metrics);
      policyRoutes(app, context, changes);
      planRoutes(app, judging);
      fleetRoutes(app, context);
      containmentRoutes(app, context);
      allowAddressesRoutes(app, context);
      holdRoutes(app, context);
      labelRoutes(app, context);
      tokenRoutes(app, { ...context, enrol: () => ({ controlPlane: agents, caFingerprint: pki.caFingerprint }) });
      operatorRoutes(app, { ...context, operators, caFingerprint: () => pki.caFingerprint });
      caRoutes(app, { ...context, rotation });
      controlPlaneRoutes(app, context);
      flowRoutes(app, context);
      auditRoutes(app, { ...context, checkpoints, pruner });
    });
    shown = api;
    stops.push(() => api.close());
    if (tls.tls !== undefined) {
      const refreshing = systemClock.every(tlsRefreshMs, () => renewTls(api, pki.serverTls()));
      stops.push(() => refreshing.cancel());
    }
    await api.listen({ host: settings.api.address, port: settings.api.port }).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message.replace(/^listen /, '') : String(cause);
      throw new Error(`cannot listen for operators on ${listenAddressText(settings.api)}: ${reason}`, { cause });
    });

    const apiPort = portOf(api) ?? settings.api.port;
    const scheme = isLoopback(settings.api.address) ? 'http' : 'https';
    const running: Running = {
      apiUrl: `${scheme}://${listenAddressText({ address: reachableAddress(settings.api.address), port: apiPort })}`,
      agents,
      caFingerprint: pki.caFingerprint,
    };
    const start = await leaveAdminToken({ store, operators, running, data: settings.data, now: now() });
    return { ...running, start, stop, routes };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** Without the key by which hosts show what they were told nobody can tell whether the store lacks some of it. */
async function keyLoss(store: Store, { path, origin }: OpenedProofs): Promise<string | undefined> {
  if (origin === 'kept') return undefined;
  const isUsed = (await store.listRuns({ tenant })).some(({ run }) => run !== '');
  return isUsed
    ? `${path}, by which hosts show what they were told, was missing or damaged, and is made anew`
    : undefined;
}

interface FirstStartParts {
  readonly store: Store;
  readonly operators: OperatorTokens;
  readonly running: Running;
  readonly data: string;
  readonly now: Millis;
}

/** Where no token holds, as at a first start, whoever owns the data directory gets one. Only once everything runs: of a start that fails, on a port that is taken, nobody would have the token. */
async function leaveAdminToken(parts: FirstStartParts): Promise<'first' | 'later'> {
  const { store, operators, running, data, now } = parts;
  if (operators.isUsable) {
    const prepared = await readPrepared(data);
    if (prepared !== undefined && operators.find(new Secret(prepared.adminToken)).kind === 'holds')
      await publishFirstStart(data);
    await refreshFirstStart(data, running);
    return 'later';
  }
  const { apiUrl, agents, caFingerprint } = running;
  const adminToken = newOperatorToken(caFingerprint);
  const hash = tokenHash(adminToken);
  await prepareFirstStart(data, { apiUrl, adminToken: adminToken.reveal(), caFingerprint, agents });
  const note = { at: now, actor: 'control-plane', action: 'operator-created', target: 'admin' };
  const made = await store.createOperatorToken({
    hash,
    id: newTokenId(),
    tenant,
    name: 'admin',
    ca: caFingerprint,
    note,
  });
  if (made.kind === 'refused') throw new Error('operator admin has a token that holds, and none does');
  operators.put(made.changed);
  await publishFirstStart(data);
  return 'first';
}

/** The policy of the last activation; the first start activates an empty one, which is what a later roll back ends at. */
async function loadActivePolicy(parts: {
  readonly store: Store;
  readonly now: () => Millis;
  readonly log: Logger;
}): Promise<ActivePolicy> {
  const { store, now, log } = parts;
  const [last] = await store.listActivations({ tenant, limit: 1 });
  const stored = last === undefined ? undefined : await store.readPolicy({ tenant, id: last.policy });
  const files = stored?.files ?? [];
  const review = reviewStored(files, now());
  if (last === undefined) {
    if (review.kind !== 'good') throw new Error('an empty policy does not pass its check');
    const note = { at: now(), actor: 'control-plane', action: 'policy-applied', target: 'policy' };
    const id = await store.activatePolicy({
      tenant,
      source: { kind: 'files', files },
      revision: 1,
      kind: 'first',
      note,
    });
    return { id, revision: 1, policy: review.policy };
  }
  const { policy: id, revision } = last;
  if (review.kind === 'good' && stored !== undefined) return { id, revision, policy: review.policy };
  const empty = reviewStored([], now());
  if (empty.kind !== 'good') throw new Error('an empty policy does not pass its check');
  const why = stored === undefined ? 'cannot be read in the store' : "does not pass this version's check";
  const problem = `policy ${id} of revision ${revision} ${why}; agents keep what they have until another is applied`;
  log.error({ problems: review.kind === 'invalid' ? review.problems : [] }, problem);
  return { id, revision, policy: empty.policy, problem };
}

function renewTls(api: Api, { key, certificate }: ServerTls): void {
  if (api.server instanceof TlsServer) api.server.setSecureContext({ key, cert: certificate });
}

function portOf(api: Api): number | undefined {
  const address = api.server.address();
  return typeof address === 'object' && address !== null ? address.port : undefined;
}
