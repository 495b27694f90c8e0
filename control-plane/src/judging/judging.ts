// Operators' work that takes seconds, on a thread of its own: one for plans and suggestions, and one for policies that are to come into force,
// which wait for no plan. Operators take turns; one job runs at a time, within a time and a memory of its own: past either, or when whoever
// asked is gone, the thread is ended, the request alone fails, and the next job gets a new thread.
//
//   operator API ─► turn queue ─► judging thread (workloads as they changed, then the job) ─► JSON, or a policy in parts
//                                      └─ reads policies and flows from the store itself

import { totalmem } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Timer } from '#clock/clock.ts';
import { nextTurn } from '#clock/next-turn.ts';
import { systemClock } from '#clock/system-clock.ts';
import { ApiError } from '#control-plane/answers/api-error.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import type { Millis } from '#model/time.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { goneError } from './gone.ts';
import type {
  AnswerJob,
  JobSetting,
  JudgingCall,
  JudgingJob,
  JudgingReply,
  JudgingThreadOptions,
  ReviewJob,
  ReviewReply,
} from './judging-protocol.ts';
import { TurnQueue } from './judging-queue.ts';

export interface JudgingLimits {
  /** Of one job, from when it begins. */
  readonly jobMs: number;
  /** Of the thread's heap. */
  readonly memoryMb: number;
  readonly waiting: { readonly all: number; readonly each: number };
  /** A thread that nobody needs for so long is ended, and its copy of the fleet with it. */
  readonly idleMs: number;
}

/** Half a million flows in a fleet of 10,000 hosts take about a gigabyte. */
export const defaultJudgingLimits: JudgingLimits = {
  jobMs: 120_000,
  memoryMb: Math.min(4096, Math.floor(totalmem() / 2 ** 21)),
  waiting: { all: 16, each: 4 },
  idleMs: 300_000,
};

/** What a thread is for, as operators read it. */
interface Work {
  readonly many: string;
  /** What to ask for where it takes too long or too much. */
  readonly advice: string;
}

const works: Readonly<Record<'plans' | 'changes', Work>> = {
  plans: { many: 'plans and suggestions', advice: 'ask for a shorter time (since)' },
  changes: {
    many: 'changes of policy',
    advice:
      'nothing was changed. Narrow the tests that are over many workloads, or leave them out: segwall apply --skip-tests',
  },
};

export interface JudgingOptions extends JudgingThreadOptions {
  readonly work?: keyof typeof works;
  readonly fleet: Pick<Fleet, 'inventory' | 'active' | 'revision' | 'sessions'>;
  readonly now: () => Millis;
  readonly log: Logger;
  readonly limits?: Partial<JudgingLimits>;
}

/** Workloads in one message: copying them takes the serving thread some milliseconds. */
const sliceSize = 250;
/** Workloads looked at between two turns of the serving thread. */
const lookSize = 5000;
const retryAfterSeconds = 5;

/** Whose turn it takes, and who aborts it when nobody waits for it any more. */
export interface AskedBy {
  readonly operator: string;
  readonly gone: AbortSignal;
}

type Answer = Extract<JudgingReply, { readonly kind: 'answer' | 'reviewed' }>;

/** `beside`: the revision at which the policy was activated that was in force when it was judged. */
export interface Reviewed extends ReviewReply {
  readonly beside: number;
}

interface Asked {
  readonly operator: string;
  readonly job: JudgingJob;
  readonly resolve: (answered: { readonly answer: Answer; readonly setting: JobSetting }) => void;
  readonly reject: (error: Error) => void;
}

interface Running {
  readonly asked: Asked;
  /** Known once the thread was told the fleet. */
  setting?: JobSetting;
}

interface Thread {
  readonly worker: Worker;
  /** What it was told last of each workload. */
  readonly told: Map<string, Workload>;
}

