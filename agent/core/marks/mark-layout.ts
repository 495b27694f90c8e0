// Which bits of the conntrack mark are ours, and what stands in them: 12 bits of epoch in the lowest, the number of a decision in
// the rest. They need not lie side by side. This file alone knows where a bit is; everybody else asks a layout.

import { err, ok, type Result } from '#model/result.ts';

export interface MarkLayout {
  /** All bits that others must leave alone. */
  readonly mask: number;
  readonly epochMask: number;
  readonly decisionMask: number;
  /** The greatest number a decision can have; 0 is "never judged". */
  readonly decisionsMost: number;
  /** Our bits of the mark of a connection that this decision let in; epoch 0: that it denied. */
  stamp(number: number, epoch: number): number;
  numberOf(mark: number): number;
  epochOf(mark: number): number;
}

/** The upper 4 bits are left to others. */
export const defaultMarkMask = 0x0fff_ffff;
export const markBitsLeast = 16;
const epochBits = 12;

export const firstEpoch = 1;
export const lastEpoch = (1 << epochBits) - 1;

/** The error says what a mask must be. */
export function markLayoutOf(mask: number): Result<MarkLayout> {
  const bits = bitsOf(mask);
  if (!Number.isInteger(mask) || mask < 0 || mask > 0xffff_ffff || bits.length < markBitsLeast)
    return err(`a mask of 32 bits, at least ${markBitsLeast} of them set, such as 0x0fffffff`);
  const epochs = field(bits.slice(0, epochBits));
  const numbers = field(bits.slice(epochBits));
  return ok({
    mask,
    epochMask: epochs.mask,
    decisionMask: numbers.mask,
    decisionsMost: 2 ** (bits.length - epochBits) - 1,
    stamp: (number, epoch) => (numbers.deposit(number) | epochs.deposit(epoch)) >>> 0,
    numberOf: numbers.extract,
    epochOf: epochs.extract,
  });
}

export const defaultMarks: MarkLayout = defaultLayout();

/** "0x0fffffff" */
export function maskText(mask: number): string {
  return `0x${mask.toString(16).padStart(8, '0')}`;
}

export function complement(mask: number): number {
  return ~mask >>> 0;
}

interface Field {
  readonly mask: number;
  deposit(value: number): number;
  extract(mark: number): number;
}

/** `bits`: positions, lowest first. */
function field(bits: readonly number[]): Field {
  const mask = bits.reduce((sum, bit) => sum + 2 ** bit, 0);
  const [shift = 0] = bits;
  if (bits.every((bit, index) => bit === shift + index)) {
    return {
      mask,
      deposit: (value) => ((value << shift) & mask) >>> 0,
      extract: (mark) => (mark & mask) >>> shift,
    };
  }
  return {
    mask,
    deposit: (value) => bits.reduce((sum, bit, index) => sum + ((value >>> index) & 1) * 2 ** bit, 0),
    extract: (mark) => bits.reduce((sum, bit, index) => sum + ((mark >>> bit) & 1) * 2 ** index, 0),
  };
}

function bitsOf(mask: number): readonly number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1);
}

function defaultLayout(): MarkLayout {
  const layout = markLayoutOf(defaultMarkMask);
  if (!layout.ok) throw new Error(layout.error);
  return layout.value;
}
