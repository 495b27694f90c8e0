// The seams inside the agent: what policy sync, enforcement and flow reporting are to each other.

import type { FlowReceipt } from '#model/flow.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';

/** `refused` leaves the last good rule set in force. */
export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly revision: number }
  | { readonly kind: 'refused'; readonly revision: number; readonly reason: string };

/** Owns the kernel table. Policy sync hands it whole rule sets, one at a time. */
export interface Enforcer {
  /** The rule set in force: what a delta builds on, and what hello tells the control plane. */
  held(): HostRuleSet | undefined;
  apply(ruleSet: HostRuleSet): Promise<ApplyOutcome>;
}

/** A flow batch as it goes over the wire. */
export interface EncodedBatch {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Sends one batch and waits for its receipt; an error means it may or may not have arrived, so send it again. */
export interface FlowReporter {
  report(batch: EncodedBatch, signal: AbortSignal): Promise<Result<FlowReceipt, ReportFailure>>;
}

export interface ReportFailure {
  readonly reason: string;
  /** The control plane read the batch and will never take it, however often it is sent. */
  readonly isFinal?: boolean;
  /** The control plane has no room before. */
  readonly retryAfterMs?: number;
}

export type SyncState = 'connecting' | 'connected' | 'disconnected';
