// Sends one flow batch and waits for its receipt, over the connection that policy sync keeps. An error means that the batch may
// or may not have arrived: the caller keeps it and sends it again, and the control plane takes it once.

import { status } from '@grpc/grpc-js';
import { callUnary } from '#agent/link/control-plane-client.ts';
import type { Identity } from '#agent/link/identity.ts';
import { pushbackOf } from '#agent/link/pushback.ts';
import type { EncodedBatch, FlowReporter, ReportFailure } from '#agent/table/apply-outcome.ts';
import type { FlowReceipt } from '#model/flow.ts';
import { err, type Result } from '#model/result.ts';
import { decodeFlowReceipt } from '#wire/flow-batch.ts';
import { flowReportService } from '#wire/services.ts';

export interface FlowReporterOptions {
  readonly identity: Pick<Identity, 'client'>;
  /** Default 30,000: a store that compacts may take some seconds. */
  readonly timeoutMs?: number;
}

export function createFlowReporter({ identity, timeoutMs = 30_000 }: FlowReporterOptions): FlowReporter {
  return {
    async report({ bytes: request }: EncodedBatch, signal: AbortSignal): Promise<Result<FlowReceipt, ReportFailure>> {
      if (signal.aborted) return err({ reason: 'stopped' });
      const client = identity.client();
      const answer = await callUnary({ client, method: flowReportService.report, request, timeoutMs, signal });
      if (answer.kind === 'failed') {
        const retryAfterMs = pushbackOf(answer.error.metadata);
        return err({
          reason: answer.error.details,
          ...(answer.error.code === status.INVALID_ARGUMENT ? { isFinal: true } : {}),
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        });
      }
      const receipt = decodeFlowReceipt(answer.bytes);
      return receipt.ok ? receipt : err({ reason: receipt.error });
    },
  };
}
