// How long a restarted unit is under its host's rules: from its cgroup's appearance to the first datagram that only its own rules let
// pass, tried every millisecond; with the machine left alone, and with every core kept busy by somebody else.

import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { driveHost } from '#test/enforcer/driven-host.ts';
import { createLab } from '#test/support/lab.ts';
import { startProbe } from '#test/support/probe.ts';
import { createUnitTree, startMovableProbe } from '#test/units/unit-tree.ts';

export interface Restarts {
  readonly quietMs: readonly number[];
  readonly busyMs: readonly number[];
  /** CPU of the agent's own process for one restart; what nft takes is nft's. */
  readonly agentCpuMs: number;
}

const rounds = 200;
const unit = 'system.slice/app.service';
const timeoutMs = 30_000;
const own = { ipv4: '10.78.1.1', ipv6: 'fd78:1::1' } as const;
const far = { ipv4: '10.78.1.2', ipv6: 'fd78:1::2' } as const;

export async function measureRestarts(): Promise<Restarts> {
  const tree = createUnitTree();
  tree.make('system.slice');
  const lab = await createLab({ name: 'unit-restarts' });
  const busy: ChildProcess[] = [];
  try {
    const host = await lab.addHost({ name: 'h1', ...own });
    const peer = await startProbe(await lab.addHost({ name: 'h2', ...far }));
    const local = await startMovableProbe(host, tree);
    await peer.listen([{ transport: 'udp', port: 9001 }]);
    const driven = driveHost(host, { cgroups: tree.root });
    await driven.ask({ do: 'start' });
    const policy = {
      addresses: Object.values(own),
      inbound: 'enforce',
      outbound: 'enforce',
      peers: { far: Object.values(far) },
      allowOut: ['far: udp/9000'],
      units: { app: { unit: 'app.service', allowOut: ['far: udp/9001'] } },
    };
    const applied = await driven.ask({ do: 'apply', policy });
    if (applied['kind'] !== 'applied') throw new Error(`the policy was not applied: ${JSON.stringify(applied)}`);
    let isMade = false;
    const restart = async (): Promise<number> => {
      if (isMade) tree.take(unit);
      isMade = true;
      await sleep(100 + 400 * Math.random());
      tree.make(unit);
      const madeAt = performance.timeOrigin + performance.now();
      local.enter(unit);
      const target = { transport: 'udp', address: far.ipv4, port: 9001 } as const;
      const at = await local.firstAllowedAt({ target, intervalMs: 1, timeoutMs });
      if (at === undefined) throw new Error(`a restarted unit was not found within ${timeoutMs} ms`);
      return at - madeAt;
    };
    const series = async () => {
      const took: number[] = [];
      for (let round = 0; round < rounds; round += 1) took.push(await restart());
      return took;
    };
    const cpuMs = async () => {
      const { user, system } = (await driven.ask({ do: 'cpu' })) as { readonly user: number; readonly system: number };
      return (user + system) / 1000;
    };
    await restart();
    const before = await cpuMs();
    const quietMs = await series();
    const agentCpuMs = ((await cpuMs()) - before) / rounds;
    for (let core = 0; core < availableParallelism(); core += 1)
      busy.push(spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }));
    const busyMs = await series();
    driven.stop();
    return { quietMs, busyMs, agentCpuMs };
  } finally {
    for (const child of busy) child.kill('SIGKILL');
    await lab.remove();
    await tree.remove();
  }
}
