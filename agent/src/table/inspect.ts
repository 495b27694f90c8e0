// Tells whether what stands in the kernel is what an agent left there, and what is not: by the fingerprint on disk where it is of
// this very state, else by what a load of the same table changes. Only tells; loading in doubt, and with a new epoch, is the enforcer's.
//
// `as-left`: nobody touched it. `touched`: somebody did. `unsettled`: the agent ended before it had listed its last change, or another
// nft lists now, so that only a load tells. `nothing`: nothing of ours stood here, nor should it.

import { type FingerprintRecord, placeOfTables } from '#agent/state/fingerprint-record.ts';
import { tableDifferences } from '#agent-core/change/listing-diff.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { type ListedTable, parseTableState } from '#agent-core/table/table-listing.ts';
import { stateText, type TableState } from '#agent-core/table/table-state.ts';
import { fingerprintOf, type TableLoader } from './loader.ts';

export interface Inspection {
  readonly kind: 'as-left' | 'touched' | 'unsettled' | 'nothing';
  readonly before: ListedTable;
}

export async function inspectTable(request: {
  readonly loader: Pick<TableLoader, 'listing' | 'nftVersion'>;
  readonly remembered: FingerprintRecord | undefined;
  /** What the kernel's state rule says; undefined where there is none. */
  readonly kernel: TableState | undefined;
}): Promise<Inspection> {
  const { loader, remembered, kernel } = request;
  const text = (await loader.listing()) ?? '';
  if (kernel === undefined) {
    const place = placeOfTables();
    const isMissing = remembered !== undefined && place !== '' && remembered.place === place;
    const epoch = parseTableState(`comment "${remembered?.state}"`)?.epoch ?? 0;
    return { kind: isMissing ? 'touched' : 'nothing', before: { text, epoch } };
  }
  const before = { text, epoch: kernel.epoch };
  if (remembered === undefined || remembered.state !== stateText(kernel) || remembered.listing === '')
    return { kind: 'unsettled', before };
  if (remembered.listing === fingerprintOf(text)) return { kind: 'as-left', before };
  return { kind: remembered.nftVersion === (await loader.nftVersion()) ? 'touched' : 'unsettled', before };
}

/** What a load put right, in words. `after`: what stands since; undefined where another table was loaded than should have stood. */
export function whatWasTouched(request: {
  readonly inspection: Inspection;
  readonly after: ListedTable | undefined;
  readonly marks: MarkLayout;
}): readonly string[] {
  const { after, marks } = request;
  const { kind, before } = request.inspection;
  if (kind === 'as-left' || kind === 'nothing') return [];
  if (before.text === '') return ['table deleted'];
  if (after === undefined) return kind === 'touched' ? ['rules or elements changed'] : [];
  return tableDifferences({ before, after, marks, leftovers: kind === 'touched' ? 'told' : 'left-out' });
}
