// Who an agent is, as its certificate says, and what is kept of a certificate.

import type { Millis } from '#model/time.ts';

/** Read from the client certificate, never from a message. */
export interface AgentIdentity {
  readonly tenant: string;
  readonly host: string;
  /** The certificate's serial number, lower-case hex. */
  readonly serial: string;
  /** The caller's address and port, where the transport knows them. */
  readonly connection?: string;
}

/** What is counted for each host is counted under this: a name is one host's within its tenant alone. */
export function hostKey({ tenant, host }: Pick<AgentIdentity, 'tenant' | 'host'>): string {
  return `${tenant}/${host}`;
}

/** All that an agent's certificate says. */
export interface AgentCertificate {
  readonly identity: AgentIdentity;
  /** The enrolment it was issued under; empty in those of before certificates named it. */
  readonly enrolment: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** The CA that issued it, by its key. */
  readonly authority: string;
}

export interface CertificateRecord {
  readonly serial: string;
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** The CA that issued it, by its key. */
  readonly authority: string;
}
