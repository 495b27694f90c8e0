// A lab host on which the agent's enforcement runs, without network or control plane: what the driver answers, awaited.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CgroupRoot } from '#agent/host/cgroup-tree.ts';
import type { NamedUnits } from '#agent-core/table/systemd-unit-sets.ts';
import type { LabHost } from '#test/support/lab.ts';
import { programPath } from '#test/support/programs.ts';

const driver = programPath('test-driver');

/** `markMask`: which bits of the connection mark are the agent's. `sweep`: what clearing marks comes to. `noticeBytes`: room for notices. */
export interface DriverSettings {
  readonly noticeBytes?: number;
  readonly markMask?: number;
  readonly mostWalks?: number;
  readonly sweep?: 'fails';
}

export interface DrivenHost {
  /** The agent's state. */
  readonly directory: string;
  /** The driver's answer to one command; rejects if it ends instead. */
  ask(command: object): Promise<Record<string, unknown>>;
  /** Ends the driver as a crash would and begins another on the same state directory. */
  restart(settings?: DriverSettings): void;
  /** Lets nothing happen in it, as a machine does that has no time for the agent. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/** `cgroups`: the folder in which this host's units are. `namedUnits`, with it: those that systemd tells of. */
export function driveHost(
  host: LabHost,
  options: DriverSettings & { readonly cgroups?: CgroupRoot; readonly namedUnits?: NamedUnits } = {},
): DrivenHost {
  const directory = mkdtempSync(join(tmpdir(), 'segwall-enforcer-'));
  let running = start(options);
  function start({ markMask, sweep, noticeBytes, mostWalks }: DriverSettings) {
    const cgroups = options.cgroups === undefined ? [] : [JSON.stringify(options.cgroups)];
    if (options.namedUnits !== undefined) cgroups.push(JSON.stringify([...options.namedUnits]));
    const child = host.spawn([process.execPath, driver, directory, ...cgroups], {
      env: {
        ...(process.env as Record<string, string>),
        ...(markMask !== undefined && { MARK_MASK: String(markMask) }),
        ...(noticeBytes !== undefined && { NOTICE_BYTES: String(noticeBytes) }),
        ...(mostWalks !== undefined && { MOST_WALKS: String(mostWalks) }),
        ...(sweep !== undefined && { SWEEP: sweep }),
      },
    });
    child.stderr?.pipe(process.stderr);
    const waiting: ((line: string | undefined) => void)[] = [];
    if (child.stdout === null || child.stdin === null) throw new Error('the driver has no pipes');
    createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
    child.once('exit', () => {
      for (const wake of waiting.splice(0)) wake(undefined);
    });
    return { child, stdin: child.stdin, waiting };
  }
  return {
    directory,
    ask(command) {
      const { stdin, waiting } = running;
      return new Promise((resolve, reject) => {
        waiting.push((line) =>
          line === undefined ? reject(new Error('the driver ended')) : resolve(JSON.parse(line)),
        );
        stdin.write(`${JSON.stringify(command)}\n`);
      });
    },
    restart(settings = options) {
      running.child.kill('SIGKILL');
      running = start(settings);
    },
    pause: () => void running.child.kill('SIGSTOP'),
    resume: () => void running.child.kill('SIGCONT'),
    stop() {
      running.child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
