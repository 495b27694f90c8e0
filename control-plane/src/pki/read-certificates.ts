// The certificates of callers, each read once: a connection makes many calls with one certificate.

import type { PeerCertificate } from 'node:tls';
import type { Result } from '#model/result.ts';
import { readAgentCertificate } from './agent-certificate.ts';
import type { AgentCertificate } from './agent-identity.ts';

/** A connection makes many calls with one certificate; what the newest say is kept, by their SHA-256 (which node computes). */
class ReadCertificates {
  readonly #byFingerprint = new Map<string, Result<AgentCertificate>>();

  read(
    { raw, fingerprint256 }: Pick<PeerCertificate, 'raw' | 'fingerprint256'>,
    authority: string,
  ): Result<AgentCertificate> {
    const known = this.#byFingerprint.get(fingerprint256);
    if (known !== undefined) return known;
    const read = readAgentCertificate(raw, authority);
    if (this.#byFingerprint.size >= certificatesKept) {
      const [oldest] = this.#byFingerprint.keys();
      if (oldest !== undefined) this.#byFingerprint.delete(oldest);
    }
    this.#byFingerprint.set(fingerprint256, read);
    return read;
  }
}

/** Some 300 bytes each; only our own CA's come here. */
const certificatesKept = 20_000;
const certificates = new ReadCertificates();

/** Of a certificate that this CA of ours issued. */
export function readCertificate(
  certificate: Pick<PeerCertificate, 'raw' | 'fingerprint256'>,
  authority: string,
): Result<AgentCertificate> {
  return certificates.read(certificate, authority);
}
