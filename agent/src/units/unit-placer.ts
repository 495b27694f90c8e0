// Knows which cgroups of units the kernel's maps hold, and adds those that come: at once, whatever policy waits or is being loaded.
// Only while a load changes the units themselves it waits, for elements name chains that such a load may take away or give to others.

import type { Logger } from 'pino';
import type { ElementSocket } from '#agent/nft/element-socket.ts';
import { type FoundCgroup, type Placed, placementStep } from '#agent-core/change/unit-placement.ts';

/** `load`: the table has to be loaded for it, or the kernel refused. `placed`: these units have new cgroups in place. */
export type Placing =
  | { readonly kind: 'unchanged' | 'load' }
  | { readonly kind: 'placed'; readonly units: ReadonlySet<string> };

export interface UnitPlacer {
  place(found: readonly FoundCgroup[]): Promise<Placing>;
  /** While `work` runs, nothing is placed. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** What the kernel holds since a load; undefined: it is not known. */
  holds(placed: Placed | undefined): void;
  /** Transactions so far. */
  transactions(): number;
}

export function createUnitPlacer(options: {
  readonly log: Logger;
  /** Absent, every placing is a load. */
  readonly elements: ElementSocket | undefined;
}): UnitPlacer {
  const { log, elements } = options;
  let placed: Placed | undefined;
  let loads = 0;
  const waiting: (() => void)[] = [];
  let transactions = 0;

  const free = async (): Promise<void> => {
    while (loads > 0) await new Promise<void>((resolve) => waiting.push(resolve));
  };

  return {
    async place(found) {
      if (loads > 0) await free();
      if (placed === undefined) return { kind: 'load' };
      const step = placementStep(placed, found);
      if (step.kind === 'nothing') return { kind: 'unchanged' };
      if (step.kind === 'load' || elements === undefined) return { kind: 'load' };
      const applied = elements.apply(step.changes);
      if (!applied.ok) {
        log.warn({ reason: applied.error }, 'placing units by elements failed; reloading their maps');
        placed = undefined;
        return { kind: 'load' };
      }
      transactions += 1;
      placed = step.placed;
      return { kind: 'placed', units: step.appeared };
    },
    async during(work) {
      loads += 1;
      try {
        return await work();
      } finally {
        loads -= 1;
        if (loads === 0) for (const wake of waiting.splice(0)) wake();
      }
    },
    holds(next) {
      placed = next;
    },
    transactions: () => transactions,
  };
}
