// A host that enforces its outbound side and learns names, the resolver it is told to use, another it is not, and a server with
// many addresses. Processes speak in lines; every wait has an end.

import type { ChildProcess } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NamesStatus } from '#agent/dns/names.ts';
import type { NameSettings } from '#agent/settings/settings.ts';
import type { Address } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { encodeSnapshot } from '#wire/snapshot.ts';
import type { Asked, Got } from './client-process.ts';
import type { ZoneCommand } from './dns-server-process.ts';

export const servicePort = 8080;
export const otherPort = 8081;
export const at = (text: string) => text as Address;
export const addresses = {
  host: { ipv4: at('10.82.0.1'), ipv6: at('fd82::1') },
  resolver: { ipv4: at('10.82.0.53'), ipv6: at('fd82::53') },
  rogue: { ipv4: at('10.82.0.66'), ipv6: at('fd82::66') },
  server: { ipv4: at('10.82.0.10'), ipv6: at('fd82::10') },
} as const;

/** More addresses of the server: 10.82.0.11 and on, fd82::11 and on. */
export const serverAddress = (index: number) => at(`10.82.0.${10 + index}`);
export const serverAddress6 = (index: number) => at(`fd82::${(10 + index).toString(10)}`);
const serverAddresses = 20;

export const settings: NameSettings = {
  resolvers: [addresses.resolver.ipv4, addresses.resolver.ipv6],
  bounds: { graceMs: 500, recheckMs: 1000, perNameMost: 8, addressesMost: 12 },
  holdMs: 2000,
};

export interface NamesWorld {
  readonly lab: Lab;
  readonly host: LabHost;
  readonly resolverHost: LabHost;
  readonly client: HostProbe;
  readonly server: HostProbe;
  zone(command: ZoneCommand, which?: 'resolver' | 'rogue'): Promise<void>;
  ask(asked: Omit<Asked, 'server' | 'family'> & Partial<Pick<Asked, 'server' | 'family'>>): Promise<Got>;
  apply(ruleSet: HostRuleSet): Promise<void>;
  status(): Promise<NamesStatus & { readonly epoch: number; readonly started: { readonly kind: string } }>;
  /** As a crash would. */
  killAgent(): Promise<void>;
  startAgent(): void;
  /** Stopped (SIGSTOP), it lives and does nothing. */
  signalAgent(signal: 'SIGSTOP' | 'SIGCONT'): void;
  remove(): Promise<void>;
}

interface Lines {
  readonly child: ChildProcess;
  /** Its first line came; rejects if it ends before. */
  readonly ready: Promise<string>;
  say(message: object): Promise<string>;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export async function createNamesWorld(
  source: 'held' | 'copied' | 'lookups',
  own: NameSettings = settings,
): Promise<NamesWorld> {
  const lab = await createLab({ name: 'names' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-names-'));
  lab.alsoRemove(directory);
  const host = await lab.addHost({ name: 'host', ...addresses.host });
  const resolverHost = await lab.addHost({ name: 'dns', ...addresses.resolver });
  const rogueHost = await lab.addHost({ name: 'rogue', ...addresses.rogue });
  const serverHost = await lab.addHost({ name: 'server', ...addresses.server });
  const more = Array.from({ length: serverAddresses }, (_, index) => [
    `addr add ${serverAddress(index + 1)}/24 dev eth0`,
    `addr add ${serverAddress6(index + 1)}/64 dev eth0 nodad`,
  ]).flat();
  await serverHost.exec(['ip', '-batch', '-'], { input: `${more.join('\n')}\n` });
  const start = (where: LabHost, argv: readonly string[]): Lines => {
    const child = where.spawn([process.execPath, '--disable-warning=ExperimentalWarning', ...argv]);
    child.stderr?.pipe(process.stderr);
    const waiting: ((line: string | undefined) => void)[] = [];
    if (child.stdout === null) throw new Error('no pipes');
    createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
    child.once('close', () => {
      for (const wake of waiting.splice(0)) wake(undefined);
    });
    child.stdin?.on('error', () => undefined);
    const next = () =>
      new Promise<string>((resolve, reject) => {
        waiting.push((line) => (line === undefined ? reject(new Error(`${argv[0]} ended`)) : resolve(line)));
      });
    // Each says that it is ready before it answers anything.
    const ready = next();
    return {
      child,
      ready,
      say(message) {
        const reply = next();
        child.stdin?.write(`${JSON.stringify(message)}\n`);
        return reply;
      },
    };
  };
  const startAgentProcess = () => start(host, [file('driver.ts'), directory, JSON.stringify(own), source]);
  const dns = {
    resolver: start(resolverHost, [file('dns-server-process.ts')]),
    rogue: start(rogueHost, [file('dns-server-process.ts')]),
  };
  await Promise.all([dns.resolver, dns.rogue].map(({ ready }) => ready));
  const asking = start(host, [file('client-process.ts')]);
  const client = await startProbe(host);
  const server = await startProbe(serverHost);
  await server.listen([
    { transport: 'tcp', port: servicePort },
    { transport: 'tcp', port: otherPort },
  ]);
  let agent = startAgentProcess();
  let revision = 0;
  return {
    lab,
    host,
    resolverHost,
    client,
    server,
    zone: async (command, which = 'resolver') => void (await dns[which].say(command)),
    ask: async (asked) =>
      JSON.parse(await asking.say({ server: addresses.resolver.ipv4, family: 4, ...asked } satisfies Asked)) as Got,
    async apply(ruleSet) {
      revision += 1;
      const bytes = encodeSnapshot({ ...ruleSet, revision });
      const outcome = await agent.say({ op: 'apply', ruleSet: Buffer.from(bytes).toString('base64') });
      if (!outcome.includes('"applied"')) throw new Error(`refused: ${outcome}`);
    },
    status: async () => JSON.parse(await agent.say({ op: 'status' })),
    killAgent: () =>
      new Promise((resolve) => {
        agent.child.once('close', () => resolve());
        agent.child.kill('SIGKILL');
      }),
    startAgent() {
      agent = startAgentProcess();
    },
    signalAgent: (signal) => void agent.child.kill(signal),
    remove: () => lab.remove(),
  };
}
