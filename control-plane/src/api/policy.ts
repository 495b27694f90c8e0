// Policy over the operator API: apply, roll back, try first, look at. Whatever fails here has changed nothing.

import { z } from 'zod';
import { systemClock } from '#clock/system-clock.ts';
import type { HoldBegan } from '#control-plane/fleet/activation.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Judging } from '#control-plane/judging/judging.ts';
import type { ReviewJob } from '#control-plane/judging/judging-protocol.ts';
import { PolicyTurns } from '#control-plane/judging/policy-turns.ts';
import { type CanaryState, chooseHosts } from '#control-plane/publish/canary.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { err, ok } from '#model/result.ts';
import { selectorMatches } from '#model/selector.ts';
import type { Policy } from '#policy/policy/policy.ts';
import { ApiError } from '../answers/api-error.ts';
import { isoTime } from '../answers/iso-time.ts';
import {
  type ApplyAnswer,
  activePolicyAnswer,
  applyAnswer,
  applyRequest,
  type CanaryView,
  canaryView,
  policyHistory,
  progressQuery,
  rollbackRequest,
} from '../answers/schemas.ts';
import type { PolicyFile } from '../store/policies.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { whenGone } from './hanging-up.ts';
import { assertKeepsCutOff, heldText, holdBegan } from './hold.ts';
import { judgedChange } from './judged-change.ts';

/** Activations and drafts listed. */
const historyLength = 100;
const draftLimits = { drafts: 100, bytes: 512 * 2 ** 20 };
const mebibytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
/** A canary that has held ends without a word of any agent. */
const canaryLookMs = 200;

