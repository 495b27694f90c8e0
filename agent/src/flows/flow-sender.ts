// Sends spooled batches one at a time, the oldest first, and forgets each on its receipt. A batch that got no answer is sent
// again: the control plane takes it once. One that it says it will never take is counted as lost, so that the next ones get there.
// Waits with jittered backoff while the control plane is away.

import type { FlowReporter } from '#agent/table/apply-outcome.ts';
import type { Clock } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { askedMs, backoffMs } from '#model/backoff.ts';
import { addCounts } from '#model/counts.ts';
import type { FlowReceipt } from '#model/flow.ts';
import type { FlowSpool } from './flow-spool.ts';

export interface FlowSender {
  /** Resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** There is a new batch, or the control plane is back: no reason to wait. */
  nudge(): void;
  /** What the control plane took batches without, by why, since the start. */
  refused(): RefusedRecords;
}

export type RefusedRecords = NonNullable<FlowReceipt['refused']>;

export interface FlowSenderOptions {
  readonly spool: FlowSpool;
  readonly reporter: FlowReporter;
  /** `failed` once per run of failures, `sent` when sending works again, `refused` for each batch that is given up. */
  readonly reported: (outcome: SendOutcome) => void;
  /** Default 1,000 and 30,000. */
  readonly backoffLeastMs?: number;
  readonly backoffMostMs?: number;
  readonly clock?: Clock;
}

export type SendOutcome =
  | { readonly kind: 'sent' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'refused'; readonly sequence: number; readonly reason: string };

export function createFlowSender(options: FlowSenderOptions): FlowSender {
  const { spool, reporter, clock = systemClock } = options;
  const backoff = { leastMs: options.backoffLeastMs ?? 1000, mostMs: options.backoffMostMs ?? 30_000 };
  let awake = new AbortController();
  let isNudged = false;
  let refused: RefusedRecords = { workload: 0, address: 0, time: 0 };

  async function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (isNudged || signal.aborted) return;
    awake = new AbortController();
    await clock.sleep(delayMs, awake.signal, signal);
  }

  return {
    nudge() {
      isNudged = true;
      awake.abort();
    },

    refused: () => refused,

    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        isNudged = false;
        const batch = await spool.oldest();
        if (batch === undefined) {
          await sleep(60_000, signal);
          continue;
        }
        const receipt = await reporter.report(batch, signal);
        if (receipt.ok && receipt.value.sequence === batch.sequence) {
          spool.remove(batch.sequence);
          // A batch that was known already was counted when it was taken.
          if (receipt.value.kind === 'taken') refused = added(refused, receipt.value.refused);
          if (failures > 0) options.reported({ kind: 'sent' });
          failures = 0;
          continue;
        }
        if (signal.aborted) return;
        if (!receipt.ok && receipt.error.isFinal === true) {
          await spool.giveUp(batch.sequence);
          options.reported({ kind: 'refused', sequence: batch.sequence, reason: receipt.error.reason });
          continue;
        }
        failures += 1;
        const reason = receipt.ok ? `the receipt is for batch ${receipt.value.sequence}` : receipt.error.reason;
        if (failures === 1) options.reported({ kind: 'failed', reason });
        const delayMs = backoffMs(backoff, failures, Math.random());
        const retryAfterMs = receipt.ok ? undefined : receipt.error.retryAfterMs;
        // A nudge is no reason to come before one's time.
        if (retryAfterMs !== undefined) await clock.sleep(askedMs(retryAfterMs, Math.random()), signal);
        else await sleep(delayMs, signal);
      }
    },
  };
}

function added(sum: RefusedRecords, more: RefusedRecords | undefined): RefusedRecords {
  if (more === undefined) return sum;
  return {
    workload: addCounts(sum.workload, more.workload),
    address: addCounts(sum.address, more.address),
    time: addCounts(sum.time, more.time),
  };
}
