// What moves the address from one holder to the other: Debian's keepalived, speaking VRRP version 3 to the group. Never takes the address back
// from who has it, so that each failover is one of the measured.

import type { ChildProcess } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabHost } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';

/** keepalived's own default of a second takes 3.6 s to see that a holder is gone, whoever enforces what. */
export const advertisementSeconds = 0.3;

export async function findKeepalived(): Promise<string | undefined> {
  const found = await run(['sh', '-c', 'command -v keepalived']);
  return found.exitCode === 0 ? found.stdout.trim() : undefined;
}

export interface HolderOptions {
  readonly host: LabHost;
  readonly address: string;
  readonly directory: string;
  readonly priority: number;
  readonly router: number;
}

/** keepalived on one host. */
export class Holder {
  readonly host: LabHost;
  readonly #options: HolderOptions;
  readonly #program: string;
  #child: ChildProcess | undefined;

  constructor(program: string, options: HolderOptions) {
    this.#program = program;
    this.#options = options;
    this.host = options.host;
  }

  async start(): Promise<void> {
    const { host, address, directory, priority, router } = this.#options;
    const settings = `global_defs {
  vrrp_version 3
}
vrrp_instance shared {
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id ${router}
  priority ${priority}
  advert_int ${advertisementSeconds}
  virtual_ipaddress {
    ${address}/32 dev eth0
  }
}
`;
    const file = join(directory, `keepalived-${host.name}.conf`);
    await writeFile(file, settings, { mode: 0o600 });
    this.#child = host.spawn([this.#program, '-n', '-l', '-P', '-f', file, ...this.#pidFiles().flat()], {
      stdio: 'ignore',
    });
  }

  /** As `systemctl stop` does: it lets go of the address and says so. Returns once it has ended: beside one that still ends another does not start. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#ended();
  }

  async holds(): Promise<boolean> {
    const { stdout } = await this.host.exec(['ip', '-o', 'addr', 'show', 'dev', 'eth0']);
    return stdout.includes(` ${this.#options.address}/32 `);
  }

  /** Finding them takes a process each: before what is measured, not in it. */
  async processes(): Promise<readonly number[]> {
    const { stdout } = await this.host.exec(['ip', 'netns', 'pids', this.host.namespace]);
    const pids = stdout.split('\n').filter((pid) => pid !== '');
    const isMine = async (pid: string) =>
      (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).startsWith('keepalived');
    const mine = await Promise.all(pids.map(isMine));
    return pids.filter((_, at) => mine[at]).map(Number);
  }

  /** Its processes die at once, without a word; the address stays where it is. */
  async kill(processes: readonly number[]): Promise<void> {
    for (const pid of processes) process.kill(pid, 'SIGKILL');
    await this.#ended();
    // As a reboot does. A killed child of it may be a zombie for a while, and would be taken for a keepalived that runs.
    for (const [, path] of this.#pidFiles()) await rm(path, { force: true });
  }

  async #ended(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
  }

  /** With the option that names each. */
  #pidFiles(): readonly (readonly [string, string])[] {
    const { host, directory } = this.#options;
    return ['p', 'r', 'c'].map((option) => [`-${option}`, join(directory, `${host.name}-${option}.pid`)]);
  }

  async letGo(): Promise<void> {
    await this.host.exec(['ip', 'addr', 'del', `${this.#options.address}/32`, 'dev', 'eth0']);
  }

  async untilHolding(): Promise<void> {
    await waitFor(() => this.holds(), { what: `${this.host.name} holds ${this.#options.address}`, timeoutMs: 30_000 });
  }
}
