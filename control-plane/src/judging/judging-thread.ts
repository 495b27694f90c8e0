// A thread that judges, so that seconds of work hold up no agent. It keeps the fleet's workloads as it was told of them, reads policy and
// flows from the store itself, and gives answers as finished JSON, or a policy that may come into force in parts. One job at a time; it is
// ended to stop one.

import { parentPort, workerData } from 'node:worker_threads';
import { ApiError } from '#control-plane/answers/api-error.ts';
import { assertGood, problemView } from '#control-plane/answers/review-answer.ts';
import { reviewPolicy, reviewStored } from '#control-plane/publish/policy-review.ts';
import { operations } from '#control-plane/store/operations.ts';
import type { PolicyFile } from '#control-plane/store/policies.ts';
import { openSqlite } from '#control-plane/store/sqlite.ts';
import { millis } from '#model/time.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';
import { judge } from './judge.ts';
import type {
  JobSetting,
  JudgingCall,
  JudgingJob,
  JudgingReply,
  JudgingThreadOptions,
  ReviewJob,
  ReviewReply,
} from './judging-protocol.ts';
import { policyParts } from './policy-parts.ts';

/** Distinct flows judged; the newest. */
const mostFlows = 500_000;

const { storePath, tenant } = workerData as JudgingThreadOptions;
const db = openSqlite({ path: storePath, access: 'read' });
const known = new Map<string, Workload>();
let inventory: Inventory | undefined;
let active: { readonly id: number; readonly policy: Policy; readonly files: readonly PolicyFile[] } | undefined;

/** In the order of names, whatever order they came in: answers then depend on the fleet alone. */
function currentInventory(): Inventory {
  inventory ??= {
    workloads: new Map([...known].sort(([a], [b]) => (a < b ? -1 : 1))),
    resolutions: new Map(),
  };
  return inventory;
}

async function storedFiles(id: number): Promise<readonly PolicyFile[] | undefined> {
  const stored = await db.transaction().execute((tx) => operations.readPolicy(tx, { tenant, id }));
  return stored?.files;
}

/** One that this version cannot read counts as empty, as it does where it is in force. */
async function activePolicy(id: number, setting: JobSetting) {
  if (active?.id === id) return active;
  const files = (await storedFiles(id)) ?? [];
  const reviewed = reviewStored(files, setting.now);
  const good = reviewed.kind === 'good' ? reviewed : reviewStored([], setting.now);
  if (good.kind !== 'good') throw new Error('an empty policy does not pass its check');
  active = { id, policy: good.policy, files };
  return active;
}

/** Throws an ApiError for one that may not come into force. */
async function review(job: ReviewJob, setting: JobSetting): Promise<ReviewReply> {
  const { source, tests, testNames } = job;
  const inForce = await activePolicy(setting.policy, setting);
  const files = source.kind === 'files' ? source.files : await storedFiles(source.policy);
  if (files === undefined)
    throw new ApiError('not-found', `there is no policy ${source.kind === 'stored' ? source.policy : ''}`);
  const good = assertGood(
    reviewPolicy({
      ...{ files, tests, inventory: currentInventory(), now: setting.now, inForce: inForce.policy },
      ...(testNames === undefined ? {} : { testNames }),
    }),
  );
  return {
    kind: 'reviewed',
    parts: policyParts(good.policy),
    warnings: good.warnings.map(problemView),
    testsPassed: good.testsPassed,
    isActive: isOf(inForce.files, files),
  };
}

function isOf(some: readonly PolicyFile[], others: readonly PolicyFile[]): boolean {
  const texts = new Map(some.map(({ path, text }) => [path, text]));
  return some.length === others.length && others.every(({ path, text }) => texts.get(path) === text);
}

async function run(job: JudgingJob, setting: JobSetting): Promise<JudgingReply> {
  try {
    if (job.kind === 'review') return await review(job, setting);
    const { policy, files } = await activePolicy(setting.policy, setting);
    const answer = await judge(job, {
      fleet: {
        inventory: currentInventory(),
        policy,
        files,
        revision: setting.revision,
        active: setting.active,
        connected: new Set(setting.connected),
        now: setting.now,
      },
      skipped: () => db.transaction().execute((tx) => operations.countBadFlows(tx, { tenant })),
      observed: (since) =>
        db
          .transaction()
          .execute((tx) => operations.listObserved(tx, { tenant, since: millis(since), limit: mostFlows })),
    });
    return { kind: 'answer', json: Buffer.from(JSON.stringify(answer)) };
  } catch (cause) {
    if (cause instanceof ApiError) {
      const { code, message, details } = cause;
      return { kind: 'refused', code, message, details };
    }
    return { kind: 'failed', message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
  }
}

parentPort?.on('message', (call: JudgingCall) => {
  if (call.kind === 'workloads') {
    for (const name of call.removed) known.delete(name);
    for (const workload of call.set) known.set(workload.name, workload);
    inventory = undefined;
    return;
  }
  void run(call.job, call.setting).then((reply) => {
    const handedOver = reply.kind === 'reviewed' ? reply.parts.map(({ buffer }) => buffer) : [];
    parentPort?.postMessage(reply, handedOver);
  });
});
