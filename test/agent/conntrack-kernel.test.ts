// conntrack's events from a real kernel: translated connections, marks, both families, and a burst of which none may be lost.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

const burst = 10_000;
const listenerPath = fileURLToPath(new URL('./conntrack-listener.ts', import.meta.url));

const rules = `
table inet lab {
  chain translate { type nat hook prerouting priority -100; tcp dport 8080 dnat ip to 10.9.0.2:7000; }
  chain input { type filter hook input priority 0; tcp dport 7000 ct state new ct mark set 0xa001; }
}
`;

/** One line of a script for node, so that traffic needs no other program. */
const listenOn7000 = `require('net').createServer((c) => c.on('error', () => {}).end('pong')).listen(7000, '::', () => console.log('up'))`;
const connectTo = (host: string, port: number) =>
  `require('net').createConnection(${port}, '${host}').on('data', (d) => console.log(String(d))).on('error', (e) => { console.log(e.code); process.exit(1); })`;
const sendBurst = (host: string, count: number) =>
  `const s = require('dgram').createSocket('udp4'); let left = ${count};
   s.bind(() => { for (let i = 0; i < ${count}; i += 1) s.send('x', 1000 + i, '${host}', () => { left -= 1; if (left === 0) s.close(); }); });`;

interface Seen {
  readonly entries: readonly ConntrackEntry[];
  readonly opened: number;
  readonly counts: { readonly events: number; readonly overruns: number; readonly malformed: number };
}

let lab: Lab;
let client: LabHost;
let server: LabHost;
let listener: ChildProcess;
let ask: (line: string) => Promise<unknown>;

beforeAll(async () => {
  lab = await createLab({ name: 'conntrack' });
  [client, server] = await Promise.all([
    lab.addHost({ name: 'client', ipv4: '10.9.0.1', ipv6: 'fd09::1' }),
    lab.addHost({ name: 'server', ipv4: '10.9.0.2', ipv6: 'fd09::2' }),
  ]);
  const loaded = await server.exec(['nft', '-f', '-'], { input: rules });
  expect(loaded).toMatchObject({ exitCode: 0 });
  listener = server.spawn([process.execPath, listenerPath], { stdio: ['pipe', 'pipe', 2] as never });
  const waiting: ((answer: unknown) => void)[] = [];
  const answers: unknown[] = [];
  if (listener.stdout === null || listener.stdin === null) throw new Error('the listener has no pipes');
  const { stdin } = listener;
  createInterface({ input: listener.stdout }).on('line', (line) => {
    const answer: unknown = JSON.parse(line);
    const next = waiting.shift();
    if (next === undefined) answers.push(answer);
    else next(answer);
  });
  const hear = () =>
    new Promise<unknown>((resolve) => {
      if (answers.length > 0) resolve(answers.shift());
      else waiting.push(resolve);
    });
  ask = (line) => {
    stdin.write(`${line}\n`);
    return hear();
  };
  expect(await hear()).toEqual({ ready: true, problems: [] });
  const service = server.spawn([process.execPath, '-e', listenOn7000]);
  await new Promise((resolve) => service.stdout?.once('data', resolve));
});

afterAll(async () => {
  listener.stdin?.end('stop\n');
  await lab.remove();
});

const eventsOf = async (match: (entry: ConntrackEntry) => boolean): Promise<readonly ConntrackEntry[]> => {
  const collected: ConntrackEntry[] = [];
  await waitFor(
    async () => {
      collected.push(...((await ask('seen')) as Seen).entries);
      return collected.some(match);
    },
    { what: 'the event is there', explain: () => JSON.stringify(collected) },
  );
  return collected.filter(match);
};

test('a translated connection is seen with its real server and its mark, and the list counts its bytes', async () => {
  expect((await client.exec([process.execPath, '-e', connectTo('10.9.0.2', 8080)])).stdout).toBe('pong\n');
  const [entry] = await eventsOf(({ targetPort }) => targetPort === 8080);
  expect(entry).toMatchObject({
    event: 'opened',
    client: '10.9.0.1',
    server: '10.9.0.2',
    serverPort: 7000,
    mark: 0xa001,
  });
  const { entries } = (await ask('list')) as { readonly entries: readonly ConntrackEntry[] };
  const listed = entries.find(({ id }) => id === entry?.id);
  expect(listed).toMatchObject({ event: 'listed', answered: 'yes', mark: 0xa001 });
  expect(listed?.bytesReply).toBeGreaterThan(listed?.packetsReply ?? Number.POSITIVE_INFINITY);
  expect(listed?.startedAtNanos).toBeGreaterThan((Date.now() - 60_000) * 1e6);
});

