// What only the agent may do, told by the socket: a chain that looks which user made it, and leads to the essential decision or to
// everybody's. Packets that show no full socket (TIME-WAIT, the kernel's own answers) go by the decision in the mark, which only a
// socket of the owner can have brought there.

import type { Decision } from '#agent-core/judge/decision.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { decisionWords } from './table.ts';

/** `own` and `others`: the numbers of the essential decision and of everybody's. */
export function ownerChain(
  { only }: Decision,
  given: { readonly own: number; readonly others: number; readonly marks: MarkLayout },
): readonly string[] {
  const { own, others, marks } = given;
  if (only === undefined) return [`goto r_${own}`];
  return [
    `meta skuid ${only.owner.uid} goto r_${own}`,
    `${decisionWords(marks)} == 0x${marks.stamp(own, 0).toString(16)} goto r_${own}`,
    `goto r_${others}`,
  ];
}
