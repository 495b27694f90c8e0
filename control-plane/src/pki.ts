// The control plane's own certificate authority: made at the first start in one folder, used for the server certificate and
// for one short-lived certificate an agent. P-256 throughout, random serials. The CA key never leaves the folder (mode 0600).
//
// What a certificate may do stands in it: the server's has the DNS name `segwall-control-plane` and serverAuth, an agent's has the
// URI segwall://TENANT/host/NAME?enrolment=ID and clientAuth, so neither can be used as the other.

import 'reflect-metadata';
import { createHash, createPrivateKey, X509Certificate as ReadCertificate, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import { controlPlaneName } from '#wire/services.ts';
import { agentUri } from './agent-certificate.ts';
import type { CertificateRecord } from './agent-identity.ts';
import { keepSecretFile, readFileIfThere } from './secret-file.ts';

const day = 86_400_000;
const caLifetimeMs = 3650 * day;
const serverLifetimeMs = 365 * day;
/** Certificates begin a little in the past, for hosts whose clock is behind; CA and server more, so that a clock far off is told by enrolment and not as a TLS failure. */
const agentBackdateMs = 10 * 60_000;
const caBackdateMs = day;

const clientAuthOid = '1.3.6.1.5.5.7.3.2';

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export interface PkiOptions {
  /** Where the CA lives; made if missing. */
  readonly directory: string;
  /** Host names and addresses by which operators reach the API; agents check the fixed name instead. */
  readonly serverNames: readonly string[];
  readonly now: () => Millis;
  /** Default 30, sensible 1 to 90: renewal is at two thirds, so the time to notice a host that cannot renew is a third. */
  readonly agentLifetimeDays?: number;
}

/** PEM; `certificate` is the chain with the CA, which first contact by fingerprint needs to see. */
export interface ServerTls {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

export interface IssuedCertificate {
  readonly der: Uint8Array;
  readonly record: CertificateRecord;
}

export interface AgentCertificateRequest {
  /** PKCS #10, DER. Only its key counts: names come from enrolment. */
  readonly csr: Uint8Array;
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
}

export interface Pki {
  readonly caPem: string;
  readonly caDer: Uint8Array;
  /** SHA-256 over the CA certificate's DER, lower-case hex. */
  readonly caFingerprint: string;
  serverTls(): ServerTls;
  /** When the CA's certificate and the server's end. */
  ends(): { readonly ca: Millis; readonly server: Millis };
  /** Issues a new server certificate when a third of its lifetime is left, or it is not yet valid; says whether it did. */
  renewServerCertificate(): Promise<boolean>;
  /** Whether it is an agent's (DER), issued by this CA, whatever its time. */
  isAgentCertificate(der: Uint8Array): boolean;
  /** The error says what is wrong with the request. */
  checkCsr(csr: Uint8Array): Promise<Result<x509.PublicKey>>;
  issueAgentCertificate(request: AgentCertificateRequest): Promise<Result<IssuedCertificate>>;
}

export async function openPki(options: PkiOptions): Promise<Pki> {
  const { directory, now } = options;
  let issuer = new Issuer(await openAuthority(directory, now()), now);
  let server = await openServerCertificate(issuer, options);
  let ca = caOf(issuer.certificate);

  return {
    get caPem() {
      return ca.pem;
    },
    get caDer() {
      return ca.der;
    },
    get caFingerprint() {
      return fingerprintOf(ca.der);
    },
    serverTls: () => ({ key: server.key, certificate: `${server.certificate}\n${ca.pem}\n`, ca: ca.pem }),
    ends: () => ({ ca: millis(ca.read.validToDate.getTime()), server: endOf(server.certificate) }),

    async renewServerCertificate() {
      const isCaDue = isDue(ca.pem, now());
      if (!isCaDue && !isDue(server.certificate, now())) return false;
      if (isCaDue) {
        issuer = new Issuer(await openAuthority(directory, now()), now);
        ca = caOf(issuer.certificate);
      }
      server = await createServerCertificate(issuer, options);
      return true;
    },

    isAgentCertificate(der) {
      const read = new ReadCertificate(der);
      const isForClients = read.keyUsage?.includes(clientAuthOid) === true;
      return isForClients && read.checkIssued(ca.read) && read.verify(ca.read.publicKey);
    },

    checkCsr,

    async issueAgentCertificate({ csr, tenant, host, enrolment }) {
      const publicKey = await checkCsr(csr);
      if (!publicKey.ok) return publicKey;
      const notBefore = millis(now() - agentBackdateMs);
      const notAfter = millis(now() + (options.agentLifetimeDays ?? 30) * day);
      const uri = agentUri({ tenant, host, enrolment });
      const certificate = await issuer.issue({
        subject: host,
        publicKey: publicKey.value,
        names: [{ type: 'url', value: uri }],
        usage: x509.ExtendedKeyUsage.clientAuth,
        notBefore,
        notAfter,
      });
      const der = new Uint8Array(certificate.rawData);
      const serial = certificate.serialNumber.toLowerCase();
      // Certificates hold whole seconds; the record says what the certificate says.
      const [from, until] = [certificate.notBefore, certificate.notAfter].map((date) => millis(date.getTime()));
      if (from === undefined || until === undefined) throw new Error('a certificate has two dates');
      const fingerprint = fingerprintOf(der);
      const record = { serial, tenant, host, enrolment, fingerprint, notBefore: from, notAfter: until };
      return ok({ der, record });
    },
  };
}

function caOf(certificate: x509.X509Certificate) {
  const pem = certificate.toString('pem');
  return { pem, der: new Uint8Array(certificate.rawData), read: new ReadCertificate(pem) };
}

function endOf(certificatePem: string): Millis {
  return millis(new ReadCertificate(certificatePem).validToDate.getTime());
}

async function checkCsr(csr: Uint8Array): Promise<Result<x509.PublicKey>> {
  try {
    const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(csr));
    const algorithm = request.publicKey.algorithm as { name?: string; namedCurve?: string };
    if (algorithm.name !== keyAlgorithm.name || algorithm.namedCurve !== keyAlgorithm.namedCurve) {
      const found = [algorithm.name, algorithm.namedCurve].filter((part) => part !== undefined).join(' ');
      return err(`its key is ${found}; allowed is ECDSA on P-256`);
    }
    if (!(await request.verify())) return err('its signature is not by the key in it');
    return ok(request.publicKey);
  } catch (error) {
    // The ASN.1 reader throws on anything that is no certificate request; its bytes are a stranger's.
    return err(`it is not a PKCS #10 request (${error instanceof Error ? error.message : String(error)})`);
  }
}

// ---- the authority

interface Authority {
  readonly key: webcrypto.CryptoKey;
  readonly certificate: x509.X509Certificate;
}

async function openAuthority(directory: string, now: Millis): Promise<Authority> {
  const keyPath = join(directory, 'ca-key.pem');
  const certificatePath = join(directory, 'ca.pem');
  const keyPem = await readFileIfThere(keyPath);
  const certificatePem = await readFileIfThere(certificatePath);
  if (keyPem !== undefined && certificatePem !== undefined) {
    const found = { key: await importKey(keyPem), certificate: new x509.X509Certificate(certificatePem) };
    if (!isDue(certificatePem, now)) return found;
    // The same key and name: what it signed holds under both, and hosts that know the key take the new dates at their next renewal.
    const renewed = await selfSigned({
      now,
      name: found.certificate.subjectName.toJSON(),
      keys: { privateKey: found.key, publicKey: await found.certificate.publicKey.export() },
    });
    await keepSecretFile(certificatePath, `${renewed.toString('pem')}\n`);
    return { key: found.key, certificate: renewed };
  }
  // The certificate is written last: with only a key no host can have trusted this CA yet, but a certificate without its key is a loss.
  if (certificatePem !== undefined) {
    throw new Error(
      `${certificatePath} is there and ${keyPath} is not: restore the key, or move the whole folder away to start a new CA`,
    );
  }
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const name = [{ CN: ['Segwall CA'] }, { O: [randomBytes(4).toString('hex')] }];
  const certificate = await selfSigned({ now, name, keys });
  await keepSecretFile(keyPath, await exportKey(keys.privateKey));
  await keepSecretFile(certificatePath, `${certificate.toString('pem')}\n`);
  return { key: keys.privateKey, certificate };
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

interface Issue {
  readonly subject: string;
  readonly publicKey: x509.PublicKey | webcrypto.CryptoKey;
  readonly names: readonly x509.JsonGeneralName[];
  readonly usage: x509.ExtendedKeyUsage;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

class Issuer {
  readonly #ca: Authority;
  readonly now: () => Millis;

  constructor(ca: Authority, now: () => Millis) {
    this.#ca = ca;
    this.now = now;
  }

  get certificate(): x509.X509Certificate {
    return this.#ca.certificate;
  }

  async issue({ subject, publicKey, names, usage, notBefore, notAfter }: Issue): Promise<x509.X509Certificate> {
    type Params = x509.X509CertificateCreateWithKeyParams;
    return x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: [{ CN: [subject] }],
      issuer: this.#ca.certificate.subjectName.toJSON(),
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      signingAlgorithm,
      publicKey: publicKey as Params['publicKey'],
      signingKey: this.#ca.key as Params['signingKey'],
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage], true),
        new x509.SubjectAlternativeNameExtension([...names]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#ca.certificate),
      ],
    });
  }
}

