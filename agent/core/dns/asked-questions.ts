// Which answers of DNS were asked for. A question of this host waits for one answer, from whom and to where it was asked, with its number
// and its very bytes; what answers no waiting question teaches nothing. Bounded in questions and time.
//
// A number has 16 bits, so whoever knows a question's port could try all: after a few wrong answers nothing that is asked from that
// port is believed until they have stopped for a while. What a resolver sends twice, or sends while its port is not believed, teaches
// nothing and is no wrong answer: a forwarder that asks from one port for years must not doubt itself.

import type { DnsQuestion } from './dns-question.ts';

/** One way between a client and a resolver, seen from the client. */
export interface AskedWay {
  readonly protocol: 'udp' | 'tcp';
  readonly client: string;
  readonly clientPort: number;
  readonly resolver: string;
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
  readonly askedAt: number;
}

export class AskedQuestions {
  readonly #questionsMost: number;
  readonly #lifeMs: number;
  readonly #wrongMost: number;
  /** By way and number, the oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  /** What was answered, for as long as a question waits, the oldest first: its text. */
  readonly #answered = new Map<string, { readonly text: string; readonly at: number }>();
  /** Ways on which something waits: the keys of what does, and wrong answers, until none came for as long as a question waits. */
  readonly #ways = new Map<string, { readonly keys: Set<string>; wrong: number; wrongAt: number }>();
  /** Ways that are not believed, with the time of the last wrong answer, the oldest first. */
  readonly #doubted = new Map<string, number>();

  constructor({ questionsMost = 4096, lifeMs = 15_000, wrongMost = 16 }: AskedLimits = {}) {
    this.#questionsMost = questionsMost;
    this.#lifeMs = lifeMs;
    this.#wrongMost = wrongMost;
  }

  /** `nowMs` is of a clock that never goes back. Asked again, it waits anew. */
  ask(way: AskedWay, { id, text }: DnsQuestion, nowMs: number): void {
    this.#forgetOld(nowMs);
    const name = wayName(way);
    const key = `${name} ${id}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, { text, way: name, askedAt: nowMs });
    const known = this.#ways.get(name);
    if (known === undefined) this.#ways.set(name, { keys: new Set([key]), wrong: 0, wrongAt: nowMs });
    else known.keys.add(key);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > this.#questionsMost && oldest !== undefined) this.#forget(oldest);
  }

  /** `asked` once for each question at the most. */
  answered(way: AskedWay, { id, text }: DnsQuestion, nowMs: number): 'asked' | 'unasked' {
    this.#forgetOld(nowMs);
    const name = wayName(way);
    const key = `${name} ${id}`;
    if (this.#waiting.get(key)?.text === text) {
      this.#forget(key);
      this.#rememberAnswered(key, { text, at: nowMs });
      return this.#doubted.has(name) ? 'unasked' : 'asked';
    }
    if (this.#answered.get(key)?.text === text) return 'unasked';
    const known = this.#ways.get(name);
    if (known !== undefined) {
      known.wrong = nowMs - known.wrongAt < this.#lifeMs ? known.wrong + 1 : 1;
      known.wrongAt = nowMs;
    }
    if (this.#doubted.has(name) || (known !== undefined && known.wrong > this.#wrongMost)) this.#doubt(name, nowMs);
    return 'unasked';
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  #doubt(name: string, nowMs: number): void {
    this.#doubted.delete(name);
    this.#doubted.set(name, nowMs);
    const [oldest] = this.#doubted.keys();
    if (this.#doubted.size > this.#questionsMost && oldest !== undefined) this.#doubted.delete(oldest);
  }

  #rememberAnswered(key: string, answered: { readonly text: string; readonly at: number }): void {
    this.#answered.delete(key);
    this.#answered.set(key, answered);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > this.#questionsMost && oldest !== undefined) this.#answered.delete(oldest);
  }

  #forget(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    const known = this.#ways.get(waiting.way);
    known?.keys.delete(key);
    if (known?.keys.size === 0) this.#ways.delete(waiting.way);
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
