// What a table of ours says of itself: which policy it is of, and under which epoch. It stands in the comment of one rule, so that it
// changes in the same transaction as the rest.

import { defaultMarkMask, type MarkLayout, maskText } from '#agent-core/marks/mark-layout.ts';
import type { Table } from './table.ts';

/** What a fresh agent reads back from the kernel: which policy is loaded, and under which epoch. */
export interface TableState {
  readonly revision: number;
  readonly epoch: number;
  /** SHA-256 of the desired table, hex. */
  readonly digest: string;
  /** The bits of the connection mark that the table takes for its own; absent: the default mask's. */
  readonly markMask?: number;
  /** Bits in which stamps of another layout or numbering may stand, or others' values: until they are swept no mark is believed. */
  readonly unswept?: number;
}

/** The rule whose comment carries the state: the kernel keeps it, and it changes in the same transaction as the rest. */
export const stateChain = 'state';
/** Where a preparation leaves the state it is for, so that it too is known as ours. */
export const preparationChain = 'preparation';

export function stateLine(state: TableState): string {
  return `counter comment "${stateText(state)}"`;
}

/** "revision=7 epoch=3 digest=…", and no more where the mask is the default one and no mark in doubt: so older agents wrote it. */
export function stateText({ revision, epoch, digest, markMask, unswept }: TableState): string {
  const marks = markMask === undefined || markMask === defaultMarkMask ? '' : ` marks=${maskText(markMask)}`;
  const doubt = unswept === undefined ? '' : ` unswept=${maskText(unswept)}`;
  return `revision=${revision} epoch=${epoch} digest=${digest}${marks}${doubt}`;
}

/** Of a table's state, what says which mask it was made with. */
export function statedMask({ mask }: MarkLayout): Pick<TableState, 'markMask'> {
  return mask === defaultMarkMask ? {} : { markMask: mask };
}

/** The same, and that a table which withholds stamps leaves marks as they are: whoever stamps after it must sweep them first. */
export function statedMarks({
  marks,
  stamps,
}: Pick<Table, 'marks' | 'stamps'>): Pick<TableState, 'markMask' | 'unswept'> {
  return { ...statedMask(marks), ...(stamps === 'withheld' && { unswept: marks.mask }) };
}
