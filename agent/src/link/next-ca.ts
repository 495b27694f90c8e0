// Which CA a host trusts while its control plane replaces it. Who can lie here: whoever has the old CA's key, by saying that another one
// takes its place. So its word is taken only from the CA that issued this host's own certificate, of one CA at a time, and nothing but a
// request for a certificate follows; once that is there the old CA is nobody any more, here at once, and whatever it says.

import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '#model/result.ts';
import { isEndorsed, type NextCa } from '#wire/authority.ts';

/** PEM of the CA that takes the place of `trusted` (PEM), or why it does not. */
export function endorsedCa(told: NextCa, trusted: string): Result<string> {
  let next: X509Certificate;
  try {
    next = new X509Certificate(told.certificate);
  } catch {
    return err('it is no certificate');
  }
  const ca = new X509Certificate(trusted);
  if (!isEndorsed(told, ca)) return err('the CA that is trusted here has not signed it');
  if (!next.ca || !next.verify(next.publicKey)) return err('it is not the certificate of a CA');
  if (next.publicKey.equals(ca.publicKey)) return err('it is the CA that is trusted here');
  return ok(next.toString());
}
