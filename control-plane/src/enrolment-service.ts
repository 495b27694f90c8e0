// Enrolment: a join token buys one certificate for a key made on the host. All that can be refused without spending the token
// (the request, the clock, the CSR) is checked before the token is; what is spent is spent with the name claimed, or not at all.

import { type ServerUnaryCall, type sendUnaryData, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { namePattern } from '#model/label.ts';
import { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import {
  decodeEnrolRequest,
  decodeRenewRequest,
  type EnrolReply,
  type EnrolRequest,
  encodeEnrolReply,
} from '#wire/enrolment-messages.ts';
import type { AgentBackend, AgentCertificate, EnrolmentRefusal } from './agent-backend.ts';
import { callerOf, peerAddress } from './caller.ts';
import type { AgentCertificateRequest, Pki } from './pki.ts';
import { RateBudget, type RateBudgetOptions } from './rate-budget.ts';

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
  /** Of one host; default ten at once, then one in ten minutes. */
  readonly renewals?: RateBudgetOptions;
}

type Call = ServerUnaryCall<Uint8Array, Uint8Array>;
type Reply = sendUnaryData<Uint8Array>;

/** The implementation of enrolmentService (proto/wire/services.ts). Enrolments and renewals have places of their own: neither can keep out the other. */
export function createEnrolmentService(options: EnrolmentOptions): UntypedServiceImplementation {
  const enrolments = places('enrolments', options.log);
  const renewals = places('renewals', options.log);
  const budget = new RateBudget(options.renewals ?? renewalRate);
  return {
    enrol: (call: Call, reply: Reply) => void enrolments(reply, () => enrol(call, options)),
    renew: (call: Call, reply: Reply) => {
      // Whether the caller may at all is asked before a place is taken.
      const caller = callerOf(call, options);
      if (!caller.ok) return reply(caller.error);
      void renewals(reply, () => renew(call.request, { caller: caller.value, budget, options }));
    },
  };
}

type Answering = (reply: Reply, work: () => Promise<EnrolReply | RequestProblem>) => Promise<void>;

function places(what: 'enrolments' | 'renewals', log: Logger): Answering {
  let inProgress = 0;
  return async (reply, work) => {
    if (inProgress >= mostAtOnce) {
      reply({
        code: status.RESOURCE_EXHAUSTED,
        details: `${mostAtOnce} ${what} are in progress; try again in a moment`,
      });
      return;
    }
    inProgress += 1;
    try {
      const result = await work();
      if (result.kind === 'problem') reply({ code: result.code, details: result.details });
      else reply(null, encodeEnrolReply(result));
    } catch (error) {
      // Here a caller waits for an answer that nobody else would give. The store behind the backend has failed.
      log.error({ err: error }, 'a certificate could not be issued');
      reply({ code: status.INTERNAL, details: 'the control plane failed; its log says how' });
    } finally {
      inProgress -= 1;
    }
  };
}

interface RequestProblem {
  readonly kind: 'problem';
  readonly code: status;
  readonly details: string;
}

async function enrol(call: Call, options: EnrolmentOptions): Promise<EnrolReply | RequestProblem> {
  const { backend, log, now } = options;
  const address = peerAddress(call.getPeer());
  const request = decodeEnrolRequest(call.request);
  if (!request.ok) {
    backend.enrolmentRefused({ address, host: '', reason: 'request-malformed' });
    return { kind: 'problem', code: status.INVALID_ARGUMENT, details: request.error };
  }
  const refused = (code: EnrolmentRefusal, detail: string): EnrolReply => {
    log.warn({ host: request.value.host, address, code, detail }, 'enrolment refused');
    backend.enrolmentRefused({ address, host: request.value.host, reason: code });
    return { kind: 'refused', code, detail, serverClock: now() };
  };
  const problem = await problemBeforeToken(request.value, options);
  if (problem !== undefined) return refused(problem.code, problem.detail);
  const { token, host, csr } = request.value;
  const redeemed = await backend.redeemToken({ token: new Secret(token), host });
  if (!redeemed.ok) return refused(redeemed.error, '');
  log.info({ host: redeemed.value.host }, 'enrolled');
  return issue({ ...redeemed.value, csr }, options);
}

async function problemBeforeToken(
  { host, csr, clientClock }: EnrolRequest,
  { now, pki }: EnrolmentOptions,
): Promise<{ readonly code: EnrolmentRefusal; readonly detail: string } | undefined> {
  if (!namePattern.test(host)) {
    return { code: 'name-invalid', detail: `"${host}" is not of the form ${namePattern.source}` };
  }
  const aheadMs = clientClock - now();
  if (Math.abs(aheadMs) > greatestSkewMs) {
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    return { code: 'clock-skew', detail: `the host's clock is ${seconds} s ${aheadMs > 0 ? 'ahead' : 'behind'}` };
  }
  const key = await pki.checkCsr(csr);
  return key.ok ? undefined : { code: 'csr-invalid', detail: key.error };
}

interface Renewing {
  readonly caller: AgentCertificate;
  readonly budget: RateBudget;
  readonly options: EnrolmentOptions;
}

async function renew(bytes: Uint8Array, { caller, budget, options }: Renewing): Promise<EnrolReply | RequestProblem> {
  const request = decodeRenewRequest(bytes);
  if (!request.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: request.error };
  const { tenant, host } = caller.identity;
  if (!budget.take(`${tenant}/${host}`, options.now())) {
    const details = `${host} renews its certificate too often; try again later`;
    return { kind: 'problem', code: status.RESOURCE_EXHAUSTED, details };
  }
  return issue({ tenant, host, enrolment: caller.enrolment, csr: request.value.csr }, options);
}

/** Gives a certificate away only when it is written down under an enrolment that holds. */
async function issue(
  request: AgentCertificateRequest,
  { pki, backend }: EnrolmentOptions,
): Promise<Extract<EnrolReply, { kind: 'issued' }> | RequestProblem> {
  const { tenant, host } = request;
  const issued = await pki.issueAgentCertificate(request);
  if (!issued.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: issued.error };
  if (!(await backend.recordCertificate(issued.value.record))) {
    const details = `host ${host} was revoked or removed meanwhile; enrol it anew`;
    return { kind: 'problem', code: status.UNAUTHENTICATED, details };
  }
  return { kind: 'issued', tenant, host, certificate: issued.value.der, caCertificate: pki.caDer };
}
