// What our own table has denied on the way to the control plane, so that a lock-out of our making is told from one that the network or
// the host makes. Asks the outbound denied sets themselves, those without ports among them, and the counter of what found no room, since
// other users of the host may have used up both share and room: five listings, and only when a try has failed.

import type { Nft } from '#agent/nft/nft.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { unrecordedCounter } from '#agent-core/table/denied-sets.ts';
import { denialsAmong, type WayDenials } from '#agent-core/table/lock-out.ts';
import { tableName } from '#agent-core/table/table.ts';
import type { Address } from '#model/address.ts';
import { ok, type Result } from '#model/result.ts';

const setNames = ['den_out4', 'den_out6', 'den_out4f', 'den_out6f'];

export async function readControlPlaneDenials(given: {
  readonly nft: Pick<Nft, 'list'>;
  readonly marks: MarkLayout;
  /** The host's own addresses. */
  readonly clients: ReadonlySet<Address>;
  readonly addresses: readonly Address[];
  readonly port: number;
}): Promise<Result<WayDenials>> {
  const { nft, marks } = given;
  const table = tableName.split(' ');
  const counts = [];
  for (const name of setNames) {
    const listed = await nft.list(['-n', 'list', 'set', ...table, name]);
    if (!listed.ok) return listed;
    counts.push(...parseDeniedSets(listed.value, marks));
  }
  const counter = await nft.list(['list', 'counter', ...table, unrecordedCounter.outbound]);
  if (!counter.ok) return counter;
  const unrecorded = Number(/packets (\d+)/.exec(counter.value)?.[1] ?? 0);
  return ok({ elements: denialsAmong(counts, given), unrecorded });
}
