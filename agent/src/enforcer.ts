// Owns the kernel table: makes it what the newest rule set says, one transaction a change, reads the result back, and keeps the
// last good record on disk. Whatever fails leaves what was in force. One thing happens at a time; callers need not wait in turn.
//
//   rule set ─► table (agent/core) ─► diff with the table in force ─► nft ─► read back ─► disk ─► outcome
//                      a stranger's change, heard by table-watch ─► repair ┤
//                      a unit's new cgroup, seen by unit-watch ───► elements (unit-upkeep), in no turn
//
// Opened at the console (panic-flag.ts), it takes its table away and keeps what policy comes, until told to resume. A disk that
// cannot be written stops nothing: what is in force then is not on disk, which is said until it is.

import type { Logger } from 'pino';
import { buildTable, type TableRequest } from '#agent-core/build-table.ts';
import { type Decision, parseDecisionKey } from '#agent-core/decision.ts';
import { elementChanges } from '#agent-core/element-changes.ts';
import { defaultMarks, firstEpoch, type MarkLayout } from '#agent-core/mark-layout.ts';
import type { MarkSweep } from '#agent-core/mark-sweep-message.ts';
import { emptyNumbering, type Numbering } from '#agent-core/numbering.ts';
import { noRoomText } from '#agent-core/render.ts';
import { revokesAnything } from '#agent-core/revocation.ts';
import type { Table } from '#agent-core/table.ts';
import {
  bootstrapScript,
  changeScript,
  nothingStanding,
  removalScript,
  statedMask,
  stateText,
  type TableState,
} from '#agent-core/transaction.ts';
import { isSamePlacement } from '#agent-core/unit-placement.ts';
import type { NamedUnits } from '#agent-core/unit-sets.ts';
import type { Address } from '#model/address.ts';
import { ok, type Result } from '#model/result.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import type { ElementSocket } from './element-socket.ts';
import { placeOfTables } from './fingerprint-record.ts';
import { encodeLastGood } from './last-good-record.ts';
import { createMarkEpochs, misreadBits } from './mark-epochs.ts';
import type { NamesOfTable } from './names.ts';
import { readNewestLastGood } from './newest-last-good.ts';
import type { Nft } from './nft.ts';
import { explainRefusal } from './nft-refusal.ts';
import type { PanicFlag } from './panic-flag.ts';
import { createPolicySaving, type LastGood } from './policy-saving.ts';
import type { ApplyOutcome, Enforcer } from './ports.ts';
import type { StateDirectory } from './state-directory.ts';
import type { RepairOutcome } from './table-guard.ts';
import { type Inspection, inspectTable, whatWasTouched } from './table-inspection.ts';
import { createTableLoader, digestOf, fingerprintOf, type Loaded } from './table-loader.ts';
import { createUnitPlacer } from './unit-placer.ts';
import { createUnitUpkeep } from './unit-upkeep.ts';
import type { UnitWatch } from './unit-watch.ts';

/**
 * How a start found the host. `open`: never had a policy. `adopted`: the kernel held what the disk says, untouched. `loaded`:
 * the disk's revision was put into the kernel. `unknown-table`: the kernel holds a table this state directory knows nothing
 * of; it is left alone until a policy arrives. `panic`: someone opened the host at its console; nothing is loaded.
 */
export type StartOutcome =
  | { readonly kind: 'open' }
  | { readonly kind: 'adopted'; readonly revision: number; readonly problem?: string }
  | { readonly kind: 'loaded'; readonly revision: number; readonly problem?: string; readonly tampering?: Tampering }
  | { readonly kind: 'unknown-table'; readonly revision: number | undefined }
  | { readonly kind: 'panic'; readonly revision: number | undefined; readonly problem?: string }
  | { readonly kind: 'failed'; readonly problem: string };

/** What someone changed in our table while no agent ran, in words. */
export type Tampering = readonly string[];