export function policyRoutes(app: Api, context: ApiContext, judging: Pick<Judging, 'review'>): void {
  const { fleet, store, tenant, now } = context;
  const turns = new PolicyTurns();

  app.get(
    '/api/v1/policy',
    {
      config: { access: 'operator' },
      schema: { summary: 'The files of the active policy', tags: ['policy'], response: { 200: activePolicyAnswer } },
    },
    async () => {
      const { id, revision } = fleet.active;
      return { policy: id, revision, files: await readFiles(context, id) };
    },
  );

  app.get(
    '/api/v1/policy/history',
    {
      config: { access: 'operator' },
      schema: { summary: 'Activations and drafts, newest first', tags: ['policy'], response: { 200: policyHistory } },
    },
    async () => {
      const activations = await store.listActivations({ tenant, limit: historyLength });
      const drafts = await store.listDrafts({ tenant, limit: historyLength });
      return {
        activations: activations.map(({ revision, policy, kind, at, actor, message, commit }) => ({
          revision,
          policy,
          kind,
          at: isoTime(at),
          actor,
          ...(message === '' ? {} : { message }),
          ...(commit === '' ? {} : { commit }),
          state: revision === fleet.active.revision ? ('active' as const) : ('past' as const),
        })),
        drafts: drafts.map((draft) => ({
          policy: draft.id,
          at: isoTime(draft.createdAt),
          actor: draft.createdBy,
          files: draft.fileCount,
        })),
      };
    },
  );

  app.post(
    '/api/v1/policy/apply',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Check a policy, run its tests against the live inventory, and activate it or save it as a draft',
        tags: ['policy'],
        body: applyRequest,
        response: { 200: applyAnswer },
      },
    },
    async (request, reply) => {
      const { draft, mode, tests, empty, canary, expectRevision, message, commit } = request.body;
      const actor = request.operator;
      if (mode === 'save-draft' && canary !== undefined)
        throw new ApiError(
          'bad-request',
          'canary: a draft is nobody’s to enforce; activate it with a canary, or save it',
        );
      const source = sourceOf(request.body);
      const job: ReviewJob = { kind: 'review', source, tests };
      const by = { operator: actor.name, gone: whenGone(reply.raw, actor.ended) };
      if (mode === 'save-draft') {
        const { warnings, testsPassed } = await turns.run(by, () => judging.review(job, by));
        const files = source.kind === 'files' ? source.files : await readFiles(context, source.policy);
        const saved = await fleet.inTurn(actor, (name) => {
          const note = { at: now(), actor: name, action: 'draft-saved', target: 'policy' };
          return store.saveDraft({ tenant, files, note, limits: draftLimits });
        });
        if (saved.kind === 'full')
          throw new ApiError(
            'drafts-full',
            `there are ${saved.drafts} drafts of ${mebibytes(saved.bytes)} MiB; at most ${draftLimits.drafts} of ${mebibytes(draftLimits.bytes)} MiB in all are kept. Delete some: segwall drafts delete NUMBER`,
          );
        return { revision: fleet.revision, policy: saved.id, state: 'draft' as const, warnings, testsPassed };
      }
      const details = {
        tests,
        ...(message === undefined ? {} : { message }),
        ...(commit === undefined ? {} : { commit }),
      };
      const ends = { hold: fleet.presentHold };
      const done = await judgedChange<ApplyAnswer, 'revision-changed' | 'policy-gone' | HoldBegan>(
        { fleet, judging, turns },
        {
          job,
          by,
          async assertWanted() {
            await assertExpected(context, expectRevision);
            assertKeepsCutOff(fleet);
            if (canary !== undefined) canaryHosts(fleet, canary.selector);
          },
          ...(canary === undefined ? {} : { hosts: () => canaryHosts(fleet, canary.selector) }),
          async publish({ policy, prepared, beside, isActive, warnings, testsPassed }) {
            const isUnchanged = draft === undefined && isActive;
            const judged = {
              policy,
              ...(prepared === undefined ? {} : { prepared }),
              judged: { beside, hostNames: 'refused' as const },
              source: isUnchanged ? { kind: 'stored' as const, policy: fleet.active.id } : source,
              assertStill() {
                if (empty === 'refuse') assertKeepsEnforcing(fleet.active.policy, policy);
                assertKeepsCutOff(fleet);
              },
            };
            if (canary !== undefined) {
              await assertExpected(context, expectRevision);
              const started = await startCanary(fleet, { ...judged, request: canary, actor });
              return started.ok ? ok({ ...started.value, state: 'canary', warnings, testsPassed }) : started;
            }
            const activated = await fleet.activate({
              ...judged,
              ends,
              kind: 'apply',
              note: { actor, action: 'policy-applied', target: 'policy', details },
              ...(message === undefined ? {} : { message }),
              ...(commit === undefined ? {} : { commit }),
              ...(expectRevision === undefined ? {} : { expectRevision }),
            });
            const unchanged = isUnchanged ? { unchanged: true as const } : {};
            return activated.ok
              ? ok({ ...activated.value, state: 'active', ...unchanged, warnings, testsPassed })
              : activated;
          },
        },
      );
      if (!done.ok && done.error === 'hold-began') throw holdBegan(fleet);
      if (!done.ok && done.error === 'policy-gone') throw policyGone();
      if (!done.ok) throw await revisionChanged(context, expectRevision ?? 0);
      return done.value;
    },
  );

  app.delete(
    '/api/v1/policy/drafts/:policy',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Delete a draft; a policy that was active once stays',
        tags: ['policy'],
        params: z.object({ policy: z.coerce.number().int().min(1) }),
        response: { 200: z.object({ policy: z.number().int() }) },
      },
    },
    async (request) => {
      const { policy: id } = request.params;
      const deletion = await fleet.deleteDraft({ id, actor: request.operator });
      if (deletion === 'unknown') throw new ApiError('not-found', `there is no draft ${id}`);
      if (deletion === 'deleted') return { policy: id };
      const why =
        deletion === 'on-trial'
          ? 'a canary tries it: end that first, segwall rollback'
          : 'it was active once, and stays';
      throw new ApiError('draft-kept', `policy ${id} is not deleted: ${why}`);
    },
  );

  app.get(
    '/api/v1/policy/canary',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'The canary that runs, or how the last one ended',
        tags: ['policy'],
        querystring: progressQuery,
        response: { 200: canaryView },
      },
    },
    async (request) => {
      const deadline = systemClock.elapsedMs() + request.query.waitMs;
      while (fleet.canary?.state === 'running' && systemClock.elapsedMs() < deadline)
        await fleet.sessions.nextChange(Math.min(canaryLookMs, deadline - systemClock.elapsedMs()));
      return canaryStateView(fleet.canary);
    },
  );

  app.post(
    '/api/v1/policy/rollback',
    {
      config: { access: 'operator' },
      schema: {
        summary:
          'Activate again the policy that was in force at a revision, or the one before the active one; while a canary runs, end it',
        tags: ['policy'],
        body: rollbackRequest,
        response: { 200: applyAnswer },
      },
    },
    async (request, reply) => {
      const ends = { hold: fleet.presentHold };
      if (request.body.to === undefined) {
        const ended = await fleet.endCanary({ reason: 'rolled back by an operator', actor: request.operator });
        if (ended !== undefined)
          return { revision: ended, policy: fleet.active.id, state: 'active' as const, warnings: [], testsPassed: 0 };
      }
      assertKeepsCutOff(fleet);
      const id = await rollbackTarget(context, request.body.to);
      const source = { kind: 'stored' as const, policy: id };
      const actor = request.operator;
      const done = await judgedChange<ApplyAnswer, 'revision-changed' | 'policy-gone' | HoldBegan>(
        { fleet, judging, turns },
        {
          // Its tests held when it was applied; a way back must not depend on what has changed since.
          job: { kind: 'review', source, tests: 'skip', testNames: 'trusted' },
          by: { operator: actor.name, gone: whenGone(reply.raw, actor.ended) },
          assertWanted: async () => assertKeepsCutOff(fleet),
          async publish({ policy, prepared, beside, warnings }) {
            const activated = await fleet.activate({
              policy,
              ...(prepared === undefined ? {} : { prepared }),
              judged: { beside, hostNames: 'trusted' },
              ends,
              assertStill: () => assertKeepsCutOff(fleet),
              source,
              kind: 'rollback',
              note: { actor, action: 'policy-rolled-back', target: 'policy' },
            });
            return activated.ok ? ok({ ...activated.value, state: 'active', warnings, testsPassed: 0 }) : activated;
          },
        },
      );
      if (!done.ok && done.error === 'hold-began') throw holdBegan(fleet);
      if (!done.ok && done.error === 'policy-gone') throw policyGone();
      if (!done.ok) throw new Error('nothing was expected of the active policy');
      return done.value;
    },
  );
}

