// One gRPC call on an HTTP/2 stream, as the server sees it: whether the caller may is asked at its headers, before a byte of a message is
// kept; messages come within the bounds of their connection; it ends with one status.
//
// States: `open` → `ended` (a status was sent, or the caller is gone). A unary call is `open` until its one message was answered.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { AgentCertificate } from '#control-plane/pki/agent-identity.ts';
import type { Result } from '#model/result.ts';
import type { HeldBytes } from './byte-budget.ts';
import { type CallStatus, comeBack, statusHeaders, violation } from './call-status.ts';
import { MessageReader } from './message-reader.ts';
import type { Pace } from './pace.ts';

/** The other end of a connection. */
export interface RpcPeer {
  /** An IP address in canonical text. */
  readonly address: string;
  /** With its port. */
  readonly connection: string;
  /** Of our CA and with its key at the other end, in its time or not; absent where there is none such. */
  readonly certificate: Result<AgentCertificate> | undefined;
  /** The CA of ours that it trusts, having asked for it and gone on with what it was shown; by its key. */
  readonly trusts: string;
}

interface MethodFrame {
  /** Asked at the headers of each call. */
  readonly refusalOf: (peer: RpcPeer) => CallStatus | undefined;
  readonly mostBytes: number;
}

export interface UnaryMethod extends MethodFrame {
  readonly kind: 'unary';
  readonly answer: (request: Uint8Array, peer: RpcPeer) => Promise<Result<Uint8Array, CallStatus>>;
}

export interface StreamMethod extends MethodFrame {
  readonly kind: 'stream';
  readonly open: (call: StreamCall) => void;
  /** Asked before each message is read: how many milliseconds to wait with the one after it, or why the call ends without it. */
  readonly weigh: (peer: RpcPeer, bytes: number) => number | CallStatus;
}

export type RpcMethod = UnaryMethod | StreamMethod;

/** By path. */
export type RpcMethods = ReadonlyMap<string, RpcMethod>;

export interface StreamEvents {
  readonly message: (bytes: Uint8Array) => void;
  /** Once: the caller has ended it, or is gone. Not after `end`. */
  readonly ended: () => void;
  /** What was written has gone out, after a `write` that said false. */
  readonly drained: () => void;
}

export interface StreamCall {
  readonly peer: RpcPeer;
  /** At once, in `open`. */
  listen(events: StreamEvents): void;
  /** False where it had to be queued: then wait for `drained`. Nothing happens once the call has ended. */
  write(bytes: Uint8Array): boolean;
  /** Without a status: OK. */
  end(status?: CallStatus): void;
}

export interface CallParts {
  readonly peer: RpcPeer;
  readonly messages: Pace;
  readonly messageMs: number;
  readonly pieces: { readonly most: number; readonly bytesEach: number };
  readonly hold: () => HeldBytes;
  /** A request is worked on, or is no more. */
  readonly serving: (isServed: boolean) => void;
}

const contentType = 'application/grpc+proto';
const prefixBytes = 5;
/** Up to here one write of a copy costs less than two. */
const copiedBytes = 16_384;
const lastWordsMs = 2000;
const done: CallStatus = { code: status.OK, details: '' };

export function serveCall(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { methods, parts, busyMs }: { readonly methods: RpcMethods; readonly parts: CallParts; readonly busyMs: number },
): void {
  const call = new RpcCall(stream, parts);
  const path = headers[':path'] ?? '';
  const method = methods.get(path);
  if (headers[':method'] !== 'POST' || headers['content-type']?.startsWith('application/grpc') !== true) {
    call.refuseAsHttp(415);
  } else if (method === undefined) {
    call.end({ code: status.UNIMPLEMENTED, details: 'there is no such method' });
  } else if (busyMs > 0) {
    call.end(comeBack('too many calls of this connection', busyMs));
  } else {
    const refusal = method.refusalOf(parts.peer);
    if (refusal !== undefined) call.end(refusal);
    else call.begin(method);
  }
}

class RpcCall implements StreamCall {
  readonly #stream: ServerHttp2Stream;
  readonly #parts: CallParts;
  readonly #held: HeldBytes;
  #events: StreamEvents | undefined;
  #isEnded = false;
  /** Of a unary call: its message is here. */
  #isAsked = false;
  #isServed = false;
  #hasAnswered = false;
  #late: Timer | undefined;
  #resume: Timer | undefined;

