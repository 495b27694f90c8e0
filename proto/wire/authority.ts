// A CA, as both sides name it. By its key, since its certificate is made anew with other dates; and, while a control plane replaces its
// CA by another, by the name that a client asks for in the clear (SNI): which CA it knows the control plane by. What the old CA says of
// the new one is a signature over the new certificate.

import { createHash, verify, type X509Certificate } from 'node:crypto';
import { controlPlaneName } from './services.ts';

/** SHA-256 over the public key (SPKI, DER), lower-case hex. */
export function authorityOf({ publicKey }: Pick<X509Certificate, 'publicKey'>): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** What a client asks for, by the authority or the fingerprint (64 hex digits) that it knows. Only the CA that is about to come has an answer of its own. */
export function serverNameFor(known: string): string {
  return `ca-${known.slice(0, 40)}.${controlPlaneName}`;
}

/** DER of the next CA's certificate, and the present CA's signature over `endorsedBytes` of it: ECDSA, SHA-256, r and s as they are. */
export interface NextCa {
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
}

/** No certificate begins with text, so that the CA's key signs nothing here that could be taken for one. */
export function endorsedBytes(certificate: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('segwall: this CA takes my place\n'), certificate]);
}

export function isEndorsed({ certificate, signature }: NextCa, by: X509Certificate): boolean {
  const key = { key: by.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  return verify('sha256', endorsedBytes(certificate), key, signature);
}
