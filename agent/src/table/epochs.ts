// The epochs in the marks of connections: which comes next, and which marks may mislead. An epoch is used again only after marks
// that carry it are cleared; marks of an older life, of another layout or of another numbering are cleared before any is believed.

import type { Logger } from 'pino';
import { defaultMarkMask, firstEpoch, lastEpoch, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { MarkSweep } from '#agent-core/netlink/conntrack-mark-sweep.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { err, ok, type Result } from '#model/result.ts';

/** Half way to the wrap: marks that the sweep before the wrap left as current are of the epoch before, and must go before it is current again. */
const middleEpoch = lastEpoch >> 1;

export interface MarkEpochs {
  /**
   * The epoch after `current`, the one in force, and after all that were given before: what failed to load with one may have loaded all the
   * same, and have stamped. Marks are cleared first where it has been used before.
   */
  next(current: number): Promise<Result<number>>;
  /** Where no table of ours says which epochs were used, marks of an older life could be taken for today's: all go. */
  sweepAll(): Promise<Result<void>>;
  /** Clears these bits of all marks; gives of how many. */
  sweep(bits: number): Promise<Result<number>>;
  /** Clears all of ours in the marks that look like a stamp of a decision up to this number; others' are left. */
  takeBack(lastDecision: number): Promise<Result<number>>;
  /** Whether marks that this layout and numbering would misread may stand. */
  isInDoubt(): boolean;
  /** The bits in which marks may mislead: of the epoch alone where none is in doubt. */
  staleBits(): number;
  doubt(bits: number): void;
  /** No mark misleads any more. */
  believe(): void;
}

export function createMarkEpochs(options: {
  readonly marks: MarkLayout;
  readonly sweepMarks: (sweep: MarkSweep) => Promise<Result<number>>;
  readonly log: Logger;
}): MarkEpochs {
  const { marks, sweepMarks, log } = options;
  /** All of ours until it is known what made the marks that stand. */
  let staleBits = marks.mask;
  /** The last one given, loaded or not. */
  let given: number | undefined;
  const isInDoubt = () => staleBits !== marks.epochMask;
  return {
    isInDoubt,
    staleBits: () => staleBits,
    doubt: (bits) => {
      staleBits = bits;
    },
    believe: () => {
      staleBits = marks.epochMask;
    },
    sweep: (bits) => sweepMarks({ bits, but: 0 }),
    takeBack(lastDecision) {
      const isStamp = (mark: number) => {
        const number = marks.numberOf(mark);
        return marks.epochOf(mark) !== 0 && number !== 0 && number <= lastDecision;
      };
      return sweepMarks({ bits: marks.mask, but: 0, where: isStamp });
    },
    next: async (current) => {
      const last = given !== undefined && isAfter(given, current) ? given : current;
      const next = last < lastEpoch ? last + 1 : firstEpoch;
      // In doubt, marks are swept as a whole with the load; a sweep of some bits would change what the table that stands reads in them.
      if (needsSweep(last) && !isInDoubt()) {
        const swept = await sweepMarks({ bits: marks.epochMask, but: marks.stamp(0, current) });
        if (!swept.ok) return err(`marks of older epochs could not be cleared: ${swept.error}`);
      }
      given = next;
      return ok(next);
    },
    sweepAll: async () => {
      const swept = await sweepMarks({ bits: staleBits, but: 0 });
      if (!swept.ok) return err(`marks of an older life could not be cleared: ${swept.error}`);
      if (swept.value > 0)
        log.info({ connections: swept.value }, 'connections of an earlier table will be judged again');
      return ok(undefined);
    },
  };
}

/** Epochs go round; what is ahead by less than half of the way is later. */
function isAfter(epoch: number, other: number): boolean {
  const ahead = (epoch - other + lastEpoch) % lastEpoch;
  return ahead > 0 && ahead < middleEpoch;
}

/** Whether the epoch after this one may begin only once marks are cleared. */
export function needsSweep(current: number): boolean {
  return current === middleEpoch || current >= lastEpoch;
}

/**
 * What a state says of marks that a layout would misread, as bits to be swept; 0: none. Of a table that withheld its stamps the marks are all
 * others', who keep what is not ours now.
 */
export function misreadBits(
  marks: MarkLayout,
  { markMask = defaultMarkMask, unswept = 0 }: Pick<TableState, 'markMask' | 'unswept'>,
): number {
  if (markMask === marks.mask && unswept === 0) return 0;
  return unswept === markMask ? marks.mask : (markMask | unswept) >>> 0;
}
