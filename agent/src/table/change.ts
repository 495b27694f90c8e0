// Makes the table what a rule set says: by elements where only peers came or went, else in one transaction that changes what differs, else
// by loading the whole table. Whatever fails is a refusal, and leaves what was in force.

import type { Logger } from 'pino';
import type { Nft } from '#agent/nft/nft.ts';
import { explainRefusal } from '#agent/nft/nft-refusal.ts';
import { elementChanges } from '#agent-core/change/element-changes.ts';
import { noRoomText } from '#agent-core/change/render-table.ts';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { bootstrapScript, changeScript, removalScript } from '#agent-core/change/transaction.ts';
import { isSamePlacement } from '#agent-core/change/unit-placement.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { firstEpoch, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { type OwnWay, refusalOfWay } from '#agent-core/table/own-way.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { ok, type Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { unknownZoneIn } from '#model/rules-at.ts';
import type { ApplyOutcome } from './apply-outcome.ts';
import { type MarkEpochs, misreadBits } from './epochs.ts';
import type { Held, InForce, Saving } from './in-force.ts';
import { digestOf, type Loaded, type TableLoader } from './loader.ts';
import type { TableMaking } from './make.ts';

export interface TableChangeOptions {
  readonly held: Held;
  readonly loader: TableLoader;
  readonly making: TableMaking;
  readonly epochs: MarkEpochs;
  readonly marks: MarkLayout;
  readonly nft: Pick<Nft, 'check'>;
  /** Whether peers may be changed without nft. */
  readonly elements: 'by-socket' | 'by-nft';
  readonly beforeFirstTable: (() => Promise<void>) | undefined;
  /** What no table may deny this agent. Absent: nothing. */
  readonly way: (() => OwnWay) | undefined;
  readonly log: Logger;
}

/** In a turn. */
export type TableChange = (ruleSet: HostRuleSet, given?: HowToChange) => Promise<ApplyOutcome>;

export interface HowToChange {
  readonly saving?: Saving;
  /** Awaited just before a load that takes something away. */
  readonly beforeNarrowing?: (() => Promise<void>) | undefined;
}

