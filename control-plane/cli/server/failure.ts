// How a server command ends badly: one sentence on standard error and an exit code. 1 the thing asked about does not hold, 2 wrong
// use, 3 the control plane could not be reached or does not allow it.

export type FailureExit = 1 | 2 | 3;

export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: FailureExit;
  readonly code: string;

  constructor(exit: FailureExit, code: string, message: string) {
    super(message);
    this.exit = exit;
    this.code = code;
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
      process.stderr.write(`error: ${cause.code}: ${cause.message}\n`);
      process.exitCode = cause.exit;
    }
  };
}
