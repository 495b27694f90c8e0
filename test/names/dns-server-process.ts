// A resolver for tests: answers on port 53, UDP and TCP, both families, from a zone that it is told on standard input as JSON
// lines: { "zone": { NAME: [records] }, "truncate": [NAMES whose UDP answer says "ask by TCP"], "silent": whether it says nothing }.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type DnsRecord, dnsAnswer } from './dns-bytes.ts';

export interface ZoneCommand {
  readonly zone?: Readonly<Record<string, readonly DnsRecord[]>>;
  readonly truncate?: readonly string[];
  readonly silent?: boolean;
}

let zone: Readonly<Record<string, readonly DnsRecord[]>> = {};
let truncated: readonly string[] = [];
let isSilent = false;

function answerTo(query: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined {
  if (isSilent || query.length < 17) return undefined;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const name = labels.join('.');
  const type = query.readUInt16BE(at + 1);
  const id = query.readUInt16BE(0);
  const known = zone[name.toLowerCase()];
  if (known === undefined) return dnsAnswer(name, [], { id, type, flags: 0x8183 });
  if (transport === 'udp' && truncated.includes(name)) return dnsAnswer(name, [], { id, type, flags: 0x8380 });
  const records = known.filter((record) => 'alias' in record || record.address.includes(':') === (type === 28));
  return dnsAnswer(name, records, { id, type });
}

for (const [kind, address] of [
  ['udp4', '0.0.0.0'],
  ['udp6', '::'],
] as const) {
  const socket = createSocket({ type: kind, ipv6Only: kind === 'udp6' });
  socket.on('message', (query, { port, address: from }) => {
    const answer = answerTo(query, 'udp');
    if (answer !== undefined) socket.send(answer, port, from, () => undefined);
  });
  await new Promise<void>((resolve) => socket.bind(53, address, resolve));
}
const server = createServer((connection) => {
  let held = Buffer.alloc(0);
  connection.on('error', () => connection.destroy());
  connection.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const length = held.readUInt16BE(0);
      const answer = answerTo(held.subarray(2, 2 + length), 'tcp');
      held = held.subarray(2 + length);
      if (answer === undefined) continue;
      const frame = Buffer.alloc(2);
      frame.writeUInt16BE(answer.length);
      // In two pieces, as a network may cut it.
      connection.write(Buffer.concat([frame, answer.subarray(0, 20)]), () => connection.write(answer.subarray(20)));
    }
  });
});
await new Promise<void>((resolve) => server.listen(53, '::', resolve));
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line) as ZoneCommand;
    zone = command.zone ?? zone;
    truncated = command.truncate ?? truncated;
    isSilent = command.silent ?? isSilent;
    process.stdout.write('ok\n');
  })
  .on('close', () => process.exit(0));
process.stdout.write('ok\n');
