// Which answers of DNS were asked for. A question of this host waits for one answer, from whom and to where it was asked, with its number
// and its very bytes; what answers no waiting question teaches nothing. Bounded in questions and time.
//
// A number has 16 bits, so whoever knows a question's port could try all: after a few wrong answers nothing that is asked from that
// port is believed until they have stopped for a while.

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
  /** Ways on which something waits: the keys of what does, and wrong answers since there is something. */
  readonly #ways = new Map<string, { readonly keys: Set<string>; wrong: number }>();
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
    if (this.#doubted.has(name)) return;
    const key = `${name} ${id}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, { text, way: name, askedAt: nowMs });
    const known = this.#ways.get(name);
    if (known === undefined) this.#ways.set(name, { keys: new Set([key]), wrong: 0 });
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
      return 'asked';
    }
    const known = this.#ways.get(name);
    if (known !== undefined) known.wrong += 1;
    if (this.#doubted.has(name) || (known !== undefined && known.wrong > this.#wrongMost)) this.#doubt(name, nowMs);
    return 'unasked';
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  #doubt(name: string, nowMs: number): void {
    for (const key of this.#ways.get(name)?.keys ?? []) this.#waiting.delete(key);
    this.#ways.delete(name);
    this.#doubted.delete(name);
    this.#doubted.set(name, nowMs);
    const [oldest] = this.#doubted.keys();
    if (this.#doubted.size > this.#questionsMost && oldest !== undefined) this.#doubted.delete(oldest);
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
    for (const [name, wrongAt] of this.#doubted) {
      if (nowMs - wrongAt < this.#lifeMs) break;
      this.#doubted.delete(name);
    }
  }
}

function wayName({ protocol, client, clientPort, resolver }: AskedWay): string {
  return `${protocol} ${client} ${clientPort} ${resolver}`;
}
