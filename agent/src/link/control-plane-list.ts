// The addresses of the control plane in their order: which is tried or in use now, and why the others are not.
//
//   a try in vain ─────────────────► the next, after the last the first
//   a stream that was there is lost ► the first: what comes first is preferred, and may be back
//   it answered, and sends us away ─► the same: whoever says when to come back is there
//   the list is another one ────────► the same, where it still has its place; else the first

import { systemClock } from '#clock/system-clock.ts';
import type { Millis } from '#model/time.ts';
import { type ControlPlaneAddress, controlPlaneText } from '#wire/control-plane-address.ts';

export interface ControlPlaneStanding {
  readonly address: string;
  /** `trying`: it is its turn. */
  readonly state: 'in-use' | 'trying' | 'failed' | 'waiting';
  /** What came of the last try, where it failed, and when. */
  readonly problem?: { readonly reason: string; readonly at: Millis };
}

export interface ControlPlaneList {
  /** At least one. */
  all(): readonly ControlPlaneAddress[];
  current(): ControlPlaneAddress;
  connected(): void;
  /** No stream any more, or none yet: what there was before. */
  lost(was: 'connected' | 'tried' | 'answered', reason: string): void;
  standing(): readonly ControlPlaneStanding[];
  /** At least one; what is known of those that stay is kept. */
  replace(all: readonly ControlPlaneAddress[]): void;
  /** It is the first one's turn, whichever had it. */
  beginAnew(): void;
}

/** `given`: at least one. */
export function createControlPlaneList(given: readonly ControlPlaneAddress[]): ControlPlaneList {
  let all = given;
  const problems = new Map<string, { readonly reason: string; readonly at: Millis }>();
  let at = 0;
  let isInUse = false;
  const current = (): ControlPlaneAddress => {
    const one = all[at] ?? all[0];
    if (one === undefined) throw new Error('a host has at least one address of its control plane');
    return one;
  };
  const turnTo = (place: number): void => {
    if (place !== at) isInUse = false;
    at = place;
  };
  current();
  return {
    all: () => all,
    current,
    connected() {
      isInUse = true;
      problems.delete(controlPlaneText(current()));
    },
    lost(was, reason) {
      isInUse = false;
      problems.set(controlPlaneText(current()), { reason, at: systemClock.wall() });
      if (was === 'connected') at = 0;
      else if (was === 'tried') at = (at + 1) % all.length;
    },
    standing: () =>
      all.map((one) => {
        const address = controlPlaneText(one);
        const problem = problems.get(address);
        const idle = problem === undefined ? 'waiting' : 'failed';
        const state = one !== current() ? idle : isInUse ? 'in-use' : 'trying';
        return { address, state, ...(problem === undefined ? {} : { problem }) };
      }),
    replace(next) {
      const texts = next.map(controlPlaneText);
      const place = texts.indexOf(controlPlaneText(current()));
      all = next;
      if (place === -1) turnTo(0);
      else at = place;
      for (const address of problems.keys()) if (!texts.includes(address)) problems.delete(address);
    },
    beginAnew: () => turnTo(0),
  };
}
