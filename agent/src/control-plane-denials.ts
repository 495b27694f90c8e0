// How many packets our own table has denied on the way to the control plane, so that a lock-out of our making is told from one that
// the network or the host makes. Reads the denied sets themselves: four listings, and only when a try has failed.

import { type DeniedCount, parseDeniedSets } from '#agent-core/denied-sets.ts';
import { denialsAmong } from '#agent-core/lock-out.ts';
import type { MarkLayout } from '#agent-core/mark-layout.ts';
import { tableName } from '#agent-core/table.ts';
import type { Address } from '#model/address.ts';
import { ok, type Result } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import type { Nft } from './nft.ts';

const setNames = ['den_in4', 'den_out4', 'den_in6', 'den_out6'];

export async function readControlPlaneDenials(way: {
  readonly nft: Nft;
  readonly marks: MarkLayout;
  readonly clients: ReadonlySet<Address>;
  readonly entries: readonly EssentialEntry[];
}): Promise<Result<number>> {
  const counts: DeniedCount[] = [];
  for (const name of setNames) {
    const listed = await way.nft.list(['-n', 'list', 'set', ...tableName.split(' '), name]);
    if (!listed.ok) return listed;
    counts.push(...parseDeniedSets(listed.value, way.marks));
  }
  return ok(denialsAmong(counts, way));
}
