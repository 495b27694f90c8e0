// How long a restarted unit is under its host's rules: from the making of its cgroup to the first datagram that only its own rules let
// pass; few and many peers, with the machine left alone and with every core kept busy by somebody else. Beside it how late, in the same
// minutes, a process wakes that does nothing but sleep: what no agent can be better than.

import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { createUnitTree } from '#test/units/unit-tree.ts';
import { ipv4Peer } from '../dataplane/peers.ts';
import type { RestartAnswer, RestartCommand } from './restarting-process.ts';

export interface Restarts {
  readonly peers: number;
  readonly load: 'quiet' | 'busy';
  readonly tookMs: readonly number[];
  /** By how much a process that sleeps woke too late, meanwhile. */
  readonly lateMs: readonly number[];
  /** Until the last of fifty that restarted at once. */
  readonly stormMs: readonly number[];
  /** Policy changes while one unit crashes ten times a second, and while none does. */
  readonly changeMs: { readonly crashing: readonly number[]; readonly calm: readonly number[] };
  /** CPU of the agent's own process for one restart. */
  readonly agentCpuMs: number;
}

const rounds = 200;
const storms = 10;
const changes = 20;
const stormUnits = 50;
const timeoutMs = 30_000;
const own = { ipv4: '10.78.1.1', ipv6: 'fd78:1::1' } as const;
const far = { ipv4: '10.78.1.2', ipv6: 'fd78:1::2' } as const;
const restartingProcess = fileURLToPath(new URL('restarting-process.ts', import.meta.url));

/** Whoever measures goes before those who are measured. */
const hasty = (host: LabHost): LabHost => ({
  ...host,
  spawn: (argv, options) => host.spawn(['nice', '-n', '-20', ...argv], options),
});

export async function measureRestarts(peers: number, load: 'quiet' | 'busy'): Promise<Restarts> {
  const tree = createUnitTree();
  const lab = await createLab({ name: 'unit-restarts' });
  const busy: ChildProcess[] = [];
  let driven: DrivenHost | undefined;
  let isOver = false;
  try {
    const host = await lab.addHost({ name: 'h1', ...own });
    await lab.addHost({ name: 'h2', ...far });
    const ask = startRestarting(host, tree.root.path);
    driven = driveHost(host, { cgroups: tree.root });
    await driven.ask({ do: 'start' });
    const storm = Array.from({ length: stormUnits }, (_, index) => `u${index}.service`);
    const policyOf = (revision: number) => ({
      revision,
      addresses: Object.values(own),
      inbound: 'enforce',
      outbound: 'enforce',
      peers: { far: Object.values(far), crowd: Array.from({ length: peers }, (_, index) => ipv4Peer(index)) },
      allowIn: ['crowd: tcp/443', ...(revision % 2 === 0 ? ['far: tcp/80'] : [])],
      allowOut: ['far: udp/9000', 'crowd: tcp/443'],
      units: Object.fromEntries(
        ['app.service', ...storm].map((unit) => [unit.split('.')[0], { unit, allowOut: ['far: udp/9001'] }]),
      ),
    });
    let revision = 0;
    const apply = async (): Promise<number> => {
      revision += 1;
      const startedAt = performance.now();
      const applied = await driven?.ask({ do: 'apply', policy: policyOf(revision) });
      if (applied?.['kind'] !== 'applied') throw new Error(`the policy was not applied: ${JSON.stringify(applied)}`);
      return performance.now() - startedAt;
    };
    const cpuMs = async () => {
      const used = (await driven?.ask({ do: 'cpu' })) as { readonly user: number; readonly system: number };
      return (used.user + used.system) / 1000;
    };
    const restart = (units: readonly string[]) =>
      ask({ units: units.map((unit) => `system.slice/${unit}`), address: far.ipv4, port: 9001, timeoutMs });
    await apply();
    if (load === 'busy') for (let core = 0; core < availableParallelism(); core += 1) busy.push(spinning());
    const lateMs: number[] = [];
    const sleeping = (async () => {
      while (!isOver) {
        const startedAt = performance.now();
        await sleep(10);
        lateMs.push(performance.now() - startedAt - 10);
      }
    })();
    await restart(['app.service']);
    const before = await cpuMs();
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await sleep(50 + 200 * Math.random());
      tookMs.push(...(await restart(['app.service'])));
    }
    const agentCpuMs = ((await cpuMs()) - before) / rounds;
    const stormMs: number[] = [];
    for (let round = 0; round < storms; round += 1) {
      await sleep(300);
      stormMs.push(Math.max(...(await restart(storm))));
    }
    isOver = true;
    await sleeping;
    const calm: number[] = [];
    for (let round = 0; round < changes; round += 1) calm.push(await apply());
    let isCrashing = true;
    const crashing = (async () => {
      while (isCrashing) {
        await restart(['app.service']);
        await sleep(100);
      }
    })();
    const disturbed: number[] = [];
    for (let round = 0; round < changes; round += 1) disturbed.push(await apply());
    isCrashing = false;
    await crashing;
    const changeMs = { calm, crashing: disturbed };
    return { peers, load, tookMs, lateMs, stormMs, changeMs, agentCpuMs };
  } finally {
    isOver = true;
    for (const child of busy) child.kill('SIGKILL');
    driven?.stop();
    await lab.remove();
    await tree.remove();
  }
}

function spinning(): ChildProcess {
  return spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
}

function startRestarting(host: LabHost, tree: string): (command: RestartCommand) => Promise<RestartAnswer> {
  const child = hasty(host).spawn([process.execPath, restartingProcess, tree]);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the process of the units has no pipes');
  child.stderr?.pipe(process.stderr);
  const answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async (command) => {
    stdin.write(`${JSON.stringify(command)}\n`);
    const { value } = await answers.next();
    const answer = JSON.parse(String(value)) as RestartAnswer;
    if (answer.includes(-1)) throw new Error(`a restarted unit was not placed within ${timeoutMs} ms`);
    return answer;
  };
}