export interface EnforcerOptions {
  readonly nft: Nft;
  readonly stateDirectory: StateDirectory;
  /** Read at every change: the control plane's addresses may move. */
  readonly essentials: () => readonly EssentialEntry[];
  /** Every address the host has now; matters to its containers. */
  readonly ownAddresses?: () => readonly Address[];
  readonly log: Logger;
  /** Which bits of the connection mark are ours. Default: the default mask's. */
  readonly marks?: MarkLayout;
  /** Elements of verdict maps that a change may have the kernel walk through. Default: what is meant for hosts (peer-layout.ts). */
  readonly mostWalks?: number;
  /** Clears bits in the marks of all connections; gives of how many. */
  readonly sweepMarks: (sweep: MarkSweep) => Promise<Result<number>>;
  /** Just before a table goes where none of ours stands: conntrack may be asleep, and knows nothing of what is open. */
  readonly beforeFirstTable?: () => Promise<void>;
  /** The words of the state rule as the kernel has them. Absent, or where it fails, nft is asked: slow where peers are many. */
  readonly stateRule?: () => Promise<Result<string | undefined>>;
  /** How many transactions nftables has had in this network namespace. Absent: who else made some is known by notices alone. */
  readonly generation?: () => Promise<Result<number>>;
  /** Absent, units are under their host's rules. */
  readonly units?: UnitWatch;
  /** What places them without nft. Absent, nft does. */
  readonly elements?: ElementSocket;
  /** Read at every change: units whose drop-ins have systemd tell of their cgroups. */
  readonly namedUnits?: () => NamedUnits;
  /** Absent, the sets of domain names hold what the rule set says. */
  readonly names?: NamesOfTable;
  /** Absent, nobody can open the host while this runs. */
  readonly panic?: Pick<PanicFlag, 'read'>;
  /** Hears all that was done to the table until now: `touched` where something of it is still to be put back. Absent: nobody listens. */
  readonly hearStrangers?: () => Promise<'whole' | 'touched'>;
}

export interface TableEnforcer extends Enforcer {
  start(): Promise<StartOutcome>;
  /** Whoever let a connection in or denied it, by the number in its mark. Also for rules that are gone. */
  decisionOf(number: number): Decision | undefined;
  /** The rule set in force loaded again under settings that changed (essential entries). */
  refresh(): Promise<ApplyOutcome | undefined>;
  /** As `refresh`, for what names stand for: on disk soon after. */
  relearn(): Promise<ApplyOutcome | undefined>;
  /** Takes our table away and forgets the last good revision: the host is open. */
  open(): Promise<Result<void>>;
  /** Puts our table back after a stranger's change; after lost notices, where it is not as it was. */
  repair(cause: 'changed' | 'overrun'): Promise<RepairOutcome>;
  /** Whether a state rule's words are of a transaction made here. Each transaction answers once: a copy of its words is a stranger's. */
  isOwnState(state: string): boolean;
  /** Looks whether the host was opened at its console, and opens it then. */
  heedPanic(): Promise<void>;
  /** Whether the host is open because someone at its console said so. */
  isOpened(): boolean;
  /** After a panic: what is held goes into the kernel. `still-open` where the flag is up. */
  resume(): Promise<ResumeOutcome>;
  /** What is in force but not on disk, in words; empty where all is. */
  problem(): string;
  /** `settled`: what the kernel shows of the table is on disk, so that the next start can tell whether anyone touched it. */
  counts(): {
    readonly repairs: number;
    readonly epoch: number;
    readonly settled: 'yes' | 'no';
    readonly failedWrites: number;
  };
}

export type ResumeOutcome =
  | { readonly kind: 'still-open' | 'nothing-held' }
  | { readonly kind: 'in-force'; readonly revision: number }
  | { readonly kind: 'failed'; readonly problem: string };

/** Quiet time before the table is listed for the fingerprint, and where units come and go, so many times what a listing takes, within bounds. */
const settleMs = 300;
const quietFactor = 5;
const settleMostMs = 5000;

