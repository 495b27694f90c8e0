// The port agents connect to: gRPC with the control plane's own CA.
//
//   TLS (client certificate asked for, not required) ─► Enrol: no certificate needed
//                                                   └─► Renew, Sync, Report: caller.ts ─► identity, from the certificate only
//   backend.connect ◄─ hello ◄─ PolicyStream ◄─► agent      one clock ticks all streams: heartbeat, expiry, revocation, silence
//   backend.ingestFlows ◄─ Report ◄─ agent
//
// Every bound stands in proto/wire/limits.ts.

import {
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Millis } from '#model/time.ts';
import { decodeFlowBatch, encodeFlowReceipt } from '#wire/flow-batch.ts';
import { limits } from '#wire/limits.ts';
import { encodeHeartbeat } from '#wire/policy-sync-messages.ts';
import { enrolmentService, flowReportService, policySyncService } from '#wire/services.ts';
import type { AgentBackend } from './agent-backend.ts';
import { callerOf } from './caller.ts';
import { createEnrolmentService } from './enrolment-service.ts';
import type { Pki } from './pki.ts';
import { PolicyStream, refusalCodes, type StreamTimes, systemClock } from './policy-stream.ts';
import { createSendQueue } from './send-queue.ts';
import { AgentServerCredentials } from './server-credentials.ts';

export interface AgentServerOptions {
  /** ADDRESS:PORT, an IPv6 address in brackets; port 0 lets the kernel choose. */
  readonly address: string;
  readonly pki: Pki;
  readonly backend: AgentBackend;
  readonly log: Logger;
  readonly now?: () => Millis;
  readonly times?: Partial<StreamTimes>;
}

export interface AgentServer {
  /** As given, with the port that was bound. */
  readonly address: string;
  /** Looks at every live stream's certificate now, not at the next tick: call it after a revocation. */
  recheckCertificates(): void;
  /** Live policy streams. */
  streams(): number;
  /** Ends streams, waits for calls under way, at most so long. */
  stop(graceMs: number): Promise<void>;
}

const defaultTimes: StreamTimes = { heartbeatMs: 10_000, silenceMs: 60_000, helloMs: 10_000 };
const tickMs = 1000;
const renewalCheckMs = 12 * 3_600_000;
/** Flow batches of one host at once: an agent sends one after the other. */
const reportsAtOnce = 2;

/** Listens, or throws with what the system said about the address. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const { pki, backend, log, now = systemClock } = options;
  const times = { ...defaultTimes, ...options.times };
  const credentials = new AgentServerCredentials(pki.serverTls());
  const streams = new Set<PolicyStream>();
  const queue = createSendQueue();
  const checks = { backend, now };

  const server = new Server({
    'grpc.max_receive_message_length': limits.agentMessageBytes,
    'grpc.max_send_message_length': limits.controlPlaneMessageBytes,
    'grpc.max_concurrent_streams': 16,
    // Finds the connections whose other end went without a word; an open stream's own heartbeats are slower to tell.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });
  server.addService(enrolmentService, createEnrolmentService({ pki, backend, log, now }));
  server.addService(policySyncService, {
    sync(call: ServerDuplexStream<Uint8Array, Uint8Array>) {
      const caller = callerOf(call, checks);
      if (!caller.ok) {
        log.warn({ peer: call.getPeer(), reason: caller.error.details }, 'policy stream refused');
        call.emit('error', caller.error);
        return;
      }
      const stream: PolicyStream = new PolicyStream({
        call,
        certificate: caller.value,
        backend,
        queue,
        times,
        now,
        log,
        closed: () => streams.delete(stream),
      });
      streams.add(stream);
    },
  });
  server.addService(flowReportService, createFlowService({ backend, log, now }));

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(cannotListen(options.address, error.message), { cause: error }));
    });
  });

  const tick = (): void => {
    const at = now();
    const heartbeat = encodeHeartbeat(at);
    for (const stream of streams) stream.tick(at, heartbeat);
  };
  const ticking = setInterval(tick, Math.min(tickMs, times.heartbeatMs));
  const renewing = setInterval(() => {
    pki.renewServerCertificate().then(
      (isNew) => {
        if (isNew) credentials.renew(pki.serverTls());
      },
      (error: unknown) =>
        log.error({ err: error }, 'the server certificate could not be renewed; the next try is in 12 h'),
    );
  }, renewalCheckMs);

  return {
    address: options.address.replace(/:\d+$/, `:${port}`),
    recheckCertificates: tick,
    streams: () => streams.size,
    async stop(graceMs) {
      clearInterval(ticking);
      clearInterval(renewing);
      for (const stream of streams)
        stream.close({ code: status.UNAVAILABLE, details: 'the control plane is stopping' });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

interface FlowServiceOptions {
  readonly backend: AgentBackend;
  readonly log: Logger;
  readonly now: () => Millis;
}

function createFlowService(options: FlowServiceOptions): UntypedServiceImplementation {
  const { backend, log } = options;
  const underWay = new Map<string, number>();

  async function report(
    call: ServerUnaryCall<Uint8Array, Uint8Array>,
    reply: sendUnaryData<Uint8Array>,
  ): Promise<void> {
    const caller = callerOf(call, options);
    if (!caller.ok) return reply(caller.error);
    const { identity } = caller.value;
    const key = `${identity.tenant}/${identity.host}`;
    const others = underWay.get(key) ?? 0;
    if (others >= reportsAtOnce) {
      return reply({
        code: status.RESOURCE_EXHAUSTED,
        details: `${others} batches of ${identity.host} are under way; send one at a time`,
      });
    }
    const batch = decodeFlowBatch(call.request);
    if (!batch.ok) return reply({ code: status.INVALID_ARGUMENT, details: batch.error });
    underWay.set(key, others + 1);
    try {
      const receipt = await backend.ingestFlows({ ...identity, connection: call.getPeer() }, batch.value);
      if (receipt.ok) reply(null, encodeFlowReceipt(receipt.value));
      else reply({ code: refusalCodes[receipt.error.kind], details: receipt.error.text });
    } catch (error) {
      // The agent keeps the batch and sends it again; that the store failed is for the operator.
      log.error({ err: error, host: identity.host, sequence: batch.value.sequence }, 'flow batch could not be stored');
      reply({ code: status.UNAVAILABLE, details: 'the control plane could not store the batch; send it again' });
    } finally {
      const left = (underWay.get(key) ?? 1) - 1;
      if (left === 0) underWay.delete(key);
      else underWay.set(key, left);
    }
  }

  return {
    report: (call: ServerUnaryCall<Uint8Array, Uint8Array>, reply: sendUnaryData<Uint8Array>) =>
      void report(call, reply),
  };
}

/** gRPC wraps what the system says. */
function cannotListen(address: string, message: string): string {
  const reason = /errors: \[(?:listen )?(.*)\]$/.exec(message)?.[1] ?? message;
  return `cannot listen for agents on ${address}: ${reason}`;
}
