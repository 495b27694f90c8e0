// The thread that judges plans and suggestions, so that seconds of work hold up no agent. It keeps the fleet's workloads as it was told of
// them, reads policy and flows from the store itself, and gives answers as finished JSON. One job at a time; it is ended to stop one.

import { parentPort, workerData } from 'node:worker_threads';
import { millis } from '#model/time.ts';
import type { Inventory, Policy, Workload } from '#policy/policy.ts';
import { ApiError } from './api/errors.ts';
import { judge } from './judge.ts';
import type { JobSetting, JudgingCall, JudgingJob, JudgingReply, JudgingThreadOptions } from './judging-protocol.ts';
import { reviewStored } from './policy-review.ts';
import { operations } from './store/operations.ts';
import type { PolicyFile } from './store/policies.ts';
import { openSqlite } from './store/sqlite.ts';

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

/** One that this version cannot read counts as empty, as it does where it is in force. */
async function activePolicy(id: number, setting: JobSetting) {
  if (active?.id === id) return active;
  const stored = await db.transaction().execute((tx) => operations.readPolicy(tx, { tenant, id }));
  const files = stored?.files ?? [];
  const reviewed = reviewStored(files, setting.now);
  const good = reviewed.kind === 'good' ? reviewed : reviewStored([], setting.now);
  if (good.kind !== 'good') throw new Error('an empty policy does not pass its check');
  active = { id, policy: good.policy, files };
  return active;
}

async function run(job: JudgingJob, setting: JobSetting): Promise<JudgingReply> {
  try {
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
  void run(call.job, call.setting).then((reply) => parentPort?.postMessage(reply));
});
