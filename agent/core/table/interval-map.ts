// The map of a gate's address ranges. Linux 6.18 shows an interval set's new content to packets only after the new rules, so one
// that is refilled in place answers with its old content for a moment under the new epoch: 8 of 51 revocations did not hold. So
// content makes the name: changed content is a fresh map, filled by a transaction of its own before any rule looks in it.

import type { NamedGate, PeerClass } from '#agent-core/judge/peer-classes.ts';
import type { Family } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import { hashText } from '#model/text-hash.ts';
import { renderTarget } from './render-rule.ts';
import type { Target } from './rule.ts';

export interface IntervalMap {
  readonly name: string;
  readonly elements: ReadonlyMap<string, Target>;
}

/** Undefined where the gate knows no ranges of the family. */
export function intervalMapOf(request: {
  readonly gate: NamedGate;
  readonly family: Family;
  /** The first part of its name. */
  readonly base: string;
  readonly answerFor: (peerClass: PeerClass) => Target;
}): IntervalMap | undefined {
  const { gate, family, base, answerFor } = request;
  const elements = new Map<string, Target>();
  for (const { range, peerClass } of gate.classes.intervals) {
    if (range.family === family) elements.set(rangeText(range), answerFor(peerClass));
  }
  if (elements.size === 0) return undefined;
  const content = [...elements].map(([key, value]) => `${key}:${renderTarget(value)}`).join();
  return { name: `${base}n_${hashText(content)}`, elements };
}
