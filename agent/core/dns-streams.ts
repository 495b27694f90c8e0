// DNS over TCP, put together from its segments: each message has its length in front, and may come in pieces. Only what comes in
// order is used; a stream with a gap, or one that began before it was seen, is given up. Bounded in streams and in bytes of each;
// what is given up for a bound is counted.

import type { CapturedPacket } from './captured-packet.ts';

const streamsMost = 64;
/** The longest message, and the length before it. */
const bytesMost = 65_537;

interface Stream {
  next: number;
  held: Uint8Array;
}

export class DnsStreams {
  /** In order of last use: the first is given up when there are too many. */
  readonly #streams = new Map<string, Stream>();
  #lost = 0;

  /** The whole messages that this segment ends. */
  push({ source, sourcePort, target, targetPort, sequence, payload }: CapturedPacket): readonly Uint8Array[] {
    if (payload.length === 0) return [];
    const key = `${source} ${sourcePort} ${target} ${targetPort}`;
    const stream = this.#streams.get(key) ?? { next: sequence, held: new Uint8Array(0) };
    const isAgain = ((sequence - stream.next) | 0) < 0;
    if (isAgain) return [];
    this.#streams.delete(key);
    if (sequence !== stream.next || stream.held.length + payload.length > 2 * bytesMost) {
      this.#lost += 1;
      return [];
    }
    const { messages, rest } = takeMessages(concatenated(stream.held, payload));
    this.#streams.set(key, { next: (sequence + payload.length) >>> 0, held: rest });
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > streamsMost && oldest !== undefined) {
      if ((this.#streams.get(oldest)?.held.length ?? 0) > 0) this.#lost += 1;
      this.#streams.delete(oldest);
    }
    return messages;
  }

  /** Streams given up since the start. */
  get lost(): number {
    return this.#lost;
  }
}

function takeMessages(bytes: Uint8Array): { readonly messages: readonly Uint8Array[]; readonly rest: Uint8Array } {
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (at + 2 + length > bytes.length) break;
    messages.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  // A copy: the segment's bytes are valid only while it is looked at.
  return { messages, rest: bytes.slice(at) };
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
