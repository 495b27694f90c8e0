// What time it is for rules that end or have windows, where the host's own clock may be wrong, step, or start anew at a boot. Pure: it is
// given readings of the kernel's clocks and what was known before, and never asks one.
//
// - The control plane's word, when there is one, is the time, and its uptime since then goes on counting.
// - While that word is fresh the host's own clock says nothing. Later it may only say that more time has passed: a machine that was
//   paused learns so. What it was ahead at the word is taken off.
// - Of an earlier boot only the instant itself is known: it is not earlier than that.
// So what has ended stays ended until a control plane says otherwise, and an own clock that is wrong can only end things sooner.

import { type Millis, millis } from '#model/time.ts';

export interface ClockReading {
  /** The host's own clock. */
  readonly wall: Millis;
  /** Since the boot, also while the machine slept: no step moves it. */
  readonly uptimeMs: number;
  readonly bootId: string;
}

/** The latest instant that is known to have come, and the readings of that moment. */
export interface KnownInstant {
  readonly instant: Millis;
  readonly uptimeMs: number;
  readonly bootId: string;
  /** The control plane's last word in this boot; absent: all is from the own clock. */
  readonly heard?: {
    readonly uptimeMs: number;
    /** How far the own clock was ahead of the control plane's; negative where it was behind. */
    readonly aheadMs: number;
  };
}

/** Heartbeats come every ten seconds; so long their word alone is the time. */
const freshMs = 120_000;

/** A message may lie on its way for half a minute before the stream is taken for lost: what is no further back is no other clock. */
const onTheWayMs = 60_000;

export function instantAt(known: KnownInstant | undefined, now: ClockReading): Millis {
  if (known === undefined) return now.wall;
  if (known.bootId !== now.bootId) return later(known.instant, now.wall);
  const sinceMs = Math.max(0, now.uptimeMs - known.uptimeMs);
  const counted = millis(known.instant + sinceMs);
  const { heard } = known;
  if (heard !== undefined && now.uptimeMs - heard.uptimeMs < freshMs) return counted;
  return later(counted, millis(now.wall - Math.max(0, heard?.aheadMs ?? 0)));
}

/** The control plane said at this moment that it is `sentAt`. It moves time on at once, and back only where it has another clock. */
export function heardInstant(known: KnownInstant | undefined, now: ClockReading, sentAt: Millis): KnownInstant {
  const counted = instantAt(known, now);
  const isSameClock = known?.heard !== undefined && sentAt <= counted && counted - sentAt <= onTheWayMs;
  const instant = isSameClock ? counted : sentAt;
  const { uptimeMs, bootId } = now;
  return { instant, uptimeMs, bootId, heard: { uptimeMs, aheadMs: now.wall - instant } };
}

/** As it is known now, to be kept for a start that finds another clock. */
export function instantKept(known: KnownInstant | undefined, now: ClockReading): KnownInstant {
  const { uptimeMs, bootId } = now;
  const heard = known?.bootId === bootId ? known.heard : undefined;
  return { instant: instantAt(known, now), uptimeMs, bootId, ...(heard === undefined ? {} : { heard }) };
}

function later(a: Millis, b: Millis): Millis {
  return a > b ? a : b;
}
