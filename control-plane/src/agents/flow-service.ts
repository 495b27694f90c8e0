// Flow batches from agents, as a gRPC method: who may report, how many at once, and what a batch that could not be stored is answered.

import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { hostKey } from '#control-plane/pki/agent-identity.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { type CallStatus, comeBack } from '#control-plane/rpc/call-status.ts';
import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';
import type { UnaryMethod } from '#control-plane/rpc/rpc-call.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import { decodeFlowBatch, encodeFlowReceipt } from '#wire/flow-batch.ts';
import { limits } from '#wire/limits.ts';
import type { AgentBackend } from './agent-backend.ts';
import { callerOf } from './caller.ts';
import { refusalCodes } from './policy-stream.ts';

export interface FlowServiceOptions {
  readonly backend: AgentBackend;
  readonly pki: Pick<Pki, 'cas'>;
  readonly log: Logger;
  readonly now: () => Millis;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs: () => number;
  /** Flow records of one host. */
  readonly records?: RateBudgetOptions;
}

/** Flow batches of one host at once: an agent sends one after the other. */
const reportsAtOnce = 2;
const retryAfterMs = 1000;
/** Flow records of one host: four of the largest batches at once, then 5,000 a second, more than a busy host makes. The store writes some 50,000 a second, for all. */
const recordsOfHost: RateBudgetOptions = { burst: 4 * limits.flowRecords, everyMs: 0.2 };
const longestWaitMs = 30_000;
/** The largest message counts as the most records there may be. */
const usualRecordBytes = limits.agentMessageBytes / limits.flowRecords;

function refusalAfter(waitMs: number, host: string): Result<never, CallStatus> | undefined {
  if (waitMs === 0) return undefined;
  const reason = `${host} reports more flows than the store takes of one host`;
  return err(comeBack(reason, Math.min(waitMs, longestWaitMs)));
}

export function createFlowMethod(options: FlowServiceOptions): UnaryMethod {
  const { backend, log } = options;
  const underWay = new Map<string, number>();
  const records = new RateBudget(options.records ?? recordsOfHost);
  return {
    kind: 'unary',
    mostBytes: limits.agentMessageBytes,
    refusalOf: (peer) => {
      const caller = callerOf(peer, options);
      return caller.ok ? undefined : caller.error;
    },
    async answer(request, peer) {
      const caller = callerOf(peer, options);
      if (!caller.ok) return caller;
      const { identity } = caller.value;
      const key = hostKey(identity);
      const others = underWay.get(key) ?? 0;
      if (others >= reportsAtOnce)
        return err(comeBack(`${others} batches of ${identity.host} are under way; send one at a time`, retryAfterMs));
      // Reading costs too, of what is then refused as well: an empty batch counts as a record, and any as those that its bytes have room for.
      const leastCount = Math.min(limits.flowRecords, Math.ceil((request.length + 1) / usualRecordBytes));
      const at = options.elapsedMs();
      const unread = refusalAfter(records.waitFor(key, { at, count: leastCount }), identity.host);
      if (unread !== undefined) return unread;
      const batch = decodeFlowBatch(request);
      if (!batch.ok) {
        records.takeMany(key, { at, count: leastCount });
        return err({ code: status.INVALID_ARGUMENT, details: batch.error });
      }
      const count = Math.max(leastCount, batch.value.records.length);
      const untaken = refusalAfter(records.takeMany(key, { at, count }), identity.host);
      if (untaken !== undefined) return untaken;
      underWay.set(key, others + 1);
      try {
        const receipt = await backend.ingestFlows({ ...identity, connection: peer.connection }, batch.value);
        if (receipt.ok) return ok(encodeFlowReceipt(receipt.value));
        return err({ code: refusalCodes[receipt.error.kind], details: receipt.error.text });
      } catch (error) {
        // The agent keeps the batch and sends it again; that the store failed is for the operator.
        const { sequence } = batch.value;
        log.error({ err: error, host: identity.host, sequence }, 'flow batch could not be stored');
        return err({
          code: status.UNAVAILABLE,
          details: 'the control plane could not store the batch; send it again',
        });
      } finally {
        const left = (underWay.get(key) ?? 1) - 1;
        if (left === 0) underWay.delete(key);
        else underWay.set(key, left);
      }
    },
  };
}
