// A token or key while it is held. Whatever prints it, on purpose or by accident (a log line, an error's details, JSON, a template), gets
// "[redacted]"; only `reveal` gives the text, so that the few places which send or store it can be found.

const redacted = '[redacted]';

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  /** What Node's `inspect`, and with it console.log and the text of assertions, asks for. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}
