// Who makes a call: an agent whose certificate our CA issued, is in its time and not revoked, or nobody, with the reason.

import { status } from '@grpc/grpc-js';
import type { AgentCertificate } from '#control-plane/pki/agent-identity.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import type { CallStatus } from '#control-plane/rpc/call-status.ts';
import type { RpcPeer } from '#control-plane/rpc/rpc-call.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import type { AgentBackend } from './agent-backend.ts';

export interface CallerChecks {
  readonly backend: Pick<AgentBackend, 'refusalOf'>;
  readonly pki: Pick<Pki, 'cas'>;
  readonly now: () => Millis;
}

/** The certificate of a call, or the status to end the call with. */
export function callerOf(
  { certificate, address }: Pick<RpcPeer, 'certificate' | 'address'>,
  checks: CallerChecks,
): Result<AgentCertificate, CallStatus> {
  if (certificate === undefined) {
    return refused(
      'no valid client certificate: this call needs the certificate that enrolment gave, of this control plane; where its CA was replaced meanwhile, enrol the host anew with --renew-identity',
    );
  }
  if (!certificate.ok) return refused(certificate.error);
  const problem = certificateProblem(certificate.value, checks, address);
  return problem === undefined ? ok(certificate.value) : err(problem);
}

/** Of a call that renews: what has expired holds for it so much longer. */
export function renewingCallerOf(
  { certificate, address }: RpcPeer,
  { backend, pki, now, expiredMs }: CallerChecks & { readonly expiredMs: number },
): Result<AgentCertificate, CallStatus> {
  const shifted = { backend, pki, now: () => millis(now() - expiredMs) };
  return callerOf({ certificate, address }, shifted);
}

/** Why the certificate is not good any more: asked again while a stream lives, since TLS only looked when it opened. */
export function certificateProblem(
  certificate: AgentCertificate,
  { backend, pki, now }: CallerChecks,
  from?: string,
): CallStatus | undefined {
  const { identity, notAfter, authority } = certificate;
  const { present, next } = pki.cas();
  // Its connection may be older than that.
  if (authority !== present.id && authority !== next?.id)
    return statusOf(
      `the certificate of ${identity.host} is of a CA that was retired; enrol the host anew with --renew-identity`,
    );
  // One that is not yet valid shows that this machine's clock is wrong, or was: nobody else issues them.
  if (now() >= notAfter)
    return statusOf(
      `the certificate of ${identity.host} expired at ${new Date(notAfter).toISOString()}; its agent renews it, or enrol the host anew with --renew-identity`,
    );
  const refusal = backend.refusalOf(certificate, from);
  return refusal === undefined ? undefined : statusOf(refusal);
}

function refused(details: string): { readonly ok: false; readonly error: CallStatus } {
  return err(statusOf(details));
}

function statusOf(details: string): CallStatus {
  return { code: status.UNAUTHENTICATED, details };
}
