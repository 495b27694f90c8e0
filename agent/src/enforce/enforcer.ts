// Owns the kernel table: makes it what the newest rule set says, one transaction a change, reads the result back, and
// keeps the last good record on disk. Whatever fails leaves what was in force. One thing happens at a time; callers
// need not wait in turn.
//
//   last good ─► table-start ─┐
//   rule set ─► table-change ─┼─► table (table-making) ─► table-loader ─► nft ─► read back ─► disk (policy-saving) ─► outcome
//                             │       a stranger's change, heard by table-watch ─► table-repair ┤
//                             │       a unit's new cgroup, seen by unit-watch ───► elements (unit-upkeep), in no turn
//                             └─ what is in force (in-force) ─► fingerprint-keeping
//
// Opened at the console (panic-flag.ts), it takes its table away and keeps what policy comes, until told to resume. A
// disk that cannot be written stops nothing: the policy is kept under /run, and status reports this until it is on
// disk.

import type { Logger } from 'pino';
import type { ElementSocket } from '#agent/nft/element-socket.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { encodeLastGood } from '#agent/state/last-good-codec.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import type { PanicFlag } from '#agent/state/panic-flag.ts';
import type { StateDirectory } from '#agent/state/state-directory.ts';
import type { ApplyOutcome, Enforcer } from '#agent/table/apply-outcome.ts';
import { createTableChange } from '#agent/table/change.ts';
import { createDecisionNames } from '#agent/table/decision-names.ts';
import { createMarkEpochs } from '#agent/table/epochs.ts';
import { createFingerprintKeeping } from '#agent/table/fingerprint.ts';
import type { Held, InForce } from '#agent/table/in-force.ts';
import { createTableLoader } from '#agent/table/loader.ts';
import { createTableMaking, type Judged, type TableMakingOptions } from '#agent/table/make.ts';
import type { RepairOutcome } from '#agent/table/repair.ts';
import { createTableRepair } from '#agent/table/repair.ts';
import { createPolicySaving, type LastGoodSource } from '#agent/table/save-last-good.ts';
import { createTableStart, type StartOutcome } from '#agent/table/start.ts';
import { createUnitUpkeep } from '#agent/table/unit-upkeep.ts';
import { createUnitPlacer } from '#agent/units/unit-placer.ts';
import type { UnitWatch } from '#agent/units/unit-watch.ts';
import type { Decision } from '#agent-core/judge/decision.ts';
import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { MarkSweep } from '#agent-core/netlink/conntrack-mark-sweep.ts';
import type { OwnWay } from '#agent-core/table/own-way.ts';
import type { Table } from '#agent-core/table/table.ts';
import { statedMarks } from '#agent-core/table/table-state.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';

export interface EnforcerOptions extends Omit<TableMakingOptions, 'marks'> {
  readonly nft: Nft;
  readonly stateDirectory: StateDirectory;
  readonly log: Logger;
  /** Which bits of the connection mark are ours. Default: the default mask's. */
  readonly marks?: MarkLayout;
  /** Clears bits in the marks of all connections; gives of how many. */
  readonly sweepMarks: (sweep: MarkSweep) => Promise<Result<number>>;
  /** Just before a table goes where none of ours stands: conntrack may be asleep, and knows nothing of what is open. */
  readonly beforeFirstTable?: () => Promise<void>;
  /** What no table may deny this agent. Absent: nothing. */
  readonly way?: () => OwnWay;
  /**
   * The words of the state rule as the kernel has them. Absent, or where it fails, nft is asked: slow where peers are
   * many.
   */
  readonly stateRule?: () => Promise<Result<string | undefined>>;
  /**
   * How many transactions nftables has had in this network namespace. Absent: who else made some is known by notices
   * alone.
   */
  readonly generation?: () => Promise<Result<number>>;
  /** Absent, units are under their host's rules. */
  readonly units?: UnitWatch;
  /** What places them without nft. Absent, nft does. */
  readonly elements?: ElementSocket;
  /** Absent, nobody can open the host while this runs. */
  readonly panic?: Pick<PanicFlag, 'read'>;
  /**
   * Hears all that was done to the table until now: `touched` where something of it is still to be put back. Absent:
   * nobody listens.
   */
  readonly hearStrangers?: () => Promise<'whole' | 'touched'>;
}

