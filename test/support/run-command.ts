// Runs one command to its end and tells all about it: exit code and both outputs. Argument arrays, no shell.

import { execa } from 'execa';

export interface RunResult {
  /** 128 + signal where a signal ended it, 127 where it could not be started. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Killed after this; default three minutes: a busy machine takes one to start a program. */
  readonly timeoutMs?: number;
}

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = '', ...args] = argv;
  const startedAt = performance.now();
  const result = await execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    timeout: options.timeoutMs ?? 180_000,
    killSignal: 'SIGKILL',
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return {
    exitCode: result.exitCode ?? (result.signal === undefined ? 127 : 137),
    stdout: result.stdout ?? '',
    stderr: result.timedOut
      ? `${result.stderr ?? ''}\n(killed: it ran longer than its time limit)`
      : (result.stderr ?? result.shortMessage ?? ''),
    durationMs: performance.now() - startedAt,
  };
}
