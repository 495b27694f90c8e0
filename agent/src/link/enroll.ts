// Enrolment, seen from the host: a key made here, one token, one certificate. The control plane is known by its CA's
// fingerprint before anything is sent to it. Every way this fails has a code and says what to do; nothing is half enrolled.

import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { status } from '@grpc/grpc-js';
import { systemClock } from '#clock/system-clock.ts';
import { namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import {
  type ControlPlaneAddress,
  controlPlaneText,
  parseControlPlaneAddress,
  parseControlPlaneAddresses,
} from '#wire/control-plane-address.ts';
import { decodeEnrolReply, type EnrolReply, encodeEnrolRequest } from '#wire/enrolment-messages.ts';
import { fetchPinnedCa, type PinnedCa, type PinnedTlsErrorCode } from '#wire/pinned-tls.ts';
import { enrolmentService } from '#wire/services.ts';
import { createCertificateRequest, createHostKey } from './certificate-request.ts';
import { callUnary, isAway, openClient, type ServiceError } from './control-plane-client.ts';
import { createPatience, type Unheard } from './enrol-patience.ts';
import {
  type EnrolledHost,
  readIdentityFiles,
  removeIdentityFile,
  writeIdentityFile,
  writeIdentityFiles,
} from './identity-files.ts';
import { connectThroughProxy } from './proxy-connect.ts';
import { pushbackOf } from './pushback.ts';

export interface EnrollRequest {
  /** HOST:PORT, or several with commas between, which are tried in order and kept with the identity. */
  readonly controlPlane: string;
  /** HOST:PORT of an HTTP proxy on the way there; it is kept with the identity. */
  readonly proxy?: string;
  readonly caFingerprint: string;
  readonly token: Secret;
  readonly stateDirectory: string;
  /** Default: the machine's host name, fitted to the pattern of names. */
  readonly name?: string;
  /** The host is enrolled, and is to keep its name and what belongs to it. Default: not. */
  readonly renewIdentity?: boolean;
  /** Of each of the two connections; default 10,000, sensible 1,000 to 60,000. */
  readonly timeoutMs?: number;
  /** How long to come again where the control plane has no room now, or went away after it was there; default 300,000. */
  readonly patienceMs?: number;
  /** Where nobody answers at all; default `fail`. */
  readonly unreachable?: 'fail' | 'try-again';
  /** Called once, before the first wait, with what the first try came to. */
  readonly waiting?: (problem: string) => void;
  readonly now?: () => Millis;
}

export type EnrollErrorCode =
  | PinnedTlsErrorCode
  | 'control-plane-invalid'
  | 'proxy-invalid'
  | 'already-enrolled'
  | 'state-unwritable'
  | 'token-unknown'
  | 'token-spent'
  | 'token-expired'
  | 'name-taken'
  | 'name-invalid'
  | 'csr-invalid'
  | 'enrolment-failed';

export interface EnrollError {
  readonly code: EnrollErrorCode;
  /** What happened, where, and what to do. */
  readonly message: string;
}

/** On success the identity is on disk and `segwall-agent run` can start. */
export async function enroll(request: EnrollRequest): Promise<Result<EnrolledHost, EnrollError>> {
  const { stateDirectory, timeoutMs = 10_000, now = systemClock.wall } = request;
  const found = parseControlPlaneAddresses(request.controlPlane);
  if (!found.ok) return fail('control-plane-invalid', found.error);
  const proxy = request.proxy === undefined ? undefined : parseControlPlaneAddress(request.proxy);
  if (proxy?.ok === false) return fail('proxy-invalid', proxy.error);
  const unwritable = (error: unknown) =>
    fail(
      'state-unwritable',
      `cannot use ${stateDirectory}/identity (${messageOf(error)}); check its owner, mode and space`,
    );
  let present: Awaited<ReturnType<typeof readIdentityFiles>>;
  try {
    present = await readIdentityFiles(stateDirectory);
  } catch (error) {
    return unwritable(error);
  }
  const isRenewal = request.renewIdentity === true;
  const name = request.name ?? (isRenewal && present.ok ? present.value.host : nameFrom(hostname()));
  if (!namePattern.test(name)) return fail('name-invalid', `"${name}" is no name for a host; ${nameAdvice}`);
  if (!isRenewal && (present.ok || present.error.code === 'identity-damaged')) {
    const whom = present.ok ? `${present.value.host} at ${present.value.controlPlane}` : 'an identity that is damaged';
    return fail(
      'already-enrolled',
      `${stateDirectory}/identity already holds ${whom}; stop the agent, and enrol with --renew-identity to keep its name, or remove that folder first`,
    );
  }

  // Before the token is spent: whether the result could be kept at all.
  const key = await createHostKey();
  try {
    await writeIdentityFile(stateDirectory, isRenewal ? 'next-key.pem' : 'key.pem', key);
  } catch (error) {
    return unwritable(error);
  }

  const { patienceMs: ms = defaultPatienceMs, unreachable = 'fail', waiting = () => undefined } = request;
  const patience = createPatience({ ms, unreachable, waiting });
  const proxyAddress = proxy?.value;
  const pinned = await patience.untilHeard(timeoutMs, (tryMs) =>
    firstThere(found.value, (address) => pinnedCaOf({ ...request, address, proxyAddress, timeoutMs: tryMs, now })),
  );
  if (!pinned.ok) return err({ code: pinned.error.code, message: pinned.error.message });
  const ca = pinned.value.caPem;
  // What is there proves whose name it is, where its CA is still the control plane's.
  const own =
    isRenewal && present.ok ? { own: { key: present.value.key, certificate: present.value.certificate } } : {};
  const renews = isRenewal ? { renewsIdentity: true as const } : {};
  const question = { ...request, proxyAddress, ca, name, key, now, ...own, renews };
  const reply = await patience.untilHeard(timeoutMs, (tryMs) =>
    firstThere(found.value, (address) =>
      askForCertificate({ ...question, address, controlPlane: controlPlaneText(address), timeoutMs: tryMs }),
    ),
  );
  if (!reply.ok) return err({ code: reply.error.code, message: reply.error.message });
  if (reply.value.kind === 'refused') return fail(reply.value.code, refusalMessage(reply.value, { ...request, name }));
  const { host, tenant } = reply.value;
  const certificate = new X509Certificate(reply.value.certificate).toString();
  const enrolled = {
    controlPlane: request.controlPlane,
    host,
    tenant,
    ...(request.proxy !== undefined && { proxy: request.proxy }),
  };
  await writeIdentityFiles(stateDirectory, { ...enrolled, key, certificate, ca });
  if (isRenewal) await removeIdentityFile(stateDirectory, 'next-key.pem');
  return ok(enrolled);
}

const defaultPatienceMs = 300_000;

/** What the first says that is there; where none is, what was wrong with each. */
async function firstThere<T, E extends Unheard & { readonly message: string }>(
  addresses: readonly ControlPlaneAddress[],
  ask: (address: ControlPlaneAddress) => Promise<Result<T, E>>,
): Promise<Result<T, E>> {
  const messages: string[] = [];
  let hadNoRoom = false;
  for (let at = 0; ; at += 1) {
    const address = addresses[at];
    if (address === undefined) throw new Error('there is at least one address');
    const result = await ask(address);
    if (result.ok || result.error.isAway !== true) return result;
    messages.push(result.error.message);
    hadNoRoom ||= result.error.hadNoRoom === true;
    if (at < addresses.length - 1) continue;
    return err({ ...result.error, message: messages.join('; '), ...(hadNoRoom ? { hadNoRoom } : {}) });
  }
}

type CaQuestion = Pick<EnrollRequest, 'caFingerprint'> &
  Pick<Question, 'address' | 'proxyAddress' | 'timeoutMs' | 'now'>;

export async function pinnedCaOf(question: CaQuestion): Promise<Result<PinnedCa, EnrollError & Unheard>> {
  const { address, proxyAddress: proxy, caFingerprint: fingerprint, timeoutMs, now } = question;
  if (proxy === undefined) return orAway(await fetchPinnedCa({ ...address, fingerprint, timeoutMs, now }));
  const signal = systemClock.limit(timeoutMs);
  const through = await connectThroughProxy({ proxy, target: address, signal });
  if (through.ok)
    return orAway(await fetchPinnedCa({ ...address, fingerprint, timeoutMs, now, socket: through.value }));
  const { reason } = through.error;
  const message = `${reason}; check the proxy, and that it lets this host through`;
  return err({ code: 'control-plane-unreachable', message, isAway: true });
}

function orAway(found: Result<PinnedCa, EnrollError & Unheard>): Result<PinnedCa, EnrollError & Unheard> {
  if (found.ok || found.error.code !== 'control-plane-unreachable') return found;
  return err({ ...found.error, isAway: true });
}

interface Question {
  readonly controlPlane: string;
  readonly address: ControlPlaneAddress;
  readonly proxyAddress: ControlPlaneAddress | undefined;
  readonly ca: string;
  readonly token: Secret;
  readonly name: string;
  readonly key: string;
  readonly timeoutMs: number;
  readonly now: () => Millis;
  readonly own?: { readonly key: string; readonly certificate: string };
  readonly renews: { readonly renewsIdentity?: true };
}

async function askForCertificate(question: Question): Promise<Result<EnrolReply, EnrollError & Unheard>> {
  const { address, ca, token, name, key, timeoutMs, now, controlPlane } = question;
  const csr = await createCertificateRequest(key, name);
  const tls = question.own === undefined ? { ca } : { ca, own: question.own };
  const client = openClient(address, tls, question.proxyAddress);
  try {
    const request = encodeEnrolRequest({
      token: token.reveal(),
      host: name,
      csr,
      clientClock: now(),
      ...question.renews,
    });
    // Whoever comes again because the answer was lost on the way shows the same key, and is given what it was given.
    const answer = await callUnary({ client, method: enrolmentService.enrol, request, timeoutMs });
    if (answer.kind === 'failed') {
      const retryAfterMs = pushbackOf(answer.error.metadata);
      return err({ ...callError(answer.error, controlPlane), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    }
    const reply = decodeEnrolReply(answer.bytes);
    if (reply.ok) return reply;
    return fail('enrolment-failed', `${controlPlane} gave an answer that cannot be read: ${reply.error}`);
  } finally {
    client.close();
  }
}

function callError(error: ServiceError, controlPlane: string): EnrollError & Unheard {
  if (isAway(error)) {
    return {
      code: 'control-plane-unreachable',
      message: `${controlPlane} did not answer the enrolment (${error.details}); try again, with a new token if this one turns out spent`,
      isAway: true,
    };
  }
  return {
    code: 'enrolment-failed',
    message: `${controlPlane} refused the enrolment: ${error.details} (${status[error.code]}); see the control plane's log`,
  };
}

const nameAdvice = 'allowed are 1 to 63 of a-z, 0-9 and "-", not at either end; choose one with --name';
const tokenAdvice = 'make one with `segwall tokens create`';

function refusalMessage(
  { code, detail }: Extract<EnrolReply, { kind: 'refused' }>,
  { controlPlane, name }: { readonly controlPlane: string; readonly name: string },
): string {
  switch (code) {
    case 'token-unknown':
      return `${controlPlane} does not know this token; check that it was copied whole, or ${tokenAdvice}`;
    case 'token-spent':
      return `this token has no uses left at ${controlPlane}; ${tokenAdvice} --uses N`;
    case 'token-expired':
      return `this token has expired at ${controlPlane}; ${tokenAdvice} --ttl DURATION`;
    case 'name-taken':
      return `another host is enrolled as ${name} at ${controlPlane}; choose another with --name. Is it this one? Enrol with --renew-identity, where its identity is still here, or with a token made by: segwall tokens create --renews ${name}`;
    case 'name-invalid':
      return `${controlPlane} refused the name: ${detail}; ${nameAdvice}`;
    case 'csr-invalid':
      return `${controlPlane} refused the certificate request: ${detail}; agent and control plane may be of different versions`;
    case 'clock-skew':
      return `${detail} of the control plane's; allowed are 5 minutes: set the clock (timedatectl, chrony) and enrol again; the token is not spent`;
  }
}

/** "Web_01.example.com" becomes "web-01": the first label, lower case, what a name may not hold as "-". */
export function nameFrom(machineName: string): string {
  const [first = ''] = machineName.toLowerCase().split('.');
  return first
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fail(code: EnrollErrorCode, message: string): { readonly ok: false; readonly error: EnrollError } {
  return err({ code, message });
}
