// A control plane as its operator runs it: a process of its own, asked through its ports and the `segwall` command only.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { programPath } from '#test/support/programs.ts';

const mainPath = programPath('segwall-control-plane');
const cliPath = programPath('segwall');

export interface FirstStartFile {
  readonly apiUrl: string;
  readonly adminToken: string;
  readonly caFingerprint: string;
  readonly agents: string;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface SpawnedControlPlane {
  readonly directory: string;
  readonly firstStart: FirstStartFile;
  readonly stdout: () => string;
  segwall(args: readonly string[]): Promise<CommandResult>;
  /** The one JSON document that the command printed; throws where it failed. */
  segwallJson<T>(args: readonly string[]): Promise<T>;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined>;
}

export async function spawnControlPlane(given: {
  readonly directory: string;
  readonly args?: readonly string[];
}): Promise<SpawnedControlPlane> {
  const { directory } = given;
  const args = given.args ?? ['--agents', '127.0.0.1:0', '--api', '127.0.0.1:0'];
  const child = start(directory, args);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await child;
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await running(child, () => output);
  const firstStart = JSON.parse(await readFile(join(directory, 'first-start.json'), 'utf8')) as FirstStartFile;
  const segwall = async (commandArgs: readonly string[]) => {
    const env = {
      SEGWALL_SERVER: firstStart.apiUrl,
      SEGWALL_TOKEN: firstStart.adminToken,
      XDG_STATE_HOME: join(directory, 'operator'),
    };
    const { stdout, stderr, exitCode } = await execa(process.execPath, [cliPath, ...commandArgs], {
      reject: false,
      env,
    });
    return { stdout, stderr, exitCode: exitCode ?? -1 };
  };
  return {
    directory,
    firstStart,
    stdout: () => output,
    segwall,
    async segwallJson<T>(commandArgs: readonly string[]) {
      const result = await segwall([...commandArgs, '--json']);
      if (result.exitCode !== 0)
        throw new Error(`segwall ${commandArgs.join(' ')}: ${result.exitCode}: ${result.stderr}${result.stdout}`);
      return JSON.parse(result.stdout) as T;
    },
    async stop(signal) {
      child.kill(signal);
      return (await child).exitCode;
    },
  };
}

function start(directory: string, args: readonly string[]) {
  return execa(process.execPath, [mainPath, 'run', '--data', directory, '--log-level', 'warn', ...args], {
    reject: false,
    // Beyond what it gives itself.
    forceKillAfterDelay: 25_000,
  });
}

type RunningProcess = ReturnType<typeof start>;

/** "is running" is printed when both ports answer and the file is there. */
async function running(child: RunningProcess, output: () => string): Promise<void> {
  const ended = (async () => {
    const { stderr, exitCode } = await child;
    throw new Error(`the control plane ended with ${exitCode}: ${String(stderr)}`);
  })();
  ended.catch(() => undefined);
  const started = new Promise<void>((resolve) => {
    const look = () => {
      if (output().includes('CA fingerprint')) resolve();
    };
    child.stdout?.on('data', look);
    look();
  });
  await Promise.race([started, ended]);
}