export function createTableChange(options: TableChangeOptions): TableChange {
  const { held, loader, making, epochs, marks, nft, log } = options;

  const change: TableChange = async (ruleSet, { saving = 'now', beforeNarrowing } = {}) => {
    const { revision } = ruleSet;
    const refused = (reason: string): ApplyOutcome => ({ kind: 'refused', revision, reason });
    const before = held.current();
    const zone = unknownZoneIn(ruleSet);
    if (zone !== undefined)
      return refused(`the time zone database of this host does not know "${zone}"; update the agent`);
    // As the essential entries are read now: an address that is found while the table is made is in the next one.
    const way = options.way?.();
    const make = making.of(ruleSet, before?.table);
    const numbered = await make(before?.table.numbering ?? emptyNumbering);
    const table = numbered ?? (await make(emptyNumbering));
    if (table === undefined) return refused(noRoomText(marks));
    const lockOut = way && refusalOfWay({ previous: before?.ruleSet, next: ruleSet, table, way });
    if (lockOut !== undefined) return refused(lockOut);
    const isNewTable =
      before === undefined ||
      numbered === undefined ||
      before.table.stamps !== table.stamps ||
      revokesAnything(before.table, table) ||
      !isSamePlacement(before.table, table);
    const digest = digestOf(table);
    if (held.isOpened()) {
      // Kept as it would be loaded, so that what nft would refuse is refused now.
      if (numbered === undefined) epochs.doubt(marks.mask);
      const state = held.stateOf({ revision, epoch: before?.epoch ?? firstEpoch, digest }, table);
      // The check wakes conntrack for a moment, which would take whoever speaks just then for the client of a connection it never saw begin.
      await options.beforeFirstTable?.();
      const checked = await nft.check(bootstrapScript(table, state, nothingStanding));
      if (!checked.ok) return refused(`nft refuses the rule set: ${explainRefusal(checked.error)}`);
      await held.keep({ ruleSet, table, digest, epoch: before?.epoch ?? 0 });
      return { kind: 'applied', revision };
    }
    const standing = before === undefined ? await loader.readState() : undefined;
    const current = before?.epoch ?? standing?.epoch ?? 0;
    const isInForce = before?.digest === digest && before.ruleSet.revision === revision;
    if (isInForce && !isNewTable) {
      making.judgedAgain(before.table, table);
      await held.keep({ ...before, ruleSet });
      return { kind: 'applied', revision };
    }
    if (isNewTable) await beforeNarrowing?.();
    const epoch = isNewTable ? await epochs.next(current) : ok(current);
    if (!epoch.ok) return refused(epoch.error);
    const state = held.stateOf({ revision, epoch: epoch.value, digest }, table);
    let loaded: Result<Loaded>;
    if (before === undefined) {
      // Of a table that stands nothing but its state is known, least of all what its numbers mean.
      loaded = await (standing === undefined
        ? loader.loadOnUnsureGround(table, state)
        : loader.loadOverOtherMarks(table, state, misreadBits(marks, standing)));
    } else if (numbered === undefined || !isSureOfMarks(before.table, table)) {
      loaded = await loader.loadOverOtherMarks(table, state, marks.mask);
    } else {
      loaded = await changeOrLoad(before, table, { state, isNewEpoch: isNewTable });
    }
    if (!loaded.ok) return refused(`nft refused the rule set: ${explainRefusal(loaded.error)}`);
    await held.keep({ ruleSet, table, digest, ...loaded.value }, saving);
    return { kind: 'applied', revision };
  };

  /** Whether the change may keep the marks as they are: none is in doubt, or nothing reads them before and after. */
  const isSureOfMarks = (before: Table, next: Table): boolean =>
    next.stamps === 'withheld' ? before.stamps === 'withheld' : !epochs.isInDoubt();

  const changeOrLoad = async (before: InForce, table: Table, given: Change): Promise<Result<Loaded>> => {
    const { state } = given;
    const { revision } = state;
    const changed = await changeInPlace(before, table, given);
    if (!changed.ok) {
      log.warn({ revision, reason: changed.error }, 'the change failed to load; loading the whole table');
      // What was refused, or could not be read back, may stand for all we know.
      const epoch = await epochs.next(state.epoch);
      return epoch.ok ? loader.load(table, { ...state, epoch: epoch.value }) : epoch;
    }
    const removal = removalScript(before.table, table, state);
    const removed = removal === undefined ? ok(undefined) : await loader.commit(removal, state);
    // They are looked in by nothing; the next load of the whole table removes them.
    if (!removed.ok) log.warn({ revision, reason: removed.error }, 'unused maps could not be removed');
    return ok({ epoch: state.epoch });
  };

  /** Where units are what they were, their places are not touched: new cgroups are placed meanwhile. */
  const changeInPlace = async (before: InForce, next: Table, { state, isNewEpoch }: Change): Promise<Result<void>> => {
    const previous = before.table;
    const elements = elementChanges(previous, next);
    if (elements !== undefined && options.elements === 'by-socket') {
      // Who begins a connection meets the new peers at once, and what is open is judged again as soon as nft has begun the epoch.
      const changed = await loader.commitElements(elements, { ...state, epoch: before.epoch });
      if (!changed.ok)
        log.warn(
          { revision: state.revision, reason: changed.error },
          'changing peers by elements failed; changing them through nft',
        );
      else if (!isNewEpoch) return changed;
      else return loader.commit(changeScript({ previous: next, next, isNewEpoch, state }), state);
    }
    const prepared = await loader.prepare(next, new Set(previous.maps.keys()), state, previous);
    if (!prepared.ok) return prepared;
    const request = { previous, next, isNewEpoch, state, prepared: prepared.value, goneMaps: 'kept' } as const;
    if (isSamePlacement(previous, next)) return loader.commit(changeScript(request), state);
    return loader.withUnits(next, async ({ inTable, inPlace }) => {
      const changed = await loader.commit(changeScript({ ...request, placement: inTable }), state);
      if (changed.ok) inPlace();
      return changed;
    });
  };

  return change;
}

interface Change {
  readonly state: TableState;
  readonly isNewEpoch: boolean;
}
