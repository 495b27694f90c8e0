// Keeps the table of flows within its settings: by age, and by rows, where no host can push out those of others: who has more than its share
// loses its own oldest. What goes early is counted, by host.

import type { Logger } from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import type { Settings } from '#control-plane/settings/settings.ts';
import type { Store } from '#control-plane/store/store.ts';
import { millis } from '#model/time.ts';
import { fairShare } from '#policy/fair-share.ts';

const lookEveryMs = 30_000;
const pruneEveryMs = 10 * 60_000;
/** Sooner where so large a part of the room came in since: nobody fills the disk between two times. */
const partOfRoom = 0.1;
/** In one turn of the store, which others wait for. */
const rowsAtOnce = 20_000;

export interface FlowRetention {
  /** Rows that went before their age, since the process started. */
  readonly pruned: () => number;
  stop(): void;
}

export interface FlowRetentionOptions {
  readonly store: Pick<Store, 'pruneFlows' | 'countFlowRows' | 'pruneHostFlows'>;
  readonly tenant: string;
  readonly settings: Pick<Settings, 'keepFlowsDays' | 'keepFlowRows'>;
  /** Flow records taken since the start. */
  readonly taken: () => number;
  readonly hostPruned: (host: string, rows: number) => void;
  readonly log: Logger;
}

/** Returns how many rows went before their age. */
export async function pruneFlowRows(options: Omit<FlowRetentionOptions, 'taken'>): Promise<number> {
  const { store, tenant, settings, hostPruned, log } = options;
  await store.pruneFlows({ tenant, before: millis(systemClock.wall() - settings.keepFlowsDays * 86_400_000) });
  const counts = await store.countFlowRows({ tenant });
  const share = fairShare(
    counts.map(({ rows }) => rows),
    settings.keepFlowRows,
  );
  let pruned = 0;
  for (const { host, rows } of counts) {
    if (rows <= share) continue;
    log.warn({ host, rows: rows - share, share }, 'flows of a host deleted for want of room');
    for (let left = rows - share; left > 0; left -= rowsAtOnce) {
      const gone = await store.pruneHostFlows({ tenant, host, rows: Math.min(left, rowsAtOnce) });
      pruned += gone;
      hostPruned(host, gone);
    }
  }
  return pruned;
}

export function keepFlowsBounded(options: FlowRetentionOptions): FlowRetention {
  const { settings, taken, log } = options;
  let pruned = 0;
  let nextMs = systemClock.elapsedMs() + pruneEveryMs;
  let takenBefore = taken();
  let isPruning = false;
  const prune = async () => {
    isPruning = true;
    nextMs = systemClock.elapsedMs() + pruneEveryMs;
    takenBefore = taken();
    try {
      pruned += await pruneFlowRows(options);
    } catch (cause) {
      log.error({ err: cause }, 'flows could not be pruned');
    } finally {
      isPruning = false;
    }
  };
  const timer = systemClock.every(lookEveryMs, () => {
    const isFull = taken() - takenBefore > settings.keepFlowRows * partOfRoom;
    if (!isPruning && (isFull || systemClock.elapsedMs() >= nextMs)) void prune();
  });
  timer.unref();
  return { pruned: () => pruned, stop: () => timer.cancel() };
}