  constructor(stream: ServerHttp2Stream, parts: CallParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.#held = parts.hold();
    // A `close` follows every error.
    stream.on('error', () => undefined);
    stream.on('close', () => this.#gone());
    // The other end reset it. Its `close` comes only when what it sent has been read, which a paused stream never is.
    stream.on('aborted', () => this.#gone());
  }

  get peer(): RpcPeer {
    return this.#parts.peer;
  }

  begin(method: RpcMethod): void {
    const reader = new MessageReader({ mostBytes: method.mostBytes, pieces: this.#parts.pieces, held: this.#held });
    let take = (bytes: Buffer): void => {
      this.#events?.message(bytes);
      this.#held.release();
    };
    if (method.kind === 'stream') method.open(this);
    else {
      // A unary call has no time to say nothing.
      this.#expectMessage();
      take = this.#answering(method);
    }
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.#isEnded) return;
      const problem = reader.push(chunk, (message) => {
        if (this.#isEnded) return;
        this.#messageCame();
        const weight = method.kind === 'stream' ? method.weigh(this.peer, message.length) : 0;
        if (typeof weight !== 'number') {
          this.#events?.ended();
          this.end(weight);
          return;
        }
        this.#slowDown(weight);
        take(message);
      });
      if (problem !== undefined) this.end(problem);
      else if (reader.isWithin) this.#expectMessage();
      else this.#messageCame();
    });
    this.#stream.on('end', () => {
      if (this.#isEnded || this.#isAsked) return;
      if (method.kind === 'unary') {
        this.end(violation('found no message; allowed: one'));
        return;
      }
      this.#events?.ended();
      this.end();
    });
    this.#stream.on('drain', () => {
      if (!this.#isEnded) this.#events?.drained();
    });
  }

  listen(events: StreamEvents): void {
    this.#events = events;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnded || this.#isClosed) return true;
    this.#answerHeaders();
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(bytes.length, 1);
    if (bytes.length <= copiedBytes) return this.#stream.write(Buffer.concat([prefix, bytes]));
    this.#stream.cork();
    this.#stream.write(prefix);
    const hasRoom = this.#stream.write(bytes);
    this.#stream.uncork();
    return hasRoom;
  }

  end(ending: CallStatus = done): void {
    if (this.#isEnded) return;
    this.#lastWords(() => {
      if (this.#hasAnswered) {
        this.#stream.once('wantTrailers', () => {
          if (!this.#isClosed) this.#stream.sendTrailers(statusHeaders(ending));
        });
        this.#stream.end();
      } else {
        this.#stream.respond(
          { ':status': 200, 'content-type': contentType, ...statusHeaders(ending) },
          { endStream: true },
        );
      }
    });
  }

  refuseAsHttp(code: number): void {
    this.#lastWords(() => this.#stream.respond({ ':status': code }, { endStream: true }));
  }

  #answering(method: UnaryMethod): (bytes: Buffer) => void {
    return (bytes) => {
      if (this.#isAsked) {
        this.end(violation('found a second message; allowed: one'));
        return;
      }
      this.#isAsked = true;
      // Until it is answered; nothing else of this call takes room, and a reader that copied has taken some of it before.
      this.#held.release();
      if (this.#held.grow(bytes.length) === 'no-room') {
        this.end(comeBack('too many requests are being worked on; send this one again later', 2000));
        return;
      }
      this.#isServed = true;
      this.#parts.serving(true);
      method.answer(bytes, this.peer).then(
        (answer) => {
          if (answer.ok) {
            this.write(answer.value);
            this.end();
          } else this.end(answer.error);
        },
        (cause: unknown) => {
          // A broken invariant is for the process to die of, not for one caller to hear.
          queueMicrotask(() => {
            throw cause;
          });
        },
      );
    };
  }

  #answerHeaders(): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.#stream.respond({ ':status': 200, 'content-type': contentType }, { waitForTrailers: true });
  }

  #expectMessage(): void {
    const { messageMs } = this.#parts;
    this.#late ??= systemClock
      .after(messageMs, () =>
        this.end({ code: status.DEADLINE_EXCEEDED, details: `a message took more than ${messageMs} ms` }),
      )
      .unref();
  }

  #messageCame(): void {
    this.#late?.cancel();
    this.#late = undefined;
  }

  #slowDown(weightMs: number): void {
    const waitMs = Math.max(weightMs, this.#parts.messages.spend(systemClock.elapsedMs()));
    if (waitMs === 0 || this.#resume !== undefined) return;
    this.#stream.pause();
    this.#resume = systemClock
      .after(waitMs, () => {
        this.#resume = undefined;
        this.#stream.resume();
      })
      .unref();
  }

  /** Node throws at a header for a stream that the other end has reset, and destroys such a stream only when it has been read. */
  get #isClosed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  #gone(): void {
    if (this.#isEnded) return;
    this.#over();
    this.#stream.resume();
    this.#events?.ended();
  }

  #over(): void {
    this.#isEnded = true;
    this.#messageCame();
    this.#resume?.cancel();
    this.#held.release();
    if (this.#isServed) this.#parts.serving(false);
    this.#isServed = false;
  }

  /** What a closed stream holds is read and told nothing. A caller that goes on sending is read for a moment, so that it sees the status, and then cut. */
  #lastWords(say: () => void): void {
    this.#over();
    const isHeard = !this.#isClosed;
    if (isHeard) say();
    this.#stream.resume();
    if (!isHeard) return;
    const cut = systemClock.after(lastWordsMs, () => this.#stream.close(constants.NGHTTP2_NO_ERROR)).unref();
    this.#stream.once('close', () => cut.cancel());
  }
}
