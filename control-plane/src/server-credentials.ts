// TLS for the agents' port. grpc-js' own createSsl either asks for a client certificate and refuses who has none, or does not ask;
// here every caller is asked and none is refused by TLS, since enrolment comes without one. What a call may do is decided a call
// (caller.ts), from whether OpenSSL verified the certificate against our CA.

import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { ServerTls } from './pki.ts';

export class AgentServerCredentials extends ServerCredentials {
  constructor(tls: ServerTls) {
    super({ requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' }, contextOf(tls));
  }

  /** New connections get the new certificate; open ones keep theirs. */
  renew(tls: ServerTls): void {
    this.updateSecureContextOptions(contextOf(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ key, certificate, ca }: ServerTls): SecureContextOptions {
  return { key, cert: certificate, ca };
}
