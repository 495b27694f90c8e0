// Which addresses of a name count: those of the newest answer, and for a time those of earlier ones, since a name may have others in each
// answer and any answer may be forged; the one in use always. Bounded, so that no answer can make the list long.

import type { Address } from '#model/address.ts';

/** Of one name. */
export const keptAddressesMost = 16;
/** Of one answer; the rest of the room is for earlier ones, which a forged answer cannot push out. */
const newestMost = 8;
export const addressesKeptMs = 3_600_000;

/** Address to when an answer had it last, ms of a monotonic clock. */
export type KeptAddresses = ReadonlyMap<Address, number>;

/** `found`: of the newest answer; empty where there was none, which ends nothing. In the order of worth. */
export function keepAddresses(given: {
  readonly known: KeptAddresses;
  readonly found: readonly Address[];
  readonly inUse: Address | undefined;
  readonly nowMs: number;
}): KeptAddresses {
  const { known, found, inUse, nowMs } = given;
  if (found.length === 0 && (inUse === undefined || known.has(inUse))) return known;
  const newest = new Set(found);
  const earlier = [...known]
    .filter(([address, foundMs]) => !newest.has(address) && (found.length === 0 || nowMs - foundMs < addressesKeptMs))
    .sort(([, a], [, b]) => b - a);
  const ordered: (readonly [Address, number])[] = [
    ...(inUse === undefined ? [] : [[inUse, newest.has(inUse) ? nowMs : (known.get(inUse) ?? nowMs)] as const]),
    ...[...newest].slice(0, newestMost).map((address) => [address, nowMs] as const),
    ...earlier,
    ...[...newest].slice(newestMost).map((address) => [address, nowMs] as const),
  ];
  const kept = new Map<Address, number>();
  for (const [address, foundMs] of ordered) {
    if (kept.size === keptAddressesMost) break;
    if (!kept.has(address)) kept.set(address, foundMs);
  }
  return kept;
}
