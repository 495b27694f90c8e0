// Who an agent is: what its certificate says, and nothing else. One URI names tenant, host and the enrolment it was issued under; a
// certificate without exactly that is nobody's. Whether our CA issued it, TLS has verified before; whether it is good is the backend's
// to say. Certificates of before enrolments were named in them have an empty one.

import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '#model/result.ts';
import { millis } from '#model/time.ts';
import type { AgentCertificate, AgentIdentity } from './agent-identity.ts';

const uriPattern =
  /^segwall:\/\/([A-Za-z0-9._-]{1,63})\/host\/([A-Za-z0-9._-]{1,63})(?:\?enrolment=([a-z0-9]{1,64}))?$/;
const uriForm = 'segwall://TENANT/host/NAME?enrolment=ID';

export interface CertificateNames extends Pick<AgentIdentity, 'tenant' | 'host'> {
  readonly enrolment: string;
}

export function agentUri({ tenant, host, enrolment }: CertificateNames): string {
  const uri = `segwall://${tenant}/host/${host}${enrolment === '' ? '' : `?enrolment=${enrolment}`}`;
  if (!uriPattern.test(uri))
    throw new Error(`tenant "${tenant}", host "${host}" and enrolment "${enrolment}" make no identity`);
  return uri;
}

/** Reads a certificate (DER) that this CA of ours issued. */
export function readAgentCertificate(der: Uint8Array, authority: string): Result<AgentCertificate> {
  const certificate = new X509Certificate(der);
  // Node quotes a name that could be taken for more than one; ours never needs it.
  const names = certificate.subjectAltName ?? '';
  if (!names.startsWith('URI:') || names.includes(', '))
    return err(`the certificate is not an agent's: it does not hold exactly one URI of the form ${uriForm}`);
  const name = names.slice('URI:'.length);
  const [, tenant, host, enrolment = ''] = uriPattern.exec(name) ?? [];
  if (tenant === undefined || host === undefined)
    return err(`the certificate is not an agent's: "${name}" is not of the form ${uriForm}`);
  return ok({
    identity: { tenant, host, serial: certificate.serialNumber.toLowerCase() },
    enrolment,
    notBefore: millis(certificate.validFromDate.getTime()),
    notAfter: millis(certificate.validToDate.getTime()),
    authority,
  });
}
