// The certificate that the control plane shows: one for each of its CAs, in two files beside it, made anew where it is due, or where the
// names that operators use are others.

import 'reflect-metadata';
import { createPrivateKey, type KeyObject, X509Certificate as ReadCertificate, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Millis, millis } from '#model/time.ts';
import { controlPlaneName } from '#wire/services.ts';
import { type Authority, caBackdateMs } from './authority.ts';
import { exportKey, isDue, keyAlgorithm } from './keys.ts';
import { keepSecretFile, readFileIfThere } from './secret-file.ts';

const serverLifetimeMs = 365 * 86_400_000;

/** PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
}

export function serverFiles(directory: string, prefix: '' | 'next-'): ServerCertificate {
  return { key: join(directory, `${prefix}server-key.pem`), certificate: join(directory, `${prefix}server.pem`) };
}

export interface ServerCertificateParts {
  /** Paths. */
  readonly files: ServerCertificate;
  readonly issuer: Authority;
  readonly serverNames: readonly string[];
  readonly now: Millis;
}

export async function openServerCertificate(parts: ServerCertificateParts): Promise<ServerCertificate> {
  const key = await readFileIfThere(parts.files.key);
  const certificate = await readFileIfThere(parts.files.certificate);
  if (key !== undefined && certificate !== undefined && isUsable({ key, certificate }, parts))
    return { key, certificate };
  return makeServerCertificate(parts);
}

function isUsable(
  { key, certificate }: ServerCertificate,
  { issuer, serverNames, now }: ServerCertificateParts,
): boolean {
  let read: ReadCertificate;
  let readKey: KeyObject;
  try {
    [read, readKey] = [new ReadCertificate(certificate), createPrivateKey(key)];
  } catch {
    // Empty, or no PEM: one is made anew, which costs nobody anything.
    return false;
  }
  const namesEverything = serverNames.every((name) =>
    isIP(name) === 0 ? read.checkHost(name) !== undefined : read.checkIP(name) !== undefined,
  );
  return (
    namesEverything && read.checkPrivateKey(readKey) && read.verify(issuer.read.publicKey) && !isDue(certificate, now)
  );
}

export async function makeServerCertificate({
  files,
  issuer,
  serverNames,
  now,
}: ServerCertificateParts): Promise<ServerCertificate> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const names = [...new Set([controlPlaneName, ...serverNames])];
  const certificate = await issuer.issue({
    subject: controlPlaneName,
    publicKey: keys.publicKey,
    names: names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
    usage: x509.ExtendedKeyUsage.serverAuth,
    notBefore: millis(now - caBackdateMs),
    notAfter: millis(now + serverLifetimeMs),
  });
  const server = { key: await exportKey(keys.privateKey), certificate: certificate.toString('pem') };
  await keepSecretFile(files.key, server.key);
  await keepSecretFile(files.certificate, server.certificate);
  return server;
}