export class Judging {
  readonly #options: JudgingOptions;
  readonly #limits: JudgingLimits;
  readonly #queue: TurnQueue<Asked>;
  #thread: Thread | undefined;
  /** Resolves when the thread that was ended is gone: a call into the store ends when it returns. Until then there is no other. */
  #ending: Promise<unknown> | undefined;
  #running: Running | undefined;
  readonly #work: Work;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: JudgingOptions) {
    this.#options = options;
    this.#limits = { ...defaultJudgingLimits, ...options.limits };
    this.#queue = new TurnQueue(this.#limits.waiting);
    this.#work = works[options.work ?? 'plans'];
  }

  /** Gives the answer's JSON text. Rejects with an ApiError. */
  async ask(job: AnswerJob, by: AskedBy): Promise<Uint8Array> {
    const { answer } = await this.#ask(job, by);
    if (answer.kind !== 'answer') throw new Error(`a ${job.kind} was answered with a policy`);
    return answer.json;
  }

  /** Rejects with an ApiError where the policy may not come into force. */
  async review(job: ReviewJob, by: AskedBy): Promise<Reviewed> {
    const { answer, setting } = await this.#ask(job, by);
    if (answer.kind !== 'reviewed') throw new Error('a review was answered with JSON');
    return { ...answer, beside: setting.active };
  }

  async #ask(job: JudgingJob, { operator, gone }: AskedBy) {
    if (this.#isStopped) throw new ApiError('not-ready', 'the control plane is stopping; ask again when it is back');
    const { promise, resolve, reject } = Promise.withResolvers<Parameters<Asked['resolve']>[0]>();
    const asked: Asked = { operator, job, resolve, reject };
    const queued = this.#queue.add(operator, asked);
    if (queued !== 'queued') {
      const { many } = this.#work;
      const whose = queued === 'full' ? many : `${many} of operator ${operator}`;
      throw new ApiError('busy', `too many ${whose} wait; ask again when they are done`, { retryAfterSeconds });
    }
    const leave = () => this.#left(asked, goneError(gone));
    gone.addEventListener('abort', leave, { once: true });
    if (gone.aborted) leave();
    this.#pump();
    return promise.finally(() => gone.removeEventListener('abort', leave));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const error = new ApiError('not-ready', 'the control plane is stopping; ask again when it is back');
    for (let asked = this.#queue.next(); asked !== undefined; asked = this.#queue.next()) asked.reject(error);
    this.#settle(() => this.#running?.asked.reject(error));
    await this.#endThread();
  }

  #pump(): void {
    if (this.#running !== undefined || this.#ending !== undefined || this.#isStopped) return;
    this.#timer?.cancel();
    const asked = this.#queue.next();
    if (asked === undefined) {
      this.#timer = systemClock.after(this.#limits.idleMs, () => void this.#endThread()).unref();
      return;
    }
    this.#running = { asked };
    const { jobMs } = this.#limits;
    this.#timer = systemClock
      .after(jobMs, () => {
        const message = `this took longer than ${jobMs / 1000} s and was given up; ${this.#work.advice}`;
        this.#giveUp(asked, new ApiError('judging-timeout', message));
      })
      .unref();
    this.#begin(asked).catch((cause: unknown) => this.#giveUp(asked, asError(cause)));
  }

  async #begin(asked: Asked): Promise<void> {
    const { fleet, now } = this.#options;
    this.#thread ??= this.#start();
    const thread = this.#thread;
    const setting: JobSetting = {
      policy: fleet.active.id,
      active: fleet.active.revision,
      revision: fleet.revision,
      connected: [...fleet.sessions.all()].map(({ host }) => host),
      now: now(),
    };
    const isStill = () => this.#running?.asked === asked && this.#thread === thread;
    for (const call of changesFor(thread, fleet.inventory().workloads)) {
      if (call !== undefined) post(thread, call);
      await nextTurn();
      if (!isStill()) return;
    }
    this.#running = { asked, setting };
    post(thread, { kind: 'job', job: asked.job, setting });
  }

  #start(): Thread {
    const { storePath, tenant, log } = this.#options;
    const workerData: JudgingThreadOptions = { storePath, tenant };
    const worker = new Worker(new URL('./judging-thread.ts', import.meta.url), {
      workerData,
      name: 'judging',
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.memoryMb },
    });
    const thread: Thread = { worker, told: new Map() };
    const died = (cause: unknown) => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      log.error({ err: cause }, 'a judging thread ended; the next job gets a new one');
      this.#settle(() => this.#running?.asked.reject(this.#deathOf(cause)));
    };
    worker.on('error', died);
    worker.on('exit', () => died(new Error('it ended')));
    worker.on('message', (reply: JudgingReply) => {
      if (this.#thread === thread) this.#settle(() => this.#answered(reply));
    });
    return thread;
  }

  #answered(reply: JudgingReply): void {
    const { asked, setting } = this.#running ?? {};
    if ((reply.kind === 'answer' || reply.kind === 'reviewed') && setting !== undefined)
      asked?.resolve({ answer: reply, setting });
    else if (reply.kind === 'refused') asked?.reject(new ApiError(reply.code, reply.message, reply.details));
    else asked?.reject(new Error(reply.kind === 'failed' ? reply.message : 'an answer came before the question'));
  }

  #deathOf(cause: unknown): Error {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'))
      return new Error('the judging thread ended', { cause });
    const message = `this needs more than the ${this.#limits.memoryMb} MB that ${this.#work.many} may take; ${this.#work.advice}, or give the machine more memory`;
    return new ApiError('judging-memory', message);
  }

  /** Whoever asked is gone. */
  #left(asked: Asked, error: Error): void {
    if (this.#queue.remove(asked.operator, asked)) asked.reject(error);
    else this.#giveUp(asked, error);
  }

  /** Only the end of its thread ends a job. */
  #giveUp(asked: Asked, error: Error): void {
    if (this.#running?.asked !== asked) return;
    void this.#endThread();
    this.#settle(() => asked.reject(error));
  }

  /** Does `tell` for the job that runs, and goes on with the next. */
  #settle(tell: () => void): void {
    tell();
    this.#timer?.cancel();
    this.#running = undefined;
    this.#pump();
  }

  async #endThread(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread !== undefined) {
      const ending = thread.worker.terminate().finally(() => {
        this.#ending = undefined;
        this.#pump();
      });
      this.#ending = ending;
    }
    await this.#ending;
  }
}

/** Undefined: nothing to tell yet, and somebody else's turn. */
function* changesFor({ told }: Thread, workloads: ReadonlyMap<string, Workload>): Generator<JudgingCall | undefined> {
  let set: Workload[] = [];
  let looked = 0;
  for (const [name, workload] of workloads) {
    looked += 1;
    if (told.get(name) !== workload) {
      told.set(name, workload);
      set.push(workload);
    }
    if (set.length < sliceSize && looked % lookSize !== 0) continue;
    yield set.length === 0 ? undefined : { kind: 'workloads', set, removed: [] };
    set = [];
  }
  const removed = told.size === workloads.size ? [] : [...told.keys()].filter((name) => !workloads.has(name));
  for (const name of removed) told.delete(name);
  if (set.length + removed.length > 0) yield { kind: 'workloads', set, removed };
}

function post({ worker }: Thread, call: JudgingCall): void {
  worker.postMessage(call);
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