// ---- the server's certificate

interface ServerCertificate {
  readonly key: string;
  readonly certificate: string;
}

async function openServerCertificate(issuer: Issuer, options: PkiOptions): Promise<ServerCertificate> {
  const [key, certificate] = await Promise.all(serverPaths(options.directory).map(readFileIfThere));
  if (key !== undefined && certificate !== undefined && isUsable({ key, certificate }, issuer, options)) {
    return { key, certificate };
  }
  return createServerCertificate(issuer, options);
}

function isUsable({ key, certificate }: ServerCertificate, issuer: Issuer, { serverNames, now }: PkiOptions): boolean {
  const read = new ReadCertificate(certificate);
  const ca = new ReadCertificate(issuer.certificate.toString('pem'));
  const namesEverything = serverNames.every((name) =>
    isIP(name) === 0 ? read.checkHost(name) !== undefined : read.checkIP(name) !== undefined,
  );
  return (
    namesEverything &&
    read.checkPrivateKey(createPrivateKey(key)) &&
    read.verify(ca.publicKey) &&
    !isDue(certificate, now())
  );
}

async function createServerCertificate(
  issuer: Issuer,
  { directory, serverNames }: PkiOptions,
): Promise<ServerCertificate> {
  const now = issuer.now();
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
  const [keyPath, certificatePath] = serverPaths(directory);
  await keepSecretFile(keyPath, server.key);
  await keepSecretFile(certificatePath, server.certificate);
  return server;
}

function serverPaths(directory: string): readonly [string, string] {
  return [join(directory, 'server-key.pem'), join(directory, 'server.pem')];
}

/** Whether two thirds of its lifetime are over, or it has not begun: then it was made while the clock was ahead. */
function isDue(certificatePem: string, now: Millis): boolean {
  const { validFromDate, validToDate } = new ReadCertificate(certificatePem);
  if (now < validFromDate.getTime()) return true;
  return now >= validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3;
}

// ---- keys

/** 128 bits; the first byte is neither 0 nor negative, so that every printer prints the same 32 digits. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag)}\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), keyAlgorithm, false, ['sign']);
}
