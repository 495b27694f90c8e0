// Keeps the table of flows within its settings: by age, and by rows, where what goes early is counted.

import type { Logger } from 'pino';
import { millis } from '#model/time.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store/store.ts';

const everyMs = 10 * 60_000;

export interface FlowRetention {
  /** Rows that went before their age, since the process started. */
  readonly pruned: () => number;
  stop(): void;
}

export function keepFlowsBounded(parts: {
  readonly store: Store;
  readonly tenant: string;
  readonly settings: Pick<Settings, 'keepFlowsDays' | 'keepFlowRows'>;
  readonly log: Logger;
}): FlowRetention {
  let pruned = 0;
  const prune = async () => {
    const before = millis(Date.now() - parts.settings.keepFlowsDays * 86_400_000);
    const rows = await parts.store.pruneFlows({ tenant: parts.tenant, before, keepRows: parts.settings.keepFlowRows });
    if (rows > 0) parts.log.warn({ rows, keepFlowRows: parts.settings.keepFlowRows }, 'flows deleted for want of room');
    pruned += rows;
  };
  const timer = setInterval(() => {
    prune().catch((cause: unknown) => parts.log.error({ err: cause }, 'flows could not be pruned'));
  }, everyMs);
  timer.unref();
  return { pruned: () => pruned, stop: () => clearInterval(timer) };
}
