// Two pairs of hosts that share an address each, in one network: one pair under policy with real agents and a control plane, its
// address a virtual workload, and one without Segwall, to compare with. A client each that tries new connections without pause.

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Fleet, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import type { RunResult } from '#test/support/run-command.ts';
import type { Answered } from './speaking-process.ts';

export const servicePort = 443;
const speakingProcess = fileURLToPath(new URL('speaking-process.ts', import.meta.url));

export type Side = 'under policy' | 'without Segwall';

export interface Pair {
  readonly side: Side;
  /** Moves from one to the other by VRRP. */
  readonly shared: string;
  /** Both have it at once, on loopback; where its packets go is the network's to say. */
  readonly anycast: string;
  readonly client: LabHost;
  readonly holders: readonly [LabHost, LabHost];
}

export interface FailoverFleet {
  readonly pairs: readonly [Pair, Pair];
  readonly directory: string;
  /** When this host first answers at that address from now on, by the clock of `performance`'s machine: milliseconds. */
  answeredBy(host: LabHost, address: string): Promise<number>;
  /** From now on the client's packets to `anycast` go to this holder. Begins no process: what is measured is not how long that takes. */
  route(pair: Pair, holder: LabHost): void;
  /** The host's cable is pulled at the switch, so that it sees nothing of it, and its agent dies: both at once, by words to what runs. Returns once it is dead. */
  cut(host: LabHost): Promise<void>;
  /** Returns once its agent is connected again. */
  restore(host: LabHost): Promise<void>;
  remove(): Promise<void>;
}

const policy = ({ shared, anycast }: Pair) => `apiVersion: segwall/v1
kind: Workload
metadata: { name: shop-vip, labels: { app: shop, role: vip } }
spec: { kind: virtual, addresses: ["${shared}", "${anycast}"], holders: role == "lb" }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: enforce
  rules:
    - { name: web-to-vip, from: [{ workloads: role == "web" }], to: [{ workloads: role == "vip" }], services: [tcp/${servicePort}] }
    - { name: vrrp, from: [{ workloads: role == "lb" }], to: [{ cidr: 224.0.0.18/32 }], services: [proto/112] }
`;

export async function startFailoverFleet(): Promise<FailoverFleet> {
  const lab = await createLab({ name: 'failover' });
  try {
    return await standUp(lab);
  } catch (error) {
    await lab.remove();
    throw error;
  }
}

async function standUp(lab: Lab): Promise<FailoverFleet> {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-failover-'));
  lab.alsoRemove(directory);
  const ports = new Map<string, string>();
  const addHost = async (name: string, last: number) => {
    ports.set(name, `p${ports.size + 1}`);
    return lab.addHost({ name, ipv4: `10.84.0.${last}` });
  };
  const controlPlane = await addHost('cp', 1);
  const managed: Pair = {
    side: 'under policy',
    shared: '10.84.0.100',
    anycast: '10.84.0.200',
    client: await addHost('web', 10),
    holders: [await addHost('lb-1', 11), await addHost('lb-2', 12)],
  };
  const plain: Pair = {
    side: 'without Segwall',
    shared: '10.84.0.101',
    anycast: '10.84.0.201',
    client: await addHost('plain-web', 20),
    holders: [await addHost('plain-1', 21), await addHost('plain-2', 22)],
  };
  const fleet = await startFleet({ controlPlane, directory });
  await enrolAll(fleet, managed);
  const text = await writePolicy(join(directory, 'policy'), { 'shop.yaml': policy(managed) });
  await fleet.segwallJson(['apply', text, '--wait']);
  const answers = new EventEmitter<{ answered: [Answered] }>();
  for (const { client, holders, shared, anycast } of [managed, plain]) {
    for (const host of holders) {
      await mustRun(host, 'sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
      await mustRun(host, `ip addr add ${anycast}/32 dev lo`);
      const server = speak(host, ['serve', host.name, String(servicePort)]);
      await once(server, 'line');
    }
    speak(client, ['dial', String(servicePort), shared, anycast]).on('line', (line) =>
      answers.emit('answered', JSON.parse(line) as Answered),
    );
  }
  const hardware = new Map<string, string>();
  const neighbours = new Map<string, (command: string) => void>();
  for (const { client, holders } of [managed, plain]) {
    neighbours.set(client.name, commands(client.spawn(['ip', '-batch', '-'])));
    for (const host of holders)
      hardware.set(host.name, await mustRun(host, "ip -o link show eth0 | sed 's/.*link.ether //; s/ .*//'"));
  }
  const network = commands(spawn('ip', ['-n', `${lab.name}.net`, '-batch', '-']));
  const plug = (host: LabHost, where: string) => network(`link set ${ports.get(host.name)} ${where}`);
  return {
    pairs: [managed, plain],
    directory,
    answeredBy: (host, address) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${host.name} did not answer at ${address} for a minute\n${fleet.logs()}`)),
          60_000,
        );
        const look = (answered: Answered) => {
          if (answered.address !== address || answered.by !== host.name) return;
          clearTimeout(timer);
          answers.off('answered', look);
          resolve(answered.atMs);
        };
        answers.on('answered', look);
      }),
    route: ({ client, anycast }, holder) =>
      neighbours.get(client.name)?.(
        `neigh replace ${anycast} lladdr ${hardware.get(holder.name)} dev eth0 nud permanent`,
      ),
    cut: async (host) => {
      plug(host, 'nomaster');
      await fleet.agents.get(host.name)?.kill('SIGKILL');
    },
    restore: async (host) => {
      plug(host, 'master br0');
      const agent = fleet.agents.get(host.name);
      if (agent === undefined) return;
      agent.start();
      await fleet.inForce([host.name]);
    },
    remove: async () => {
      await fleet.stop();
      await lab.remove();
    },
  };
}

async function enrolAll(fleet: Fleet, { client, holders }: Pair): Promise<void> {
  await fleet.enrol(client, { app: 'shop', role: 'web' });
  for (const host of holders) await fleet.enrol(host, { app: 'shop', role: 'lb' });
  await fleet.connected(3);
}

/** Gives a running `ip -batch -` its commands, each of which it does as it reads it. It ends when one fails, and with it the measurement. */
function commands(child: ChildProcess): (command: string) => void {
  const { stdin } = child;
  if (stdin === null) throw new Error('ip has no standard input');
  child.stderr?.on('data', (bytes) => process.stderr.write(bytes));
  return (command) => {
    if (child.exitCode !== null) throw new Error(`ip ended before: ${command}`);
    stdin.write(`${command}\n`);
  };
}

/** Lines of what it writes. */
function speak(host: LabHost, args: readonly string[]): Interface {
  const child = host.spawn([process.execPath, speakingProcess, ...args], { stdio: ['pipe', 'pipe', 2] });
  if (child.stdout === null) throw new Error(`${host.name} has no standard output`);
  return createInterface({ input: child.stdout });
}

const mustRun = (host: LabHost, command: string) => mustSucceed(host.exec(['sh', '-ec', command]));

async function mustSucceed(running: Promise<RunResult>): Promise<string> {
  const { exitCode, stdout, stderr } = await running;
  if (exitCode !== 0) throw new Error(`a command failed (${exitCode}): ${stderr}`);
  return stdout.trim();
}
