// Who makes a call: an agent whose certificate our CA issued, is in its time and not revoked, or nobody, with the reason.

import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import type { AgentBackend } from './agent-backend.ts';
import { type AgentCertificate, readAgentCertificate } from './agent-certificate.ts';

/** How a call ends: what grpc-js takes as a status. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
}

/** What every kind of call can tell of its connection. */
type AnyCall = Pick<ServerUnaryCall<Uint8Array, Uint8Array>, 'getAuthContext'>;

export interface CallerChecks {
  readonly backend: Pick<AgentBackend, 'isRevoked'>;
  readonly now: () => Millis;
}

/** The certificate of a call, or the status to end the call with. */
export function callerOf(call: AnyCall, checks: CallerChecks): Result<AgentCertificate, CallStatus> {
  // grpc-js fills this in only if OpenSSL verified the chain to our CA and the purpose.
  const peer = call.getAuthContext().sslPeerCertificate;
  if (peer === undefined) {
    return refused(
      'no valid client certificate: this call needs the certificate that enrolment gave, unexpired and of this control plane',
    );
  }
  const certificate = readAgentCertificate(peer.raw);
  if (!certificate.ok) return refused(certificate.error);
  const problem = certificateProblem(certificate.value, checks);
  return problem === undefined ? ok(certificate.value) : err(problem);
}

/** Why the certificate is not good any more: asked again while a stream lives, since TLS only looked when it opened. */
export function certificateProblem(
  { identity, notAfter }: AgentCertificate,
  { backend, now }: CallerChecks,
): CallStatus | undefined {
  if (backend.isRevoked(identity.serial)) {
    return statusOf(`the certificate of ${identity.host} (serial ${identity.serial}) is revoked; enrol the host anew`);
  }
  if (now() >= notAfter) {
    return statusOf(`the certificate of ${identity.host} has expired; enrol the host anew`);
  }
  return undefined;
}

/** The address of a call's other end. grpc-js gives ADDRESS:PORT, without brackets also where the address is IPv6. */
export function peerAddress(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^::ffff:(?=\d+\.)/, '');
}

function refused(details: string): { readonly ok: false; readonly error: CallStatus } {
  return err(statusOf(details));
}

function statusOf(details: string): CallStatus {
  return { code: status.UNAUTHENTICATED, details };
}
