// Puts scripts of ours into the kernel and reads back what came of them: single transactions, and whole tables over whatever stands
// there. Knows which transactions are its own, so that a stranger's is told from them. Keeps no policy; the enforcer does.

import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { ElementSocket } from '#agent/nft/element-socket.ts';
import type { ListOptions, Nft } from '#agent/nft/nft.ts';
import { removeTable } from '#agent/nft/remove-table.ts';
import type { UnitPlacer } from '#agent/units/unit-placer.ts';
import type { UnitWatch } from '#agent/units/unit-watch.ts';
import { preparationScript, refillsInPlace } from '#agent-core/change/preparation.ts';
import { tableFrame } from '#agent-core/change/render-table.ts';
import { bootstrapScript, changeScript } from '#agent-core/change/transaction.ts';
import {
  type FoundCgroup,
  type Placed,
  placeUnits,
  type UnitCgroup,
  type UnitPlacement,
} from '#agent-core/change/unit-placement.ts';
import { type MarkLayout, maskText } from '#agent-core/marks/mark-layout.ts';
import type { ElementChange } from '#agent-core/table/element-change.ts';
import { type Table, tableName } from '#agent-core/table/table.ts';
import {
  nothingStanding,
  parseStanding,
  parseTableState,
  type Standing,
  steadyListing,
} from '#agent-core/table/table-listing.ts';
import { stateChain, stateText, type TableState } from '#agent-core/table/table-state.ts';
import { err, ok, type Result } from '#model/result.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import type { MarkEpochs } from './epochs.ts';

/** Notices come within milliseconds of their transaction; far fewer are ever on the way. */
const ownTransactionsKept = 256;

/** A transaction of ours that has not been heard of: the words of its state rule. */
interface OwnTransaction {
  readonly state: string;
}

/** Units' cgroups held open, and the rules and elements that put them into the table. */
export interface Placement {
  readonly inTable: readonly UnitPlacement[];
  readonly cgroups: readonly UnitCgroup[];
  /** The kernel took them. */
  inPlace(): void;
}

/** What a load came to: the epoch in force then. */
export interface Loaded {
  readonly epoch: number;
}

/**
 * Protocols by number: nft takes their names from /etc/protocols, which a minimal Debian lacks and netbase brings, and a table would be
 * listed in other words from one start to the next without anyone having touched it.
 */
export const listingFlags = ['-s', '-p'] as const;

export interface TableLoader {
  readState(): Promise<TableState | undefined>;
  stands(): Promise<boolean>;
  remove(): Promise<Result<void>>;
  /** One transaction, read back. */
  commit(script: string, state: TableState): Promise<Result<void>>;
  /** The same for elements alone, without nft. */
  commitElements(changes: readonly ElementChange[], state: TableState): Promise<Result<void>>;
  /** What a table needs to find standing (preparationScript), in a transaction of its own; gives the names of the maps in it. */
  prepare(
    table: Table,
    standingMaps: ReadonlySet<string>,
    state: TableState,
    previous?: Table,
  ): Promise<Result<ReadonlySet<string>>>;
  /** The units as they are now: their cgroups stay open until `load` is done with them, and nobody else places any meanwhile. */
  withUnits<T>(table: Table, load: (placement: Placement) => Promise<T>): Promise<T>;
  /** The whole table over one of ours, or over nothing. */
  load(table: Table, state: TableState): Promise<Result<Loaded>>;
  /** The same where nothing says which epochs were stamped: what was until the load is swept too. */
  loadOnUnsureGround(table: Table, state: TableState): Promise<Result<Loaded>>;
  /** The same over a table of another mask or numbering, whose marks have these bits. */
  loadOverOtherMarks(table: Table, state: TableState, bits: number): Promise<Result<Loaded>>;
  /** What the kernel shows of our table but counters and what the kernel itself put in: equal text, equal rules. */
  listing(options?: ListOptions): Promise<string | undefined>;
  /** Of nft, whose versions list in words of their own. */
  /** With the flags that it lists by: another wording is no other table. */
  nftVersion(): Promise<string>;
  /** Whether a state rule's words are of a transaction made here. Each transaction answers once: a copy of its words is a stranger's. */
  isOwnState(state: string): boolean;
  /** Scripts given to nft so far. */
  transactions(): number;
  /** `ours`: nobody else changed any table while `work` ran. */
  withWhoseHands<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly hands: 'ours' | 'not-ours-alone' }>;
}

