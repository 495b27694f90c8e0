// What only the agent may do, told by the socket: a chain that looks which user made it, and leads to the essential decision or to
// everybody's. Packets that show no full socket (TIME-WAIT, the kernel's own answers) go by the decision in the mark, which only a
// socket of the owner can have brought there.

import type { Decision } from '#agent-core/judge/decision.ts';
import { decidedBy, goto, type Rule, rule } from './rule.ts';

/** `own` and `others`: the numbers of the essential decision and of everybody's. */
export function ownerChain(
  { only }: Decision,
  { own, others }: { readonly own: number; readonly others: number },
): readonly Rule[] {
  const way = goto(`r_${own}`);
  if (only === undefined) return [rule([], way)];
  return [rule([`meta skuid ${only.owner.uid}`], way), rule([decidedBy(own)], way), rule([], goto(`r_${others}`))];
}
