// The border at which nft's listing of the witness's counters becomes a number (try-witness.ts makes the table).

import type { WitnessCounter } from './try-witness.ts';

/** How many packets died between, of a paused witness. `listing`: of `nft list counters table inet segwall_try`. */
export function deathsBetween(listing: string): number {
  const counts = new Map<string, number>();
  for (const [, name = '', packets] of listing.matchAll(/counter (\w+) \{\s+packets (\d+)/g))
    counts.set(name, Number(packets));
  const of = (name: WitnessCounter) => counts.get(name) ?? 0;
  return Math.max(0, of('sent') - of('left')) + Math.max(0, of('arrived') - of('taken'));
}
