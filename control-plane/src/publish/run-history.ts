// Whether a store has the history that a host was told. Revisions count on in every copy of a store, so their height tells nothing once a
// copy that was put back has caught up. What no copy can make up is a run: each start of a control plane writes a random name into the
// store, and what it signs for hosts names it. A run that the store does not know, or knows to have ended lower, is history that it lacks.
//
// Runs are numbered in the order of their starts. The oldest are forgotten in the end; what names a number below those is judged by height.

import type { StoredRun } from '#control-plane/store/runs.ts';
import type { ProvenRevision } from './revision-proofs.ts';

export interface HistoryNow {
  readonly lineage: string;
  readonly revision: number;
  /** The store's when this process began. */
  readonly startRevision: number;
  /** The store's when a hold began that has not ended. */
  readonly heldAt?: number;
}

/** `lacking`: the host was told so by a history that this store is not of, or no longer. */
export type ProofStanding = 'known' | 'lacking';

interface KnownRun {
  readonly number: number;
  readonly lineage: string;
  /** Of a run that goes on: undefined. */
  readonly last: number | undefined;
}

export class RunHistory {
  readonly #runs = new Map<string, KnownRun>();
  readonly #lineages = new Set<string>();
  /** Of each lineage with runs, the oldest that is kept. */
  readonly #oldest = new Map<string, StoredRun>();

  /** `own`: the run of this process, where the store has taken it. */
  constructor(
    stored: readonly StoredRun[],
    own: string | undefined,
    { startRevision }: { readonly startRevision: number },
  ) {
    const rows = [...stored].sort((a, b) => a.number - b.number);
    for (const [at, row] of rows.entries()) {
      this.#lineages.add(row.lineage);
      if (row.run === '') continue;
      if (!this.#oldest.has(row.lineage)) this.#oldest.set(row.lineage, row);
      const last = row.run === own ? undefined : (rows[at + 1]?.revision ?? startRevision);
      this.#runs.set(row.run, { number: row.number, lineage: row.lineage, last });
    }
  }

  numberOf(run: string): number | undefined {
    return this.#runs.get(run)?.number;
  }

  knowsLineage(lineage: string): boolean {
    return this.#lineages.has(lineage);
  }

  judge(told: ProvenRevision, now: HistoryNow): ProofStanding {
    const { lineage, revision } = told;
    const isHeld = now.heldAt !== undefined;
    const height = now.heldAt ?? now.startRevision;
    // Proofs of before runs were named.
    if (told.run === undefined) return (isHeld || lineage === now.lineage) && revision > height ? 'lacking' : 'known';
    const isOwn = lineage === now.lineage;
    if (!isOwn && !this.#lineages.has(lineage)) return 'lacking';
    // An operator has gone on from it.
    if (!isOwn && !isHeld) return 'known';
    const run = this.#runs.get(told.run.name);
    if (run !== undefined) return revision > (run.last ?? now.revision) ? 'lacking' : 'known';
    const oldest = this.#oldest.get(lineage);
    if (oldest === undefined) return !isOwn && revision <= height ? 'known' : 'lacking';
    return told.run.number < oldest.number && revision <= oldest.revision ? 'known' : 'lacking';
  }
}
