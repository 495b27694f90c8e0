// Run inside a host of the lab, as the user whose number it is given: opens connections from ports of its choosing, listens where it is told,
// and stops listening while what it accepted goes on. A connection begins with a line that names it.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export type TalkerRequest =
  | {
      readonly op: 'open';
      readonly id: string;
      readonly address: string;
      readonly port: number;
      readonly localPort?: number;
    }
  | { readonly op: 'listen'; readonly address: string; readonly port: number }
  | { readonly op: 'unlisten' | 'heard' }
  | { readonly op: 'say' | 'end'; readonly id: string };

const user = Number(process.argv[2]);
process.setgid?.(user);
process.setuid?.(user);

const usual = { noDelay: true, allowHalfOpen: true } as const;
const sockets = new Map<string, Socket>();
const heard = new Map<string, number>();
const listening: Server[] = [];

function keep(id: string, socket: Socket): void {
  sockets.set(id, socket);
  heard.set(id, heard.get(id) ?? 0);
  socket.on('data', (bytes) => heard.set(id, (heard.get(id) ?? 0) + bytes.length));
  socket.on('error', () => socket.destroy());
}

async function answer(request: TalkerRequest): Promise<unknown> {
  switch (request.op) {
    case 'open': {
      const { id, address, port, localPort } = request;
      const socket = connect({ host: address, port, ...usual, ...(localPort !== undefined && { localPort }) });
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.once('connect', () => socket.write(`${id}\n`, () => resolve()));
      });
      keep(id, socket);
      return { localPort: socket.localPort };
    }
    case 'listen': {
      const server = createServer(usual, (socket) =>
        socket.once('data', (first) => keep(first.toString().trim(), socket)),
      );
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: request.address, port: request.port }, resolve);
      });
      listening.push(server);
      return {};
    }
    case 'unlisten':
      for (const server of listening.splice(0)) server.close();
      return {};
    case 'say':
      sockets.get(request.id)?.write('x');
      return {};
    case 'end':
      sockets.get(request.id)?.end();
      return {};
    case 'heard':
      return Object.fromEntries(heard);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as TalkerRequest))}\n`);
}
process.exit();
