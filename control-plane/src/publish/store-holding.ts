// Whether the store may speak for the fleet. One that lacks history which agents were told (a backup, a file put back) holds: agents keep
// what they have, and who is ahead of it, unknown to it or cut off since is gathered for the operator, until he resumes or applies a policy.

import type { HoldKind, StoreHold } from '#control-plane/store/lineage.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Millis } from '#model/time.ts';
import { type CutOffName, CutOffWitnesses } from './cut-off-witnesses.ts';
import type { ProvenRevision } from './revision-proofs.ts';
import { RunHistory } from './run-history.ts';

/** Part of what the fleet is: within a lineage revisions are of one history. */
export interface StoreStanding {
  lineage: string;
  /** The same object for as long as it holds. */
  hold: StoreHold | undefined;
}

export interface HoldView extends StoreHold {
  /** Hosts that were told more than the store knows, in order. */
  readonly ahead: readonly string[];
  /** Hosts with a certificate of this CA that the store does not know of, in order. */
  readonly unknown: readonly string[];
  /** More of them came than are kept. */
  readonly isUnknownCut: boolean;
  /** Workloads that were cut off by what the store lacks, and that it neither has quarantined nor revoked: to be contained anew. */
  readonly cutOffSince: readonly CutOffName[];
  /** As those, but not enough to wait for: what one host alone says, or of workloads that the store does not know. */
  readonly cutOffSaid: readonly CutOffName[];
}

export interface StoreHoldingOptions {
  readonly store: Pick<Store, 'listRuns' | 'beginRun'>;
  readonly tenant: string;
  readonly now: () => Millis;
  /** The store's revision at the start of this process. */
  readonly startRevision: number;
  readonly standing: Readonly<StoreStanding>;
  /** It holds from now on: to be said of `standing` at once, and written down in a turn of changes. */
  readonly began: (hold: StoreHold) => void;
  /** Whether the store has the workload quarantined or revoked; undefined where it knows of none. */
  readonly standingOf: (workload: string) => { readonly host: string; readonly isCutOff: boolean } | undefined;
}

/** What this process signs for hosts to show. */
export interface OwnRun {
  readonly lineage: string;
  readonly run: { readonly name: string; readonly number: number };
}

/** Each has a certificate that this CA made. */
const mostUnknown = 10_000;
/** Who enrols hosts by the thousand from one address is not to fill the room for them all. */
const mostUnknownOfOneAddress = 256;
const mostLineages = 16;

export class StoreHolding {
  readonly #options: StoreHoldingOptions;
  /** The store's revision when what this process signs began. */
  #startRevision: number;
  #run: string | undefined;
  #history: RunHistory;
  readonly #ahead = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #unknownFrom = new Map<string, number>();
  #isUnknownCut = false;
  readonly #witnesses = new CutOffWitnesses();
  /** That hosts showed, and this store never had. */
  readonly #shown = new Set<string>();

  private constructor(options: StoreHoldingOptions) {
    this.#options = options;
    this.#startRevision = options.startRevision;
    this.#history = new RunHistory([], undefined, options);
  }

  static async open(options: StoreHoldingOptions): Promise<StoreHolding> {
    const holding = new StoreHolding(options);
    await holding.#readRuns();
    return holding;
  }

  get lineage(): string {
    return this.#options.standing.lineage;
  }

  /** The same object for as long as it holds. */
  get current(): StoreHold | undefined {
    return this.#options.standing.hold;
  }

  get isHeld(): boolean {
    return this.current !== undefined;
  }

  /** Undefined until the store has taken it: what it does not know of is signed for nobody. */
  get ownRun(): OwnRun | undefined {
    const number = this.#run === undefined ? undefined : this.#history.numberOf(this.#run);
    if (this.#run === undefined || number === undefined) return undefined;
    return { lineage: this.lineage, run: { name: this.#run, number } };
  }

  /** Writes down that this process runs; rejects on a full disk, and may be called again. */
  async beginRun(): Promise<void> {
    if (this.#run !== undefined) return;
    const { store, tenant } = this.#options;
    this.#run = await store.beginRun({ tenant, revision: this.#startRevision });
    await this.#readRuns();
  }

  view(): HoldView | undefined {
    const hold = this.current;
    if (hold === undefined) return undefined;
    const { standingOf } = this.#options;
    const missing = this.#witnesses
      .names((name) => standingOf(name)?.host)
      .filter(({ name }) => standingOf(name)?.isCutOff !== true);
    const isAwaited = ({ name, standing }: CutOffName) => standing !== 'said' && standingOf(name) !== undefined;
    return {
      ...hold,
      ahead: [...this.#ahead].sort(),
      unknown: [...this.#unknown].sort(),
      isUnknownCut: this.#isUnknownCut,
      cutOffSince: missing.filter(isAwaited),
      cutOffSaid: missing.filter((name) => !isAwaited(name)),
    };
  }

  /** Lineages that hosts showed, for the store to know once the hold ends. */
  get shown(): readonly string[] {
    return [...this.#shown];
  }

  /** Holds from this moment on, whether or not the store takes it. */
  begin(what: { readonly kind: HoldKind; readonly revision: number; readonly why: string }): 'held' | 'began' {
    if (this.isHeld) return 'held';
    this.#options.began({ ...what, since: this.#options.now() });
    return 'began';
  }

  /** A host shows what it was told. Whether this store lacks that; `revision` is its own now. */
  lacks(told: ProvenRevision, revision: number): boolean {
    const { lineage, hold } = this.#options.standing;
    const now = { lineage, revision, startRevision: this.#startRevision };
    const held = hold === undefined ? {} : { heldAt: hold.revision };
    return this.#history.judge(told, { ...now, ...held }) === 'lacking';
  }

  noteAhead(host: string, told: ProvenRevision, cutOff: readonly string[]): void {
    this.#ahead.add(host);
    this.#witnesses.take(host, told, cutOff);
    const isOurs = told.lineage === this.lineage || this.#history.knowsLineage(told.lineage);
    if (!isOurs && told.run !== undefined && this.#shown.size < mostLineages) this.#shown.add(told.lineage);
  }

  noteUnknown(host: string, from = ''): void {
    if (this.#unknown.has(host)) return;
    const ofAddress = this.#unknownFrom.get(from) ?? 0;
    this.#isUnknownCut ||= this.#unknown.size >= mostUnknown || ofAddress >= mostUnknownOfOneAddress;
    if (this.#unknown.size >= mostUnknown || ofAddress >= mostUnknownOfOneAddress) return;
    this.#unknown.add(host);
    this.#unknownFrom.set(from, ofAddress + 1);
  }

  /** It ended, and what is numbered from now on is of the lineage that `standing` has. */
  async ended(revision: number): Promise<void> {
    this.#startRevision = revision;
    this.#run = undefined;
    this.#isUnknownCut = false;
    for (const names of [this.#ahead, this.#unknown, this.#unknownFrom, this.#shown]) names.clear();
    this.#witnesses.clear();
    await this.#readRuns();
  }

  async #readRuns(): Promise<void> {
    const { store, tenant } = this.#options;
    const startRevision = this.#startRevision;
    this.#history = new RunHistory(await store.listRuns({ tenant }), this.#run, { startRevision });
  }
}
