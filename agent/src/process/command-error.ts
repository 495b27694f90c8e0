// What an operator is told when a command cannot do its work: a code, what happened and where, what to do, and the exit
// code of docs/reference/cli.md. Thrown by commands, printed in one place (main.ts).

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

/** What to tell a user without the rights for a command; undefined for what is no such refusal of the system's. */
export function deniedBySystem(error: unknown): CommandError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES' && code !== 'EPERM') return undefined;
  return new CommandError({
    code: 'not-allowed',
    message: `${path ?? syscall ?? 'this'} is not for this user (${code})`,
    remedy: 'Run this as root, on the host itself.',
    exitCode: 3,
  });
}
