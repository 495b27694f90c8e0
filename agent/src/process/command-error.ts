// What an operator is told when a command cannot do its work: a code, what happened and where, what to do, and the exit
// code of docs/reference/cli.md. Thrown by commands, printed in one place (main.ts).

import { type AgentErrorCode, agentErrors } from '#model/agent-errors.ts';
import type { ErrorExit } from '#model/error-entry.ts';

export class CommandError extends Error {
  readonly code: AgentErrorCode;
  readonly exitCode: ErrorExit;
  readonly remedy: string;

  /** What is not said is as the catalogue has it; of two exit codes the greater, which is the one of commands that change something. */
  constructor(options: { readonly code: AgentErrorCode; readonly message: string; readonly remedy?: string }) {
    super(options.message);
    this.name = 'CommandError';
    this.code = options.code;
    this.exitCode = exitOf(agentErrors[options.code].exit);
    this.remedy = options.remedy ?? agentErrors[options.code].remedy;
  }
}

function exitOf(exit: ErrorExit | readonly ErrorExit[]): ErrorExit {
  return typeof exit === 'number' ? exit : (exit.toSorted((a, b) => b - a)[0] ?? 1);
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
  });
}
