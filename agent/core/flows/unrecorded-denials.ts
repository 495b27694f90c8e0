// From the kernel's counters of denials that found no room to what is new of them since they were last told. A counter that went back
// is another one: the table was made anew, by us or by a reboot, and all that it holds is new.

import type { Direction } from '#model/verdict.ts';

export type DenialCounts = Readonly<Record<Direction, number>>;

export const noDenials: DenialCounts = { inbound: 0, outbound: 0 };

export class UnrecordedDenials {
  #known: DenialCounts;

  /** `known`: what an earlier life of the agent has told of this table's counters. */
  constructor(known: DenialCounts = noDenials) {
    this.#known = known;
  }

  /** The counters that are told of. */
  get known(): DenialCounts {
    return this.#known;
  }

  /** What is new. */
  take(now: DenialCounts): DenialCounts {
    const before = this.#known;
    this.#known = now;
    const since = (direction: Direction) =>
      now[direction] >= before[direction] ? now[direction] - before[direction] : now[direction];
    return { inbound: since('inbound'), outbound: since('outbound') };
  }
}
