// Messages out of a gRPC stream's bytes: a flag, a length of four bytes, so many bytes. What has come of a message is copied together, in
// room of a budget, and the pieces are let go: a piece that is kept costs a hundred bytes and more, whatever it holds.

import { status } from '@grpc/grpc-js';
import type { HeldBytes } from './byte-budget.ts';
import { type CallStatus, comeBack } from './call-status.ts';

export interface MessageReaderOptions {
  readonly mostBytes: number;
  readonly pieces: { readonly most: number; readonly bytesEach: number };
  readonly held: HeldBytes;
}

const prefixBytes = 5;
const leastRoom = 4096;
const noRoomRetryMs = 2000;
const empty = Buffer.alloc(0);

export class MessageReader {
  readonly #options: MessageReaderOptions;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixHas = 0;
  #length = 0;
  #body = empty;
  #bodyHas = 0;
  #pieces = 0;

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** A message has begun and is not all here. */
  get isWithin(): boolean {
    return this.#prefixHas > 0;
  }

  /** Calls `take` with each message that is whole; its bytes are the reader's until `take` returns. Gives the status to end the call with. */
  push(chunk: Buffer, take: (message: Buffer) => void): CallStatus | undefined {
    this.#pieces += 1;
    let rest = chunk;
    while (rest.length > 0) {
      rest = this.#readPrefix(rest);
      if (this.#prefixHas < prefixBytes) return this.#crumbs();
      const problem = this.#prefixProblem();
      if (problem !== undefined) return problem;
      const missing = this.#length - this.#bodyHas;
      if (rest.length < missing) return this.#keep(rest) ?? this.#crumbs();
      const last = rest.subarray(0, missing);
      rest = rest.subarray(missing);
      const message = this.#bodyHas === 0 ? last : Buffer.concat([this.#body.subarray(0, this.#bodyHas), last]);
      this.#begin();
      take(message);
    }
    return undefined;
  }

  #begin(): void {
    this.#prefixHas = 0;
    this.#body = empty;
    this.#bodyHas = 0;
    this.#pieces = 0;
  }

  #readPrefix(chunk: Buffer): Buffer {
    const bytes = Math.min(prefixBytes - this.#prefixHas, chunk.length);
    chunk.copy(this.#prefix, this.#prefixHas, 0, bytes);
    this.#prefixHas += bytes;
    if (this.#prefixHas === prefixBytes) this.#length = this.#prefix.readUInt32BE(1);
    return chunk.subarray(bytes);
  }

  #prefixProblem(): CallStatus | undefined {
    const { mostBytes } = this.#options;
    if (this.#prefix[0] !== 0) return { code: status.UNIMPLEMENTED, details: 'compressed messages are not taken' };
    if (this.#length <= mostBytes) return undefined;
    const details = `a message of ${this.#length} bytes; allowed are ${mostBytes}`;
    return { code: status.RESOURCE_EXHAUSTED, details };
  }

  #keep(chunk: Buffer): CallStatus | undefined {
    const has = this.#bodyHas + chunk.length;
    if (has > this.#body.length) {
      const room = Math.min(this.#length, Math.max(leastRoom, 2 * has));
      if (this.#options.held.grow(room - this.#body.length) === 'no-room')
        return comeBack('too many messages are on their way; send this one again later', noRoomRetryMs);
      const grown = Buffer.allocUnsafeSlow(room);
      this.#body.copy(grown, 0, 0, this.#bodyHas);
      this.#body = grown;
    }
    chunk.copy(this.#body, this.#bodyHas);
    this.#bodyHas = has;
    return undefined;
  }

  /** A message in pieces of a byte costs a thousand times its share of the processor. */
  #crumbs(): CallStatus | undefined {
    const { most, bytesEach } = this.#options.pieces;
    if (this.#pieces <= most + this.#bodyHas / bytesEach) return undefined;
    return {
      code: status.RESOURCE_EXHAUSTED,
      details: `a message in ${this.#pieces} pieces for ${this.#bodyHas} bytes`,
    };
  }
}
