// The agent's identity while it runs: its files, the gRPC client that policy sync and flow reports share, and the renewal of
// the certificate at two thirds of its lifetime. A renewed certificate means a new client; whoever holds a stream is told, so
// that it can move over. The key stays: one rename on disk is the whole renewal.

import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { assertOk, err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import { decodeEnrolReply, encodeRenewRequest } from '#wire/enrolment-messages.ts';
import { enrolmentService } from '#wire/services.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { parseControlPlaneAddress } from './control-plane-address.ts';
import { type Client, callUnary, openClient } from './control-plane-client.ts';
import { diskErrorText, isDiskError } from './fallback-directory.ts';
import {
  type CertificateTimes,
  certificateTimes,
  type IdentityError,
  type IdentityFiles,
  readIdentityFiles,
  writeCertificate,
} from './identity-files.ts';

export interface Identity {
  readonly host: string;
  readonly tenant: string;
  /** HOST:PORT. */
  readonly controlPlane: string;
  /** HOST:PORT of the HTTP proxy on the way, where there is one. */
  readonly proxy: string | undefined;
  times(): CertificateTimes;
  /** The client of now; take it anew for every call. Connects when first used. */
  client(): Client;
  /** Gives up the client, its connection and its waiting; the next `client()` starts afresh. Calls under way end by themselves. */
  resetClient(): void;
  /** Asks for a new certificate now. The error says why there is none; the old one stays. */
  renew(): Promise<Result<CertificateTimes>>;
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
}

/** Timers hold at most 24.8 days, and a machine that slept should look again soon. */
const longestSleepMs = 3_600_000;
const renewTimeoutMs = 30_000;
const leastRetryMs = 60_000;

export async function openIdentity(options: IdentityOptions): Promise<Result<Identity, IdentityError>> {
  const files = await readIdentityFiles(options.stateDirectory);
  if (!files.ok) return files;
  const address = parseControlPlaneAddress(files.value.controlPlane);
  if (!address.ok) return err({ code: 'identity-damaged', message: `agent.json, controlPlane: ${address.error}` });
  const proxy = files.value.proxy === undefined ? undefined : parseControlPlaneAddress(files.value.proxy);
  if (proxy?.ok === false) return err({ code: 'identity-damaged', message: `agent.json, proxy: ${proxy.error}` });
  return ok(createIdentity(files.value, options));
}

function createIdentity(
  files: IdentityFiles,
  { stateDirectory, log, now = () => millis(Date.now()) }: IdentityOptions,
): Identity {
  const address = assertOk(parseControlPlaneAddress(files.controlPlane));
  const proxy = files.proxy === undefined ? undefined : assertOk(parseControlPlaneAddress(files.proxy));
  const listeners = new Set<() => void>();
  let certificate = files.certificate;
  let times = certificateTimes(certificate);
  let current: Client | undefined;

  const client = (): Client => {
    current ??= openClient(address, { ca: files.ca, own: { key: files.key, certificate } }, proxy);
    return current;
  };

  const resetClient = (): void => {
    current?.close();
    current = undefined;
  };

  async function renew(): Promise<Result<CertificateTimes>> {
    const csr = await createCertificateRequest(files.key, files.host);
    const request = encodeRenewRequest({ csr, clientClock: now() });
    const answer = await callUnary({
      client: client(),
      method: enrolmentService.renew,
      request,
      timeoutMs: renewTimeoutMs,
    });
    if (answer.kind === 'failed') return err(answer.error.details);
    const reply = decodeEnrolReply(answer.bytes);
    if (!reply.ok) return reply;
    if (reply.value.kind === 'refused') return err(`${reply.value.code}: ${reply.value.detail}`);
    const issued = new X509Certificate(reply.value.certificate);
    const ca = new X509Certificate(files.ca);
    const own = new X509Certificate(certificate);
    const isOurs = issued.verify(ca.publicKey) && issued.publicKey.equals(own.publicKey);
    if (!isOurs) return err('the certificate that came is not for this key, or not by the CA that was enrolled with');
    try {
      await writeCertificate(stateDirectory, issued.toString());
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return err(
        `the new certificate cannot be written to ${stateDirectory} (${diskErrorText(error)}); the old one stays`,
      );
    }
    certificate = issued.toString();
    times = certificateTimes(certificate);
    resetClient();
    for (const listener of listeners) listener();
    return ok(times);
  }

  async function keepRenewed(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const dueAt = times.notBefore + ((times.notAfter - times.notBefore) * 2) / 3;
      const retryMs = failures === 0 ? 0 : Math.min(longestSleepMs, leastRetryMs * 2 ** (failures - 1));
      const waitMs = Math.min(longestSleepMs, Math.max(dueAt - now(), retryMs));
      if (waitMs > 0) {
        // Jittered, so that hosts enrolled together do not renew together. An aborted timer is how this ends.
        await sleep(waitMs * (1 + Math.random() / 10), undefined, { signal, ref: false }).catch(() => undefined);
        if (signal.aborted) return;
        if (now() < dueAt) continue;
      }
      const renewed = await renew();
      if (renewed.ok) {
        failures = 0;
        log.info({ notAfter: new Date(renewed.value.notAfter).toISOString() }, 'certificate renewed');
      } else {
        failures += 1;
        const notAfter = new Date(times.notAfter).toISOString();
        log.warn({ reason: renewed.error, notAfter }, 'certificate could not be renewed; trying again');
      }
    }
  }

  return {
    host: files.host,
    tenant: files.tenant,
    controlPlane: files.controlPlane,
    proxy: files.proxy,
    times: () => times,
    client,
    resetClient,
    renew,
    keepRenewed,
    onRenewed(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: resetClient,
  };
}
