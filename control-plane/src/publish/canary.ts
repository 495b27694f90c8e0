// A policy on trial: some hosts enforce it before the rest of the fleet does. Here is which hosts these are when nobody names them, and
// the watch over them, which ends in a verdict: it held, or why not. The fleet acts on it. A trial lives in memory alone: after a
// restart of the control plane the active policy is everybody's again.

import { systemClock } from '#clock/system-clock.ts';
import type { Policy } from '#policy/policy/policy.ts';
import type { AgentSessions } from './agent-sessions.ts';

export interface Canary {
  /** The stored policy's id. */
  readonly id: number;
  readonly policy: Policy;
  /** At which it was sent to its hosts. */
  readonly revision: number;
  readonly hosts: ReadonlySet<string>;
  readonly limits: CanaryLimits;
}

export interface CanaryLimits {
  /** How long all its hosts must have acknowledged it without a break. */
  readonly holdMs: number;
  /** How long a host may go without an answer, or without a connection. */
  readonly answerMs: number;
}

export type CanaryState =
  | { readonly state: 'running'; readonly canary: Canary }
  /** Everybody's since that revision. */
  | { readonly state: 'promoted'; readonly canary: Canary; readonly active: number }
  /** Its hosts are under the active policy again. */
  | ({ readonly state: 'failed'; readonly canary: Canary } & CanaryFailure);

/** `host` where it was one of them. */
export interface CanaryFailure {
  readonly reason: string;
  readonly host?: string;
}

export type CanaryVerdict = { readonly kind: 'held' } | ({ readonly kind: 'failed' } & CanaryFailure);

/** One in ten, at least one, spread over the names, which mostly tell hosts of a kind apart from others. */
export function chooseHosts(connected: readonly string[]): readonly string[] {
  const sorted = connected.toSorted();
  const count = Math.ceil(sorted.length / 10);
  return Array.from({ length: count }, (_, at) => sorted[Math.floor((at * sorted.length) / count)] ?? '');
}

/** A host that was away when it was removed goes without a word. */
const longestPauseMs = 1000;

export interface Watch {
  readonly canary: Pick<Canary, 'revision' | 'hosts' | 'limits'>;
  readonly sessions: AgentSessions;
  /** Hosts that were removed meanwhile are no longer asked. */
  readonly isEnrolled: (host: string) => boolean;
  readonly signal: AbortSignal;
}

/** Resolves to undefined when aborted. A refusal ends it at once; silence and absence after `answerMs`. */
export async function watchCanary({ canary, sessions, isEnrolled, signal }: Watch): Promise<CanaryVerdict | undefined> {
  const { holdMs, answerMs } = canary.limits;
  let since = systemClock.elapsedMs();
  let before: 'good' | 'waiting' = 'waiting';
  while (!signal.aborted) {
    const stand = standing(canary, { sessions, isEnrolled });
    if (stand.kind === 'failed') return stand;
    if (stand.kind !== before) {
      before = stand.kind;
      since = systemClock.elapsedMs();
    }
    const leftMs = since + (stand.kind === 'good' ? holdMs : answerMs) - systemClock.elapsedMs();
    if (leftMs <= 0) return stand.kind === 'good' ? { kind: 'held' } : { ...stand, kind: 'failed' };
    await sessions.nextChange(Math.min(leftMs, longestPauseMs), signal);
  }
  return undefined;
}

type Waiting = { readonly kind: 'waiting' } & CanaryFailure;
type Standing = { readonly kind: 'good' } | Waiting | ({ readonly kind: 'failed' } & CanaryFailure);

function standing(
  { revision, hosts }: Watch['canary'],
  { sessions, isEnrolled }: Pick<Watch, 'sessions' | 'isEnrolled'>,
): Standing {
  const enrolled = [...hosts].filter(isEnrolled);
  if (enrolled.length === 0) return { kind: 'failed', reason: 'none of its hosts is enrolled any more' };
  let waiting: Waiting | undefined;
  for (const host of enrolled) {
    const agent = sessions.of(host);
    if (agent === undefined) waiting ??= { kind: 'waiting', host, reason: `${host} is not connected any more` };
    else if (agent.nacked !== undefined && agent.nacked.revision >= revision)
      return { kind: 'failed', host, reason: `${host} refused it: ${agent.nacked.reason}` };
    else if (agent.acked < revision) waiting ??= { kind: 'waiting', host, reason: `${host} did not answer` };
  }
  return waiting ?? { kind: 'good' };
}
