// The real agent in a lab host, fed over mTLS with rule sets of a test's choosing; its state directory may be anywhere.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import type { Lab, LabHost } from '#test/support/lab.ts';
import { programPath } from '#test/support/programs.ts';
import type { RunResult } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';
import { startLineProcess } from './line-process.ts';

export interface FedStatus {
  readonly problem: string;
  readonly enforcing: boolean;
}

interface Heard {
  readonly streams: number;
  readonly heard: readonly string[];
  readonly statusAtAck: Readonly<Record<number, FedStatus>>;
  readonly addresses: readonly string[];
}

export interface FedAgent {
  readonly host: LabHost;
  readonly stateDirectory: string;
  start(): void;
  kill(): Promise<void>;
  /** Sent, and not waited for. */
  send(policy: HostPolicy & { readonly revision: number }): Promise<void>;
  /** What the control plane was told just before the ACK; rejects with the reason of a NACK. */
  apply(policy: HostPolicy & { readonly revision: number }): Promise<FedStatus | undefined>;
  /** Once the agent that was started last has acknowledged that revision. */
  acked(revision: number): Promise<void>;
  /** `segwall-agent ARGUMENTS --state …`. */
  command(...args: readonly string[]): Promise<RunResult>;
  status(): Promise<Readonly<Record<string, unknown>>>;
  /** The control plane dies and comes back elsewhere, with the same CA and nothing to send. */
  moveControlPlane(listen: string): Promise<void>;
  signalControlPlane(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** How many streams the control plane has seen since it started. */
  streams(): Promise<number>;
  /** What the newest stream's hello said. */
  helloAddresses(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const main = programPath('segwall-agent');
const feeding = fileURLToPath(new URL('feeding-control-plane.ts', import.meta.url));

/** `environment`: of the agent; `wrapper`: what starts it, such as unshare. */
export async function feedAgent(given: {
  readonly lab: Lab;
  readonly controlPlane: LabHost;
  readonly host: LabHost;
  readonly stateDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly wrapper?: readonly string[];
  /** HOST:PORT as enrolled and as used later, where that is not the address it listens at. */
  readonly enrolWith?: string;
  readonly listen?: string;
  readonly proxy?: string;
}): Promise<FedAgent> {
  const { lab, controlPlane, host, wrapper = [], environment = {} } = given;
  const directory = mkdtempSync(join(tmpdir(), 'segwall-fed-'));
  lab.alsoRemove(directory);
  const stateDirectory = given.stateDirectory ?? join(directory, 'agent');
  const listen = given.listen ?? `${controlPlane.ipv4}:7443`;
  const feed = (at: string) =>
    startLineProcess(controlPlane, [process.execPath, feeding, join(directory, 'ca'), at], 'greets');
  let feeder = feed(listen);
  const { caFingerprint } = (await feeder.first) as { caFingerprint: string };
  const env = { ...(process.env as Record<string, string>), ...environment };
  const enrolled = await host.exec(
    [
      ...[...wrapper, process.execPath, main, 'enroll', '--control-plane', given.enrolWith ?? listen],
      ...['--ca-fingerprint', caFingerprint, '--token', 'good', '--state', stateDirectory, '--name', 'h1'],
      ...(given.proxy === undefined ? [] : ['--proxy', given.proxy]),
    ],
    { env },
  );
  if (enrolled.exitCode !== 0) throw new Error(enrolled.stderr);
  let child: ReturnType<LabHost['spawn']> | undefined;
  let streamsBefore = 0;
  const heard = () => feeder.ask<Heard>({ do: 'heard' });

  const agent: FedAgent = {
    host,
    stateDirectory,
    start() {
      child = host.spawn(
        [...wrapper, process.execPath, main, 'run', '--state', stateDirectory, '--log-level', 'warn'],
        { env, stdio: ['ignore', 'ignore', process.env['LOG'] === undefined ? 'ignore' : 2] },
      );
    },
    async kill() {
      streamsBefore = (await heard()).streams;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = child;
      const gone = new Promise<void>((resolve) => ended.once('exit', () => resolve()));
      ended.kill('SIGKILL');
      await gone;
    },
    async send(policy) {
      await feeder.ask({ do: 'send', policy });
    },
    async apply(policy) {
      await agent.send(policy);
      await agent.acked(policy.revision);
      return (await heard()).statusAtAck[policy.revision];
    },
    async acked(revision) {
      await waitFor(
        async () => {
          const now = await heard();
          const refusal = now.heard.find((word) => word.startsWith(`nacked ${revision}`));
          if (refusal !== undefined) throw new Error(refusal);
          return now.streams > streamsBefore && now.heard.includes(`acked ${revision}`);
        },
        { what: `revision ${revision} is acknowledged`, timeoutMs: 30_000 },
      );
    },
    command: (...args) =>
      host.exec([...wrapper, process.execPath, main, ...args, '--state', stateDirectory], { env, timeoutMs: 40_000 }),
    async status() {
      const { stdout } = await agent.command('status', '--json');
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    async moveControlPlane(address) {
      feeder.stop();
      feeder = feed(address);
      await feeder.first;
      streamsBefore = 0;
    },
    signalControlPlane: (signal) => feeder.signal(signal),
    streams: async () => (await heard()).streams,
    helloAddresses: async () => (await heard()).addresses,
    async stop() {
      await agent.kill();
      feeder.stop();
    },
  };
  return agent;
}
