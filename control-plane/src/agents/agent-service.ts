// The port agents connect to: gRPC with the control plane's own CA.
//
//   AgentListener (TCP, TLS, places) ─► Enrol: no certificate needed
//                                   └─► Renew, Sync, Report: caller.ts ─► identity, from the certificate only
//   backend.connect ◄─ hello ◄─ PolicyStream ◄─► agent      one clock ticks all streams: heartbeat, expiry, revocation, silence
//   backend.ingestFlows ◄─ Report ◄─ agent
//
// Bounds on messages stand in proto/wire/limits.ts, those on connections and streams in admission-limits.ts.

import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import { hostKey } from '#control-plane/pki/agent-identity.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { type AdmissionLimits, admissionLimits } from '#control-plane/rpc/admission-limits.ts';
import { AgentListener, type ListenerCounts, type RefusedConnection } from '#control-plane/rpc/agent-listener.ts';
import { comeBack } from '#control-plane/rpc/call-status.ts';
import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';
import type { RpcMethod, RpcMethods, StreamMethod } from '#control-plane/rpc/rpc-call.ts';
import { parseListenAddress } from '#control-plane/settings/listen-address.ts';
import type { Millis } from '#model/time.ts';
import { limits } from '#wire/limits.ts';
import { encodeHeartbeat } from '#wire/policy-sync-messages.ts';
import { enrolmentService, flowReportService, policySyncService } from '#wire/services.ts';
import type { AgentBackend } from './agent-backend.ts';
import { callerOf, certificateProblem } from './caller.ts';
import { createEnrolmentService } from './enrolment-service.ts';
import { createFlowMethod } from './flow-service.ts';
import { HelloPlaces } from './hello-places.ts';
import { PolicyStream, type StreamTimes } from './policy-stream.ts';
import { createSendQueue } from './send-queue.ts';

export interface AgentServerOptions {
  /** ADDRESS:PORT, an IPv6 address in brackets; port 0 lets the kernel choose. */
  readonly address: string;
  readonly pki: Pki;
  readonly backend: AgentBackend;
  readonly log: Logger;
  readonly now?: () => Millis;
  /** By which rules end and windows turn, told to agents as the time; default `now`. */
  readonly policyTime?: () => Millis;
  /** Milliseconds of a clock that only goes forward; the process's own by default. */
  readonly elapsedMs?: () => number;
  /** How long after its end a certificate may still be renewed. */
  readonly renewExpiredMs?: number;
  readonly times?: Partial<StreamTimes>;
  readonly limits?: AdmissionLimits;
  /** Many hosts come from such an address: a proxy, a balancer, address translation. */
  readonly isShared?: (address: string) => boolean;
  /** Of one host's certificate; default ten at once, then one in ten minutes. */
  readonly renewals?: RateBudgetOptions;
  /** May be called as often as strangers like. */
  readonly connectionRefused?: (refused: RefusedConnection) => void;
}

export interface AgentServerCounts extends ListenerCounts {
  readonly hellos: number;
}

export interface AgentServer {
  /** As given, with the port that was bound. */
  readonly address: string;
  /** Looks at every live stream's certificate now, not at the next tick: call it after a revocation. */
  recheckCertificates(): void;
  /** The PKI has other CAs or certificates: shown and told from now on, and asked of who is connected. */
  casChanged(): void;
  /** Live policy streams. */
  streams(): number;
  counts(): AgentServerCounts;
  /** Ends streams, waits for calls under way, at most so long. */
  stop(graceMs: number): Promise<void>;
}

const defaultTimes: StreamTimes = { heartbeatMs: 10_000, silenceMs: 60_000, helloMs: 10_000 };
const tickMs = 1000;
const renewalCheckMs = 300_000;

