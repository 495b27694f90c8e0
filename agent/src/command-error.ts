// What an operator is told when a command cannot do its work: a code, what happened and where, what to do, and the exit code
// of DESIGN.md §8. Thrown by commands, printed in one place (main.ts).

export type ExitCode = 1 | 2 | 3;

/** 1: what was asked about does not hold. 2: wrong use. 3: could not reach, or not allowed. */
export class CommandError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly remedy: string;

  constructor(options: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly exitCode: ExitCode;
  }) {
    super(options.message);
    this.name = 'CommandError';
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.remedy = options.remedy;
  }
}

export function renderCommandError(error: CommandError): string {
  return `error: ${error.code}: ${error.message}\n  ${error.remedy}\n`;
}