/** What a policy is made of: files, or a draft that is stored. */
function sourceOf({ draft, files }: Pick<z.output<typeof applyRequest>, 'draft' | 'files'>): ReviewJob['source'] {
  if (draft !== undefined) return { kind: 'stored', policy: draft };
  if (files === undefined) throw new ApiError('bad-request', 'give files, or the number of a draft');
  return { kind: 'files', files };
}

interface CanaryStart extends Omit<Parameters<Fleet['startCanary']>[0], 'hosts' | 'limits'> {
  readonly request: NonNullable<z.output<typeof applyRequest>['canary']>;
}

async function startCanary(fleet: Fleet, { request, ...judged }: CanaryStart) {
  const { selector, ...limits } = request;
  const hosts = canaryHosts(fleet, selector);
  const started = await fleet.startCanary({ ...judged, hosts, limits });
  if (started.ok) return ok({ ...started.value, canary: hosts.toSorted() });
  if (started.error === 'policy-gone') throw policyGone();
  if (started.error !== 'canary-running') return err(started.error);
  throw new ApiError(
    'canary-running',
    'a canary runs already; wait for its end, or end it: segwall rollback. Nothing was changed',
  );
}

function policyGone(): ApiError {
  return new ApiError('not-found', 'the policy was deleted while it was judged; nothing was changed');
}

/** Throws where nobody would try the policy first. */
function canaryHosts(fleet: Fleet, selector: string | undefined): readonly string[] {
  const held = heldText(fleet);
  if (held !== undefined)
    throw new ApiError(
      'held',
      `nobody could try the policy first: ${held}; apply it without a canary. Nothing was changed`,
    );
  const connected = [...fleet.sessions.all()].map(({ host }) => host);
  const hosts = selector === undefined ? chooseHosts(connected) : connected.filter(selectedHost(fleet, selector));
  if (hosts.length > 0) return hosts;
  const which = selector === undefined ? 'no host is connected' : `no connected host is selected by ${selector}`;
  throw new ApiError('canary-empty', `${which}, so nobody would try the policy first; nothing was changed`);
}

function selectedHost(fleet: Fleet, text: string): (host: string) => boolean {
  const selector = parseSelector(text);
  if (!selector.ok) throw new ApiError('bad-request', `canary: ${text} is no selector: ${selector.error.message}`);
  const { workloads } = fleet.inventory();
  return (host) => {
    const labels = workloads.get(host)?.labels;
    return labels !== undefined && selectorMatches(selector.value, labels);
  };
}

