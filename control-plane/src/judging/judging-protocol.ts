// What passes between a judging thread and the one that serves: workloads as far as they changed, one job at a time, and its answer.

import type { ApiErrorCode } from '#control-plane/answers/api-error.ts';
import type { ApiProblem } from '#control-plane/answers/schemas.ts';
import type { ReviewRequest } from '#control-plane/publish/policy-review.ts';
import type { PolicyFile } from '#control-plane/store/policies.ts';
import type { Millis } from '#model/time.ts';
import type { Workload } from '#policy/policy/policy.ts';

export interface PlanJob {
  readonly kind: 'plan';
  readonly files?: readonly PolicyFile[] | undefined;
  /** Instead of files: the active policy, with other labels of one workload. */
  readonly labels?:
    | {
        readonly workload: string;
        readonly set: Readonly<Record<string, string>>;
        readonly remove: readonly string[];
      }
    | undefined;
  readonly since: number;
}

export interface SuggestJob {
  readonly kind: 'suggest';
  readonly segment: string;
  readonly since: number;
  readonly exclude?: string | undefined;
  readonly outside: 'comment' | 'include';
  readonly denied: 'comment' | 'include';
}

/** Jobs whose answer is the API's. */
export type AnswerJob = PlanJob | SuggestJob;

/** The check of a policy that is to come into force, and its tests. */
export interface ReviewJob extends Pick<ReviewRequest, 'tests' | 'testNames'> {
  readonly kind: 'review';
  readonly source:
    | { readonly kind: 'files'; readonly files: readonly PolicyFile[] }
    | { readonly kind: 'stored'; readonly policy: number };
}

export type JudgingJob = AnswerJob | ReviewJob;

/** The fleet when the job was begun, beside its workloads: the active policy by its number in the store, its text being read there. */
export interface JobSetting {
  readonly policy: number;
  /** At which that policy was activated. */
  readonly active: number;
  readonly revision: number;
  /** Hosts whose agents are connected. */
  readonly connected: readonly string[];
  readonly now: Millis;
}

export type JudgingCall =
  | { readonly kind: 'workloads'; readonly set: readonly Workload[]; readonly removed: readonly string[] }
  | { readonly kind: 'job'; readonly job: JudgingJob; readonly setting: JobSetting };

/** A policy that may come into force, as policy-parts.ts writes it. */
export interface ReviewReply {
  readonly kind: 'reviewed';
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  readonly warnings: readonly ApiProblem[];
  readonly testsPassed: number;
  /** Whether the active policy is of just these files. */
  readonly isActive: boolean;
}

/** `answer` is the JSON text of the API's answer; `refused` what the API is to say instead. */
export type JudgingReply =
  | { readonly kind: 'answer'; readonly json: Uint8Array }
  | ReviewReply
  | {
      readonly kind: 'refused';
      readonly code: ApiErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'failed'; readonly message: string };

export interface JudgingThreadOptions {
  readonly storePath: string;
  readonly tenant: string;
}
