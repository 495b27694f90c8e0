// Keeps on disk what the kernel shows of our table while nobody but us has touched it, so that a later look can tell whether anyone did.
// Listing a large table takes longer than changing it, so it waits for a quiet moment; a start that finds it old loads again.

import { placeOfTables } from '#agent/state/fingerprint-record.ts';
import type { UnitPlacer } from '#agent/units/unit-placer.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { stateText } from '#agent-core/table/table-state.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Held } from './in-force.ts';
import { type Inspection, inspectTable } from './inspect.ts';
import { fingerprintOf, type TableLoader } from './loader.ts';
import type { PolicySaving } from './save-last-good.ts';

export interface FingerprintKeeping {
  /** Something of ours changed: lists after a quiet time. */
  soon(): void;
  /** Units come: as `soon`, but not sooner than so many times what a listing takes, or a large table would be listed for ever. */
  amongUnits(): void;
  /** A unit came: what waits waits on. */
  putOff(): void;
  /** As `putOff`, where nothing else changed. */
  again(): void;
  /** The fingerprint of what stands now, taken elsewhere; what waits is done. */
  settledBy(listing: string): Promise<void>;
  /** Empty: what is in force was loaded, and is listed later. */
  remember(listing: string): Promise<void>;
  /** In a turn, where others wait for it: units' new cgroups wait too, or it would not end while they come. */
  listInTurn(): Promise<string | undefined>;
  /** `kernel`: what stands by its state rule. */
  inspect(kernel: TableState | undefined): Promise<Inspection>;
  /** Whether what the kernel shows is on disk. */
  isSettled(): boolean;
}

/** Quiet time before the table is listed, and where units come and go, so many times what a listing takes, within bounds. */
const settleMs = 300;
const quietFactor = 5;
const settleMostMs = 5000;

export function createFingerprintKeeping(options: {
  readonly held: Pick<Held, 'current' | 'isOpened' | 'stateOf'>;
  readonly loader: TableLoader;
  readonly saving: Pick<PolicySaving, 'readFingerprint' | 'writeFingerprint'>;
  readonly placer: UnitPlacer | undefined;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Hears all that was done to the table until now: `touched` where something of it is still to be put back. Absent: nobody listens. */
  readonly hearStrangers: (() => Promise<'whole' | 'touched'>) | undefined;
}): FingerprintKeeping {
  const { held, loader, saving, placer, inTurn } = options;
  let settling: Timer | undefined;
  let stopListing = new AbortController();
  let listingTookMs = 0;

  const after = (delayMs: number) => {
    stopListing.abort();
    if (settling !== undefined) settling.cancel();
    settling = systemClock.after(delayMs, () => void settle()).unref();
  };
  const soon = () => after(settleMs);
  const amongUnits = () => after(Math.min(settleMostMs, Math.max(settleMs, listingTookMs * quietFactor)));

  /** Lists outside the turns, so that nobody waits for a listing; one that a transaction overtook is done again. */
  const settle = async (): Promise<void> => {
    const [own, listed] = [settling, loader.transactions()];
    stopListing = new AbortController();
    const { signal } = stopListing;
    const startedAt = systemClock.elapsedMs();
    const listing = held.isOpened() ? undefined : await loader.listing({ signal, haste: 'background' });
    if (listing !== undefined) listingTookMs = systemClock.elapsedMs() - startedAt;
    await inTurn(async () => {
      if (settling !== own) return;
      if (loader.transactions() !== listed) return soon();
      // What a stranger left is not ours; the repair that is due settles anew.
      if ((await options.hearStrangers?.()) === 'touched') return;
      if (listing !== undefined && !held.isOpened()) await remember(fingerprintOf(listing));
      settling = undefined;
    });
  };

  const remember = async (listing: string): Promise<void> => {
    const inForce = held.current();
    if (inForce === undefined) return;
    const { ruleSet, table, epoch, digest } = inForce;
    const state = stateText(held.stateOf({ revision: ruleSet.revision, epoch, digest }, table));
    const nftVersion = await loader.nftVersion();
    await saving.writeFingerprint({ state, listing, nftVersion, place: placeOfTables() });
  };

  const listInTurn = () => (placer === undefined ? loader.listing() : placer.during(() => loader.listing()));

  return {
    soon,
    amongUnits,
    // nft begins a listing anew whenever anything changes meanwhile, so one that units' new cgroups overtake is given up.
    putOff: () => {
      if (settling !== undefined) amongUnits();
    },
    again: () => {
      if (settling !== undefined) soon();
    },
    async settledBy(listing) {
      settling?.cancel();
      settling = undefined;
      await remember(fingerprintOf(listing));
    },
    remember,
    listInTurn,
    inspect: async (kernel) =>
      inspectTable({ loader: { ...loader, listing: listInTurn }, remembered: await saving.readFingerprint(), kernel }),
    isSettled: () => settling === undefined,
  };
}
