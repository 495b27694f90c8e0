// Writes answers in the order in which the chunks came, whoever answers them and whenever.

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Answers, BadLine } from './answer-lines.ts';

export class AnswerOutput {
  readonly #to: Writable;
  /** One for each chunk whose answers are not known to be written; each waits for the one before. */
  readonly #writes: Promise<void>[] = [];
  #badLines = 0;
  #firstBad: BadLine | undefined;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** Of what was written. */
  get badLines(): number {
    return this.#badLines;
  }

  get firstBad(): BadLine | undefined {
    return this.#firstBad;
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

  async #write({ text, badLines, firstBad }: Answers): Promise<void> {
    this.#badLines += badLines;
    this.#firstBad ??= firstBad;
    if (text.length > 0 && !this.#to.write(text)) await once(this.#to, 'drain');
  }
}
