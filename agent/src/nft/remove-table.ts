// Takes our table out of the kernel: the host is open then. The one place that says how, for the agent and for the commands. With it goes
// what a try in progress, or one that was killed, may have left.

import { tableName } from '#agent-core/table/table.ts';
import { witnessRemoval } from '#agent-core/table/try-witness.ts';
import type { Result } from '#model/result.ts';
import type { Nft } from './nft.ts';

/** Adding first makes deleting right whether the table is there or not, in one transaction. */
export function removeTable(nft: Pick<Nft, 'apply'>): Promise<Result<void>> {
  return nft.apply(`add table ${tableName}\ndelete table ${tableName}\n${witnessRemoval}`);
}
