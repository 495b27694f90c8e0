// Questions and answers as packets show them, over UDP and TCP, brought together: gives the answers that this host asked for, and counts
// the others. Everything else of a packet is its sender's word and is looked at by nobody.

import type { Address } from '#model/address.ts';
import { type AskedLimits, AskedQuestions, type AskedWay } from './asked-questions.ts';
import { DnsStreams } from './dns-over-tcp.ts';
import { readDnsQuestion } from './dns-question.ts';
import type { CapturedPacket } from './ip-packet.ts';

const dnsPort = 53;

export interface SeenAnswers {
  /** Whole messages that answer what was asked. */
  readonly answers: readonly Uint8Array[];
  /** Messages that do not. */
  readonly unasked: number;
}

export class DnsExchanges {
  readonly #asked: AskedQuestions;
  readonly #questions = new DnsStreams();
  readonly #answers = new DnsStreams();
  #seenQuestions = 0;

  constructor(limits?: AskedLimits) {
    this.#asked = new AskedQuestions(limits);
  }

  /** Undefined for what comes from none of the resolvers: questions, which are remembered, and what does not belong here. */
  see(seen: {
    readonly packet: CapturedPacket;
    readonly resolvers: readonly Address[];
    readonly nowMs: number;
  }): SeenAnswers | undefined {
    const { packet, resolvers, nowMs } = seen;
    const isFromResolver = packet.sourcePort === dnsPort && resolvers.includes(packet.source);
    const isToResolver = packet.targetPort === dnsPort && resolvers.includes(packet.target);
    // Resolvers among themselves may use the port on both sides; then the message says what it is.
    if (isToResolver && !(isFromResolver && kindOf(packet.payload) === 'answer')) {
      const { protocol, source, sourcePort, target } = packet;
      const way: AskedWay = { protocol, client: source, clientPort: sourcePort, resolver: target };
      for (const message of messagesOf(packet, this.#questions)) {
        const question = readDnsQuestion(message);
        if (question?.kind !== 'query') continue;
        this.#seenQuestions += 1;
        this.#asked.ask(way, question, nowMs);
      }
      return undefined;
    }
    if (!isFromResolver) return undefined;
    const { protocol, source, target, targetPort } = packet;
    const way: AskedWay = { protocol, client: target, clientPort: targetPort, resolver: source };
    const messages = messagesOf(packet, this.#answers);
    const answers = messages.filter((message) => {
      const question = readDnsQuestion(message);
      return question?.kind === 'answer' && this.#asked.answered(way, question, nowMs) === 'asked';
    });
    return { answers, unasked: messages.length - answers.length };
  }

  /** Since the start. */
  get questions(): number {
    return this.#seenQuestions;
  }

  /** Streams of answers given up since the start. */
  get lost(): number {
    return this.#answers.lost;
  }
}

function messagesOf(packet: CapturedPacket, streams: DnsStreams): readonly Uint8Array[] {
  return packet.protocol === 'udp' ? [packet.payload] : streams.push(packet);
}

function kindOf(message: Uint8Array): 'query' | 'answer' {
  return ((message[2] ?? 0) & 0x80) === 0 ? 'query' : 'answer';
}
