// STATE/identity: key.pem, cert.pem, ca.pem and agent.json, all mode 0600, each written whole. agent.json comes last, so that
// a folder without it is no identity but the rest of an enrolment that did not finish.

import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '#agent/state/durable-file.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';

/** `controlPlane` is HOST:PORT as enrolled. */
export interface EnrolledHost {
  readonly controlPlane: string;
  readonly host: string;
  readonly tenant: string;
  /** HOST:PORT of the HTTP proxy on the way, where there is one. */
  readonly proxy?: string;
  /** Number of the announcement of a control plane that was followed last. */
  readonly followed?: number;
}

/** PEM throughout. */
export interface IdentityFiles extends EnrolledHost {
  readonly key: string;
  readonly certificate: string;
  /** The one CA that is trusted: it issued the certificate. */
  readonly ca: string;
  /** The one that is to take its place, by its word; not trusted before it has issued a certificate for this host. */
  readonly nextCa?: string;
}

export interface IdentityError {
  readonly code: 'not-enrolled' | 'identity-damaged';
  readonly message: string;
}

export interface CertificateTimes {
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export function certificateTimes(certificatePem: string): CertificateTimes {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem);
  return { notBefore: millis(validFromDate.getTime()), notAfter: millis(validToDate.getTime()) };
}

export async function readIdentityFiles(stateDirectory: string): Promise<Result<IdentityFiles, IdentityError>> {
  const folder = join(stateDirectory, 'identity');
  const [json, key, certificate, ca, nextCa] = await Promise.all(
    ['agent.json', 'key.pem', 'cert.pem', 'ca.pem', 'next-ca.pem'].map(async (name) => {
      const bytes = await readIfThere(join(folder, name));
      return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
    }),
  );
  if (json === undefined) {
    return err({ code: 'not-enrolled', message: `${folder} holds no identity; run segwall-agent enroll first` });
  }
  const enrolled = readEnrolledHost(json);
  const damaged = (what: string) =>
    err({
      code: 'identity-damaged' as const,
      message: `${folder}: ${what}; restore it, or remove the folder and run segwall-agent enroll with a new token`,
    });
  if (enrolled === undefined) return damaged('agent.json does not hold controlPlane, host and tenant');
  if (key === undefined || certificate === undefined || ca === undefined) {
    return damaged('key.pem, cert.pem or ca.pem is missing');
  }
  try {
    certificateTimes(certificate);
  } catch (error) {
    return damaged(`cert.pem is not a certificate (${error instanceof Error ? error.message : String(error)})`);
  }
  const files = { ...enrolled, key, certificate };
  const next = nextCa === undefined ? undefined : readCertificate(nextCa);
  if (nextCa === undefined || next === undefined) return ok({ ...files, ca });
  // Killed between the new certificate and the new CA: the certificate says how far it came.
  return ok(
    new X509Certificate(certificate).verify(next.publicKey) ? { ...files, ca: nextCa } : { ...files, ca, nextCa },
  );
}

/** What is not one is as good as none: the control plane tells it again. */
function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** agent.json is last: until it is there, nothing is. */
export async function writeIdentityFiles(stateDirectory: string, files: IdentityFiles): Promise<void> {
  await writeIdentityFile(stateDirectory, 'key.pem', files.key);
  await removeIdentityFile(stateDirectory, 'next-ca.pem');
  await writeIdentityFile(stateDirectory, 'ca.pem', files.ca);
  await writeCertificate(stateDirectory, files.certificate);
  await writeEnrolledHost(stateDirectory, files);
}

/** agent.json alone. */
export async function writeEnrolledHost(
  stateDirectory: string,
  { controlPlane, host, tenant, proxy, followed }: EnrolledHost,
): Promise<void> {
  const more = { ...(proxy !== undefined && { proxy }), ...(followed !== undefined && { followed }) };
  const enrolled = { controlPlane, host, tenant, ...more };
  await writeIdentityFile(stateDirectory, 'agent.json', `${JSON.stringify(enrolled, null, 2)}\n`);
}

/** Renewal keeps the key, so that one rename is the whole change. */
export async function writeCertificate(stateDirectory: string, certificatePem: string): Promise<void> {
  await writeIdentityFile(stateDirectory, 'cert.pem', certificatePem);
}

export async function writeIdentityFile(stateDirectory: string, name: string, text: string): Promise<void> {
  await writeWhole(join(stateDirectory, 'identity', name), Buffer.from(text));
}

export async function removeIdentityFile(stateDirectory: string, name: string): Promise<void> {
  await rm(join(stateDirectory, 'identity', name), { force: true });
}

function readEnrolledHost(json: string): EnrolledHost | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { controlPlane, host, tenant, proxy, followed } = value as Partial<Record<keyof EnrolledHost, unknown>>;
  if (typeof controlPlane !== 'string' || typeof host !== 'string' || typeof tenant !== 'string') return undefined;
  if (proxy !== undefined && typeof proxy !== 'string') return undefined;
  // What is none is as good as none: then any announcement is newer.
  const isNumber = typeof followed === 'number' && Number.isSafeInteger(followed) && followed >= 0;
  return {
    ...{ controlPlane, host, tenant },
    ...(proxy !== undefined && { proxy }),
    ...(isNumber && { followed }),
  };
}
