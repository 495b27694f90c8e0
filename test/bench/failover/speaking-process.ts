// Runs inside a host of the lab. `serve NAME PORT`: answers each connection with its name. `dial PORT ADDRESS…`: tries a new connection to each of
// the addresses every few milliseconds, and writes a line for each that was answered, with who answered and when, by the clock that all processes of a machine share.

import { connect, createServer } from 'node:net';

/** One line of what a dialling process writes. */
export interface Answered {
  readonly address: string;
  readonly by: string;
  readonly atMs: number;
}

const everyMs = 5;
/** A connection that is not answered by then counts as none; each is a try of its own, so no retransmission is waited for. */
const patienceMs = 400;

function serve(name: string, port: number): void {
  createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(name);
  }).listen({ port, host: '::', backlog: 1024 }, () => console.log('listening'));
}

function dial(address: string, port: number): void {
  const socket = connect({ host: address, port });
  socket.setTimeout(patienceMs, () => socket.destroy());
  socket.once('data', (data) => {
    const answered: Answered = { address, by: String(data), atMs: Number(process.hrtime.bigint()) / 1e6 };
    console.log(JSON.stringify(answered));
    socket.destroy();
  });
  socket.on('error', () => undefined);
}

const [role, first = '', ...rest] = process.argv.slice(2);
if (role === 'serve') serve(first, Number(rest[0]));
else setInterval(() => rest.forEach((address) => void dial(address, Number(first))), everyMs);
process.stdin.on('end', () => process.exit(0)).resume();
