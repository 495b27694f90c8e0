// Sends one flow batch and waits for its receipt, over the connection that policy sync keeps. An error means that the batch may
// or may not have arrived: the caller keeps it and sends it again, and the control plane takes it once.

import type { FlowBatch, FlowReceipt } from '#model/flow.ts';
import { err, type Result } from '#model/result.ts';
import { decodeFlowReceipt, encodeFlowBatch } from '#wire/flow-batch.ts';
import { flowReportService } from '#wire/services.ts';
import { callUnary } from './control-plane-client.ts';
import type { Identity } from './identity.ts';
import type { FlowReporter } from './ports.ts';

export interface FlowReporterOptions {
  readonly identity: Pick<Identity, 'client'>;
  /** Default 30,000: a store that compacts may take some seconds. */
  readonly timeoutMs?: number;
}

export function createFlowReporter({ identity, timeoutMs = 30_000 }: FlowReporterOptions): FlowReporter {
  return {
    async report(batch: FlowBatch, signal: AbortSignal): Promise<Result<FlowReceipt>> {
      if (signal.aborted) return err('stopped');
      const request = encodeFlowBatch(batch);
      const client = identity.client();
      const answer = await callUnary({ client, method: flowReportService.report, request, timeoutMs, signal });
      return answer.kind === 'answered' ? decodeFlowReceipt(answer.bytes) : err(answer.error.details);
    },
  };
}
