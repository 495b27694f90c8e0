// Which answers of DNS were asked for. A question of this host waits for one answer, from whom and to where it was asked, with its number
// and its very bytes; what answers no waiting question teaches nothing. Bounded in questions and time.
//
// A number has 16 bits, so whoever knows a question's port could try all: after a few wrong answers nothing that is asked from that
// port is believed until they have stopped for a while. What a resolver sends twice, or sends while its port is not believed, teaches
// nothing and is no wrong answer: a forwarder that asks from one port for years must not doubt itself.
//
// The places of all that is remembered are shared among clients (shared-places.ts): who asks without end loses its own questions first.

import type { DnsQuestion } from './dns-question.ts';
import { SharedPlaces } from './shared-places.ts';

/** One way between a client and a resolver, seen from the client. */
export interface AskedWay {
  readonly protocol: 'udp' | 'tcp';
  readonly client: string;
  readonly clientPort: number;
  readonly resolver: string;
  /** Who sent it, of a question that a process of this host asked: users share an address. Nobody knows it of an answer. */
  readonly uid?: number | undefined;
}

export interface AskedLimits {
  /** Questions that wait. Default 4,096: some hundred milliseconds of a busy mail server's. */
  readonly questionsMost?: number;
  /** Default 15,000: resolver libraries give up after 5 to 10 s. */
  readonly lifeMs?: number;
  /** Wrong answers on one way. Default 16: a right guess is then one in 4,096, and late answers to a question asked again are few. */
  readonly wrongMost?: number;
}

interface Waiting {
  readonly text: string;
  readonly way: string;
  readonly client: string;
  readonly askedAt: number;
}

export class AskedQuestions {
  readonly #lifeMs: number;
  readonly #wrongMost: number;
  /** By way and number, the oldest first. */
  readonly #waiting: SharedPlaces<Waiting>;
  /** What was answered, for as long as a question waits, the oldest first: its text. */
  readonly #answered: SharedPlaces<{ readonly text: string; readonly at: number }>;
  /** Ways on which something waits: the keys of what does, and wrong answers, until none came for as long as a question waits. */
  readonly #ways = new Map<
    string,
    { readonly keys: Set<string>; readonly client: string; wrong: number; wrongAt: number }
  >();
  /** Ways that are not believed, with the time of the last wrong answer, the oldest first. */
  readonly #doubted: SharedPlaces<number>;

  constructor({ questionsMost = 4096, lifeMs = 15_000, wrongMost = 16 }: AskedLimits = {}) {
    this.#waiting = new SharedPlaces(questionsMost);
    this.#answered = new SharedPlaces(questionsMost);
    this.#doubted = new SharedPlaces(questionsMost);
    this.#lifeMs = lifeMs;
    this.#wrongMost = wrongMost;
  }

  /** `nowMs` is of a clock that never goes back. Asked again, it waits anew. */
  ask(way: AskedWay, { id, text }: DnsQuestion, nowMs: number): void {
    this.#forgetOld(nowMs);
    const name = wayName(way);
    const key = `${name} ${id}`;
    const client = `${way.client} ${way.uid ?? ''}`;
    const known = this.#ways.get(name);
    if (known === undefined) this.#ways.set(name, { keys: new Set([key]), client, wrong: 0, wrongAt: nowMs });
    else known.keys.add(key);
    const gone = this.#waiting.set(key, client, { text, way: name, client, askedAt: nowMs });
    if (gone !== undefined) this.#leaveWay(gone.key, gone.value.way);
  }

  /** `asked` once for each question at the most. */
  answered(way: AskedWay, { id, text }: DnsQuestion, nowMs: number): 'asked' | 'unasked' {
    this.#forgetOld(nowMs);
    const name = wayName(way);
    const key = `${name} ${id}`;
    const waiting = this.#waiting.get(key);
    if (waiting?.text === text) {
      this.#forget(key);
      this.#answered.set(key, waiting.client, { text, at: nowMs });
      return this.#doubted.has(name) ? 'unasked' : 'asked';
    }
    if (this.#answered.get(key)?.text === text) return 'unasked';
    const known = this.#ways.get(name);
    if (known !== undefined) {
      known.wrong = nowMs - known.wrongAt < this.#lifeMs ? known.wrong + 1 : 1;
      known.wrongAt = nowMs;
    }
    if (this.#doubted.has(name) || (known !== undefined && known.wrong > this.#wrongMost))
      this.#doubted.set(name, known?.client ?? '', nowMs);
    return 'unasked';
  }

  /** Whose questions wait on a way; undefined where none does. */
  clientOf(way: AskedWay): string | undefined {
    return this.#ways.get(wayName(way))?.client;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  #forget(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    this.#leaveWay(key, waiting.way);
  }

  #leaveWay(key: string, way: string): void {
    const known = this.#ways.get(way);
    known?.keys.delete(key);
    if (known?.keys.size === 0) this.#ways.delete(way);
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { askedAt }] of this.#waiting) {
      if (nowMs - askedAt < this.#lifeMs) break;
      this.#forget(key);
    }
    for (const [key, { at }] of this.#answered) {
      if (nowMs - at < this.#lifeMs) break;
      this.#answered.delete(key);
    }
    for (const [name, wrongAt] of this.#doubted) {
      if (nowMs - wrongAt < this.#lifeMs) break;
      this.#doubted.delete(name);
    }
  }
}

function wayName({ protocol, client, clientPort, resolver }: AskedWay): string {
  return `${protocol} ${client} ${clientPort} ${resolver}`;
}
