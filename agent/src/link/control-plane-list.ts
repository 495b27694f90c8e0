// The addresses of the control plane in their order: which is tried or in use now, and why the others are not.
//
//   a try in vain ─────────────────► the next, after the last the first
//   a stream that was there is lost ► the first: what comes first is preferred, and may be back
//   it answered, and sends us away ─► the same: whoever says when to come back is there

import { type Millis, millis } from '#model/time.ts';
import { type ControlPlaneAddress, controlPlaneText } from './control-plane-address.ts';

export interface ControlPlaneStanding {
  readonly address: string;
  /** `trying`: it is its turn. */
  readonly state: 'in-use' | 'trying' | 'failed' | 'waiting';
  /** What came of the last try, where it failed, and when. */
  readonly problem?: { readonly reason: string; readonly at: Millis };
}

export interface ControlPlaneList {
  readonly all: readonly ControlPlaneAddress[];
  current(): ControlPlaneAddress;
  connected(): void;
  /** No stream any more, or none yet: what there was before. */
  lost(was: 'connected' | 'tried' | 'answered', reason: string): void;
  standing(): readonly ControlPlaneStanding[];
}

/** `all`: at least one. */
export function createControlPlaneList(all: readonly ControlPlaneAddress[]): ControlPlaneList {
  const [first] = all;
  if (first === undefined) throw new Error('a host has at least one address of its control plane');
  const problems = new Map<ControlPlaneAddress, { readonly reason: string; readonly at: Millis }>();
  let at = 0;
  let isInUse = false;
  const current = () => all[at] ?? first;
  return {
    all,
    current,
    connected() {
      isInUse = true;
      problems.delete(current());
    },
    lost(was, reason) {
      isInUse = false;
      problems.set(current(), { reason, at: millis(Date.now()) });
      if (was === 'connected') at = 0;
      else if (was === 'tried') at = (at + 1) % all.length;
    },
    standing: () =>
      all.map((one) => {
        const problem = problems.get(one);
        const idle = problem === undefined ? 'waiting' : 'failed';
        const state = one !== current() ? idle : isInUse ? 'in-use' : 'trying';
        return { address: controlPlaneText(one), state, ...(problem === undefined ? {} : { problem }) };
      }),
  };
}
