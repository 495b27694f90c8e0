// Enrolment: a join token buys one certificate for a key made on the host. All that can be refused without spending the token
// (the request, the clock, the CSR) is checked before the token is; what is spent is spent with the name claimed, or not at all.

import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type AgentCertificate, hostKey } from '#control-plane/pki/agent-identity.ts';
import type { AgentCertificateRequest, Pki } from '#control-plane/pki/pki.ts';
import { type CallStatus, comeBack } from '#control-plane/rpc/call-status.ts';
import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';
import type { RpcPeer, UnaryMethod } from '#control-plane/rpc/rpc-call.ts';
import { namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';
import {
  decodeEnrolRequest,
  decodeRenewRequest,
  type EnrolReply,
  type EnrolRequest,
  encodeEnrolReply,
} from '#wire/enrolment-messages.ts';
import type { AgentBackend, EnrolmentRefusal, ProvenIdentity } from './agent-backend.ts';
import { renewingCallerOf } from './caller.ts';
import { type Issued, RepeatedEnrolments, type RequestProblem } from './repeated-enrolments.ts';

/** How far a host's clock may be off; certificates begin twice that in the past. */
const greatestSkewMs = 5 * 60_000;
/** Enrolments, and renewals, in progress at once: each costs some 6 ms of CPU, and strangers may ask. */
const mostAtOnce = 64;
/** Of one host. An agent renews every twenty days, and after a failure at most once a minute at first. */
const renewalRate: RateBudgetOptions = { burst: 10, everyMs: 10 * 60_000 };

export interface EnrolmentOptions {
  readonly pki: Pki;
  readonly backend: AgentBackend;
  readonly log: Logger;
  readonly now: () => Millis;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs: () => number;
  /** Of one host; default ten at once, then one in ten minutes. */
  readonly renewals?: RateBudgetOptions;
  /** How long after its end a certificate may still be renewed, by who has its key; default a year, 0 for never. */
  readonly renewExpiredMs?: number;
}

const defaultRenewExpiredMs = 365 * 86_400_000;
/** The greatest request: a token, a name, and a CSR at its largest. */
const mostRequestBytes = 16 * 1024;
/** Who is sent away comes back in turn: so many in a second find room, at the least that was measured. */
const perSecond = 100;
const leastRetryMs = 2000;
const mostRetryMs = 30_000;

/** Enrolments and renewals have places of their own: neither can keep out the other. */
export function createEnrolmentService(options: EnrolmentOptions): Readonly<Record<'enrol' | 'renew', UnaryMethod>> {
  const enrolments = places('enrolments', options.log);
  const renewals = places('renewals', options.log);
  const budget = new RateBudget(options.renewals ?? renewalRate);
  const checks = { ...options, expiredMs: options.renewExpiredMs ?? defaultRenewExpiredMs };
  const repeated = new RepeatedEnrolments(options.elapsedMs);
  return {
    enrol: {
      kind: 'unary',
      mostBytes: mostRequestBytes,
      // Whoever has a token; it stands in the request.
      refusalOf: () => undefined,
      answer: (request, peer) => enrolments(() => enrol(request, peer, { ...checks, repeated })),
    },
    renew: {
      kind: 'unary',
      mostBytes: mostRequestBytes,
      refusalOf: (peer) => problemOf(renewingCallerOf(peer, checks)),
      answer: async (request, peer) => {
        // Whether the caller may at all is asked before a place is taken.
        const caller = renewingCallerOf(peer, checks);
        if (!caller.ok) return caller;
        return renewals(() => renew(request, { caller: caller.value, peer, budget, options }));
      },
    },
  };
}

function problemOf(caller: Result<AgentCertificate, CallStatus>): CallStatus | undefined {
  return caller.ok ? undefined : caller.error;
}

type Answering = (work: () => Promise<EnrolReply | RequestProblem>) => Promise<Result<Uint8Array, CallStatus>>;

function places(what: 'enrolments' | 'renewals', log: Logger): Answering {
  let inProgress = 0;
  /** Since there was room. */
  let sentAway = 0;
  return async (work) => {
    if (inProgress >= mostAtOnce) {
      sentAway += 1;
      const retryAfterMs = Math.min(mostRetryMs, leastRetryMs + (sentAway * 1000) / perSecond);
      return err(comeBack(`${mostAtOnce} ${what} are in progress; try again in a moment`, retryAfterMs));
    }
    sentAway = 0;
    inProgress += 1;
    try {
      const result = await work();
      return result.kind === 'problem' ? err(result) : ok(encodeEnrolReply(result));
    } catch (error) {
      // Here a caller waits for an answer that nobody else would give. The store behind the backend has failed.
      log.error({ err: error }, 'a certificate could not be issued');
      return err({ code: status.INTERNAL, details: 'the control plane failed; see its log' });
    } finally {
      inProgress -= 1;
    }
  };
}

async function enrol(
  bytes: Uint8Array,
  peer: RpcPeer,
  options: EnrolmentOptions & { readonly repeated: RepeatedEnrolments },
): Promise<EnrolReply | RequestProblem> {
  const { backend, log, now } = options;
  const { address } = peer;
  const request = decodeEnrolRequest(bytes);
  if (!request.ok) {
    backend.enrolmentRefused({ address, host: '', reason: 'request-malformed' });
    return { kind: 'problem', code: status.INVALID_ARGUMENT, details: request.error };
  }
  const refused = (code: EnrolmentRefusal, detail: string): EnrolReply => {
    log.warn({ host: request.value.host, address, code, detail }, 'enrolment refused');
    backend.enrolmentRefused({ address, host: request.value.host, reason: code });
    return { kind: 'refused', code, detail, serverClock: now() };
  };
  const checked = await checkBeforeToken(request.value, options);
  if (!checked.ok) return refused(checked.error.code, checked.error.detail);
  const { token, host, csr } = request.value;
  const renewal = request.value.renewsIdentity === true ? provenOf(peer, host, options) : {};
  const secret = new Secret(token);
  const asked = { token, host, publicKey: checked.value, authority: peer.trusts };
  const answer = await options.repeated.answer(asked, {
    redeem: async () => {
      const redeemed = await backend.redeemToken({ token: secret, host, ...renewal });
      if (redeemed.ok) log.info({ host: redeemed.value.host }, 'enrolled');
      return redeemed;
    },
    isStill: ({ enrolment }) => backend.grantHolds({ token: secret, host, enrolment }),
    issue: (redeemed) => issue({ ...redeemed, csr, authority: peer.trusts }, options),
  });
  return answer.ok ? answer.value : refused(answer.error, '');
}

/** The host's present identity where the caller has its key, however long ago its certificate expired. */
function provenOf(
  peer: RpcPeer,
  host: string,
  { backend, pki }: EnrolmentOptions,
): { readonly renewal?: ProvenIdentity } {
  const caller = renewingCallerOf(peer, { backend, pki, now: () => millis(0), expiredMs: 0 });
  if (!caller.ok || caller.value.identity.host !== host) return {};
  const { enrolment, identity } = caller.value;
  return { renewal: { enrolment, serial: identity.serial } };
}

/** The key that the request proves, as SPKI. */
async function checkBeforeToken(
  { host, csr, clientClock }: EnrolRequest,
  { now, pki }: EnrolmentOptions,
): Promise<Result<Uint8Array, { readonly code: EnrolmentRefusal; readonly detail: string }>> {
  if (!namePattern.test(host)) {
    return err({ code: 'name-invalid', detail: `"${host}" is not of the form ${namePattern.source}` });
  }
  const aheadMs = clientClock - now();
  if (Math.abs(aheadMs) > greatestSkewMs) {
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    return err({ code: 'clock-skew', detail: `the host's clock is ${seconds} s ${aheadMs > 0 ? 'ahead' : 'behind'}` });
  }
  const key = await pki.checkCsr(csr);
  return key.ok ? ok(new Uint8Array(key.value.rawData)) : err({ code: 'csr-invalid', detail: key.error });
}

interface Renewing {
  readonly caller: AgentCertificate;
  readonly peer: RpcPeer;
  readonly budget: RateBudget;
  readonly options: EnrolmentOptions;
}

async function renew(
  bytes: Uint8Array,
  { caller, peer, budget, options }: Renewing,
): Promise<EnrolReply | RequestProblem> {
  const request = decodeRenewRequest(bytes);
  if (!request.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: request.error };
  const { tenant, host } = caller.identity;
  if (!budget.take(hostKey(caller.identity), options.elapsedMs())) {
    const details = `${host} renews its certificate too often; try again later`;
    return { kind: 'problem', code: status.RESOURCE_EXHAUSTED, details };
  }
  const certificate = { tenant, host, enrolment: caller.enrolment, csr: request.value.csr, authority: peer.trusts };
  const reply = await issue(certificate, options);
  const expiredAt = caller.notAfter;
  if (reply.kind === 'issued' && options.now() >= expiredAt)
    options.backend.renewedExpired?.(caller.identity, { from: peer.address, expiredAt });
  return reply;
}

/** Gives a certificate away only when it is written down under an enrolment that holds. */
async function issue(
  request: AgentCertificateRequest,
  { pki, backend }: EnrolmentOptions,
): Promise<Issued | RequestProblem> {
  const { tenant, host } = request;
  const issued = await pki.issueAgentCertificate(request);
  if (!issued.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: issued.error };
  if (!(await backend.recordCertificate(issued.value.record))) {
    const details = `host ${host} was revoked or removed meanwhile; enrol it anew`;
    return { kind: 'problem', code: status.UNAUTHENTICATED, details };
  }
  return { kind: 'issued', tenant, host, certificate: issued.value.der, caCertificate: issued.value.ca };
}
