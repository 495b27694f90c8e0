// How a command ends badly: one sentence on standard error and an exit code; with --json the same as a document on standard output, so that
// a program that reads it never finds nothing. 1 the thing asked about does not hold, 2 wrong use, 3 the control plane could not be reached
// or does not allow it.

import { Command } from 'commander';
import type { ApiErrorCode } from '#control-plane/answers/api-error.ts';
import type { CommandErrorCode } from '#model/command-errors.ts';
import type { ErrorExit } from '#model/error-entry.ts';

/** Of the catalogues: this program’s own, or what the control plane refuses by. */
export type FailureCode = CommandErrorCode | ApiErrorCode;

export class CommandFailure extends Error {
  override readonly name: string = 'CommandFailure';
  readonly exit: ErrorExit;
  readonly code: FailureCode;
  /** What a program may want beside code and message, as `problems`; it stands beside them in the document. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(exit: ErrorExit, code: FailureCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.exit = exit;
    this.code = code;
    this.details = details;
  }
}

/** Runs a command's action; what it throws becomes a message and an exit code, a broken invariant keeps its stack. */
export function guarded<Arguments extends unknown[]>(
  action: (...given: Arguments) => Promise<void>,
): (...given: Arguments) => Promise<void> {
  return async (...given) => {
    try {
      await action(...given);
    } catch (cause) {
      if (!(cause instanceof CommandFailure)) throw cause;
      if (wantsJson(given)) printFailure(cause.code, cause.message, cause.details);
      process.stderr.write(`error: ${cause.code}: ${cause.message}\n`);
      process.exitCode = cause.exit;
    }
  };
}

/** `{"error":{"code","message",…}}`, the shape in which the API refuses, and answers to bad queries come. */
export function printFailure(
  code: FailureCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): void {
  process.stdout.write(`${JSON.stringify({ error: { ...details, code, message } })}\n`);
}

/** commander hands every action its command last. */
function wantsJson(given: readonly unknown[]): boolean {
  const command = given.at(-1);
  if (!(command instanceof Command)) return false;
  const { json, format } = command.optsWithGlobals<{ readonly json?: true; readonly format?: string }>();
  return json === true || format === 'json';
}