function canaryStateView(state: CanaryState | undefined): CanaryView {
  if (state === undefined) return { state: 'none' };
  const { id, revision, hosts } = state.canary;
  return {
    state: state.state,
    policy: id,
    revision,
    hosts: [...hosts].sort(),
    ...(state.state === 'promoted' ? { active: state.active } : {}),
    ...(state.state === 'failed' ? { reason: state.reason } : {}),
    ...(state.state === 'failed' && state.host !== undefined ? { host: state.host } : {}),
  };
}

async function assertExpected(context: ApiContext, expected: number | undefined): Promise<void> {
  if (expected !== undefined && context.fleet.active.revision !== expected)
    throw await revisionChanged(context, expected);
}

const changesTold = 10;

/** What was activated since, by whom, and which files differ from those that were active then. */
async function revisionChanged(context: ApiContext, expected: number): Promise<ApiError> {
  const { fleet, store, tenant } = context;
  const activations = await store.listActivations({ tenant, limit: 1_000_000 });
  const since = activations.filter(({ revision }) => revision > expected);
  const then = activations.find(({ revision }) => revision <= expected);
  const [now, before] = await Promise.all([
    readFiles(context, fleet.active.id),
    then === undefined ? [] : readFiles(context, then.policy),
  ]);
  const texts = new Map(before.map(({ path, text }) => [path, text]));
  const files = [
    ...now.filter(({ path, text }) => texts.get(path) !== text).map(({ path }) => path),
    ...before.filter(({ path }) => !now.some((file) => file.path === path)).map(({ path }) => path),
  ];
  const told = since.slice(0, changesTold).map(({ revision, policy, kind, at, actor, message }) => ({
    ...{ revision, policy, kind, actor, at: isoTime(at) },
    ...(message === '' ? {} : { message }),
  }));
  const [newest] = told;
  const who = newest === undefined ? '' : `: ${newest.kind} by ${newest.actor} at ${newest.at}`;
  const which = files.length === 0 ? 'the same files' : `other files: ${files.slice(0, changesTold).join(', ')}`;
  return new ApiError(
    'revision-changed',
    `the active policy is that of revision ${fleet.active.revision}, not of ${expected}${who}, with ${which}; nothing was changed. Look at it (segwall diff, segwall plan), take it into your directory, and apply again`,
    { active: fleet.active.revision, expected, since: told, files: files.slice(0, 100) },
  );
}

/** A wrong directory must not open the fleet: whoever wants that says so. */
function assertKeepsEnforcing(active: Policy, next: Policy): void {
  const holdsNothing = Object.values(next).every(({ size }) => size === 0);
  if (active.segments.size + active.guardrails.size === 0 || !holdsNothing) return;
  throw new ApiError(
    'policy-empty',
    `this policy holds no document at all, and would end all enforcement: the active one has ${active.segments.size} segments and ${active.guardrails.size} guardrails; nothing was changed. Check the directory; if that is what you want, say so: segwall apply --empty, in the API "empty": "allow"`,
  );
}

export async function readFiles({ store, tenant }: ApiContext, id: number): Promise<PolicyFile[]> {
  const stored = await store.readPolicy({ tenant, id });
  if (stored === undefined) throw new ApiError('not-found', `there is no policy ${id}`);
  return [...stored.files];
}

/** Going back twice goes back further: the policy before the active one, not the one that was active before. */
async function rollbackTarget({ fleet, store, tenant }: ApiContext, to: number | undefined): Promise<number> {
  const activations = await store.listActivations({ tenant, limit: 1_000_000 });
  if (to !== undefined) {
    const inForce = activations.find(({ revision }) => revision <= to);
    if (inForce === undefined || to > fleet.revision) {
      throw new ApiError(
        'not-found',
        `no policy was in force at revision ${to}; see the history for the revisions there are`,
      );
    }
    return inForce.policy;
  }
  const earlier = activations.filter(({ policy }) => policy < fleet.active.id).map(({ policy }) => policy);
  if (earlier.length === 0)
    throw new ApiError('nothing-to-roll-back', 'the active policy is the first; there is none before it');
  return Math.max(...earlier);
}
