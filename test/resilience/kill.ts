// kill -9 of the real agent at random instants during a stream of real changes over mTLS. After each: the agent is started again,
// and must come to exactly the table that is wanted; on the way nothing denied passed, nothing allowed was lost, and what was
// revoked meanwhile stays revoked for connections that were granted before.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';
import { checkKernel } from './kernel-table.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';

export interface KillOutcome {
  readonly kills: number;
  /** Changes sent in all, and those on the way or not acknowledged when the agent was killed. */
  readonly changes: number;
  readonly killedInAChange: number;
  /** Every one says at which kill. */
  readonly problems: readonly string[];
  readonly sent: number;
  readonly lost: number;
}

const always = 7000;
const sometimes = 7001;
const never = 7002;
const agent = programPath('segwall-agent');
const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export async function killAtRandom(given: {
  readonly kills: number;
  readonly seed: number;
  /** Told after each, for a run that takes long. */
  readonly progress?: (kill: number) => void;
}): Promise<KillOutcome> {
  const random = generator(given.seed);
  const lab = await createLab({ name: 'kill' });
  const directory = mkdtempSync(join(tmpdir(), 'segwall-kill-'));
  lab.alsoRemove(directory);
  const processes: LineProcess[] = [];
  try {
    const [control, host, peer, scratch] = await Promise.all([
      lab.addHost({ name: 'control', ipv4: '10.81.0.9' }),
      lab.addHost({ name: 'h1', ipv4: '10.81.0.1' }),
      lab.addHost({ name: 'peer', ipv4: '10.81.0.2' }),
      lab.addHost({ name: 'scratch', ipv4: '10.81.0.3' }),
    ]);
    const run = (where: LabHost, argv: readonly string[], greets: 'greets' | 'silent' = 'silent') => {
      const process_ = startLineProcess(where, [process.execPath, ...argv], greets);
      processes.push(process_);
      return process_;
    };
    const feeder = run(
      control,
      [script('feeding-control-plane.ts'), join(directory, 'ca'), '10.81.0.9:7443'],
      'greets',
    );
    const { address, caFingerprint } = (await feeder.first) as { address: string; caFingerprint: string };
    const stateDirectory = join(directory, 'agent');
    const enrolled = await host.exec([
      ...[process.execPath, agent, 'enroll', '--control-plane', address, '--ca-fingerprint', caFingerprint],
      ...['--token', 'good', '--state', stateDirectory, '--name', 'h1'],
    ]);
    if (enrolled.exitCode !== 0) throw new Error(enrolled.stderr);

    let revision = 0;
    let wanted: HostPolicy = { addresses: [] };
    const send = async () => {
      revision += 1;
      wanted = randomPolicy(revision, random);
      await feeder.ask({ do: 'send', policy: wanted });
    };
    const start = () =>
      host.spawn([process.execPath, agent, 'run', '--state', stateDirectory, '--log-level', 'silent'], {
        stdio: 'ignore',
      });
    const heard = () => feeder.ask<{ streams: number; heard: readonly string[] }>({ do: 'heard' });
    const inForce = (streamsBefore: number) =>
      waitFor(
        async () => {
          const now = await heard();
          const refused = now.heard.find((word) => word.startsWith('nacked'));
          if (refused !== undefined && now.streams > streamsBefore) throw new Error(refused);
          return now.streams > streamsBefore && now.heard.includes(`acked ${revision}`);
        },
        { what: `revision ${revision} is acknowledged`, timeoutMs: 30_000 },
      );

    await send();
    let child = start();
    await inForce(0);
    const receiver = run(host, [
      script('datagrams.ts'),
      'receive',
      '10.81.0.1',
      ...[always, sometimes, never].map(String),
    ]);
    await receiver.ask({ do: 'since', sequence: 0 });
    const sender = run(peer, [script('datagrams.ts'), 'send', '10.81.0.1', ...[always, sometimes, never].map(String)]);
    await passing(sender, 5);

    const problems: string[] = [];
    let killedInAChange = 0;
    for (let kill = 1; kill <= given.kills; kill += 1) {
      const until = performance.now() + random() * 400;
      do {
        await send();
        await delay(random() * 40);
      } while (performance.now() < until);
      const before = await heard();
      if (!before.heard.includes(`acked ${revision}`)) killedInAChange += 1;
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await gone;
      // Policy goes on without it.
      if (random() < 0.5) await send();
      child = start();
      await inForce(before.streams);
      const check = await checkKernel({ host, scratch, stateDirectory, wanted: hostRuleSet(wanted) });
      problems.push(...check.problems.map((problem) => `kill ${kill}: ${problem}`));
      const from = (await sender.ask<{ sequence: number }>({ do: 'sequence' })).sequence;
      await passing(sender, 8);
      const arrived = await receiver.ask<Readonly<Record<number, number>>>({ do: 'since', sequence: from });
      const isGranted = wanted.allowIn?.includes(`base: udp/${sometimes}`) === true;
      if (isGranted && arrived[sometimes] === 0) problems.push(`kill ${kill}: what is granted does not pass`);
      if (!isGranted && arrived[sometimes] !== 0)
        problems.push(`kill ${kill}: ${arrived[sometimes]} datagrams passed of a connection whose grant is revoked`);
      given.progress?.(kill);
    }
    const { sequence } = await sender.ask<{ sequence: number }>({ do: 'sequence' });
    await delay(100);
    const total = await receiver.ask<Readonly<Record<number, number>>>({ do: 'since', sequence: 0 });
    if (total[never] !== 0) problems.push(`${total[never]} datagrams passed that no policy ever allowed`);
    const lost = Math.max(0, sequence - (total[always] ?? 0));
    return { kills: given.kills, changes: revision, killedInAChange, problems, sent: sequence * 3, lost };
  } finally {
    for (const process_ of processes) process_.stop();
    await lab.remove();
  }
}

