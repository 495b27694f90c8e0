// Owns the kernel table: makes it what the newest rule set says, one transaction a change, reads the result back, and keeps the
// last good record on disk. Whatever fails leaves what was in force. One thing happens at a time; callers need not wait in turn.
//
//   rule set ─► table (agent/core) ─► diff with the table in force ─► nft ─► read back ─► disk ─► outcome
//                      a stranger's change, heard by table-watch ─► repair ┤
//                      a unit's new cgroup, seen by unit-watch ───► refill ┘

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { buildTable } from '#agent-core/build-table.ts';
import { type Decision, parseDecisionKey } from '#agent-core/decision.ts';
import { emptyNumbering, type Numbering } from '#agent-core/numbering.ts';
import { tableText } from '#agent-core/render.ts';
import { revokesAnything, takesFromHost } from '#agent-core/revocation.ts';
import { firstEpoch, lastEpoch, type Table, tableName } from '#agent-core/table.ts';
import {
  bootstrapScript,
  changeScript,
  nothingStanding,
  parseStanding,
  parseTableState,
  preparationScript,
  refillsInPlace,
  type TableState,
} from '#agent-core/transaction.ts';
import { placementLines, type UnitCgroup, withoutPlacement } from '#agent-core/unit-placement.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { decodeLastGood, encodeLastGood } from './last-good-record.ts';
import type { Nft } from './nft.ts';
import type { ApplyOutcome, Enforcer } from './ports.ts';
import type { StateDirectory } from './state-directory.ts';
import type { ForeignChange } from './table-watch.ts';
import type { RefillOutcome, UnitWatch } from './unit-watch.ts';
import { writeWhole } from './whole-file.ts';

/**
 * How a start found the host. `open`: never had a policy. `adopted`: the kernel held what the disk says, untouched. `loaded`:
 * the disk's revision was put into the kernel. `unknown-table`: the kernel holds a table this state directory knows nothing
 * of; it is left alone until a policy arrives.
 */
export type StartOutcome =
  | { readonly kind: 'open' }
  | { readonly kind: 'adopted' | 'loaded'; readonly revision: number; readonly problem?: string }
  | { readonly kind: 'unknown-table'; readonly revision: number | undefined }
  | { readonly kind: 'failed'; readonly problem: string };

export interface EnforcerOptions {
  readonly nft: Nft;
  readonly stateDirectory: StateDirectory;
  /** Read at every change: the control plane's addresses may move. */
  readonly essentials: () => readonly EssentialEntry[];
  readonly log: Logger;
  /** Takes old epochs out of all marks before the epoch begins again at 1. */
  readonly sweepMarks: (currentEpoch: number) => Promise<Result<number>>;
  /** Just before a table goes where none of ours stands: conntrack may be asleep, and knows nothing of what is open. */
  readonly beforeFirstTable?: () => Promise<void>;
  /** Absent, units are under their host's rules. */
  readonly units?: UnitWatch;
}

export interface TableEnforcer extends Enforcer {
  start(): Promise<StartOutcome>;
  /** Whoever let a connection in or denied it, by the number in its mark. Also for rules that are gone. */
  decisionOf(number: number): Decision | undefined;
  /** The rule set in force loaded again under settings that changed (essential entries). */
  refresh(): Promise<ApplyOutcome | undefined>;
  /** Takes our table away and forgets the last good revision: the host is open. */
  open(): Promise<Result<void>>;
  /** Puts our table back after a stranger's change; true if it is as it should be afterwards. */
  repair(change: ForeignChange | 'overrun'): Promise<boolean>;
  /** Whether a state rule's words are of a transaction made here. */
  isOwnState(state: string): boolean;
  /** `settled`: what the kernel shows of the table is on disk, so that the next start can tell whether anyone touched it. */
  counts(): { readonly repairs: number; readonly epoch: number; readonly settled: 'yes' | 'no' };
}

/** Notices come within milliseconds of their transaction; far fewer are ever on the way. */
const ownStatesKept = 256;

/** A unit that crashes in a loop must not use up the epochs. */
const betweenUnitEpochsMs = 1000;

/** Quiet time before the table is listed for the fingerprint. */
const settleMs = 300;

