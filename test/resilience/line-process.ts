// A program in a lab host that answers each line of JSON with one.

import { createInterface } from 'node:readline';
import type { LabHost } from '#test/support/lab.ts';

export interface LineProcess {
  ask<T>(command: object): Promise<T>;
  /** What it says unasked, first of all. */
  readonly first: Promise<unknown>;
  signal(signal: NodeJS.Signals): void;
  stop(): void;
}

/** `greets`: its first line is no answer. */
export function startLineProcess(host: LabHost, argv: readonly string[], greets: 'greets' | 'silent'): LineProcess {
  const child = host.spawn(argv, { env: process.env as Record<string, string> });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error(`${argv.join(' ')} has no pipes`);
  child.stderr?.pipe(process.stderr);
  const waiting: ((line: string | undefined) => void)[] = [];
  const nextLine = () =>
    new Promise<string>((resolve, reject) => {
      waiting.push((line) => (line === undefined ? reject(new Error(`${argv[1]} ended`)) : resolve(line)));
    });
  const first =
    greets === 'greets' ? nextLine().then((line) => JSON.parse(line) as unknown) : Promise.resolve(undefined);
  createInterface({ input: stdout }).on('line', (line) => waiting.shift()?.(line));
  child.once('exit', () => {
    for (const wake of waiting.splice(0)) wake(undefined);
  });
  return {
    first,
    async ask<T>(command: object) {
      const line = nextLine();
      stdin.write(`${JSON.stringify(command)}\n`);
      return JSON.parse(await line) as T;
    },
    signal: (signal) => void child.kill(signal),
    stop: () => void child.kill('SIGKILL'),
  };
}
