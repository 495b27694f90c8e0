// What reading an input may cost: processor time and memory, each a constant and a share by length, so that what grows faster than its
// input is found whatever the machine. Time is measured in references (test/support/thread-time.ts), and only believed when it comes again.

import { getHeapStatistics } from 'node:v8';
import { leastReferencesOf, referenceMs, threadMs } from '#test/support/thread-time.ts';
import { BrokenPromise } from './promises.ts';

/** In references, some 5 to 10 ms each; by KiB of input. */
export interface Cost {
  readonly references: number;
  readonly referencesPerKib: number;
  readonly mebibytes: number;
  readonly mebibytesPerKib: number;
}

/** 1 ms and a microsecond or two a byte; what a few bytes may unfold to is bounded by constants. */
export const usualCost: Cost = { references: 3, referencesPerKib: 0.15, mebibytes: 64, mebibytesPerKib: 1 };

const knownReferenceMs = referenceMs();

/** Runs `work` over `bytes` of input; throws where it took more than `cost` allows, three times over. */
export function judgeCost(work: () => void, bytes: number, cost: Cost): void {
  const limit = cost.references + (cost.referencesPerKib * bytes) / 1024;
  const room = (cost.mebibytes + (cost.mebibytesPerKib * bytes) / 1024) * 2 ** 20;
  const held = heldBytes();
  const began = threadMs();
  work();
  const tookMs = threadMs() - began;
  const more = heldBytes() - held;
  if (more > room) throw new BrokenPromise(`${bytes} bytes took ${Math.round(more / 2 ** 20)} MiB of memory`);
  if (tookMs <= limit * knownReferenceMs) return;
  const references = leastReferencesOf(work, limit);
  if (references > limit) {
    throw new BrokenPromise(`${bytes} bytes cost ${references.toFixed(1)} references; allowed: ${limit.toFixed(1)}`);
  }
}

/** Between two collections only what was allocated counts, which is more than what is held: a bound on the one is one on the other. */
function heldBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
