// The control plane's memory on disk, as the rest of the process sees it: one async function an operation, run in worker threads so
// that no query ever holds up an agent's stream. One thread writes, in the order asked, urgent calls before bulk ones; one reads.

import { Worker } from 'node:worker_threads';
import type { OperationName, Operations } from './operations.ts';
import type { StoreAnswer, StoreCall, StoreReply, StoreWorkerOptions } from './protocol.ts';

/** How a call is run. A bulk call waits for all urgent ones; a read sees every write that was answered before it was asked. */
type Lane = 'urgent' | 'bulk' | 'read';

const lanes: Readonly<Record<OperationName, Lane>> = {
  activatePolicy: 'urgent',
  appendAudit: 'urgent',
  beginAuditLineage: 'urgent',
  beginHold: 'urgent',
  beginLineage: 'urgent',
  beginRun: 'urgent',
  changeLabels: 'urgent',
  changeQuarantine: 'urgent',
  countBadFlows: 'read',
  countDecisions: 'read',
  countFlowRows: 'read',
  createJoinToken: 'urgent',
  createOperatorToken: 'urgent',
  deleteDraft: 'urgent',
  dropPrunedAudit: 'bulk',
  endHold: 'urgent',
  hasPolicy: 'read',
  ingestFlows: 'bulk',
  isJoinTokenKept: 'read',
  listActivations: 'read',
  listAudit: 'read',
  listAuditCheckpoints: 'read',
  listDrafts: 'read',
  listFlowLosses: 'read',
  listFlows: 'read',
  listObserved: 'read',
  listJoinTokens: 'read',
  listOperatorTokens: 'read',
  listRuns: 'read',
  loadFleet: 'read',
  pruneAudit: 'urgent',
  pruneFlows: 'bulk',
  pruneHostFlows: 'bulk',
  readAnnouncement: 'read',
  readAuditHead: 'read',
  readLineage: 'read',
  readOwnKeys: 'read',
  readPolicy: 'read',
  recordCertificate: 'urgent',
  recoverRevision: 'urgent',
  removeHost: 'urgent',
  renameDiscovered: 'urgent',
  resignAuditBase: 'urgent',
  revokeCertificates: 'urgent',
  revokeJoinToken: 'urgent',
  revokeOperatorTokens: 'urgent',
  rotateOperatorToken: 'urgent',
  saveAddressStandings: 'urgent',
  saveAnnouncement: 'urgent',
  saveAuditCheckpoint: 'urgent',
  saveDraft: 'urgent',
  saveOwnKeys: 'urgent',
  savePolicy: 'urgent',
  setHostRanges: 'urgent',
  setRevision: 'urgent',
  spendJoinToken: 'urgent',
  takeHostEvents: 'urgent',
  touchOperatorToken: 'bulk',
  updateHost: 'urgent',
  useCertificate: 'urgent',
};

/** Bulk calls, and flow records in them, that share one transaction: more would keep an urgent call waiting longer. */
const bulkGroup = 16;
const bulkRecords = 5000;

/** Calls that may wait in one lane; beyond that the store refuses, so that memory stays bounded when the disk is slow. */
const mostWaiting = 20_000;

export type Store = {
  readonly [Name in OperationName]: (input: Parameters<Operations[Name]>[1]) => ReturnType<Operations[Name]>;
} & {
  /** Answers what was asked before, then closes the files. */
  close(): Promise<void>;
};

/** A call that the store could not carry out: the disk, the file, or a broken invariant. Nothing of it was kept. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

export interface StoreOptions {
  readonly path: string;
  /** A thread ended by itself: every call fails from now on, and only a new process helps. */
  readonly died?: (error: StoreError) => void;
}

