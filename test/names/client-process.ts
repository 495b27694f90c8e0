// A program that asks for names and connects to what it gets, at once: { "server", "name", "family", "port" } in, one JSON line out.

import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export interface Asked {
  readonly server: string;
  readonly name: string;
  readonly family: 4 | 6;
  /** Absent: only ask. */
  readonly port?: number;
}

export interface Got {
  readonly addresses: readonly string[];
  /** "connected", "silence", or the error's code; "no answer" where there was none. */
  readonly outcome: string;
  readonly askedMs: number;
}

async function answer({ server, name, family, port }: Asked): Promise<Got> {
  const resolver = new Resolver({ timeout: 500, tries: 2 });
  resolver.setServers([server]);
  const began = performance.now();
  const addresses = await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name)).catch(() => []);
  const askedMs = performance.now() - began;
  const [first] = addresses;
  if (first === undefined) return { addresses, outcome: 'no answer', askedMs };
  return { addresses, outcome: port === undefined ? '' : await tryConnect(first, port), askedMs };
}

function tryConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, autoSelectFamily: false });
    const end = (outcome: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end('silence'), 400);
    socket.once('connect', () => end('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Asked))}\n`);
  })
  .on('close', () => process.exit(0));
process.stdout.write('ready\n');
