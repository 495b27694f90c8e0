// Keeps units under their own rules while policy stands: has new cgroups placed as they are heard of, loads the maps anew where elements
// alone do not do, and has connections judged again that a unit began under its host's rules. Placing waits for no turn; the rest is
// done in turns of the enforcer's.

import type { Logger } from 'pino';
import type { UnitPlacer } from '#agent/units/unit-placer.ts';
import type { PlacingOutcome, UnitWatch } from '#agent/units/unit-watch.ts';
import { takesFromHost } from '#agent-core/change/revocation.ts';
import { changeScript } from '#agent-core/change/transaction.ts';
import type { FoundCgroup } from '#agent-core/change/unit-placement.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { MarkEpochs } from './epochs.ts';
import { type TableLoader, unitNames } from './loader.ts';

export interface TableInForce {
  readonly table: Table;
  readonly epoch: number;
  stateAt(epoch: number): TableState;
}

export interface UnitUpkeep {
  /** From now on this table's units are watched; undefined: none. */
  follow(table: Table | undefined): void;
  /** Loads the maps of units anew, whatever they hold. In a turn. */
  refill(): Promise<PlacingOutcome>;
}

/** A unit that crashes in a loop must not use up the epochs. */
const betweenEpochsMs = 1000;

export function createUnitUpkeep(options: {
  readonly watch: UnitWatch;
  readonly placer: UnitPlacer;
  readonly loader: Pick<TableLoader, 'commit' | 'withUnits'>;
  readonly epochs: Pick<MarkEpochs, 'next'>;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Undefined while nothing of ours is, or should be, in the kernel. */
  readonly current: () => TableInForce | undefined;
  /** The kernel has cgroups that it had not. */
  readonly placed: () => void;
  /** The epoch in force is another one. */
  readonly begun: (epoch: number) => void;
  readonly log: Logger;
}): UnitUpkeep {
  const { watch, placer, loader, epochs, inTurn, current, log } = options;
  let lastEpochAt = Number.NEGATIVE_INFINITY;
  let owedEpoch: Timer | undefined;
  let narrower: { readonly table: Table; readonly byWorkload: Map<string, boolean> } | undefined;

  const place = async (found: readonly FoundCgroup[]): Promise<PlacingOutcome> => {
    if (current() === undefined) return 'unchanged';
    const placing = await placeByElements(found);
    if (placing !== 'load') return placing;
    return inTurn(async () => {
      // A load may have come before.
      const again = await placeByElements(found);
      return again === 'load' ? refill() : again;
    });
  };

  const placeByElements = async (found: readonly FoundCgroup[]): Promise<'placed' | 'unchanged' | 'load'> => {
    const placing = await placer.place(found);
    if (placing.kind === 'placed') {
      options.placed();
      judgeAgainSoon(placing.units);
    }
    return placing.kind;
  };

  const refill = async (): Promise<PlacingOutcome> => {
    const before = current();
    if (before === undefined || before.table.units.length === 0) return 'unchanged';
    const { table } = before;
    const state = before.stateAt(before.epoch);
    return loader.withUnits(table, async ({ inTable, cgroups, inPlace }) => {
      const script = changeScript({ previous: table, next: table, isNewEpoch: false, state, placement: inTable });
      const loaded = await loader.commit(script, state);
      if (!loaded.ok) {
        log.error({ reason: loaded.error }, 'units could not be placed; restarted units are under the host’s rules');
        return 'failed';
      }
      inPlace();
      judgeAgainSoon(new Set(cgroups.map(({ unit }) => unit)));
      return 'placed';
    });
  };

  /**
   * What units with new cgroups began under their host's rules is judged again if their own are narrower: soon after they are in place,
   * which waits neither for a sweep of marks nor for the rules that carry the epoch.
   */
  const judgeAgainSoon = (units: ReadonlySet<string>) => {
    const table = current()?.table;
    if (table === undefined || owedEpoch !== undefined) return;
    if (!table.units.some(({ unit, workload }) => units.has(unit) && isNarrowerThanHost(table, workload))) return;
    const waitMs = Math.max(0, lastEpochAt + betweenEpochsMs - systemClock.elapsedMs());
    owedEpoch = systemClock
      .after(waitMs, () => {
        owedEpoch = undefined;
        void inTurn(judgeAgain);
      })
      .unref();
  };

  const judgeAgain = async (): Promise<void> => {
    const before = current();
    if (before === undefined) return;
    const { table } = before;
    lastEpochAt = systemClock.elapsedMs();
    const epoch = await epochs.next(before.epoch);
    const state = before.stateAt(epoch.ok ? epoch.value : before.epoch);
    const script = changeScript({ previous: table, next: table, isNewEpoch: true, state });
    const loaded = epoch.ok ? await loader.commit(script, state) : epoch;
    if (loaded.ok) options.begun(state.epoch);
    else log.error({ reason: loaded.error }, 'connections of restarted units are not judged again');
  };

  /** Compares every peer, so it is asked once a table. */
  const isNarrowerThanHost = (table: Table, workload: string): boolean => {
    if (narrower?.table !== table) narrower = { table, byWorkload: new Map() };
    const known = narrower.byWorkload.get(workload) ?? takesFromHost(table, workload);
    narrower.byWorkload.set(workload, known);
    return known;
  };

  return {
    follow(table) {
      if (table === undefined) placer.holds(undefined);
      watch.follow(table === undefined ? new Set() : unitNames(table), place);
    },
    refill,
  };
}
