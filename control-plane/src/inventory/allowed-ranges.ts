// The ranges of addresses that a join token or an operator gives a host: read from CIDRs, kept as the fewest CIDRs that say the same.

import { type AddressRange, normaliseRanges, parseCidr, rangeCidrs } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';

export type RangesChange =
  | { readonly kind: 'add' | 'replace'; readonly ranges: readonly string[] }
  /** It has none any more, and may claim what is free, up to the limit. */
  | { readonly kind: 'clear' };

/** More than a host needs, and few enough to try for every address it claims. */
export const rangesMost = 256;

/** The fewest CIDRs of the same addresses, in order; the error names the first text that is none. */
export function readRanges(texts: readonly string[]): Result<readonly string[]> {
  const ranges: AddressRange[] = [];
  for (const text of texts) {
    const range = parseCidr(text);
    if (!range.ok) return err(range.error);
    ranges.push(range.value);
  }
  const cidrs = normaliseRanges(ranges).flatMap(rangeCidrs);
  return cidrs.length > rangesMost ? err(`${cidrs.length} ranges; allowed are ${rangesMost}`) : ok(cidrs);
}

/** Undefined: the host has none. */
export function changedRanges(
  before: readonly string[] | undefined,
  change: RangesChange,
): Result<readonly string[] | undefined> {
  if (change.kind === 'clear') return ok(undefined);
  return readRanges(change.kind === 'add' ? [...(before ?? []), ...change.ranges] : change.ranges);
}
