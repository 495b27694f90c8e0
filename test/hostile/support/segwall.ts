// The operator's command in this process: what it prints and how it ends, without the time that starting one takes. One at a time.

import { Command } from 'commander';
import { vi } from 'vitest';
import { registerErrors } from '#cli/output/errors-command.ts';
import { registerServerCommands } from '#cli/server/register.ts';

export interface SegwallRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export async function runSegwall(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<SegwallRun> {
  const program = new Command('segwall');
  registerServerCommands(program);
  registerErrors(program);
  const written = { stdout: '', stderr: '' };
  const capture = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      return true;
    });
  const spies = [capture('stdout'), capture('stderr')];
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return {
      stdout: written.stdout.trimEnd(),
      stderr: written.stderr.trimEnd(),
      exitCode: Number(process.exitCode ?? 0),
    };
  } finally {
    process.exitCode = undefined;
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
  }
}