test('IPv6 is seen likewise, and its end is an event with counters', async () => {
  expect((await client.exec([process.execPath, '-e', connectTo('fd09::2', 7000)])).stdout).toBe('pong\n');
  await eventsOf(({ event, client: from }) => event === 'opened' && from === 'fd09::1');
  expect(await server.exec(['conntrack', '-D', '-f', 'ipv6', '-p', 'tcp'])).toMatchObject({ exitCode: 0 });
  const [closed] = await eventsOf(({ event, client: from }) => event === 'closed' && from === 'fd09::1');
  expect(closed).toMatchObject({ family: 'ipv6', server: 'fd09::2', serverPort: 7000, mark: 0xa001, answered: 'yes' });
  expect(closed?.packetsOriginal).toBeGreaterThan(2);
});

test.each(['10.9.0.2', 'fd09::2'])('a reset is no answer: to a closed port (%s) none is told', async (to) => {
  expect((await client.exec([process.execPath, '-e', connectTo(to, 7001)])).stdout).toBe('ECONNREFUSED\n');
  const [closed] = await eventsOf(
    ({ event, target, targetPort }) => event === 'closed' && `${target} ${targetPort}` === `${to} 7001`,
  );
  expect(closed).toMatchObject({ answered: 'no', packetsOriginal: 1, packetsReply: 1 });
});

test('ICMP is seen with its type', async () => {
  const insert = ['-p', 'icmp', '-s', '10.9.0.1', '-d', '10.9.0.2', '--icmp-type', '8', '--icmp-code', '0'];
  expect(await server.exec(['conntrack', '-I', ...insert, '--icmp-id', '5', '-t', '60'])).toMatchObject({
    exitCode: 0,
  });
  const [entry] = await eventsOf(({ protocol }) => protocol === 1);
  expect(entry).toMatchObject({ event: 'opened', icmpType: 8, server: '10.9.0.2' });
});

test(`of ${burst} connections opened at once none is lost`, async () => {
  const before = (await ask('seen')) as Seen;
  const sent = await client.exec([process.execPath, '-e', sendBurst('10.9.0.2', burst)]);
  expect(sent).toMatchObject({ exitCode: 0 });
  const after = await waitFor(
    async () => {
      const seen = (await ask('seen')) as Seen;
      return seen.opened - before.opened >= burst ? seen : undefined;
    },
    { what: `${burst} events are there`, timeoutMs: 15_000, explain: async () => JSON.stringify(await ask('seen')) },
  );
  expect(after.opened - before.opened).toBe(burst);
  expect(after.counts).toMatchObject({ overruns: 0, malformed: 0 });
  const { listed } = (await ask('list')) as { readonly listed: { readonly ok: boolean; readonly value: number } };
  expect(listed.ok && listed.value >= burst).toBe(true);
});

test('a sweep clears old epochs from marks, and leaves today’s and the decision’s number', async () => {
  const insert = ['-p', 'udp', '-s', '10.9.0.1', '-d', '10.9.0.2', '-t', '60'];
  const marks = [
    ['51', '0xf000a004'],
    ['52', '0xa005'],
  ] as const;
  for (const [port, mark] of marks) {
    const args = [...insert, '--orig-port-src', port, '--orig-port-dst', port, '--mark', mark];
    expect(await server.exec(['conntrack', '-I', ...args])).toMatchObject({ exitCode: 0 });
  }
  expect(await ask('sweep 5')).toMatchObject({ swept: { ok: true } });
  const left = await server.exec(['conntrack', '-L', '-p', 'udp', '-o', 'extended']);
  const markOf = (port: string) => new RegExp(`sport=${port} dport=${port} .*mark=(\\d+)`).exec(left.stdout)?.[1];
  expect([Number(markOf('51')), Number(markOf('52'))]).toEqual([0xf000a000, 0xa005]);
});

test('one connection can be asked for by its tuple, in both families, and one that is gone gives no answer', async () => {
  const { entries } = (await ask('list')) as { readonly entries: readonly ConntrackEntry[] };
  expect((await client.exec([process.execPath, '-e', connectTo('fd09::2', 7000)])).stdout).toBe('pong\n');
  const asked = await waitFor(
    async () => {
      const { asked: answers } = (await ask('ask')) as { readonly asked: readonly ConntrackEntry[] };
      return answers.length > 0 ? answers : undefined;
    },
    { what: 'there is something to ask for' },
  );
  expect(entries.length).toBeGreaterThan(0);
  expect(new Set(asked.map(({ family }) => family))).toEqual(new Set(['ipv4', 'ipv6']));
  expect(asked.find(({ family, protocol }) => family === 'ipv6' && protocol === 6)).toMatchObject({
    serverPort: 7000,
    answered: 'yes',
    event: 'listed',
  });
});
