// A certificate authority: a key and its own certificate, in two files of the PKI's folder, and what it signs. The key
// is used and never shown.

import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Millis, millis } from '#model/time.ts';
import { authorityOf, endorsedBytes, type NextCa } from '#wire/authority.ts';
import { exportKey, fingerprintOf, importKey, isDue, keyAlgorithm, randomSerial, signingAlgorithm } from './keys.ts';
import { keepSecretFile, readFileIfThere } from './secret-file.ts';

const day = 86_400_000;
const caLifetimeMs = 3650 * day;
/**
 * CA and server certificates begin so far in the past that a wrong clock is reported by enrolment, and not as a TLS
 * failure.
 */
export const caBackdateMs = day;

export interface AuthorityFiles {
  readonly key: string;
  readonly certificate: string;
}

export function authorityFiles(directory: string, prefix: '' | 'next-'): AuthorityFiles {
  return { key: join(directory, `${prefix}ca-key.pem`), certificate: join(directory, `${prefix}ca.pem`) };
}

interface Issue {
  readonly subject: string;
  readonly publicKey: x509.PublicKey | webcrypto.CryptoKey;
  readonly names: readonly x509.JsonGeneralName[];
  readonly usage: x509.ExtendedKeyUsage;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

export class Authority {
  readonly #key: webcrypto.CryptoKey;
  readonly #certificate: x509.X509Certificate;
  readonly pem: string;
  readonly der: Uint8Array;
  readonly read: X509Certificate;
  /** By its key. */
  readonly id: string;
  /** SHA-256 over the certificate's DER, lower-case hex. */
  readonly fingerprint: string;

  constructor(key: webcrypto.CryptoKey, certificate: x509.X509Certificate) {
    this.#key = key;
    this.#certificate = certificate;
    this.pem = certificate.toString('pem');
    this.der = new Uint8Array(certificate.rawData);
    this.read = new X509Certificate(this.pem);
    this.id = authorityOf(this.read);
    this.fingerprint = fingerprintOf(this.der);
  }

  get endsAt(): Millis {
    return millis(this.read.validToDate.getTime());
  }

  async issue({ subject, publicKey, names, usage, notBefore, notAfter }: Issue): Promise<x509.X509Certificate> {
    type Params = x509.X509CertificateCreateWithKeyParams;
    return x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: [{ CN: [subject] }],
      issuer: this.#certificate.subjectName.toJSON(),
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      signingAlgorithm,
      publicKey: publicKey as Params['publicKey'],
      signingKey: this.#key as Params['signingKey'],
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage], true),
        new x509.SubjectAlternativeNameExtension([...names]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
      ],
    });
  }

  /** That the other one takes this one's place. */
  async endorse(next: Authority): Promise<NextCa> {
    const signature = await webcrypto.subtle.sign(signingAlgorithm, this.#key, endorsedBytes(next.der));
    return { certificate: next.der, signature: new Uint8Array(signature) };
  }

  /**
   * The same key and name for another time: what it signed holds under both, and hosts that know the key take the new
   * dates at their next renewal.
   */
  async withNewDates(now: Millis): Promise<Authority> {
    const publicKey = await this.#certificate.publicKey.export();
    const keys = { privateKey: this.#key, publicKey };
    return new Authority(this.#key, await selfSigned({ now, name: this.#certificate.subjectName.toJSON(), keys }));
  }
}

/** Undefined where neither file is there. One that is due is made anew for its key. */
export async function openAuthority(files: AuthorityFiles, now: Millis): Promise<Authority | undefined> {
  const keyPem = await readFileIfThere(files.key);
  const certificatePem = await readFileIfThere(files.certificate);
  // The certificate is written last: with only a key no host can have trusted this CA yet, but a certificate without
  // its key is a loss.
  if (certificatePem === undefined) return undefined;
  if (keyPem === undefined) {
    throw new Error(
      `${files.certificate} is there and ${files.key} is not: put the key back from your newest backup, or all of it (segwall-control-plane restore --from BACKUP --data DIR); to start a new CA, with every host to be enrolled again, move the whole folder away, and segwall-control-plane new-ca`,
    );
  }
  const found = await readAuthority(files, { keyPem, certificatePem });
  return isDue(certificatePem, now) ? redated(found, { files, now }) : found;
}

const wayOut =
  'put both back from your newest backup, or all of it (segwall-control-plane restore --from BACKUP --data DIR); to start a new CA, with every host to be enrolled again, move the whole folder away, and segwall-control-plane new-ca';

/**
 * Throws where one of them is nothing of the kind, or the two do not belong together: hosts would trust nothing that
 * such a CA issues.
 */
async function readAuthority(
  files: AuthorityFiles,
  { keyPem, certificatePem }: { readonly keyPem: string; readonly certificatePem: string },
): Promise<Authority> {
  const readOr = <T>(read: () => T, path: string, what: string): T => {
    try {
      return read();
    } catch (cause) {
      throw new Error(`${path} is no ${what}: ${wayOut}`, { cause });
    }
  };
  const key = readOr(() => createPrivateKey(keyPem), files.key, 'private key');
  const certificate = readOr(() => new x509.X509Certificate(certificatePem), files.certificate, 'certificate');
  if (!new X509Certificate(certificatePem).checkPrivateKey(key))
    throw new Error(`${files.key} is not the key of ${files.certificate}: one of them is of another CA; ${wayOut}`);
  return new Authority(await importKey(keyPem), certificate);
}

export async function redated(
  authority: Authority,
  { files, now }: { readonly files: AuthorityFiles; readonly now: Millis },
): Promise<Authority> {
  const renewed = await authority.withNewDates(now);
  await keepSecretFile(files.certificate, `${renewed.pem}\n`);
  return renewed;
}

export async function makeAuthority(files: AuthorityFiles, now: Millis): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const name = [{ CN: ['Segwall CA'] }, { O: [randomBytes(4).toString('hex')] }];
  const certificate = await selfSigned({ now, name, keys });
  await keepSecretFile(files.key, await exportKey(keys.privateKey));
  await keepSecretFile(files.certificate, `${certificate.toString('pem')}\n`);
  return new Authority(keys.privateKey, certificate);
}

interface SelfSigned {
  readonly now: Millis;
  readonly name: x509.JsonName;
  readonly keys: { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey };
}

async function selfSigned({ now, name, keys }: SelfSigned): Promise<x509.X509Certificate> {
  type Params = Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[0];
  return x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name,
    notBefore: new Date(now - caBackdateMs),
    notAfter: new Date(now + caLifetimeMs),
    signingAlgorithm,
    keys: keys as Params['keys'],
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(
        keys.publicKey as Parameters<typeof x509.SubjectKeyIdentifierExtension.create>[0],
      ),
    ],
  });
}
