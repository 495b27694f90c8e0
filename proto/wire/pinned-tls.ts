// First contact with a control plane that is known only by its CA's fingerprint: connect once, trust nothing, and take the CA
// only if its SHA-256 is the one given and it really signed the certificate that the other side holds the key of. Sends nothing.

import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { systemClock } from '#clock/system-clock.ts';
import { err, ok, type Result } from '#model/result.ts';
import { serverNameFor } from './authority.ts';
import { controlPlaneName } from './services.ts';

export interface PinnedCaRequest {
  readonly host: string;
  readonly port: number;
  /** SHA-256 over the CA certificate's DER, hex; colons and upper case are taken too. */
  readonly fingerprint: string;
  readonly timeoutMs: number;
  /** A connection that leads there already, through a proxy; else one is made. */
  readonly socket?: Duplex;
  /** For checking the certificates' times; the system's clock where absent. */
  readonly now?: () => number;
}

export interface PinnedCa {
  readonly caPem: string;
}

export type PinnedTlsErrorCode =
  | 'fingerprint-invalid'
  | 'control-plane-unreachable'
  | 'not-a-control-plane'
  | 'ca-mismatch'
  | 'clock-skew';

export interface PinnedTlsError {
  readonly code: PinnedTlsErrorCode;
  readonly message: string;
  /** The connection ended, or the time did, before the other side said who it is: as with a control plane that has no room now. */
  readonly hadNoRoom?: true;
}

export async function fetchPinnedCa(request: PinnedCaRequest): Promise<Result<PinnedCa, PinnedTlsError>> {
  const fingerprint = request.fingerprint.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) {
    return fail(
      'fingerprint-invalid',
      `"${request.fingerprint}" is not a CA fingerprint: it is 64 hex digits of SHA-256, as the control plane printed at its first start`,
    );
  }
  const presented = await presentedCertificates({ ...request, fingerprint });
  if (!presented.ok) return presented;
  return checkChain(presented.value, { ...request, fingerprint });
}

function checkChain(chain: readonly Buffer[], request: PinnedCaRequest): Result<PinnedCa, PinnedTlsError> {
  const at = `${request.host}:${request.port}`;
  const [leaf, ...issuers] = chain.map((der) => new X509Certificate(der));
  const ca = issuers.find((candidate) => fingerprintOf(candidate) === request.fingerprint);
  if (leaf === undefined || ca === undefined) {
    const found = issuers.map(fingerprintOf).join(', ') || 'none';
    return fail(
      'ca-mismatch',
      `${at} presents no CA with fingerprint ${request.fingerprint} (found: ${found}); compare with caFingerprint in the control plane's first-start.json: a typing error, another control plane, or someone in between`,
    );
  }
  if (!ca.ca || !leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)) {
    return fail(
      'ca-mismatch',
      `${at} presents the right CA, but its own certificate was not issued by it: someone in between, or a proxy that ends TLS; connect to the control plane itself`,
    );
  }
  if (leaf.checkHost(controlPlaneName, { subject: 'never' }) === undefined) {
    return fail(
      'ca-mismatch',
      `${at} presents a certificate of the right CA that is not the control plane's (it lacks the name ${controlPlaneName})`,
    );
  }
  const now = (request.now ?? systemClock.wall)();
  for (const { validFromDate, validToDate } of [ca, leaf]) {
    if (validFromDate.getTime() <= now && now < validToDate.getTime()) continue;
    return fail(
      'clock-skew',
      `by this host's clock it is ${new Date(now).toISOString()}, and a certificate of ${at} holds from ${validFromDate.toISOString()} to ${validToDate.toISOString()}; set the clock, or renew that certificate by restarting the control plane`,
    );
  }
  return ok({ caPem: ca.toString() });
}

function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The DER of the certificates that the server sent, its own first. */
function presentedCertificates(request: PinnedCaRequest): Promise<Result<readonly Buffer[], PinnedTlsError>> {
  const { host, port, timeoutMs } = request;
  const at = `${host}:${port}`;
  return new Promise((resolve) => {
    // Nothing is trusted yet, and nothing is sent but the name: the chain is judged by checkChain.
    const options = { host, port, servername: serverNameFor(request.fingerprint), ALPNProtocols: ['h2', 'http/1.1'] };
    const through = request.socket === undefined ? {} : { socket: request.socket };
    const socket = connect({ ...options, ...through, rejectUnauthorized: false });
    let isSecure = false;
    const settle = (result: Result<readonly Buffer[], PinnedTlsError>) => {
      timer.cancel();
      // The end of our handshake is still to go out, or the other side takes it for one that failed.
      if (result.ok) socket.destroySoon();
      else socket.destroy();
      resolve(result);
    };
    const timer = systemClock.after(timeoutMs, () => {
      settle(
        err({
          code: 'control-plane-unreachable',
          message: `no answer from ${at} within ${timeoutMs} ms; check the address, the port and firewalls between`,
          hadNoRoom: true,
        }),
      );
    });
    socket.once('secureConnect', () => {
      isSecure = true;
      settle(ok(chainOf(socket)));
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isTls = isSecure || error.code?.startsWith('ERR_SSL') === true || error.code === 'ECONNRESET';
      settle(
        isTls
          ? err({
              code: 'not-a-control-plane',
              message: `${at} answers, but not in TLS as a control plane does (${tlsProblem(error)}); check the port, and whether this one is meant to be reached without TLS (http://)`,
              ...(!isSecure && error.code === 'ECONNRESET' ? { hadNoRoom: true as const } : {}),
            })
          : fail(
              'control-plane-unreachable',
              `cannot connect to ${at} (${error.message}); check the address, the port, and that the control plane runs`,
            ),
      );
    });
  });
}

/** In our words: what the TLS library says names its own source files. */
function tlsProblem({ code = '' }: NodeJS.ErrnoException): string {
  if (code === 'ECONNRESET') return 'it closed the connection';
  // The first bytes of an HTTP answer are no TLS record.
  const plain = ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST'];
  if (plain.includes(code)) return 'it speaks plain text, such as HTTP without TLS';
  return (
    code
      .replace(/^ERR_SSL_/, '')
      .toLowerCase()
      .replaceAll('_', ' ') || 'the handshake failed'
  );
}

function chainOf(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer; a server that sends a long chain is no control plane.
  while (certificate?.raw !== undefined && chain.length < 8) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate === certificate ? undefined : certificate.issuerCertificate;
  }
  return chain;
}

function fail(code: PinnedTlsErrorCode, message: string): { readonly ok: false; readonly error: PinnedTlsError } {
  return err({ code, message });
}