interface InForce {
  readonly ruleSet: HostRuleSet;
  readonly table: Table;
  readonly epoch: number;
  readonly digest: string;
}

/** Whether a change is on disk when it is told of, or soon after. */
type Saving = 'now' | 'soon';

export function createEnforcer(options: EnforcerOptions): TableEnforcer {
  const { nft, stateDirectory, log, marks = defaultMarks } = options;
  const epochs = createMarkEpochs({ marks, sweepMarks: options.sweepMarks, log });
  const units =
    options.units === undefined
      ? undefined
      : { watch: options.units, placer: createUnitPlacer({ elements: options.elements, log }) };
  const loader = createTableLoader({ ...options, marks, epochs, units });
  let inForce: InForce | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let repairs = 0;
  let settling: NodeJS.Timeout | undefined;
  let stopListing = new AbortController();
  let listingTookMs = 0;
  let isOpened = false;
  let names: { readonly numbering: Numbering; readonly byNumber: ReadonlyMap<number, string> } | undefined;

  /** One at a time, in the order asked. Whoever opens the host at its console is heeded before and after each. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const heeding = async () => {
      await openIfTold();
      try {
        return await work();
      } finally {
        await openIfTold();
      }
    };
    const turn = last.then(heeding, heeding);
    last = turn.catch(() => undefined);
    return turn;
  };

  const lastGood: LastGood = () => {
    if (inForce === undefined) return undefined;
    const { ruleSet, epoch, table } = inForce;
    const bytes = encodeLastGood({
      ruleSet,
      epoch,
      numbering: table.numbering,
      essentials: options.essentials(),
      markMask: marks.mask,
      ...(epochs.isInDoubt() && { unswept: epochs.staleBits() }),
    });
    return { revision: ruleSet.revision, bytes };
  };
  const saving = createPolicySaving({ stateDirectory, lastGood, inTurn, log });

  const openIfTold = async (): Promise<void> => {
    if (options.panic?.read() === undefined) return;
    const wasOpened = isOpened;
    isOpened = true;
    if (!wasOpened) {
      upkeep?.follow(undefined);
      saving.forgetFingerprint();
    }
    if (!(await loader.stands())) return;
    const removed = await loader.remove();
    if (!removed.ok) log.error({ reason: removed.error }, 'opened at the console, but the table could not be removed');
    else log.warn('opened at the console: no rules are in the kernel until segwall-agent resume');
  };

  const stateOf = (state: Pick<TableState, 'revision' | 'epoch' | 'digest'>): TableState => ({
    ...state,
    ...statedMask(marks),
  });

  /** Listing a large table takes longer than changing it, so it waits for a quiet moment; a start that finds it old reloads. */
  const keepFingerprintSoon = (afterMs = settleMs) => {
    stopListing.abort();
    if (settling !== undefined) clearTimeout(settling);
    settling = setTimeout(() => void settle(), afterMs).unref();
  };

  /**
   * nft begins a listing anew whenever anything changes meanwhile, so one that units' new cgroups overtake is given up, and while they
   * come it is not begun: else a large table would be listed for ever.
   */
  const keepFingerprintLater = () => {
    if (settling !== undefined) keepFingerprintSoon(amongUnitsMs());
  };
  const amongUnitsMs = () => Math.min(settleMostMs, Math.max(settleMs, listingTookMs * quietFactor));

  /** Lists outside the turns, so that nobody waits for a listing; one that a transaction overtook is done again. */
  const settle = async (): Promise<void> => {
    const [own, listed] = [settling, loader.transactions()];
    stopListing = new AbortController();
    const { signal } = stopListing;
    const startedAt = performance.now();
    const listing = isOpened ? undefined : await loader.listing({ signal, haste: 'background' });
    if (listing !== undefined) listingTookMs = performance.now() - startedAt;
    await inTurn(async () => {
      if (settling !== own) return;
      if (loader.transactions() !== listed) return keepFingerprintSoon();
      // What a stranger left is not ours; the repair that is due settles anew.
      if ((await options.hearStrangers?.()) === 'touched') return;
      if (listing !== undefined && !isOpened) await rememberListing(fingerprintOf(listing));
      settling = undefined;
    });
  };

  /** Empty: what is in force was loaded, and is listed later. */
  const rememberListing = async (listing: string): Promise<void> => {
    const state = stateInForce();
    if (state === undefined) return;
    const nftVersion = await loader.nftVersion();
    await saving.writeFingerprint({ state: stateText(state), listing, nftVersion, place: placeOfTables() });
  };

  const stateInForce = (): TableState | undefined =>
    inForce === undefined
      ? undefined
      : stateOf({ revision: inForce.ruleSet.revision, epoch: inForce.epoch, digest: inForce.digest });

  /** In a turn, where others wait for the listing: units' new cgroups wait too, or it would not end while they come. */
  const listInTurn = () => (units === undefined ? loader.listing() : units.placer.during(() => loader.listing()));

  const inspect = async (kernel: TableState | undefined): Promise<Inspection> =>
    inspectTable({ loader: { ...loader, listing: listInTurn }, remembered: await saving.readFingerprint(), kernel });

  const keep = async (next: InForce, when: Saving = 'now'): Promise<void> => {
    inForce = next;
    names = undefined;
    if (when === 'now') await saving.now();
    else saving.soon();
    if (isOpened) return;
    keepFingerprintSoon();
    upkeep?.follow(next.table);
  };

  const upkeep =
    units === undefined
      ? undefined
      : createUnitUpkeep({
          ...units,
          loader,
          epochs,
          inTurn,
          log,
          current() {
            if (isOpened || inForce === undefined) return undefined;
            const { ruleSet, table, epoch, digest } = inForce;
            return { table, epoch, stateAt: (at) => stateOf({ revision: ruleSet.revision, epoch: at, digest }) };
          },
          begun(epoch) {
            if (inForce === undefined) return;
            inForce = { ...inForce, epoch };
            keepFingerprintSoon(amongUnitsMs());
          },
          placed: keepFingerprintLater,
        });

  /** What a table is made of beside its numbering: the host's own part is read at every change. */
  const requestFor = (ruleSet: HostRuleSet): Omit<TableRequest, 'numbering'> => ({
    ruleSet,
    marks,
    essentials: options.essentials(),
    ownAddresses: options.ownAddresses?.() ?? [],
    namedUnits: options.namedUnits?.() ?? new Map(),
    ...(options.mostWalks === undefined ? {} : { mostWalks: options.mostWalks }),
  });

  /** The table of a rule set with what this host knows of its names. */
  const build = async (request: TableRequest): Promise<Table | undefined> => {
    if (options.names === undefined) return buildTable(request);
    await options.names.prepare(request.ruleSet);
    const table = buildTable({ ...request, ruleSet: options.names.resolve(request.ruleSet) });
    return table === undefined ? undefined : options.names.complete(table, request.ruleSet);
  };

  const change = async (ruleSet: HostRuleSet, when: Saving = 'now'): Promise<ApplyOutcome> => {
    const { revision } = ruleSet;
    const refused = (reason: string): ApplyOutcome => ({ kind: 'refused', revision, reason });
    const before = inForce;
    const numbering = before?.table.numbering ?? emptyNumbering;
    const request = { ...requestFor(ruleSet), ...(before === undefined ? {} : { previous: before.table }) };
    const numbered = await build({ ...request, numbering });
    const table = numbered ?? (await build({ ...request, numbering: emptyNumbering }));
    if (table === undefined) return refused(noRoomText(marks));
    const isNewTable =
      before === undefined ||
      numbered === undefined ||
      revokesAnything(before.table, table) ||
      !isSamePlacement(before.table, table);
    const digest = digestOf(table);
    if (isOpened) {
      // Kept as it would be loaded, so that what nft would refuse is refused now.
      if (numbered === undefined) epochs.doubt(marks.mask);
      const state = stateOf({ revision, epoch: before?.epoch ?? firstEpoch, digest });
      // The check wakes conntrack for a moment, which would take whoever speaks just then for the client of a connection it never saw begin.
      await options.beforeFirstTable?.();
      const checked = await nft.check(bootstrapScript(table, state, nothingStanding));
      if (!checked.ok) return refused(`nft refuses the rule set: ${explainRefusal(checked.error)}`);
      await keep({ ruleSet, table, digest, epoch: before?.epoch ?? 0 });
      return { kind: 'applied', revision };
    }
    const standing = before === undefined ? await loader.readState() : undefined;
    const current = before?.epoch ?? standing?.epoch ?? 0;
    const isInForce = before?.digest === digest && before.ruleSet.revision === revision;
    if (isInForce && !isNewTable) {
      await keep({ ...before, ruleSet });
      return { kind: 'applied', revision };
    }
    const epoch = isNewTable ? await epochs.next(current) : ok(current);
    if (!epoch.ok) return refused(epoch.error);
    const state = stateOf({ revision, epoch: epoch.value, digest });
    let loaded: Result<Loaded>;
    if (before === undefined) {
      // Of a table that stands nothing but its state is known, least of all what its numbers mean.
      loaded = await (standing === undefined
        ? loader.loadOnUnsureGround(table, state)
        : loader.loadOverOtherMarks(table, state, misreadBits(marks, standing)));
    } else if (numbered === undefined || epochs.isInDoubt()) {
      loaded = await loader.loadOverOtherMarks(table, state, marks.mask);
    } else {
      const changed = await changeInPlace(before, table, { state, isNewEpoch: isNewTable });
      loaded = changed.ok ? ok({ epoch: epoch.value }) : changed;
      if (!loaded.ok) {
        log.warn({ revision, reason: loaded.error }, 'the change did not load; loading the whole table instead');
        loaded = await loader.load(table, state);
      } else {
        const removal = removalScript(before.table, table, state);
        const removed = removal === undefined ? ok(undefined) : await loader.commit(removal, state);
        // They are looked in by nothing; the next load of the whole table removes them.
        if (!removed.ok) log.warn({ revision, reason: removed.error }, 'maps that are not used any more still stand');
      }
    }
    if (!loaded.ok) return refused(`nft refused the rule set: ${explainRefusal(loaded.error)}`);
    await keep({ ruleSet, table, digest, ...loaded.value }, when);
    return { kind: 'applied', revision };
  };

  /** Where units are what they were, their places are not touched: new cgroups are placed meanwhile. */
  const changeInPlace = async (
    before: InForce,
    next: Table,
    { state, isNewEpoch }: { readonly state: TableState; readonly isNewEpoch: boolean },
  ): Promise<Result<void>> => {
    const previous = before.table;
    const elements = elementChanges(previous, next);
    if (elements !== undefined && options.elements !== undefined) {
      // Who begins a connection meets the new peers at once, and what is open is judged again as soon as nft has begun the epoch.
      const changed = await loader.commitElements(elements, { ...state, epoch: before.epoch });
      if (!changed.ok)
        log.warn({ revision: state.revision, reason: changed.error }, 'peers are changed by nft instead');
      else if (!isNewEpoch) return changed;
      else return loader.commit(changeScript({ previous: next, next, isNewEpoch, state }), state);
    }
    const prepared = await loader.prepare(next, new Set(previous.maps.keys()), state, previous);
    if (!prepared.ok) return prepared;
    const change = { previous, next, isNewEpoch, state, prepared: prepared.value, goneMaps: 'kept' } as const;
    if (isSamePlacement(previous, next)) return loader.commit(changeScript(change), state);
    return loader.withUnits(next, async ({ lines, inPlace }) => {
      const changed = await loader.commit(changeScript({ ...change, placement: lines }), state);
      if (changed.ok) inPlace();
      return changed;
    });
  };

  const start = async (): Promise<StartOutcome> => {
    const stored = await readNewestLastGood(stateDirectory);
    const kernel = await loader.readState();
    if (stored.kind === 'none') {
      if (isOpened) return { kind: 'panic', revision: undefined };
      return (await loader.stands()) ? { kind: 'unknown-table', revision: kernel?.revision } : { kind: 'open' };
    }
    if (stored.kind === 'damaged') return { kind: 'failed', problem: stored.problem };
    const { record } = stored;
    const { ruleSet, numbering, markMask, unswept = 0 } = record;
    const isSameMask = markMask === marks.mask && unswept === 0;
    const otherBits = kernel === undefined ? (isSameMask ? 0 : markMask | unswept) : misreadBits(marks, kernel);
    if (otherBits === 0) epochs.believe();
    else epochs.doubt((otherBits | marks.mask) >>> 0);
    const problem = stored.problem === undefined ? {} : { problem: stored.problem };
    const request = requestFor(ruleSet);
    // Under a smaller mask its numbers may have no room; under any other no mark that names them is left.
    const table =
      (await build({ ...request, numbering })) ??
      (isSameMask ? undefined : await build({ ...request, numbering: emptyNumbering }));
    if (table === undefined) return { kind: 'failed', problem: noRoomText(marks) };
    const digest = digestOf(table);
    saving.found(stored);
    if (isOpened) {
      inForce = { ruleSet, table, epoch: record.epoch, digest };
      if (stored.place === 'until-reboot') await saving.now();
      return { kind: 'panic', revision: ruleSet.revision, ...problem };
    }
    const inspection = await inspect(kernel);
    const told = async (epoch: number, loaded: 'same-table' | 'another-table') => {
      await rememberListing('');
      const isToBeListed = loaded === 'same-table' && inspection.before.text !== '';
      const after = isToBeListed ? { text: (await listInTurn()) ?? '', epoch } : undefined;
      const tampering = whatWasTouched({ inspection, after, marks });
      return {
        kind: 'loaded',
        revision: ruleSet.revision,
        ...problem,
        ...(tampering.length > 0 && { tampering }),
      } as const;
    };
    if (kernel !== undefined && kernel.digest === digest && !epochs.isInDoubt()) {
      const { epoch } = kernel;
      inForce = { ruleSet, table, epoch, digest };
      upkeep?.follow(table);
      if (inspection.kind === 'as-left') {
        await upkeep?.refill();
        if (stored.place === 'until-reboot') await saving.now();
        return { kind: 'adopted', revision: ruleSet.revision, ...problem };
      }
      // The words are ours but the rules may not be, nor what they let in: load them again, and have every connection judged again.
      const next = await epochs.next(epoch);
      if (!next.ok) return { kind: 'failed', problem: next.error };
      const loaded = await loader.load(table, stateOf({ revision: ruleSet.revision, epoch: next.value, digest }));
      if (!loaded.ok) return { kind: 'failed', problem: loaded.error };
      inForce = { ...inForce, ...loaded.value };
      await keep(inForce);
      return told(inForce.epoch, 'same-table');
    }
    // The kernel's own word goes first: the disk may have missed a wrap, or be full since yesterday.
    const epoch = await epochs.next(kernel?.epoch ?? record.epoch);
    if (!epoch.ok) return { kind: 'failed', problem: epoch.error };
    const state = stateOf({ revision: ruleSet.revision, epoch: epoch.value, digest });
    const loaded = await (kernel === undefined ? loader.loadOnUnsureGround(table, state) : loader.load(table, state));
    if (!loaded.ok)
      return { kind: 'failed', problem: `nft refused the last good rule set: ${explainRefusal(loaded.error)}` };
    await keep({ ruleSet, table, digest, ...loaded.value });
    // While marks were in doubt it stood without the lines that believe them.
    const isSame = kernel === undefined || (kernel.digest === digest && kernel.unswept === undefined);
    return told(loaded.value.epoch, isSame ? 'same-table' : 'another-table');
  };

  const repair = async (cause: 'changed' | 'overrun'): Promise<RepairOutcome> => {
    if (isOpened) return { kind: 'opened' };
    if (inForce === undefined) return { kind: 'untouched' };
    const { ruleSet, table, digest } = inForce;
    // Notices that were lost may have been of our own last change, or of a stranger's beside it: what stands tells.
    const inspection = cause === 'overrun' ? await inspect(stateInForce()) : undefined;
    if (inspection?.kind === 'as-left') {
      if (settling !== undefined) keepFingerprintSoon();
      return { kind: 'untouched' };
    }
    // What passed meanwhile may carry today's epoch: a new one has every connection judged again.
    const epoch = await epochs.next(inForce.epoch);
    const chosen = epoch.ok ? epoch.value : inForce.epoch;
    const state = stateOf({ revision: ruleSet.revision, epoch: chosen, digest });
    const { value, hands } = await loader.withWhoseHands(async () => {
      const result = await loader.load(table, state);
      return { loaded: result, listing: inspection === undefined ? undefined : await listInTurn() };
    });
    const { loaded, listing } = value;
    if (!loaded.ok) {
      log.error({ cause, reason: loaded.error }, 'the table was changed by someone else and could not be put back');
      return { kind: 'failed' };
    }
    await keep({ ...inForce, ...loaded.value });
    if (inspection === undefined) {
      repairs += 1;
      return { kind: 'repaired', found: [] };
    }
    // The notices of this load may be lost as well: that must not lead to another one.
    if (hands === 'ours' && listing !== undefined) {
      clearTimeout(settling);
      settling = undefined;
      await rememberListing(fingerprintOf(listing));
    }
    const after = { text: listing ?? '', epoch: loaded.value.epoch };
    const found = whatWasTouched({ inspection, after, marks });
    if (found.length === 0) return { kind: 'untouched' };
    repairs += 1;
    return { kind: 'repaired', found };
  };

  const resume = async (): Promise<ResumeOutcome> => {
    if (options.panic?.read() !== undefined) return { kind: 'still-open' };
    if (inForce === undefined) {
      isOpened = false;
      return { kind: 'nothing-held' };
    }
    const { ruleSet, table, digest, epoch: before } = inForce;
    const { revision } = ruleSet;
    const epoch = await epochs.next(before);
    if (!epoch.ok) return { kind: 'failed', problem: epoch.error };
    const loaded = await loader.loadOnUnsureGround(table, stateOf({ revision, epoch: epoch.value, digest }));
    if (!loaded.ok) return { kind: 'failed', problem: loaded.error };
    isOpened = false;
    await keep({ ruleSet, table, digest, ...loaded.value });
    return { kind: 'in-force', revision };
  };

  const open = async (): Promise<Result<void>> => {
    inForce = undefined;
    upkeep?.follow(undefined);
    await saving.forget();
    return loader.remove();
  };

  return {
    held: () => inForce?.ruleSet,
    open: () => inTurn(open),
    apply: (ruleSet) => inTurn(() => change(ruleSet)),
    start: () => inTurn(start),
    repair: (cause) => inTurn(() => repair(cause)),
    refresh: () => inTurn(async () => (inForce === undefined ? undefined : change(inForce.ruleSet))),
    relearn: () => inTurn(async () => (inForce === undefined ? undefined : change(inForce.ruleSet, 'soon'))),
    isOwnState: loader.isOwnState,
    heedPanic: () => inTurn(async () => undefined),
    isOpened: () => isOpened,
    resume: () => inTurn(resume),
    problem: saving.problem,
    counts: () => ({
      repairs,
      epoch: inForce?.epoch ?? 0,
      settled: settling === undefined ? 'yes' : 'no',
      failedWrites: saving.failedWrites(),
    }),
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