interface InForce {
  readonly ruleSet: HostRuleSet;
  readonly table: Table;
  readonly epoch: number;
  readonly digest: string;
  /** Ids of the cgroups that the kernel judges by their units' rules. */
  readonly placed: ReadonlySet<string>;
}

/** Units' cgroups held open, and the lines that put them into the table. */
interface Placement {
  readonly lines: readonly string[];
  readonly cgroups: readonly UnitCgroup[];
}

/** What a load came to. */
interface Loaded {
  readonly epoch: number;
  readonly placed: ReadonlySet<string>;
}

export function createEnforcer(options: EnforcerOptions): TableEnforcer {
  const { nft, stateDirectory, log } = options;
  const fingerprintPath = join(stateDirectory.path, 'last-good', 'fingerprint');
  let inForce: InForce | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let repairs = 0;
  let settling: NodeJS.Timeout | undefined;
  const ownStates = new Set<string>();
  let lastUnitEpochAt = Number.NEGATIVE_INFINITY;
  let owedEpoch: NodeJS.Timeout | undefined;
  let names: { readonly numbering: Numbering; readonly byNumber: ReadonlyMap<number, string> } | undefined;

  const rememberOwn = (state: string) => {
    ownStates.add(state);
    const [oldest] = ownStates;
    if (ownStates.size > ownStatesKept && oldest !== undefined) ownStates.delete(oldest);
  };

  /** One at a time, in the order asked. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const nextEpoch = async (current: number): Promise<Result<number>> => {
    if (current < lastEpoch) return ok(current + 1);
    const swept = await options.sweepMarks(current);
    return swept.ok ? ok(firstEpoch) : err(`marks of older epochs could not be cleared: ${swept.error}`);
  };

  /** The interval maps a table needs and does not find standing, in a transaction of their own; gives their names. */
  const prepare = async (
    table: Table,
    standingMaps: ReadonlySet<string>,
    state: TableState,
  ): Promise<Result<ReadonlySet<string>>> => {
    const script = preparationScript(table, standingMaps, state);
    if (script === undefined) return ok(new Set());
    rememberOwn(stateText(state));
    const applied = await nft.apply(script);
    return applied.ok ? ok(new Set(freshMaps(table).filter((name) => !standingMaps.has(name)))) : applied;
  };

  const commit = async (script: string, state: TableState): Promise<Result<void>> => {
    rememberOwn(stateText(state));
    const applied = await nft.apply(script);
    if (!applied.ok) return applied;
    const readBack = await readState();
    if (readBack === undefined || stateText(readBack) !== stateText(state)) {
      const found = readBack === undefined ? 'no state' : stateText(readBack);
      return err(`read back ${found} where ${stateText(state)} was loaded`);
    }
    return ok(undefined);
  };

  const readState = async (): Promise<TableState | undefined> => {
    const listing = await nft.list(['list', 'chain', ...tableName.split(' '), 'state']);
    return listing.ok ? parseTableState(listing.value) : undefined;
  };

  /** The units as they are now: their cgroups stay open until `load` is done with them. */
  const withUnits = async <T>(table: Table, load: (placement: Placement) => Promise<T>): Promise<T> => {
    const open = options.units?.open(unitNames(table));
    try {
      const cgroups = open?.cgroups ?? [];
      return await load({ cgroups, lines: placementLines(table.units, cgroups) });
    } finally {
      open?.close();
    }
  };

  /** Gives the epoch in force then, and the cgroups that are in place. */
  const bootstrap = async (table: Table, state: TableState): Promise<Result<Loaded>> => {
    const listing = await nft.list(['-t', 'list', 'table', ...tableName.split(' ')]);
    if (!listing.ok) await options.beforeFirstTable?.();
    const standing = listing.ok ? parseStanding(listing.value) : nothingStanding;
    return withUnits(table, async ({ lines, cgroups }) => {
      // Where nothing stands, protection comes first: one transaction, and another epoch for what was judged before its ranges showed.
      const stands = standing.chains.size > 0;
      const prepared = stands ? await prepare(table, standing.maps, state) : ok(new Set<string>());
      if (!prepared.ok) return prepared;
      const loaded = await commit(bootstrapScript(table, state, standing, lines, prepared.value), state);
      if (!loaded.ok) return loaded;
      const showsLate = stands ? refillsInPlace(table, standing) : freshMaps(table).length > 0;
      if (!showsLate) return ok({ epoch: state.epoch, placed: idsOf(cgroups) });
      // What was judged by old content meanwhile carries this epoch.
      const epoch = await nextEpoch(state.epoch);
      if (!epoch.ok) return epoch;
      const again = { ...state, epoch: epoch.value };
      const script = changeScript({ previous: table, next: table, isNewEpoch: true, state: again, placement: lines });
      const judgedAgain = await commit(script, again);
      return judgedAgain.ok ? ok({ epoch: epoch.value, placed: idsOf(cgroups) }) : judgedAgain;
    });
  };

  /** What the kernel shows of our table but counters and what the kernel itself put in: equal text, equal rules. */
  const fingerprint = async (): Promise<string | undefined> => {
    const listing = await nft.list(['-s', 'list', 'table', ...tableName.split(' ')]);
    if (!listing.ok) return undefined;
    return sha256(
      withoutPlacement(listing.value).replaceAll(/(\tset den_\S+ \{[^}]*?)\n\t\telements = \{[^}]*\}/g, '$1'),
    );
  };

  /** Listing a large table takes longer than changing it, so it waits for a quiet moment; a start that finds it old reloads. */
  const keepFingerprintSoon = () => {
    if (settling !== undefined) clearTimeout(settling);
    settling = setTimeout(() => {
      void inTurn(async () => {
        const text = await fingerprint();
        if (text !== undefined) await writeWhole(fingerprintPath, Buffer.from(text));
        settling = undefined;
      });
    }, settleMs).unref();
  };

  const keep = async (next: InForce): Promise<void> => {
    inForce = next;
    names = undefined;
    const { ruleSet, epoch, table } = next;
    await stateDirectory.writeLastGood(
      encodeLastGood({ ruleSet, epoch, numbering: table.numbering, essentials: options.essentials() }),
    );
    keepFingerprintSoon();
    followUnits(table);
  };

  const followUnits = (table: Table | undefined) => {
    const units = table === undefined ? new Set<string>() : unitNames(table);
    options.units?.follow(units, () => inTurn(() => refill('new-cgroups')));
  };

  /** Where a unit's new cgroup was under the host's rules, and its own are narrower, what it began then must be judged again. */
  const appearedNarrower = (table: Table, cgroups: readonly UnitCgroup[], placed: ReadonlySet<string>) => {
    const units = new Set(cgroups.filter(({ id }) => !placed.has(id)).map(({ unit }) => unit));
    return table.units.some(({ unit, workload }) => units.has(unit) && takesFromHost(table, workload));
  };

  /** Places units' cgroups that are new. `all`: which ones the kernel knows is not known. `owed-epoch`: judges again what was put off. */
  const refill = async (what: 'new-cgroups' | 'all' | 'owed-epoch'): Promise<RefillOutcome> => {
    if (options.units === undefined || inForce === undefined || inForce.table.units.length === 0) return 'unchanged';
    const before = inForce;
    const { table } = before;
    const placed = what === 'all' ? new Set<string>() : before.placed;
    return withUnits(table, async ({ lines, cgroups }): Promise<RefillOutcome> => {
      if (what === 'new-cgroups' && cgroups.every(({ id }) => placed.has(id))) return 'unchanged';
      const isNarrower = what === 'owed-epoch' || appearedNarrower(table, cgroups, placed);
      const waitMs = lastUnitEpochAt + betweenUnitEpochsMs - performance.now();
      if (isNarrower && waitMs > 0) {
        if (owedEpoch === undefined) {
          owedEpoch = setTimeout(() => {
            owedEpoch = undefined;
            void inTurn(() => refill('owed-epoch'));
          }, waitMs).unref();
        }
      }
      const next = isNarrower && waitMs <= 0 ? await nextEpoch(before.epoch) : ok(before.epoch);
      if (!next.ok) log.error({ reason: next.error }, 'connections of restarted units are not judged again');
      const epoch = next.ok ? next.value : before.epoch;
      const isNewEpoch = epoch !== before.epoch;
      const state = { revision: before.ruleSet.revision, epoch, digest: before.digest };
      const loaded = await commit(
        changeScript({ previous: table, next: table, isNewEpoch, state, placement: lines }),
        state,
      );
      if (!loaded.ok) {
        log.error({ reason: loaded.error }, 'units could not be placed; restarted ones are under their host’s rules');
        return 'failed';
      }
      inForce = { ...before, epoch, placed: idsOf(cgroups) };
      if (isNewEpoch) {
        lastUnitEpochAt = performance.now();
        keepFingerprintSoon();
      }
      return 'filled';
    });
  };

  const change = async (ruleSet: HostRuleSet): Promise<ApplyOutcome> => {
    const { revision } = ruleSet;
    const refused = (reason: string): ApplyOutcome => ({ kind: 'refused', revision, reason });
    const before = inForce;
    const numbering = before?.table.numbering ?? emptyNumbering;
    const request = {
      ruleSet,
      essentials: options.essentials(),
      ...(before === undefined ? {} : { previous: before.table }),
    };
    const numbered = buildTable({ ...request, numbering });
    const table = numbered ?? buildTable({ ...request, numbering: emptyNumbering });
    if (table === undefined) return refused('the rule set holds more than 65,535 different decisions for this host');
    const isNewTable = before === undefined || numbered === undefined || revokesAnything(before.table, table);
    const current = before?.epoch ?? (await readState())?.epoch ?? 0;
    const digest = digestOf(table);
    return withUnits(table, async ({ lines, cgroups }): Promise<ApplyOutcome> => {
      const isNewEpoch = isNewTable || appearedNarrower(table, cgroups, before.placed);
      const isInForce = before?.digest === digest && before.ruleSet.revision === revision;
      if (isInForce && !isNewEpoch && cgroups.every(({ id }) => before.placed.has(id))) {
        await keep({ ...before, ruleSet });
        return { kind: 'applied', revision };
      }
      const epoch = isNewEpoch ? await nextEpoch(current) : ok(current);
      if (!epoch.ok) return refused(epoch.error);
      const state = { revision, epoch: epoch.value, digest };
      let loaded: Result<Loaded>;
      if (before === undefined) {
        loaded = await bootstrap(table, state);
      } else {
        const prepared = await prepare(table, new Set(before.table.maps.keys()), state);
        const changed = prepared.ok
          ? await commit(
              changeScript({
                previous: before.table,
                next: table,
                isNewEpoch,
                state,
                placement: lines,
                prepared: prepared.value,
              }),
              state,
            )
          : prepared;
        loaded = changed.ok ? ok({ epoch: epoch.value, placed: idsOf(cgroups) }) : changed;
        if (!loaded.ok) {
          log.warn({ revision, reason: loaded.error }, 'the change did not load; loading the whole table instead');
          loaded = await bootstrap(table, state);
        }
      }
      if (!loaded.ok) return refused(`nft refused the rule set: ${loaded.error}`);
      await keep({ ruleSet, table, digest, ...loaded.value });
      return { kind: 'applied', revision };
    });
  };

  const start = async (): Promise<StartOutcome> => {
    const stored = await stateDirectory.readLastGood();
    const kernel = await readState();
    if (stored.kind === 'none') {
      const standing = await nft.list(['-t', 'list', 'table', ...tableName.split(' ')]);
      return standing.ok ? { kind: 'unknown-table', revision: kernel?.revision } : { kind: 'open' };
    }
    if (stored.kind === 'damaged') return { kind: 'failed', problem: stored.problem };
    const record = decodeLastGood(stored.bytes);
    if (!record.ok) return { kind: 'failed', problem: record.error };
    const { ruleSet, numbering } = record.value;
    const problem = stored.problem === undefined ? {} : { problem: stored.problem };
    const table = buildTable({ ruleSet, essentials: options.essentials(), numbering });
    if (table === undefined)
      return { kind: 'failed', problem: 'the last good rule set needs more decision numbers than there are' };
    const digest = digestOf(table);
    if (kernel !== undefined && kernel.digest === digest) {
      const { epoch } = kernel;
      inForce = { ruleSet, table, epoch, digest, placed: new Set() };
      followUnits(table);
      rememberOwn(stateText(kernel));
      const known = await readFile(fingerprintPath, 'utf8').catch(() => undefined);
      if (known !== undefined && known === (await fingerprint())) {
        await refill('all');
        return { kind: 'adopted', revision: ruleSet.revision, ...problem };
      }
      // The words are ours but the rules may not be: load them again in place, under the same epoch, so that no connection notices.
      const state = { revision: ruleSet.revision, epoch, digest };
      const loaded = await bootstrap(table, state);
      if (!loaded.ok) return { kind: 'failed', problem: loaded.error };
      inForce = { ...inForce, ...loaded.value };
      await refill('all');
      keepFingerprintSoon();
      return { kind: 'loaded', revision: ruleSet.revision, ...problem };
    }
    const epoch = await nextEpoch(Math.max(kernel?.epoch ?? 0, record.value.epoch));
    if (!epoch.ok) return { kind: 'failed', problem: epoch.error };
    const loaded = await bootstrap(table, { revision: ruleSet.revision, epoch: epoch.value, digest });
    if (!loaded.ok) return { kind: 'failed', problem: `nft refused the last good rule set: ${loaded.error}` };
    await keep({ ruleSet, table, digest, ...loaded.value });
    return { kind: 'loaded', revision: ruleSet.revision, ...problem };
  };

  const repair = async (cause: ForeignChange | 'overrun'): Promise<boolean> => {
    if (inForce === undefined) return true;
    const { ruleSet, table, digest } = inForce;
    if (cause === 'overrun') {
      const known = await readFile(fingerprintPath, 'utf8').catch(() => undefined);
      if (known !== undefined && known === (await fingerprint())) return true;
    }
    // What passed meanwhile may carry today's epoch: a new one has every connection judged again.
    const epoch = await nextEpoch(inForce.epoch);
    const chosen = epoch.ok ? epoch.value : inForce.epoch;
    const loaded = await bootstrap(table, { revision: ruleSet.revision, epoch: chosen, digest });
    if (!loaded.ok) {
      log.error({ cause, reason: loaded.error }, 'the table was changed by someone else and could not be put back');
      return false;
    }
    repairs += 1;
    log.warn({ cause, revision: ruleSet.revision, repairs }, 'the table was changed by someone else and is put back');
    await keep({ ...inForce, ...loaded.value });
    return true;
  };

  const open = async (): Promise<Result<void>> => {
    inForce = undefined;
    followUnits(undefined);
    await stateDirectory.forgetLastGood();
    // Added first, so that it may be missing.
    return nft.apply(`add table ${tableName}\ndelete table ${tableName}\n`);
  };

  return {
    held: () => inForce?.ruleSet,
    open: () => inTurn(open),
    apply: (ruleSet) => inTurn(() => change(ruleSet)),
    start: () => inTurn(start),
    repair: (cause) => inTurn(() => repair(cause)),
    refresh: () => inTurn(async () => (inForce === undefined ? undefined : change(inForce.ruleSet))),
    isOwnState: (state) => ownStates.has(state),
    counts: () => ({ repairs, epoch: inForce?.epoch ?? 0, settled: settling === undefined ? 'yes' : 'no' }),
    decisionOf(number) {
      const current = inForce?.table.decisions.get(number);
      if (current !== undefined || inForce === undefined) return current;
      const { numbering } = inForce.table;
      if (names?.numbering !== numbering) {
        names = { numbering, byNumber: new Map([...numbering.decisions].map(([key, known]) => [known, key])) };
      }
      const key = names.byNumber.get(number);
      return key === undefined ? undefined : parseDecisionKey(key);
    },
  };
}

function freshMaps(table: Table): readonly string[] {
  return [...table.maps].filter(([, { update }]) => update === 'fresh').map(([name]) => name);
}

function unitNames(table: Table): ReadonlySet<string> {
  return new Set(table.units.map(({ unit }) => unit));
}

function idsOf(cgroups: readonly UnitCgroup[]): ReadonlySet<string> {
  return new Set(cgroups.map(({ id }) => id));
}

function stateText({ revision, epoch, digest }: TableState): string {
  return `revision=${revision} epoch=${epoch} digest=${digest}`;
}

/** SHA-256, hex, of what makes the table what it is. */
export function digestOf(table: Table): string {
  return sha256(tableText(table));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