export interface TableEnforcer extends Enforcer {
  /** `beforeNarrowing` is awaited just before a load that takes something away. */
  apply(ruleSet: HostRuleSet, beforeNarrowing?: () => Promise<void>): Promise<ApplyOutcome>;
  start(): Promise<StartOutcome>;
  /** Whoever let a connection in or denied it, by the number in its mark. Also for rules that are gone. */
  decisionOf(number: number): Decision | undefined;
  /** Whether what is in force stamps connections; where nothing is in force, as if it did. */
  stamps(): Table['stamps'];
  /** Whether a table stands that counts packets of connections that conntrack has lost. */
  countsLost(): 'yes' | 'no';
  /** The rule set in force loaded again under settings that changed (essential entries). */
  refresh(): Promise<ApplyOutcome | undefined>;
  /** By which time what is in force was made, and when time alone makes it another; `refresh` then. */
  judged(): Judged | undefined;
  /** As `refresh`, for the FQDN cache: on disk soon after. */
  relearn(): Promise<ApplyOutcome | undefined>;
  /** Takes our table away and forgets the last good revision: the host is open. */
  open(): Promise<Result<void>>;
  /** Puts our table back after a stranger's change; after lost notices, where it is not as it was. */
  repair(cause: 'changed' | 'overrun'): Promise<RepairOutcome>;
  /**
   * Whether a state rule's words are of a transaction made here. Each transaction answers once: a copy of its words is
   * a stranger's.
   */
  isOwnState(state: string): boolean;
  /** Looks whether the host was opened at its console, and opens it then. */
  heedPanic(): Promise<void>;
  /** Whether the host is open because someone at its console said so. */
  isOpened(): boolean;
  /** After a panic: what is held goes into the kernel. `still-open` where the flag is up. */
  resume(): Promise<ResumeOutcome>;
  /** What is in force but not on disk, in words; empty where all is. */
  problem(): string;
  /**
   * `settled`: what the kernel shows of the table is on disk, so that the next start can tell whether anyone touched
   * it.
   */
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

export function createEnforcer(options: EnforcerOptions): TableEnforcer {
  const { nft, stateDirectory, log, marks = defaultMarks } = options;
  const epochs = createMarkEpochs({ marks, sweepMarks: options.sweepMarks, log });
  const units =
    options.units === undefined
      ? undefined
      : { watch: options.units, placer: createUnitPlacer({ elements: options.elements, log }) };
  const loader = createTableLoader({ ...options, marks, epochs, units });
  const making = createTableMaking({ ...options, marks });
  let inForce: InForce | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let repairs = 0;
  let isOpened = false;

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

  const lastGood: LastGoodSource = () => {
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
  const lastGoodStore = openLastGoodStore(stateDirectory);
  const saving = createPolicySaving({ statePath: stateDirectory.path, store: lastGoodStore, lastGood, inTurn, log });

  const held: Held = {
    current: () => inForce,
    isOpened: () => isOpened,
    stateOf: (state, table) => ({ ...state, ...statedMarks(table) }),
    found: (next) => {
      inForce = next;
    },
    async keep(next, when = 'now') {
      inForce = next;
      names.forget();
      if (when === 'now') await saving.now();
      else saving.soon();
      if (isOpened) return;
      fingerprints.soon();
      upkeep?.follow(next.table);
    },
  };
  const names = createDecisionNames(() => inForce?.table);
  const fingerprints = createFingerprintKeeping({
    held,
    loader,
    saving,
    placer: units?.placer,
    inTurn,
    hearStrangers: options.hearStrangers,
  });
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
            return {
              table,
              epoch,
              stateAt: (at) => held.stateOf({ revision: ruleSet.revision, epoch: at, digest }, table),
            };
          },
          begun(epoch) {
            if (inForce === undefined) return;
            inForce = { ...inForce, epoch };
            fingerprints.amongUnits();
          },
          placed: fingerprints.putOff,
        });
  const change = createTableChange({
    held,
    loader,
    making,
    epochs,
    marks,
    nft,
    elements: options.elements === undefined ? 'by-nft' : 'by-socket',
    beforeFirstTable: options.beforeFirstTable,
    way: options.way,
    log,
  });
  const start = createTableStart({
    held,
    lastGoodStore,
    loader,
    making,
    epochs,
    marks,
    saving,
    fingerprints,
    upkeep,
  });
  const repairTable = createTableRepair({ held, loader, epochs, marks, fingerprints, log });

  const repair = async (cause: 'changed' | 'overrun'): Promise<RepairOutcome> => {
    const outcome = await repairTable(cause);
    if (outcome.kind === 'repaired') repairs += 1;
    return outcome;
  };

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
    if (!removed.ok) log.error({ reason: removed.error }, 'panic: the table could not be removed');
    else log.warn('panic: the table is removed until segwall-agent resume');
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
    const loaded = await loader.loadOnUnsureGround(
      table,
      held.stateOf({ revision, epoch: epoch.value, digest }, table),
    );
    if (!loaded.ok) return { kind: 'failed', problem: loaded.error };
    isOpened = false;
    await held.keep({ ruleSet, table, digest, ...loaded.value });
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
    apply: (ruleSet, beforeNarrowing) => inTurn(() => change(ruleSet, { beforeNarrowing })),
    start: () => inTurn(start),
    repair: (cause) => inTurn(() => repair(cause)),
    refresh: () => inTurn(async () => (inForce === undefined ? undefined : change(inForce.ruleSet))),
    relearn: () =>
      inTurn(async () => (inForce === undefined ? undefined : change(inForce.ruleSet, { saving: 'soon' }))),
    stamps: () => inForce?.table.stamps ?? 'written',
    countsLost: () => (!isOpened && inForce !== undefined ? 'yes' : 'no'),
    judged: () => (inForce === undefined ? undefined : making.judged(inForce.table)),
    isOwnState: loader.isOwnState,
    heedPanic: () => inTurn(async () => undefined),
    isOpened: () => isOpened,
    resume: () => inTurn(resume),
    problem: saving.problem,
    counts: () => ({
      repairs,
      epoch: inForce?.epoch ?? 0,
      settled: fingerprints.isSettled() ? 'yes' : 'no',
      failedWrites: saving.failedWrites(),
    }),
    decisionOf: names.decisionOf,
  };
}
