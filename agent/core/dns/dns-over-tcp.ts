// DNS over TCP, put together from its segments: each message has its length in front, and may come in pieces. Only what comes in
// order is used; a stream with a gap, or one that began before it was seen, is given up. Bounded in streams and in bytes of each;
// what is given up for a bound is counted.

import type { CapturedPacket } from './ip-packet.ts';

const streamsMost = 64;
/** The longest message, and the length before it. */
const bytesMost = 65_537;
const lengthBytes = 2;

interface Stream {
  readonly next: number;
  /** Not joined before there is a message in them: however small the segments are, each byte is copied a few times only. */
  readonly parts: Uint8Array[];
  readonly length: number;
  /** Bytes with which the next message, or its length, is whole. */
  readonly wanted: number;
}

const fresh = (next: number): Stream => ({ next, parts: [], length: 0, wanted: lengthBytes });

export class DnsStreams {
  /** In order of last use: the first is given up when there are too many. */
  readonly #streams = new Map<string, Stream>();
  #lost = 0;

  /** The whole messages that this segment ends. */
  push({ source, sourcePort, target, targetPort, sequence, payload }: CapturedPacket): readonly Uint8Array[] {
    if (payload.length === 0) return [];
    const key = `${source} ${sourcePort} ${target} ${targetPort}`;
    const stream = this.#streams.get(key) ?? fresh(sequence);
    const isAgain = ((sequence - stream.next) | 0) < 0;
    if (isAgain) return [];
    this.#streams.delete(key);
    const length = stream.length + payload.length;
    if (sequence !== stream.next || length > 2 * bytesMost) {
      this.#lost += 1;
      return [];
    }
    const next = (sequence + payload.length) >>> 0;
    // A copy: the segment's bytes are valid only while it is looked at.
    stream.parts.push(payload.slice());
    const { messages, ...rest } =
      length < stream.wanted
        ? { messages: [], parts: stream.parts, length, wanted: stream.wanted }
        : takeMessages(joined(stream.parts, length));
    this.#streams.set(key, { next, ...rest });
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > streamsMost && oldest !== undefined) {
      if ((this.#streams.get(oldest)?.length ?? 0) > 0) this.#lost += 1;
      this.#streams.delete(oldest);
    }
    return messages;
  }

  /** Streams given up since the start. */
  get lost(): number {
    return this.#lost;
  }
}

function takeMessages(bytes: Uint8Array): Omit<Stream, 'next'> & { readonly messages: readonly Uint8Array[] } {
  const messages: Uint8Array[] = [];
  let at = 0;
  let wanted = lengthBytes;
  while (at + lengthBytes <= bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    wanted = lengthBytes + length;
    if (at + wanted > bytes.length) break;
    messages.push(bytes.subarray(at + lengthBytes, at + wanted));
    at += wanted;
    wanted = lengthBytes;
  }
  const rest = bytes.slice(at);
  return { messages, parts: [rest], length: rest.length, wanted };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
