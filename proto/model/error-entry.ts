// What a program says with a code when it cannot do what it was asked: the shape of the error catalogues (agent-errors.ts, command-errors.ts,
// control-plane-errors.ts, and api-error.ts of the control plane), from which docs/reference/errors.md is made.

/** 1: what was asked about does not hold. 2: wrong use. 3: could not reach, or not allowed. */
export type ErrorExit = 1 | 2 | 3;

export interface ErrorEntry {
  /** A sentence; the message beside the code says what and where. */
  readonly happened: string;
  /** What to do, in sentences. */
  readonly remedy: string;
  /** Of the program that says it; two where it depends on the command. */
  readonly exit: ErrorExit | readonly ErrorExit[];
}

export type ErrorCatalogue = Readonly<Record<string, ErrorEntry>>;
