// The agent's identity while it runs: its files, the gRPC client that policy sync and flow reports share, and the renewal of
// the certificate at two thirds of its lifetime. A renewed certificate means a new client; whoever holds a stream is told, so
// that it can move over. The key stays: one rename on disk is the whole renewal.
//
// A control plane that replaces its CA says so on the stream; then the host asks for a certificate of the next one, by whose certificate it
// knows the control plane in that call, and trusts that CA alone once it has it. Until then nothing is another than before.

import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { diskErrorText, isDiskError } from '#agent/state/run-directory.ts';
import {
  isRenewalDue,
  type MoveState,
  moveWaitMs,
  type RenewalState,
  renewalStartMs,
  renewalWaitMs,
} from '#agent-core/time/renewal-plan.ts';
import { systemClock } from '#clock/system-clock.ts';
import { assertOk, err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import type { NextCa } from '#wire/authority.ts';
import {
  type ControlPlaneAddress,
  controlPlaneText,
  parseControlPlaneAddress,
  parseControlPlaneAddresses,
} from '#wire/control-plane-address.ts';
import { decodeEnrolReply, encodeRenewRequest } from '#wire/enrolment-messages.ts';
import { enrolmentService } from '#wire/services.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { type Client, callUnary, isAway, openClient, type UnaryAnswer } from './control-plane-client.ts';
import { type ControlPlaneList, createControlPlaneList } from './control-plane-list.ts';
import {
  type CertificateTimes,
  certificateTimes,
  type IdentityError,
  type IdentityFiles,
  readIdentityFiles,
  removeIdentityFile,
  writeCertificate,
  writeEnrolledHost,
  writeIdentityFile,
} from './identity-files.ts';
import { endorsedCa } from './next-ca.ts';

export interface Identity {
  readonly host: string;
  readonly tenant: string;
  /** HOST:PORT, or several with commas between. */
  readonly controlPlane: string;
  /** Which of them the client goes to. */
  readonly addresses: ControlPlaneList;
  /** Number of the announcement that was followed last; 0: none. */
  followed(): number;
  /** These are the control plane's from now on, on disk first. The error says why they are not. */
  moveTo(all: readonly ControlPlaneAddress[], followed: number): Promise<Result<void>>;
  /** A client of its own to an address that may be none of those; whoever asks for it closes it. */
  clientTo(address: ControlPlaneAddress): Client;
  /** HOST:PORT of the HTTP proxy on the way, where there is one. */
  readonly proxy: string | undefined;
  times(): CertificateTimes;
  /** The CA's fingerprints, SHA-256, lower-case hex. */
  trusts(): readonly string[];
  /** The client of now; take it anew for every call. Connects when first used. */
  client(): Client;
  /** Gives up the client, its connection and its waiting; the next `client()` starts afresh. Calls under way end by themselves. */
  resetClient(): void;
  /** The control plane does not take the certificate: perhaps it has expired by a clock that is right. Renewal is tried soon. */
  refused(): void;
  /** Asks for a new certificate now, of the CA that is trusted. The error says why there is none; the old one stays. The signal ends the asking. */
  renew(signal?: AbortSignal): Promise<Result<CertificateTimes>>;
  /** The control plane says, over a connection that the trusted CA's certificate holds for, that another CA takes that one's place. */
  takeNextCa(told: NextCa): Promise<void>;
  /** Renews in time until the signal aborts. Resolves then. */
  keepRenewed(signal: AbortSignal): Promise<void>;
  /** Called after each renewal, when `client()` already gives the new one. Returns the way to stop. */
  onRenewed(listener: () => void): () => void;
  close(): void;
}

export interface IdentityOptions {
  readonly stateDirectory: string;
  readonly log: Logger;
  readonly now?: () => Millis;
  /** Within which all hosts that are told of another CA at once ask for a certificate of it; default five minutes. */
  readonly moveSpreadMs?: number;
}

const defaultMoveSpreadMs = 5 * 60_000;
const renewTimeoutMs = 30_000;
/** How far a certificate may begin ahead of this host's time. */
const greatestAheadMs = 5 * 60_000;

export async function openIdentity(options: IdentityOptions): Promise<Result<Identity, IdentityError>> {
  const files = await readIdentityFiles(options.stateDirectory);
  if (!files.ok) return files;
  const addresses = parseControlPlaneAddresses(files.value.controlPlane);
  if (!addresses.ok) return err({ code: 'identity-damaged', message: `agent.json, controlPlane: ${addresses.error}` });
  const proxy = files.value.proxy === undefined ? undefined : parseControlPlaneAddress(files.value.proxy);
  if (proxy?.ok === false) return err({ code: 'identity-damaged', message: `agent.json, proxy: ${proxy.error}` });
  return ok(createIdentity(files.value, options));
}

function createIdentity(
  files: IdentityFiles,
  { stateDirectory, log, now = systemClock.wall, moveSpreadMs = defaultMoveSpreadMs }: IdentityOptions,
): Identity {
  const addresses = createControlPlaneList(assertOk(parseControlPlaneAddresses(files.controlPlane)));
  const proxy = files.proxy === undefined ? undefined : assertOk(parseControlPlaneAddress(files.proxy));
  const listeners = new Set<() => void>();
  let isRefused = false;
  let wake = (): void => undefined;
  let certificate = files.certificate;
  let trusted = files.ca;
  let next = files.nextCa;
  const told = (): MoveState => ({
    toldAtMs: systemClock.elapsedMs(),
    chance: Math.random(),
    spreadMs: moveSpreadMs,
    failures: 0,
  });
  let move = told();
  /** As agent.json holds it by our own hand. */
  let controlPlane = files.controlPlane;
  let followed = files.followed ?? 0;
  let times = certificateTimes(certificate);
  let current: Client | undefined;

  const clientTo = (address: ControlPlaneAddress): Client =>
    openClient(address, { ca: trusted, own: { key: files.key, certificate } }, proxy);

  const client = (): Client => {
    current ??= clientTo(addresses.current());
    return current;
  };

  const resetClient = (): void => {
    current?.close();
    current = undefined;
  };

  /** The address in use first; the next where nobody answers. */
  async function askForRenewal(caPem: string, request: Uint8Array, signal?: AbortSignal): Promise<UnaryAnswer> {
    const first = addresses.current();
    const until = signal === undefined ? {} : { signal };
    let answer: UnaryAnswer | undefined;
    for (const address of [first, ...addresses.all().filter((one) => one !== first)]) {
      // A client of its own: the other one is given up whenever the stream is lost, which without a certificate that holds is all the time.
      const own = openClient(address, { ca: caPem, own: { key: files.key, certificate } }, proxy);
      const asking = { client: own, method: enrolmentService.renew, request, timeoutMs: renewTimeoutMs, ...until };
      answer = await callUnary(asking).finally(() => own.close());
      if (answer.kind === 'answered' || !isAway(answer.error) || signal?.aborted === true) break;
    }
    if (answer === undefined) throw new Error('a host has at least one address of its control plane');
    return answer;
  }

  /** By the CA that the control plane is known by in this call. */
  async function renewUnder(caPem: string, signal?: AbortSignal): Promise<Result<CertificateTimes>> {
    const csr = await createCertificateRequest(files.key, files.host);
    const request = encodeRenewRequest({ csr, clientClock: now() });
    const answer = await askForRenewal(caPem, request, signal);
    if (answer.kind === 'failed') return err(answer.error.details);
    const reply = decodeEnrolReply(answer.bytes);
    if (!reply.ok) return reply;
    if (reply.value.kind === 'refused') return err(`${reply.value.code}: ${reply.value.detail}`);
    const issued = new X509Certificate(reply.value.certificate);
    const ca = new X509Certificate(caPem);
    const before = new X509Certificate(certificate);
    const isOurs = issued.verify(ca.publicKey) && issued.publicKey.equals(before.publicKey);
    if (!isOurs)
      return err('the certificate that came is not for this key, or not by the CA that the control plane showed');
    const begins = certificateTimes(issued.toString()).notBefore;
    if (begins > now() + greatestAheadMs)
      return err(
        `the certificate that came begins at ${new Date(begins).toISOString()}, and here it is ${new Date(now()).toISOString()}: the clock of the control plane or of this host is wrong; the old one stays`,
      );
    const newest = withNewDates(ca, reply.value.caCertificate) ?? caPem;
    const isMove = caPem === next;
    try {
      if (newest !== caPem && !isMove) await writeIdentityFile(stateDirectory, 'ca.pem', newest);
      await writeCertificate(stateDirectory, issued.toString());
      // From here on the certificate says which CA is trusted; what is left over of the other is cleared away.
      if (isMove) await writeIdentityFile(stateDirectory, 'ca.pem', newest);
      if (isMove) await removeIdentityFile(stateDirectory, 'next-ca.pem');
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return err(
        `the new certificate cannot be written to ${stateDirectory} (${diskErrorText(error)}); the old one stays`,
      );
    }
    trusted = newest;
    if (isMove) next = undefined;
    certificate = issued.toString();
    times = certificateTimes(certificate);
    resetClient();
    for (const listener of listeners) listener();
    return ok(times);
  }

  async function takeNextCa(nextCa: NextCa): Promise<void> {
    const ca = endorsedCa(nextCa, trusted);
    if (!ca.ok) {
      log.warn({ reason: ca.error }, 'the next CA that the control plane tells of is not taken');
      return;
    }
    if (ca.value === next) return;
    try {
      // The trusted one first: after a kill the file may still be that of the CA before.
      await writeIdentityFile(stateDirectory, 'ca.pem', trusted);
      await writeIdentityFile(stateDirectory, 'next-ca.pem', ca.value);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      log.warn({ reason: diskErrorText(error) }, 'the next CA cannot be written down; it is told again');
      return;
    }
    next = ca.value;
    move = told();
    log.info('the control plane replaces its CA; this host asks for a certificate of the next one');
    wake();
  }

  async function moveTo(all: readonly ControlPlaneAddress[], number: number): Promise<Result<void>> {
    const next = all.map(controlPlaneText).join();
    try {
      const found = await readIdentityFiles(stateDirectory);
      // Somebody's hand on this host is the newer word, and holds from the next start.
      if (!found.ok || found.value.controlPlane !== controlPlane)
        return err('the addresses on disk are others than this agent started with (segwall-agent move?)');
      await writeEnrolledHost(stateDirectory, { ...found.value, controlPlane: next, followed: number });
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return err(`${stateDirectory} cannot be written (${diskErrorText(error)})`);
    }
    controlPlane = next;
    followed = number;
    addresses.replace(all);
    return ok(undefined);
  }

  /** Of the next CA, where there is one. What fails is tried again, and the certificate of the trusted one is renewed in time meanwhile. */
  async function moveIfDue(signal: AbortSignal): Promise<void> {
    if (next === undefined || moveWaitMs(move, systemClock.elapsedMs()) > 0) return;
    const triedAtMs = systemClock.elapsedMs();
    const moved = await renewUnder(next, signal);
    if (signal.aborted && !moved.ok) return;
    if (moved.ok) {
      log.info(
        { notAfter: new Date(moved.value.notAfter).toISOString() },
        'certificate of the next CA; it is trusted alone',
      );
      return;
    }
    move = { ...move, failures: move.failures + 1, triedAtMs };
    log.warn({ reason: moved.error }, 'no certificate of the next CA; trying again');
  }

  async function keepRenewed(signal: AbortSignal): Promise<void> {
    let state: RenewalState = { life: times, came: { atMs: systemClock.elapsedMs(), wasDue: false }, failures: 0 };
    // Jittered, so that hosts enrolled or started together do not renew together.
    const pause = (ms: number) => {
      const awake = new AbortController();
      wake = () => awake.abort();
      return systemClock.sleep(ms, signal, awake.signal);
    };
    await pause(Math.random() * renewalStartMs);
    while (!signal.aborted) {
      const before = certificate;
      await moveIfDue(signal);
      if (certificate !== before) {
        state = {
          life: times,
          came: { atMs: systemClock.elapsedMs(), wasDue: false },
          failures: 0,
          triedAtMs: systemClock.elapsedMs(),
        };
        continue;
      }
      const waitMs = renewalWaitMs({ ...state, wanted: isRefused ? 'now' : 'in-time' }, now(), systemClock.elapsedMs());
      const moveMs = next === undefined ? waitMs : moveWaitMs(move, systemClock.elapsedMs());
      if (waitMs > 0) {
        await pause(Math.min(waitMs * (1 + Math.random() / 10), moveMs));
        continue;
      }
      const triedAtMs = systemClock.elapsedMs();
      isRefused = false;
      const renewed = await renewUnder(trusted, signal);
      if (signal.aborted && !renewed.ok) return;
      if (renewed.ok) {
        const wasDue = isRenewalDue(renewed.value, now());
        state = { life: renewed.value, came: { atMs: systemClock.elapsedMs(), wasDue }, failures: 0, triedAtMs };
        log.info({ notAfter: new Date(renewed.value.notAfter).toISOString() }, 'certificate renewed');
        if (wasDue)
          log.warn('the new certificate is due already: the clock of this host or of the control plane is wrong');
      } else {
        state = { ...state, failures: state.failures + 1, triedAtMs };
        const notAfter = new Date(times.notAfter).toISOString();
        log.warn({ reason: renewed.error, notAfter }, 'certificate could not be renewed; trying again');
      }
    }
  }

  return {
    host: files.host,
    tenant: files.tenant,
    get controlPlane() {
      return controlPlane;
    },
    addresses,
    followed: () => followed,
    moveTo,
    clientTo,
    proxy: files.proxy,
    times: () => times,
    trusts: () => [new X509Certificate(trusted).fingerprint256.replaceAll(':', '').toLowerCase()],
    client,
    resetClient,
    renew: (signal) => renewUnder(trusted, signal),
    takeNextCa,
    refused() {
      if (!isRefused) wake();
      isRefused = true;
    },
    keepRenewed,
    onRenewed(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: resetClient,
  };
}

/** The CA that is trusted, where the control plane has given its key another time to hold for; PEM. */
function withNewDates(trusted: X509Certificate, der: Uint8Array): string | undefined {
  const told = new X509Certificate(der);
  const isSameKey = told.publicKey.equals(trusted.publicKey) && told.subject === trusted.subject;
  const isNews = isSameKey && told.verify(trusted.publicKey) && told.fingerprint256 !== trusted.fingerprint256;
  return isNews ? told.toString() : undefined;
}
