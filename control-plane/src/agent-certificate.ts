// Who an agent is: what its certificate says, and nothing else. One URI names tenant and host; a certificate without exactly
// that is nobody's. Whether our CA issued it, TLS has verified before; whether it is revoked is the backend's to say.

import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import type { AgentIdentity } from './agent-backend.ts';

export interface AgentCertificate {
  readonly identity: AgentIdentity;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

const uriPattern = /^segwall:\/\/([A-Za-z0-9._-]{1,63})\/host\/([A-Za-z0-9._-]{1,63})$/;

export function agentUri({ tenant, host }: Pick<AgentIdentity, 'tenant' | 'host'>): string {
  const uri = `segwall://${tenant}/host/${host}`;
  if (!uriPattern.test(uri)) throw new Error(`tenant "${tenant}" and host "${host}" make no identity`);
  return uri;
}

/** Reads a certificate (DER) that TLS has verified. */
export function readAgentCertificate(der: Uint8Array): Result<AgentCertificate> {
  const certificate = new x509.X509Certificate(Uint8Array.from(der));
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const [name, ...others] = names;
  if (name === undefined || others.length > 0 || name.type !== 'url') {
    return err(
      "the certificate is not an agent's: it does not hold exactly one URI of the form segwall://TENANT/host/NAME",
    );
  }
  const [, tenant, host] = uriPattern.exec(name.value) ?? [];
  if (tenant === undefined || host === undefined) {
    return err(`the certificate is not an agent's: "${name.value}" is not of the form segwall://TENANT/host/NAME`);
  }
  return ok({
    identity: { tenant, host, serial: certificate.serialNumber.toLowerCase() },
    notBefore: millis(certificate.notBefore.getTime()),
    notAfter: millis(certificate.notAfter.getTime()),
  });
}
