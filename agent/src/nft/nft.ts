// The one place that starts nft: argument arrays, no shell, scripts on standard input. A script is one transaction: the kernel
// takes all of it or none. Callers keep transactions apart; this file does not.

import { constants, setPriority } from 'node:os';
import { execa } from 'execa';
import { err, ok, type Result } from '#model/result.ts';

export interface Nft {
  /** Applies a script as one transaction; the error is nft's own message. */
  apply(script: string): Promise<Result<void>>;
  /** Checks a script against the kernel without committing it. */
  check(script: string): Promise<Result<void>>;
  /** What `nft ARGUMENTS` prints; the error is nft's own message. */
  list(args: readonly string[], options?: ListOptions): Promise<Result<string>>;
}

export interface ListOptions {
  /** Ends nft before it is done. */
  readonly signal?: AbortSignal;
  /** `background`: whatever else wants the CPU goes first. */
  readonly haste?: 'background';
}

/** Far above what the largest table takes; a hung nft must not hold the policy for ever. */
const timeoutMs = 60_000;
const mostListingBytes = 512 * 1024 * 1024;
/** nft's message may quote the whole script line; the first lines say what is wrong. */
const mostMessageLength = 2_000;

/** `command` may lead into another namespace: ["nsenter", "--net=…", "nft"]. */
export function createNft(command: readonly [string, ...string[]] = ['nft']): Nft {
  const [program, ...leading] = command;
  const run = async (args: readonly string[], input: string, list: ListOptions = {}): Promise<Result<string>> => {
    const running = execa(program, [...leading, ...args], {
      input,
      reject: false,
      timeout: timeoutMs,
      maxBuffer: mostListingBytes,
      stripFinalNewline: false,
      env: { LC_ALL: 'C' },
      ...(list.signal !== undefined && { cancelSignal: list.signal }),
    });
    if (list.haste === 'background') yieldTo(running.pid);
    const result = await running;
    if (result.failed) return err(failureText(result));
    return ok(result.stdout);
  };
  const discard = (result: Result<string>): Result<void> => (result.ok ? ok(undefined) : result);
  return {
    apply: async (script) => discard(await run(['-f', '-'], script)),
    check: async (script) => discard(await run(['-c', '-f', '-'], script)),
    list: (args, listOptions) => run(args, '', listOptions),
  };
}

function yieldTo(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already.
  }
}

function failureText(result: {
  readonly stderr?: unknown;
  readonly shortMessage?: string | undefined;
  readonly timedOut?: boolean;
}): string {
  if (result.timedOut === true) return `nft did not finish within ${timeoutMs / 1000} s`;
  const text =
    typeof result.stderr === 'string' && result.stderr !== '' ? result.stderr : (result.shortMessage ?? 'nft failed');
  return text.trim().slice(0, mostMessageLength);
}
