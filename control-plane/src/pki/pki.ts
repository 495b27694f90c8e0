// The control plane's own certificate authority: made at the first start in one folder, used for the server certificate and
// for one short-lived certificate an agent. The CA's key never leaves the folder (mode 0600).
//
// What a certificate may do stands in it: the server's has the DNS name `segwall-control-plane` and serverAuth, an agent's has the
// URI segwall://TENANT/host/NAME?enrolment=ID and clientAuth, so neither can be used as the other.
//
// States: `steady` (one CA) → rotate → `rotating` (the next one too, with a server certificate of its own, shown to who asks by its name)
// → retire → `steady` (the next one alone). Files of the next CA begin with `next-`. The one file `next-holds` decides: while it is there
// a start finishes what the retirement began. Both steps may be done again.

import 'reflect-metadata';
import { createPrivateKey, X509Certificate as ReadCertificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import { type NextCa, serverNameFor } from '#wire/authority.ts';
import { agentUri } from './agent-certificate.ts';
import type { CertificateRecord } from './agent-identity.ts';
import {
  type Authority,
  type AuthorityFiles,
  authorityFiles,
  makeAuthority,
  openAuthority,
  redated,
} from './authority.ts';
import { fingerprintOf, isDue, keyAlgorithm } from './keys.ts';
import { keepSecretFile, readFileIfThere } from './secret-file.ts';
import {
  makeServerCertificate,
  openServerCertificate,
  type ServerCertificate,
  serverFiles,
} from './server-certificate.ts';

const day = 86_400_000;
/** Certificates begin a little in the past, for hosts whose clock is behind. */
const agentBackdateMs = 10 * 60_000;

const clientAuthOid = '1.3.6.1.5.5.7.3.2';

export interface PkiOptions {
  /** Where the CA lives; made if missing. */
  readonly directory: string;
  /** Host names and addresses by which operators reach the API; agents check the fixed name instead. */
  readonly serverNames: readonly string[];
  readonly now: () => Millis;
  /** Default 30, sensible 1 to 90: renewal is at two thirds, so the time to notice a host that cannot renew is a third. */
  readonly agentLifetimeDays?: number;
}

/** PEM; `certificate` is the chain with the CA, which first contact by fingerprint needs to see; `ca` is every CA that agents' certificates may be of. */
export interface ServerTls {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

export interface IssuedCertificate {
  readonly der: Uint8Array;
  readonly record: CertificateRecord;
  /** Of the CA that issued it, DER. */
  readonly ca: Uint8Array;
}

export interface AgentCertificateRequest {
  /** PKCS #10, DER. Only its key counts: names come from enrolment. */
  readonly csr: Uint8Array;
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
  /** The CA that the caller has shown that it trusts; default the present one. */
  readonly authority?: string | undefined;
}

/** Ids name CAs by their keys; see `#wire/authority.ts`. */
export interface CaView {
  readonly id: string;
  readonly fingerprint: string;
  readonly endsAt: Millis;
}

export interface Pki {
  /** Of the CA that hosts enrol with from now on and new tokens name: the next one, where one is about to come. */
  readonly caPem: string;
  readonly caDer: Uint8Array;
  /** SHA-256 over the CA certificate's DER, lower-case hex. */
  readonly caFingerprint: string;
  cas(): { readonly present: CaView; readonly next?: CaView };
  /** Of the present CA: for who asks by no name of the next one. */
  serverTls(): ServerTls;
  /** For who asks by a name of the next CA (SNI); undefined otherwise. The same object until it is another. */
  serverTlsNamed(name: string): ServerTls | undefined;
  /** The CA that who asks by this name trusts. */
  authorityNamed(name: string): string;
  /** When the CA's certificate and the server's end; of the present ones. */
  ends(): { readonly ca: Millis; readonly server: Millis };
  /** Issues new server certificates when a third of their lifetime is left, or they are not yet valid; says whether it did. */
  renewServerCertificate(): Promise<boolean>;
  /** The CA of ours that issued an agent's certificate (DER), whatever its time; undefined where none did, or it is no agent's. */
  issuerOf(der: Uint8Array): string | undefined;
  /** The error says what is wrong with the request. */
  checkCsr(csr: Uint8Array): Promise<Result<x509.PublicKey>>;
  issueAgentCertificate(request: AgentCertificateRequest): Promise<Result<IssuedCertificate>>;
  /** What agents that trust the present CA are told of the next one. */
  nextCa(): NextCa | undefined;
  /** Makes the next CA, where there is none; says whether it did. */
  rotate(): Promise<boolean>;
  /** The next CA takes the present one's place, whose key is deleted; says whether there was one. */
  retire(): Promise<boolean>;
}

/** With a new CA no host that is enrolled would know this control plane: none is made where one was. */
async function firstAuthority(directory: string, now: Millis): Promise<Authority> {
  const files = authorityFiles(directory, '');
  const { certificate: issued } = serverFiles(directory, '');
  if ((await readFileIfThere(issued)) === undefined) return makeAuthority(files, now);
  const isKeyThere = (await readFileIfThere(files.key)) !== undefined;
  const missing = isKeyThere ? `${files.certificate} is` : `${files.key} and ${files.certificate} are`;
  throw new Error(
    `${missing} missing, and ${issued}, which that CA issued, is there: put back what is missing from your newest backup, or all of it (segwall-control-plane restore --from BACKUP --data DIR); to start a new CA, with every host to be enrolled again, move the whole folder away, and segwall-control-plane new-ca`,
  );
}

interface CaWithServer {
  readonly authority: Authority;
  readonly server: ServerCertificate;
}

export async function openPki(options: PkiOptions): Promise<Pki> {
  const { directory, now } = options;
  await finishRetirement(directory);
  const caWithServer = async (authority: Authority, prefix: '' | 'next-'): Promise<CaWithServer> => {
    const parts = { files: serverFiles(directory, prefix), issuer: authority, serverNames: options.serverNames };
    return { authority, server: await openServerCertificate({ ...parts, now: now() }) };
  };
  const presentFiles = authorityFiles(directory, '');
  const nextFiles = authorityFiles(directory, 'next-');
  let present = await caWithServer(
    (await openAuthority(presentFiles, now())) ?? (await firstAuthority(directory, now())),
    '',
  );
  const found = await openAuthority(nextFiles, now());
  let next = found === undefined ? undefined : await caWithServer(found, 'next-');
  let nextCa = await endorsed(present, next);
  let tls = tlsOf(present, next);

  /** Two changes of the files are never under way at once. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  };
  const changed = async (): Promise<void> => {
    nextCa = await endorsed(present, next);
    tls = tlsOf(present, next);
  };
  const renewed = async (one: CaWithServer, prefix: '' | 'next-'): Promise<CaWithServer> => {
    const { authority, server } = one;
    const isCaDue = isDue(authority.pem, now());
    if (!isCaDue && !isDue(server.certificate, now())) return one;
    const files = authorityFiles(directory, prefix);
    const issuer = isCaDue ? await redated(authority, { files, now: now() }) : authority;
    const parts = { files: serverFiles(directory, prefix), issuer, serverNames: options.serverNames, now: now() };
    return { authority: issuer, server: await makeServerCertificate(parts) };
  };
  const newest = () => (next ?? present).authority;

  return {
    get caPem() {
      return newest().pem;
    },
    get caDer() {
      return newest().der;
    },
    get caFingerprint() {
      return newest().fingerprint;
    },
    cas: () => ({ present: present.authority, ...(next === undefined ? {} : { next: next.authority }) }),
    serverTls: () => tls.present,
    serverTlsNamed: (name) => (isNamed(name, next) ? tls.next : undefined),
    authorityNamed: (name) => (next !== undefined && isNamed(name, next) ? next : present).authority.id,
    ends: () => ({ ca: present.authority.endsAt, server: endOf(present.server.certificate) }),

    renewServerCertificate: () =>
      inTurn(async () => {
        const before = { present, next };
        present = await renewed(present, '');
        if (next !== undefined) next = await renewed(next, 'next-');
        if (present === before.present && next === before.next) return false;
        await changed();
        return true;
      }),

    issuerOf(der) {
      const read = new ReadCertificate(der);
      if (read.keyUsage?.includes(clientAuthOid) !== true) return undefined;
      const issuer = [present, next].find(
        (one) => one !== undefined && read.checkIssued(one.authority.read) && read.verify(one.authority.read.publicKey),
      );
      return issuer?.authority.id;
    },

    checkCsr,

    async issueAgentCertificate({ csr, tenant, host, enrolment, authority }) {
      const publicKey = await checkCsr(csr);
      if (!publicKey.ok) return publicKey;
      const issuer = (next !== undefined && next.authority.id === authority ? next : present).authority;
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
      return ok({ der, record: { ...record, authority: issuer.id }, ca: issuer.der });
    },

    nextCa: () => nextCa,

    rotate: () =>
      inTurn(async () => {
        if (next !== undefined) return false;
        next = await caWithServer(await makeAuthority(nextFiles, now()), 'next-');
        await changed();
        return true;
      }),

    retire: () =>
      inTurn(async () => {
        if (next === undefined) return false;
        await keepSecretFile(holdsPath(directory), `${next.authority.fingerprint}\n`);
        await finishRetirement(directory);
        present = next;
        next = undefined;
        await changed();
        return true;
      }),
  };
}

async function endorsed(present: CaWithServer, next: CaWithServer | undefined): Promise<NextCa | undefined> {
  return next === undefined ? undefined : present.authority.endorse(next.authority);
}

function tlsOf(
  present: CaWithServer,
  next: CaWithServer | undefined,
): { readonly present: ServerTls; readonly next?: ServerTls } {
  const ca = [present, next].flatMap((one) => (one === undefined ? [] : one.authority.pem)).join('\n');
  const of = ({ authority, server }: CaWithServer) => ({
    key: server.key,
    certificate: `${server.certificate}\n${authority.pem}\n`,
    ca,
  });
  return { present: of(present), ...(next === undefined ? {} : { next: of(next) }) };
}

function isNamed(name: string, one: CaWithServer | undefined): boolean {
  if (one === undefined) return false;
  const { id, fingerprint } = one.authority;
  return name === serverNameFor(id) || name === serverNameFor(fingerprint);
}

function holdsPath(directory: string): string {
  return join(directory, 'next-holds');
}

/** Where it was decided: the next CA's files in the present one's place, the decision itself last. */
async function finishRetirement(directory: string): Promise<void> {
  const decided = (await readFileIfThere(holdsPath(directory)))?.trim();
  if (decided === undefined) return;
  const [from, to] = (['next-', ''] as const).map((prefix) => {
    const [authority, server] = [authorityFiles(directory, prefix), serverFiles(directory, prefix)];
    return [authority.key, authority.certificate, server.key, server.certificate];
  });
  const wholeOf = (prefix: '' | 'next-') => fingerprintOfCa(authorityFiles(directory, prefix));
  const hasHappened = (await wholeOf('')) === decided;
  if (!hasHappened && (await wholeOf('next-')) !== decided) {
    const { key, certificate } = authorityFiles(directory, 'next-');
    throw new Error(
      `${holdsPath(directory)} says that the CA ${decided.slice(0, 64)} takes the place of the present one, and ${certificate} and ${key} are not that CA as a whole: put all files of that folder back from one backup (segwall-control-plane restore --from BACKUP --data DIR); where no CA was retired, move ${holdsPath(directory)} away. Nothing was changed`,
    );
  }
  // The present one's own server certificate may be the old one's yet; it is then made anew.
  for (const [index, path] of (hasHappened ? [] : (to ?? [])).entries()) {
    const text = await readFileIfThere(from?.[index] ?? '');
    if (text !== undefined) await keepSecretFile(path, text);
  }
  for (const path of from ?? []) await rm(path, { force: true });
  await rm(holdsPath(directory), { force: true });
}

/** Undefined where one of the two files is missing, or they do not belong together. */
async function fingerprintOfCa(files: AuthorityFiles): Promise<string | undefined> {
  const [key, certificate] = [await readFileIfThere(files.key), await readFileIfThere(files.certificate)];
  if (key === undefined || certificate === undefined) return undefined;
  try {
    const read = new ReadCertificate(certificate);
    return read.checkPrivateKey(createPrivateKey(key)) ? fingerprintOf(new Uint8Array(read.raw)) : undefined;
  } catch {
    return undefined;
  }
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
