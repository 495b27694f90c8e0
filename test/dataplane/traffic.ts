// The test's side of the traffic process of one host.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LabHost } from '#test/support/lab.ts';
import type { FlowCount, FlowRequest, TrafficRequest } from './traffic-protocol.ts';

export interface Traffic {
  listen(transport: 'tcp' | 'udp', port: number, addresses?: readonly string[]): Promise<void>;
  start(flow: FlowRequest): Promise<void>;
  finish(): Promise<Readonly<Record<string, FlowCount>>>;
  reached(): Promise<Readonly<Record<string, number>>>;
  open(connection: { readonly id: string; readonly address: string; readonly port: number }): Promise<void>;
  say(id: string): Promise<void>;
  end(id: string): Promise<void>;
  heard(): Promise<Readonly<Record<string, number>>>;
  endings(): Promise<Readonly<Record<string, string>>>;
  reset(): Promise<void>;
  /** Returns once it is gone. */
  kill(): Promise<void>;
  stop(): void;
}

const processFile = fileURLToPath(new URL('./traffic-process.ts', import.meta.url));

/** Answers may overtake each other only between requests that are not awaited in turn. */
export function startTraffic(host: LabHost): Traffic {
  const child = host.spawn([process.execPath, processFile]);
  child.stderr?.pipe(process.stderr);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the traffic process has no pipes');
  let waiting: ((line: string | undefined) => void) | undefined;
  let last: Promise<unknown> = Promise.resolve();
  createInterface({ input: stdout }).on('line', (line) => waiting?.(line));
  child.once('exit', () => waiting?.(undefined));
  const ask = <T>(request: TrafficRequest): Promise<T> => {
    const turn = last.then(
      () =>
        new Promise<T>((resolve, reject) => {
          waiting = (line) =>
            line === undefined
              ? reject(new Error(`the traffic of ${host.name} ended`))
              : resolve(JSON.parse(line) as T);
          stdin.write(`${JSON.stringify(request)}\n`);
        }),
    );
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    listen: async (transport, port, addresses) =>
      void (await ask({ op: 'listen', transport, port, ...(addresses === undefined ? {} : { addresses }) })),
    start: async (flow) => void (await ask({ op: 'start', flow })),
    finish: () => ask({ op: 'finish' }),
    reached: () => ask({ op: 'reached' }),
    open: async (connection) => void (await ask({ op: 'open', ...connection })),
    say: async (id) => void (await ask({ op: 'say', id })),
    end: async (id) => void (await ask({ op: 'end', id })),
    reset: async () => void (await ask({ op: 'reset' })),
    heard: () => ask({ op: 'heard' }),
    endings: () => ask({ op: 'endings' }),
    kill: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
