// Writes answers in the order in which the chunks came, whoever answers them and whenever.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Answers } from './answer-lines.ts';

export class AnswerOutput {
  readonly #to: Writable;
  /** One for each chunk whose answers are not known to be written; each waits for the one before. */
  readonly #writes: Promise<void>[] = [];
  #badLines = 0;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** Of what was written. */
  get badLines(): number {
    return this.#badLines;
  }

  send(answers: Answers | Promise<Answers>): void {
    const written = Promise.all([answers, this.#writes.at(-1)]).then(([known]) => this.#write(known));
    // room() throws it.
    written.catch(() => undefined);
    this.#writes.push(written);
  }

  /** Waits until no more than so many chunks are to be written; throws what went wrong with the first of them. */
  async room(most: number): Promise<void> {
    while (this.#writes.length > most) await this.#writes.shift();
  }

  async #write({ text, badLines }: Answers): Promise<void> {
    this.#badLines += badLines;
    if (text.length > 0 && !this.#to.write(text)) await once(this.#to, 'drain');
  }
}
