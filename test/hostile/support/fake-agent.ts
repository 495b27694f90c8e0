// An agent that turned: enrolled as others are, with a certificate that holds, and then free to send any bytes at any rate on any
// call. It acknowledges nothing and checks nothing by itself; what comes back is kept for the test to read.

import { join } from 'node:path';
import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import pino from 'pino';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import {
  type DownMessage,
  decodeDownMessage,
  encodeUpMessage,
  type HeldRuleSet,
  type ReportedHost,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { enrolmentService, flowReportService, type MethodDefinition, policySyncService } from '#wire/services.ts';

/** How a call ended: with an answer's bytes, or with a gRPC status, by name. */
export type RawAnswer =
  | { readonly kind: 'answered'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly code: string; readonly details: string };

export interface StreamEnd {
  /** A gRPC status, by name; OK where the server ended it without a word. */
  readonly code: string;
  readonly details: string;
}

export interface FakeStream {
  /** Everything that came, in order; what could not be read is left out. */
  readonly heard: readonly DownMessage[];
  sendBytes(bytes: Uint8Array): void;
  send(message: UpMessage): void;
  /** Resolves with the first message, of now or later, that `holds` of; with the end where the stream ends before. */
  until(holds: (message: DownMessage) => boolean): Promise<DownMessage | StreamEnd>;
  /** Resolves when the stream has ended. */
  readonly ended: Promise<StreamEnd>;
  close(): void;
}

export interface FakeAgent {
  readonly name: string;
  readonly identity: Identity;
  /** A policy stream on which nothing was said yet. */
  open(): FakeStream;
  /** A policy stream after a well-formed hello, once the control plane has answered it. */
  greeted(given?: { readonly host?: Partial<ReportedHost>; readonly held?: HeldRuleSet }): Promise<FakeStream>;
  report(bytes: Uint8Array): Promise<RawAnswer>;
  renew(bytes: Uint8Array): Promise<RawAnswer>;
  enrol(bytes: Uint8Array): Promise<RawAnswer>;
  close(): void;
}

export interface FakeAgentOptions {
  /** HOST:PORT that agents connect to. */
  readonly controlPlane: string;
  readonly caFingerprint: string;
  /** A join token. */
  readonly token: string;
  readonly name: string;
  /** For its identity; of the caller, who removes it. */
  readonly directory: string;
}

/** Enrols, and connects when first used. */
export async function enrolFakeAgent(options: FakeAgentOptions): Promise<FakeAgent> {
  const { controlPlane, caFingerprint, token, name } = options;
  const stateDirectory = join(options.directory, `fake-${name}`);
  assertOk(await enroll({ controlPlane, caFingerprint, token: new Secret(token), name, stateDirectory }));
  return openFakeAgent(name, stateDirectory);
}

/** The identity in a state directory, also one that was copied from another agent's. */
export async function openFakeAgent(name: string, stateDirectory: string): Promise<FakeAgent> {
  const identity = assertOk(await openIdentity({ stateDirectory, log: pino({ level: 'silent' }) }));
  const call = (method: MethodDefinition, bytes: Uint8Array) => callRaw(identity, method, bytes);
  return {
    name,
    identity,
    open: () => openStream(identity),
    async greeted({ host = {}, held } = {}) {
      const stream = openStream(identity);
      stream.send({
        kind: 'hello',
        agentVersion: '0.1.0',
        host: { addresses: [], facts: new Map(), ...host },
        ...(held === undefined ? {} : { held }),
      });
      await stream.until(() => true);
      return stream;
    },
    report: (bytes) => call(flowReportService.report, bytes),
    renew: (bytes) => call(enrolmentService.renew, bytes),
    enrol: (bytes) => call(enrolmentService.enrol, bytes),
    close: () => identity.close(),
  };
}

function callRaw(identity: Identity, method: MethodDefinition, bytes: Uint8Array): Promise<RawAnswer> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve) => {
    identity
      .client()
      .makeUnaryRequest<Uint8Array, Uint8Array>(path, requestSerialize, responseDeserialize, bytes, (error, answer) => {
        if (error !== null) resolve({ kind: 'failed', code: nameOf(error.code), details: error.details });
        else resolve({ kind: 'answered', bytes: answer ?? new Uint8Array(0) });
      });
  });
}

function openStream(identity: Identity): FakeStream {
  const { path, requestSerialize, responseDeserialize } = policySyncService.sync;
  const call: ClientDuplexStream<Uint8Array, Uint8Array> = identity
    .client()
    .makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const heard: DownMessage[] = [];
  const watchers = new Set<(message: DownMessage) => void>();
  call.on('data', (bytes: Uint8Array) => {
    const message = decodeDownMessage(bytes);
    if (!message.ok) return;
    heard.push(message.value);
    for (const look of [...watchers]) look(message.value);
  });
  const ended = new Promise<StreamEnd>((resolve) => {
    call.on('error', ({ code, details }: ServiceError) => resolve({ code: nameOf(code), details }));
    call.on('status', ({ code, details }: { readonly code: status; readonly details: string }) =>
      resolve({ code: nameOf(code), details }),
    );
  });
  return {
    heard,
    ended,
    sendBytes: (bytes) => void call.write(bytes),
    send: (message) => void call.write(encodeUpMessage(message)),
    until: (holds) => {
      const known = heard.find(holds);
      if (known !== undefined) return Promise.resolve(known);
      return Promise.race([
        ended,
        new Promise<DownMessage>((resolve) => {
          const look = (message: DownMessage) => {
            if (!holds(message)) return;
            watchers.delete(look);
            resolve(message);
          };
          watchers.add(look);
        }),
      ]);
    },
    close: () => call.cancel(),
  };
}

function nameOf(code: status): string {
  return status[code] ?? String(code);
}