/** Returns once the sender has sent so many more. */
async function passing(sender: LineProcess, count: number): Promise<void> {
  const sequence = async () => (await sender.ask<{ sequence: number }>({ do: 'sequence' })).sequence;
  const from = await sequence();
  await waitFor(async () => (await sequence()) >= from + count, { what: 'datagrams are sent', timeoutMs: 10_000 });
}

/** Grants, revokes, peers and ranges in and out, and modes: whatever comes, inbound is enforced and one grant always there. */
function randomPolicy(revision: number, random: () => number): HostPolicy {
  const some = (most: number) => Math.floor(random() * (most + 1));
  const addresses = (most: number) => [
    ...new Set(Array.from({ length: some(most) }, () => `10.82.${some(3)}.${some(255)}`)),
  ];
  // Every second one of 200, so that none touches another.
  const ranges = [...new Set(Array.from({ length: some(30) }, () => some(99)))]
    .sort((a, b) => a - b)
    .map((number) => `10.90.${number * 2}.0/24`);
  return {
    revision,
    addresses: ['10.81.0.1'],
    inbound: 'enforce',
    outbound: random() < 0.5 ? 'enforce' : 'observe',
    peers: { base: ['10.81.0.2'], web: addresses(60), net: ranges, other: addresses(5) },
    allowIn: [
      `base: udp/${always}`,
      ...(random() < 0.5 ? [`base: udp/${sometimes}`] : []),
      ...(random() < 0.7 ? ['web: tcp/80, tcp/443'] : []),
      ...(random() < 0.7 ? [`net: tcp/${8000 + some(3)}`] : []),
      ...(random() < 0.3 ? ['any: icmp'] : []),
    ],
    allowOut: random() < 0.5 ? ['other: udp/53', 'net: tcp/443'] : ['any: any'],
  };
}

/** mulberry32: the same sequence for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
