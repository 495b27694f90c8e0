// When a host asks for its next certificate, whatever its clock says: at two thirds of a certificate's life, soon after
// that where it was away, and never more often than once in an hour while it is given what it asks for. A certificate
// that is due by the clock in the moment it comes shows that the clock is wrong: its age is then counted from its
// arrival instead. Pure: times are given. Who is told that its certificate does not hold asks soon, in case it is the
// clock that says it does.

import { backoffCeilingMs } from '#model/backoff.ts';
import type { Millis } from '#model/time.ts';

export interface CertificateLife {
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export interface RenewalState {
  readonly life: CertificateLife;
  /**
   * When it came, or this run began, by the monotonic clock, and whether it was due by the other one when it came.
   * Absent: unknown.
   */
  readonly came?: { readonly atMs: number; readonly wasDue: boolean };
  /** `now`: the control plane does not take this one. Default `in-time`. */
  readonly wanted?: 'now' | 'in-time';
  /** Attempts that failed since the last that did not. */
  readonly failures: number;
  /** Of the last attempt, by the monotonic clock; absent before the first. */
  readonly triedAtMs?: number;
}

const hourMs = 3_600_000;
const leastRetryMs = 60_000;
/** A host that starts asks within this, so that hosts that start together do not. */
export const renewalStartMs = 5000;

/** How long a host waits, once it knows its control plane's next CA, before it asks that CA for a certificate. */
export interface MoveState {
  /** When it was told, or this run began, by the monotonic clock. */
  readonly toldAtMs: number;
  /** 0 to 1: its own place among all hosts that were told at once. */
  readonly chance: number;
  /** Within which all of them ask. */
  readonly spreadMs: number;
  readonly failures: number;
  readonly triedAtMs?: number;
}

export function moveWaitMs({ toldAtMs, chance, spreadMs, failures, triedAtMs }: MoveState, nowMs: number): number {
  const atMs = triedAtMs === undefined ? toldAtMs + chance * spreadMs : triedAtMs + retryMs(failures);
  return Math.max(0, Math.min(hourMs, atMs - nowMs));
}

function retryMs(failures: number): number {
  return backoffCeilingMs({ leastMs: leastRetryMs, mostMs: hourMs }, failures);
}

/** By the clock, `now`. */
export function isRenewalDue({ notBefore, notAfter }: CertificateLife, now: Millis): boolean {
  return now >= notBefore + ((notAfter - notBefore) * 2) / 3;
}

/**
 * How long to wait before the next attempt, without jitter: 0 is now. At most an hour, after which it is asked again.
 */
export function renewalWaitMs(state: RenewalState, now: Millis, nowMs: number): number {
  const { life, came, failures, triedAtMs } = state;
  const lifeMs = life.notAfter - life.notBefore;
  const byClockMs = life.notBefore + (lifeMs * 2) / 3 - now;
  const inTimeMs = came === undefined ? byClockMs : dueAfterArrivalMs(came, { byClockMs, lifeMs, nowMs });
  const dueInMs = state.wanted === 'now' ? 0 : inTimeMs;
  if (triedAtMs === undefined) return Math.min(hourMs, Math.max(dueInMs, 0));
  const leastMs = failures === 0 ? hourMs : retryMs(failures);
  return Math.min(hourMs, Math.max(dueInMs, triedAtMs + leastMs - nowMs, 0));
}

function dueAfterArrivalMs(
  came: { readonly atMs: number; readonly wasDue: boolean },
  { byClockMs, lifeMs, nowMs }: { readonly byClockMs: number; readonly lifeMs: number; readonly nowMs: number },
): number {
  const byAgeMs = came.atMs + (lifeMs * 2) / 3 - nowMs;
  return came.wasDue ? byAgeMs : Math.min(byClockMs, byAgeMs);
}