/** Listens, or throws with what the system said about the address. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const { pki, backend, log, now = systemClock.wall, limits: admission = admissionLimits } = options;
  const { elapsedMs = systemClock.elapsedMs } = options;
  const times = { ...defaultTimes, ...options.times };
  const streams = new Set<PolicyStream>();
  const hellos = new HelloPlaces({ atOnce: admission.hellosAtOnce, ofHost: admission.hellosOfHost });
  const checks = { backend, pki, now };
  const policyTime = options.policyTime ?? now;
  const { patienceMs, ...pace } = admission.streamBytesOfHost;
  const bytes = { budget: new RateBudget(pace), patienceMs };
  const sync = createSyncMethod({ ...options, times, now, policyTime, elapsedMs, streams, hellos, bytes });
  const { renewals } = options;
  const enrolment = createEnrolmentService({
    ...{ pki, backend, log, now, elapsedMs },
    ...(renewals === undefined ? {} : { renewals }),
    ...(options.renewExpiredMs === undefined ? {} : { renewExpiredMs: options.renewExpiredMs }),
  });
  const methods: RpcMethods = new Map<string, RpcMethod>([
    [enrolmentService.enrol.path, enrolment.enrol],
    [enrolmentService.renew.path, enrolment.renew],
    [policySyncService.sync.path, sync],
    [flowReportService.report.path, createFlowMethod({ backend, pki, log, now, elapsedMs })],
  ]);

  const asked = parseListenAddress(options.address);
  if (!asked.ok) throw new Error(`cannot listen for agents on ${options.address}: ${asked.error}`);
  const listener = new AgentListener({
    ...asked.value,
    pki,
    limits: admission,
    methods,
    problemOf: (certificate) => certificateProblem(certificate, checks),
    isFamiliar: (address) => backend.isHome?.(address) ?? false,
    isShared: options.isShared ?? (() => false),
    refused: (refused) => {
      log.debug(refused, 'connection refused');
      options.connectionRefused?.(refused);
    },
  });
  const port = await listener.listen().catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message.replace(/^listen /, '') : String(cause);
    throw new Error(`cannot listen for agents on ${options.address}: ${reason}`, { cause });
  });

  const tick = (): void => {
    const at = elapsedMs();
    const heartbeat = encodeHeartbeat(policyTime());
    hellos.passTime(at);
    for (const stream of streams) stream.tick(at, heartbeat);
    listener.recheck();
  };
  const ticking = systemClock.every(Math.min(tickMs, times.heartbeatMs), tick);
  const casChanged = (): void => {
    listener.renew();
    tick();
    for (const stream of streams) stream.tellNextCa();
  };
  const renewing = systemClock.every(renewalCheckMs, () => {
    pki.renewServerCertificate().then(
      (isNew) => {
        if (isNew) casChanged();
      },
      (error: unknown) =>
        log.error({ err: error }, 'the server certificate could not be renewed; trying again in five minutes'),
    );
  });

  return {
    address: options.address.replace(/:\d+$/, `:${port}`),
    recheckCertificates: tick,
    casChanged,
    streams: () => streams.size,
    counts: () => ({ ...listener.counts(), hellos: hellos.taken }),
    async stop(graceMs) {
      ticking.cancel();
      renewing.cancel();
      for (const stream of streams)
        stream.close({ code: status.UNAVAILABLE, details: 'the control plane is stopping' });
      await listener.stop(graceMs);
    },
  };
}

interface SyncParts {
  readonly backend: AgentBackend;
  readonly pki: Pki;
  readonly log: Logger;
  readonly now: () => Millis;
  readonly policyTime: () => Millis;
  readonly elapsedMs: () => number;
  readonly times: StreamTimes;
  readonly streams: Set<PolicyStream>;
  readonly hellos: HelloPlaces;
  readonly bytes: { readonly budget: RateBudget; readonly patienceMs: number };
}

function createSyncMethod(parts: SyncParts): StreamMethod {
  const { backend, pki, log, now, policyTime, elapsedMs, times, streams, hellos, bytes } = parts;
  const queue = createSendQueue();
  return {
    kind: 'stream',
    mostBytes: limits.streamMessageBytes,
    refusalOf: (peer) => {
      const caller = callerOf(peer, { backend, pki, now });
      if (!caller.ok) {
        log.warn({ peer: peer.connection, reason: caller.error.details }, 'policy stream refused');
        return caller.error;
      }
      const { identity } = caller.value;
      const refusal = hellos.refusalOf(hostKey(identity), elapsedMs());
      if (refusal === undefined) return undefined;
      const { of, retryAfterMs } = refusal;
      if (of === 'all') return comeBack('many agents connect at once; your turn comes', retryAfterMs);
      const reason = `host ${identity.host} connects too often; come back later`;
      backend.helloRefused?.(identity, { from: peer.address, reason });
      return comeBack(reason, retryAfterMs);
    },
    weigh: (peer, count) => {
      const { certificate } = peer;
      if (certificate?.ok !== true) return 0;
      const host = hostKey(certificate.value.identity);
      const at = elapsedMs();
      const owedMs = bytes.budget.owes(host, at);
      if (owedMs <= bytes.patienceMs) return bytes.budget.spend(host, { at, count });
      return comeBack(`${certificate.value.identity.host} sends more than is read of one host`, owedMs);
    },
    open: (call) => {
      const caller = callerOf(call.peer, { backend, pki, now });
      if (!caller.ok) {
        call.end(caller.error);
        return;
      }
      const place = hellos.take(hostKey(caller.value.identity), elapsedMs());
      const stream: PolicyStream = new PolicyStream({
        call,
        certificate: caller.value,
        backend,
        pki,
        queue,
        times,
        now,
        policyTime,
        elapsedMs,
        clock: systemClock,
        log,
        greeted: () => place.answered(),
        closed: () => {
          place.leave();
          streams.delete(stream);
        },
      });
      streams.add(stream);
    },
  };
}