/** Opens or creates the SQLite file at `path`, bringing its tables up to date. Rejects with a StoreError that says why not. */
export async function openStore(options: StoreOptions): Promise<Store> {
  // Both at once: most of the time goes into loading the threads' code.
  const opened = await Promise.allSettled([openThread(options, 'write'), openThread(options, 'read')]);
  const [first, second] = opened;
  if (first.status === 'rejected' || second.status === 'rejected') {
    for (const one of opened) if (one.status === 'fulfilled') await one.value.close();
    throw first.status === 'rejected' ? first.reason : second.status === 'rejected' ? second.reason : undefined;
  }
  const [writer, reader] = [first.value, second.value];
  const call = (operation: OperationName) => (input: unknown) => {
    const lane = lanes[operation];
    return (lane === 'read' ? reader : writer).call({ operation, input }, lane);
  };
  const names = Object.keys(lanes) as OperationName[];
  const calls = Object.fromEntries(names.map((name) => [name, call(name)]));
  const close = async () => {
    await reader.close();
    await writer.close();
  };
  return { ...calls, close } as unknown as Store;
}

interface Waiting {
  readonly call: StoreCall;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

/** At least one call, however large. */
function groupSize(waiting: readonly Waiting[]): number {
  let records = 0;
  for (const [at, { call }] of waiting.entries()) {
    const { flows } = call.input as { readonly flows?: readonly unknown[] };
    records += flows?.length ?? 0;
    if (at > 0 && (at === bulkGroup || records > bulkRecords)) return at;
  }
  return waiting.length;
}

interface StoreThread {
  call(call: StoreCall, lane: Lane): Promise<unknown>;
  close(): Promise<void>;
}

async function openThread(options: StoreOptions, access: 'write' | 'read'): Promise<StoreThread> {
  const workerData: StoreWorkerOptions = { path: options.path, access };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, name: `store-${access}` });
  const queues = { urgent: [] as Waiting[], bulk: [] as Waiting[] };
  let running: readonly Waiting[] = [];
  let state: 'opening' | 'open' | 'closing' | 'closed' = 'opening';
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));

  const pump = () => {
    if (running.length > 0 || state === 'closed') return;
    running = queues.urgent.length > 0 ? queues.urgent.splice(0) : queues.bulk.splice(0, groupSize(queues.bulk));
    if (running.length > 0) worker.postMessage(running.map((waiting) => waiting.call));
    else if (state === 'closing') {
      state = 'closed';
      worker.postMessage([]);
    }
  };
  const settle = (answers: readonly StoreAnswer[]) => {
    const settled = running;
    running = [];
    for (const [index, waiting] of settled.entries()) {
      const answer = answers[index];
      if (answer?.kind === 'done') waiting.resolve(answer.value);
      else waiting.reject(new StoreError(answer?.message ?? 'the store gave no answer'));
    }
    pump();
  };

  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error) => {
      const error = new StoreError(`the store thread died: ${cause.message}`);
      if (state === 'open') options.died?.(error);
      state = 'closed';
      for (const waiting of [...running, ...queues.urgent.splice(0), ...queues.bulk.splice(0)]) waiting.reject(error);
      running = [];
      reject(error);
    };
    worker.on('error', (cause) => fail(cause instanceof Error ? cause : new Error(String(cause))));
    worker.on('exit', () => fail(new Error('it ended')));
    worker.on('message', (reply: StoreReply) => {
      if (reply.kind === 'opened') {
        state = 'open';
        resolve();
      } else if (reply.kind === 'not-opened') reject(new StoreError(`cannot open ${options.path}: ${reply.message}`));
      else settle(reply.answers);
    });
  });

  return {
    call: (call, lane) =>
      new Promise((resolve, reject) => {
        const queue = lane === 'bulk' ? queues.bulk : queues.urgent;
        if (state !== 'open') return reject(new StoreError('the store is closed'));
        if (queue.length >= mostWaiting) return reject(new StoreError('the store is too far behind; try again later'));
        queue.push({ call, resolve, reject });
        pump();
      }),
    close: async () => {
      if (state === 'open') state = 'closing';
      pump();
      await exited;
    },
  };
}