export interface TableLoaderOptions {
  readonly nft: Nft;
  readonly marks: MarkLayout;
  readonly epochs: MarkEpochs;
  readonly log: Logger;
  readonly beforeFirstTable?: () => Promise<void>;
  readonly stateRule?: () => Promise<Result<string | undefined>>;
  readonly generation?: () => Promise<Result<number>>;
  readonly hearStrangers?: () => Promise<unknown>;
  /** Absent, peers that come and go are nft's to change too. */
  readonly elements?: ElementSocket;
  /** Absent, units are under their host's rules. */
  readonly units: { readonly watch: UnitWatch; readonly placer: UnitPlacer } | undefined;
}

export function createTableLoader(options: TableLoaderOptions): TableLoader {
  const { nft, marks, epochs, log } = options;
  let unheard: OwnTransaction[] = [];
  let transactions = 0;
  let committed = 0;
  let version: Promise<string> | undefined;

  /** Loads a script that holds these words: its notice is then known as ours. */
  const applyAsOwn = async (script: string, state: string): Promise<Result<void>> => {
    const own: OwnTransaction = { state };
    unheard.push(own);
    if (unheard.length > ownTransactionsKept) unheard.shift();
    transactions += 1;
    const applied = await nft.apply(script);
    const forget = () => {
      unheard = unheard.filter((other) => other !== own);
    };
    if (!applied.ok) forget();
    else {
      committed += 1;
      // Its notices were sent before nft came back. What is not heard of then is lost, and nobody may borrow its words.
      if (options.hearStrangers !== undefined) void options.hearStrangers().then(forget, forget);
    }
    return applied;
  };

  const isOwnState = (state: string): boolean => {
    const heard = unheard.find((own) => own.state === state);
    if (heard === undefined) return false;
    unheard = unheard.filter((own) => own !== heard);
    return true;
  };

  const list = (...flags: readonly string[]) => nft.list([...flags, 'list', 'table', ...tableName.split(' ')]);
  const stands = async () => (await list('-t')).ok;

  const readState = async (): Promise<TableState | undefined> => {
    const rule = await options.stateRule?.();
    if (rule?.ok === true) return rule.value === undefined ? undefined : parseTableState(`comment "${rule.value}"`);
    const listing = await nft.list(['list', 'chain', ...tableName.split(' '), stateChain]);
    return listing.ok ? parseTableState(listing.value) : undefined;
  };

  const prepare: TableLoader['prepare'] = async (table, standingMaps, state, previous) => {
    const script = preparationScript(table, standingMaps, state, previous);
    if (script === undefined) return ok(new Set());
    const applied = await applyAsOwn(script, stateText(state));
    return applied.ok ? ok(new Set(freshMaps(table).filter((name) => !standingMaps.has(name)))) : applied;
  };

  const commit = async (script: string, state: TableState): Promise<Result<void>> => {
    const applied = await applyAsOwn(script, stateText(state));
    return applied.ok ? readBack(state) : applied;
  };

  const commitElements: TableLoader['commitElements'] = async (changes, state) => {
    const applied = options.elements?.apply(changes, stateText(state)) ?? err('there is no socket for elements');
    if (!applied.ok) return applied;
    transactions += 1;
    committed += 1;
    return readBack(state);
  };

  const readBack = async (state: TableState): Promise<Result<void>> => {
    const found = await readState();
    if (found !== undefined && stateText(found) === stateText(state)) return ok(undefined);
    return err(`read back ${found === undefined ? 'no state' : stateText(found)} where ${stateText(state)} was loaded`);
  };

  const withUnits = async <T>(table: Table, load: (placement: Placement) => Promise<T>): Promise<T> => {
    const { units } = options;
    if (units === undefined) return load({ inTable: [], cgroups: [], inPlace: () => undefined });
    return units.placer.during(async () => {
      const { cgroups, levels, close } = units.watch.open(unitNames(table));
      try {
        return await load({
          cgroups,
          inTable: placeUnits(table.units, cgroups, table.chains, levels),
          inPlace: () => units.placer.holds(placedBy(table, cgroups, levels)),
        });
      } finally {
        close();
      }
    });
  };

  const bootstrap = async (table: Table, state: TableState): Promise<Result<Loaded>> => {
    const listing = await list('-t');
    if (!listing.ok) await options.beforeFirstTable?.();
    const standing = listing.ok ? parseStanding(listing.value) : nothingStanding;
    const over = await bootstrapOver({ table, state, standing });
    if (over.ok || standing.chains.size === 0) return over;
    // An older agent's chain or map of the same name may be of another kind, which no change in place makes ours.
    log.warn(
      { reason: over.error },
      'the present table cannot be changed into the new one; replacing it in one transaction',
    );
    const first = `delete table ${tableName}\n`;
    const replaced = await bootstrapOver({ table, state, standing: nothingStanding, first });
    return replaced.ok ? replaced : over;
  };

  /** `first`: comes before the rest of the same transaction. */
  const bootstrapOver = async (given: {
    readonly table: Table;
    readonly state: TableState;
    readonly standing: Standing;
    readonly first?: string;
  }): Promise<Result<Loaded>> => {
    const { table, state, standing, first = '' } = given;
    return withUnits(table, async ({ inTable, inPlace }) => {
      // Where nothing stands, protection comes first: one transaction, and another epoch for what was judged before its ranges showed.
      const isStanding = standing.chains.size > 0;
      const prepared = isStanding ? await prepare(table, standing.maps, state) : ok(new Set<string>());
      if (!prepared.ok) return prepared;
      const loaded = await commit(first + bootstrapScript(table, state, standing, inTable, prepared.value), state);
      if (!loaded.ok) return loaded;
      inPlace();
      const showsLate = isStanding ? refillsInPlace(table, standing) : freshMaps(table).length > 0;
      if (!showsLate) return ok({ epoch: state.epoch });
      // What was judged by old content meanwhile carries this epoch.
      const epoch = await epochs.next(state.epoch);
      if (!epoch.ok) return epoch;
      const again = { ...state, epoch: epoch.value };
      const script = changeScript({ previous: table, next: table, isNewEpoch: true, state: again, placement: inTable });
      const judgedAgain = await commit(script, again);
      return judgedAgain.ok ? ok({ epoch: epoch.value }) : judgedAgain;
    });
  };

  /**
   * While its stamps stand no mark is believed and every packet judged, so nothing passes by a stamp misread; once they are swept
   * the rules that believe marks come in. Ended in between, the next start begins here again.
   */
  const loadOverOtherMarks: TableLoader['loadOverOtherMarks'] = async (table, state, before) => {
    const bits = (before | epochs.staleBits() | marks.mask) >>> 0;
    epochs.doubt(bits);
    const doubting = await bootstrap(table, { ...state, unswept: bits });
    if (!doubting.ok) return doubting;
    const swept = await epochs.sweep(bits);
    if (!swept.ok) return err(`marks of another layout could not be cleared: ${swept.error}`);
    const epoch = await epochs.next(doubting.value.epoch);
    if (!epoch.ok) return epoch;
    const believing = { ...state, epoch: epoch.value };
    const loaded = await withUnits(table, async ({ inTable, inPlace }): Promise<Result<Loaded>> => {
      const request = { previous: table, next: table, isNewEpoch: true, state: believing, placement: inTable };
      const changed = await commit(changeScript({ ...request, swept: 'just-now' }), believing);
      if (!changed.ok) return changed;
      inPlace();
      return ok({ epoch: epoch.value });
    });
    if (!loaded.ok) return loaded;
    epochs.believe();
    const connections = swept.value;
    log.info({ markMask: maskText(marks.mask), connections }, 'marks cleared; every connection is judged again');
    return loaded;
  };

  /** What our stamps say in marks that are others' too, nobody but others reads from now on: they go. Others' values stay. */
  const loadWithheld = async (table: Table, state: TableState): Promise<Result<Loaded>> => {
    const hasStamped = !epochs.isInDoubt();
    epochs.doubt((epochs.staleBits() | marks.mask) >>> 0);
    const loaded = await bootstrap(table, { ...state, unswept: marks.mask });
    if (!loaded.ok || !hasStamped) return loaded;
    const taken = await epochs.takeBack(table.numbering.nextDecision - 1);
    if (!taken.ok)
      log.error({ reason: taken.error }, 'our bits could not be cleared in connection marks that other programs use');
    else log.info({ connections: taken.value }, 'our bits are cleared in connection marks that other programs use');
    return loaded;
  };

  return {
    readState,
    stands,
    commit,
    commitElements,
    prepare,
    withUnits,
    loadOverOtherMarks: (table, state, bits) =>
      table.stamps === 'withheld' ? loadWithheld(table, state) : loadOverOtherMarks(table, state, bits),
    isOwnState,
    transactions: () => transactions,
    withWhoseHands: async (work) => {
      const ownTransactions = () => committed + (options.units?.placer.transactions() ?? 0);
      const [before, own] = [await options.generation?.(), ownTransactions()];
      const value = await work();
      const after = await options.generation?.();
      const isOurs =
        before?.ok === true && after?.ok === true && after.value - before.value === ownTransactions() - own;
      return { value, hands: isOurs ? 'ours' : 'not-ours-alone' };
    },
    remove: () => removeTable(nft),
    load(table, state) {
      if (table.stamps === 'withheld') return loadWithheld(table, state);
      return epochs.isInDoubt() ? loadOverOtherMarks(table, state, epochs.staleBits()) : bootstrap(table, state);
    },
    loadOnUnsureGround: async (table, state) => {
      if (table.stamps === 'withheld') return loadWithheld(table, state);
      const before = await epochs.sweepAll();
      if (!before.ok) return before;
      const stood = await stands();
      const loaded = await bootstrap(table, state);
      if (!loaded.ok) return loaded;
      const after = stood ? await epochs.sweepAll() : ok(undefined);
      if (!after.ok) return after;
      epochs.believe();
      return loaded;
    },
    listing: async (listOptions) => {
      const listing = await nft.list([...listingFlags, 'list', 'table', ...tableName.split(' ')], listOptions);
      if (!listing.ok) return undefined;
      return steadyListing(listing.value);
    },
    nftVersion: () => {
      version ??= nft
        .list(['--version'])
        .then((told) => (told.ok ? `${told.value.trim()} ${listingFlags.join(' ')}` : ''));
      return version;
    },
  };
}

export function unitNames(table: Table): ReadonlySet<string> {
  return new Set(table.units.map(({ unit }) => unit));
}

function placedBy(table: Table, cgroups: readonly FoundCgroup[], levels: readonly number[]): Placed {
  return {
    units: table.units,
    levels: new Set([...levels, ...cgroups.map(({ level }) => level)]),
    cgroups: new Map(cgroups.map((cgroup) => [cgroup.at, cgroup])),
  };
}

/** SHA-256, hex, of what makes the table what it is. */
export function digestOf(table: Table): string {
  return sha256(`${tableFrame(table)}\n${ruleSetDigest(table.source.ruleSet)}`);
}

/** SHA-256, hex, of what the kernel shows of it. */
export function fingerprintOf(listing: string): string {
  return sha256(listing);
}

function freshMaps(table: Table): readonly string[] {
  return [...table.maps].filter(([, { update }]) => update === 'fresh').map(([name]) => name);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
