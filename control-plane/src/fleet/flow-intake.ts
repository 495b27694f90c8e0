// Where flow batches come in: which host may report at this moment, what it may speak for, and what of it was refused. Holdings that a
// host gave up lately still count, since batches wait on its disk; refusals are kept in memory, one line an hour in the audit log each.

import type { HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import type { Address } from '#model/address.ts';
import { addCounts } from '#model/counts.ts';
import type { Millis } from '#model/time.ts';
import { type RefusedFlows, type Reporter, refusedCount } from '#policy/learn/believed-flows.ts';

/** How long what a host held still counts, and how much of it is remembered for each host. */
const lateMs = 3_600_000;
const mostLate = 256;
/** Between two audit entries about one host. */
const tellEveryMs = 3_600_000;

export interface RefusalTally {
  readonly workload: number;
  readonly address: number;
  readonly time: number;
}

export const noneRefused: RefusalTally = { workload: 0, address: 0, time: 0 };

export class FlowIntake {
  readonly #late = new Map<string, Map<string, number>>();
  readonly #refused = new Map<string, RefusalTally>();
  readonly #pruned = new Map<string, number>();
  readonly #toldAt = new Map<string, number>();
  readonly #reportedAt = new Map<string, Millis>();

  /** What `after` holds no more counts for a while. */
  entryChanged(before: HostEntry, after: HostEntry, at: number): void {
    const kept = holdingsOf(after);
    const late = this.#late.get(before.name) ?? new Map<string, number>();
    for (const holding of holdingsOf(before)) if (!kept.has(holding)) late.set(holding, at);
    for (const [holding, since] of late) if (at - since > lateMs || late.size > mostLate) late.delete(holding);
    if (late.size === 0) this.#late.delete(before.name);
    else this.#late.set(before.name, late);
  }

  reporterOf(
    entry: HostEntry,
    parts: {
      readonly at: number;
      holderOf(address: Address): string | undefined;
      /** Absent: the address is no virtual workload's. */
      mayHoldVirtual(address: Address): boolean | undefined;
    },
  ): Reporter {
    const held = holdingsOf(entry);
    const behind = new Set<string>([...entry.containers.values()].flatMap(({ addresses }) => addresses));
    const late = this.#late.get(entry.name);
    const isLate = (holding: string) => parts.at - (late?.get(holding) ?? Number.NEGATIVE_INFINITY) <= lateMs;
    return {
      host: entry.name,
      isOwn: (workload) => held.has(workload) || isLate(workload),
      holds: (local) => {
        const holder = parts.holderOf(local);
        // A virtual address moves faster than reports of it: who may hold it may have had it.
        const mayHold = parts.mayHoldVirtual(local);
        if (mayHold !== undefined) return mayHold;
        // One that is another's by now is that other's, whoever had it; one that the host only claims is not its own yet.
        if (holder !== undefined) return held.has(holder);
        return behind.has(local) || isLate(local);
      },
    };
  }

  /** Returns what to write down about it now, if anything. */
  refused(host: string, refused: RefusedFlows, at: number): Readonly<Record<string, unknown>> | undefined {
    if (refusedCount(refused) === 0) return undefined;
    const before = this.#refused.get(host) ?? noneRefused;
    const { counts, samples } = refused;
    const sum: RefusalTally = {
      workload: addCounts(before.workload, counts.workload),
      address: addCounts(before.address, counts.address),
      time: addCounts(before.time, counts.time),
    };
    this.#refused.set(host, sum);
    const told = this.#toldAt.get(host);
    if (told !== undefined && at - told < tellEveryMs) return undefined;
    this.#toldAt.set(host, at);
    return { ...sum, samples };
  }

  /** `at` by the clock on the wall; all other times here are of a clock that only goes forward. */
  reported(host: string, at: Millis): void {
    this.#reportedAt.set(host, at);
  }

  /** When the last batch came, since the start. */
  lastReportOf(host: string): Millis | undefined {
    return this.#reportedAt.get(host);
  }

  /** Rows of the host that went for want of room, before their age. */
  pruned(host: string, rows: number): void {
    this.#pruned.set(host, addCounts(this.prunedOf(host), rows));
  }

  /** Since the start. */
  prunedOf(host: string): number {
    return this.#pruned.get(host) ?? 0;
  }

  /** Since the start. */
  refusedOf(host: string): RefusalTally {
    return this.#refused.get(host) ?? noneRefused;
  }

  forget(host: string): void {
    this.#late.delete(host);
    this.#refused.delete(host);
    this.#pruned.delete(host);
    this.#toldAt.delete(host);
    this.#reportedAt.delete(host);
  }
}

/** Names and addresses, which have nothing in common. */
function holdingsOf(entry: HostEntry): ReadonlySet<string> {
  const holdings = new Set<string>([entry.name, ...entry.addresses, ...entry.units.keys()]);
  for (const [name, { addresses }] of entry.containers) {
    holdings.add(name);
    for (const address of addresses) holdings.add(address);
  }
  return holdings;
}
