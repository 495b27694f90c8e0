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
import type { AgentBackend, AgentIdentity, EnrolmentRefusal } from './agent-backend.ts';
import { callerOf, peerAddress } from './caller.ts';
import type { Pki } from './pki.ts';

/** How far a host's clock may be off; certificates begin twice that in the past. */
const greatestSkewMs = 5 * 60_000;
/** Enrolments in progress at once, renewals included: each costs some 6 ms of CPU, and strangers may ask. */
const mostAtOnce = 64;

export interface EnrolmentOptions {
  readonly pki: Pki;
  readonly backend: AgentBackend;
  readonly log: Logger;
  readonly now: () => Millis;
}

type Call = ServerUnaryCall<Uint8Array, Uint8Array>;
type Reply = sendUnaryData<Uint8Array>;

/** The implementation of enrolmentService (proto/wire/services.ts). */
export function createEnrolmentService(options: EnrolmentOptions): UntypedServiceImplementation {
  const { log } = options;
  let inProgress = 0;

  async function answer(reply: Reply, work: () => Promise<EnrolReply | RequestProblem>): Promise<void> {
    if (inProgress >= mostAtOnce) {
      reply({
        code: status.RESOURCE_EXHAUSTED,
        details: `${mostAtOnce} enrolments are in progress; try again in a moment`,
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
      log.error({ err: error }, 'enrolment failed');
      reply({ code: status.INTERNAL, details: 'the control plane failed; its log says how' });
    } finally {
      inProgress -= 1;
    }
  }

  return {
    enrol: (call: Call, reply: Reply) => void answer(reply, () => enrol(call, options)),
    renew: (call: Call, reply: Reply) => void answer(reply, () => renew(call, options)),
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

async function renew(call: Call, options: EnrolmentOptions): Promise<EnrolReply | RequestProblem> {
  const caller = callerOf(call, options);
  if (!caller.ok) return { kind: 'problem', ...caller.error };
  const request = decodeRenewRequest(call.request);
  if (!request.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: request.error };
  const { tenant, host } = caller.value.identity;
  return issue({ tenant, host, csr: request.value.csr }, options);
}

type ToIssue = Pick<AgentIdentity, 'tenant' | 'host'> & { readonly csr: Uint8Array };

async function issue(
  { tenant, host, csr }: ToIssue,
  { pki, backend }: EnrolmentOptions,
): Promise<Extract<EnrolReply, { kind: 'issued' }> | RequestProblem> {
  const issued = await pki.issueAgentCertificate({ csr, tenant, host });
  if (!issued.ok) return { kind: 'problem', code: status.INVALID_ARGUMENT, details: issued.error };
  await backend.recordCertificate(issued.value.record);
  return { kind: 'issued', tenant, host, certificate: issued.value.der, caCertificate: pki.caDer };
}
