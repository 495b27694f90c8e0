// Whether the store may speak for the fleet. One that is older than what agents were told (a backup, a file put back) holds: agents keep
// what they have, and who is ahead of it, unknown to it or cut off since is gathered for the operator, until he resumes or applies a policy.

import type { Millis } from '#model/time.ts';
import type { ProvenRevision } from './revision-proofs.ts';
import type { HoldKind, Lineage, StoreHold } from './store/lineage.ts';
import type { Store } from './store/store.ts';

export interface HoldView extends StoreHold {
  /** Hosts that were told more than the store knows, in order. */
  readonly ahead: readonly string[];
  /** Hosts with a certificate of this CA that the store does not know of, in order. */
  readonly unknown: readonly string[];
  /** Workloads that hosts ahead of the store cut off, and that it neither has quarantined nor revoked, in order. */
  readonly cutOffSince: readonly string[];
}

export interface StoreHoldingOptions {
  readonly store: Pick<Store, 'readLineage' | 'beginHold' | 'endHold'>;
  readonly tenant: string;
  readonly now: () => Millis;
  /** Whether the store has the workload quarantined or revoked. */
  readonly isCutOff: (workload: string) => boolean;
}

/** Of each list of names: hosts that are in no store can be as many as somebody enrolled. */
const mostNames = 10_000;

export class StoreHolding {
  readonly #options: StoreHoldingOptions;
  #lineage: string;
  #hold: StoreHold | undefined;
  readonly #ahead = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #cutOff = new Set<string>();

  constructor(options: StoreHoldingOptions, { lineage, hold }: Lineage) {
    this.#options = options;
    this.#lineage = lineage;
    this.#hold = hold;
  }

  get lineage(): string {
    return this.#lineage;
  }

  get isHeld(): boolean {
    return this.#hold !== undefined;
  }

  view(): HoldView | undefined {
    if (this.#hold === undefined) return undefined;
    const { isCutOff } = this.#options;
    const cutOffSince = [...this.#cutOff].filter((workload) => !isCutOff(workload)).sort();
    return { ...this.#hold, ahead: [...this.#ahead].sort(), unknown: [...this.#unknown].sort(), cutOffSince };
  }

  /** Holds from this moment on, whether or not the store takes it: `keep`, for a turn of changes, writes it down. */
  begin(what: { readonly kind: HoldKind; readonly revision: number; readonly why: string }): 'held' | 'began' {
    if (this.#hold !== undefined) return 'held';
    this.#hold = { ...what, since: this.#options.now() };
    return 'began';
  }

  /** A host shows that it was told a revision. Whether the store knows of none so high: then it is older than that. */
  isBehind({ lineage, revision }: ProvenRevision, own: number): boolean {
    if (this.#hold === undefined) return lineage === this.#lineage && revision > own;
    return revision > this.#hold.revision;
  }

  async keep(): Promise<void> {
    const hold = this.#hold;
    if (hold === undefined) return;
    const { kind, since, why } = hold;
    await this.#options.store.beginHold({ tenant: this.#options.tenant, hold: { kind, since, why } });
  }

  noteAhead(host: string, cutOff: readonly string[]): void {
    add(this.#ahead, host);
    for (const workload of cutOff) add(this.#cutOff, workload);
  }

  noteUnknown(host: string): void {
    add(this.#unknown, host);
  }

  /** The store has written down that it ended, and goes on under a new name. */
  async ended(): Promise<void> {
    const { store, tenant } = this.#options;
    this.#lineage = (await store.readLineage({ tenant })).lineage;
    this.#hold = undefined;
    for (const names of [this.#ahead, this.#unknown, this.#cutOff]) names.clear();
  }
}

function add(names: Set<string>, name: string): void {
  if (names.size < mostNames) names.add(name);
}
