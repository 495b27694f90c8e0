// What the kernel's denied sets hold, read only when something was denied since the last time: the table's counters are asked
// over netlink (0.1 ms), and nft is started (7 ms of CPU a set) only for a direction in which a denying decision's moved.

import { dumpNetfilter } from '#agent/netlink/dump.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { type DenialCounts, noDenials } from '#agent-core/flows/unrecorded-denials.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { decodeCounters, renderCountersRequest } from '#agent-core/netlink/counter-message.ts';
import { type DeniedCount, parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { listedSets, unrecordedCounter } from '#agent-core/table/denied-sets.ts';
import { tableName } from '#agent-core/table/table.ts';
import { systemClock } from '#clock/system-clock.ts';
import { ok, type Result } from '#model/result.ts';
import type { Direction } from '#model/verdict.ts';

export interface DeniedSource {
  /** Every element of every denied set, or undefined where nothing was denied since the last successful call, or no table of ours stands. */
  readMoved(): Promise<Result<readonly DeniedCount[] | undefined>>;
  /** Denied packets that the sets had no room for, since the table was made: as of the last call. */
  unrecorded(): DenialCounts;
}

const counterPrefix = 'n_';
const directions = ['inbound', 'outbound'] as const;

export function createDeniedSource(options: {
  readonly nft: Nft;
  readonly marks: MarkLayout;
  /** The direction in which the decision of this number denies, or undefined if it does not. */
  readonly deniesIn: (number: number) => Direction | undefined;
}): DeniedSource {
  const { nft, marks, deniesIn } = options;
  const [, table = ''] = tableName.split(' ');
  const request = renderCountersRequest(table);
  const known = new Map<Direction, { readonly counters: string; readonly counts: readonly DeniedCount[] }>();
  let unrecorded = noDenials;

  /** Per direction a text that changes with every denial; `unknown`: could not be told. A table of ours has counters, whatever it denies. */
  async function currentDenials(): Promise<ReadonlyMap<Direction, string> | 'unknown' | 'no-table'> {
    let isThere = false;
    const moved: Record<Direction, string[]> = { inbound: [], outbound: [] };
    const missed = { ...noDenials };
    const dumped = await dumpNetfilter({
      what: 'the list of counters',
      message: request,
      take: (bytes) =>
        decodeCounters(bytes, (name, packets) => {
          isThere = true;
          for (const one of directions) if (name === unrecordedCounter[one]) missed[one] = packets;
          const number = Number(name.slice(counterPrefix.length));
          const direction = packets > 0 && Number.isSafeInteger(number) ? deniesIn(number) : undefined;
          if (direction !== undefined) moved[direction].push(`${number}=${packets}`);
        }),
    });
    if (!dumped.ok) return 'unknown';
    unrecorded = missed;
    if (!isThere) return 'no-table';
    return new Map(directions.map((direction) => [direction, moved[direction].sort().join(' ')]));
  }

  /** One set a call: nft 1.0.6 finds only the last set of several list commands. */
  async function readSets(direction: Direction): Promise<Result<readonly DeniedCount[]>> {
    const counts: DeniedCount[] = [];
    for (const name of listedSets(direction)) {
      const listed = await nft.list(['-n', 'list', 'set', ...tableName.split(' '), name]);
      if (!listed.ok) return listed;
      counts.push(...parseDeniedSets(listed.value, marks, systemClock.elapsedMs()));
    }
    return ok(counts);
  }

  return {
    unrecorded: () => unrecorded,
    async readMoved() {
      const now = await currentDenials();
      if (now === 'no-table') {
        known.clear();
        return ok(undefined);
      }
      let hasMoved = false;
      for (const direction of directions) {
        const counters = now === 'unknown' ? undefined : now.get(direction);
        if (counters === (known.get(direction)?.counters ?? '')) continue;
        const counts = await readSets(direction);
        // Taken away meanwhile (panic): nothing is missing.
        if (!counts.ok) return (await currentDenials()) === 'no-table' ? ok(undefined) : counts;
        hasMoved = true;
        known.set(direction, { counters: counters ?? '', counts: counts.value });
      }
      return ok(hasMoved ? directions.flatMap((direction) => known.get(direction)?.counts ?? []) : undefined);
    },
  };
}
