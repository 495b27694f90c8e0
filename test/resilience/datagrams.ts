// Numbered datagrams from one lab host to another, on some ports, each port one connection that goes on for ever. As a program:
// `send ADDRESS PORT…` or `receive ADDRESS PORT…`; {"do": …} lines in, one JSON answer each.

import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

type Command = { readonly do: 'sequence' } | { readonly do: 'since'; readonly sequence: number };

const everyMs = 5;
const [role, address = '', ...ports] = process.argv.slice(2);
let sequence = 0;
const received = new Map<number, number[]>(ports.map((port) => [Number(port), []]));

const sockets = ports.map((text) => {
  const port = Number(text);
  const socket = createSocket('udp4');
  // A deny may answer with an ICMP error; the next datagram is sent all the same.
  socket.on('error', () => undefined);
  if (role === 'receive') {
    socket.on('message', (bytes, from) => {
      received.get(port)?.push(bytes.readUInt32BE(0));
      // Answered, so that the connection is an established one, let pass by its mark.
      socket.send(bytes, from.port, from.address, () => undefined);
    });
    socket.bind(port, address);
  } else socket.bind(port);
  return { port, socket };
});

if (role === 'send') {
  setInterval(() => {
    sequence += 1;
    for (const { port, socket } of sockets) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sequence);
      socket.send(bytes, port, address, () => undefined);
    }
  }, everyMs);
}

function answer(command: Command): unknown {
  if (command.do === 'sequence') return { sequence };
  const later = [...received].map(([port, all]) => [port, all.filter((one) => one > command.sequence).length] as const);
  return Object.fromEntries(later);
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line) as Command))}\n`);
}
process.exit(0);
