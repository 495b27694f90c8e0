// All the traffic of one host, in one process: listeners that count and answer, and flows that send at a steady pace. Ends with
// its standard input. No dependencies, so that it starts quickly.

import { createSocket } from 'node:dgram';
import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { FlowCount, FlowRequest, TrafficRequest } from './traffic-protocol.ts';

interface Flow {
  readonly expects: 'answers' | 'nothing';
  readonly count: () => FlowCount;
  readonly stop: () => void;
  readonly end: () => void;
}

const reached = new Map<string, number>();
const silent = new Map<string, Socket>();
const heard = new Map<string, number>();
const endings = new Map<string, string>();
const flows = new Map<string, Flow>();
/** Longer than any process here is kept waiting by a busy machine. */
const settleMostMs = 5000;
/** After this a connection attempt that was not answered makes room for the next. */
const attemptMs = 400;
const now = () => performance.now();
const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);

async function answer(request: TrafficRequest): Promise<unknown> {
  switch (request.op) {
    case 'listen': {
      const open = request.transport === 'tcp' ? listenTcp : listenUdp;
      const { addresses = ['0.0.0.0', '::'], port } = request;
      await Promise.all(addresses.map((address) => open(address, port)));
      return {};
    }
    case 'start':
      flows.set(request.flow.id, await start(request.flow));
      return {};
    case 'finish':
      return finish();
    case 'reached':
      return Object.fromEntries(reached);
    case 'open':
      return new Promise((resolve) => {
        const socket = connect(request.address, request.port);
        socket.on('connect', () => socket.write(`${request.id}\n`, () => resolve({})));
        keep(request.id, socket);
      });
    case 'say':
      silent.get(request.id)?.write('x');
      return {};
    case 'end':
      silent.get(request.id)?.end();
      return {};
    case 'reset':
      for (const socket of silent.values()) socket.resetAndDestroy();
      return {};
    case 'endings':
      return Object.fromEntries(endings);
    case 'heard':
      return Object.fromEntries(heard);
  }
}

function keep(id: string, socket: Socket): void {
  silent.set(id, socket);
  heard.set(id, heard.get(id) ?? 0);
  socket.on('data', (bytes) => heard.set(id, (heard.get(id) ?? 0) + bytes.length));
  socket.on('end', () => endings.set(id, 'ended'));
  socket.on('error', (error: NodeJS.ErrnoException) => endings.set(id, error.code ?? error.message));
}

function connect(host: string, port: number): Socket {
  const socket = createConnection({ host, port, noDelay: true, autoSelectFamily: false, allowHalfOpen: true });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** A connection begins with a line: "echo", or the id under which it is kept silent. */
function listenTcp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      add(reached, `tcp/${port}`);
      socket.on('end', () => [...silent.values()].includes(socket) || socket.end());
      socket.on('error', () => socket.destroy());
      socket.once('data', (first) => {
        const [name = ''] = first.toString().split('\n');
        // What was said at once may come with the name.
        const rest = first.subarray(Buffer.byteLength(name) + 1);
        if (name === 'echo') {
          socket.on('data', (bytes) => socket.write(bytes));
          if (rest.length > 0) socket.write(rest);
        } else {
          keep(name, socket);
          heard.set(name, (heard.get(name) ?? 0) + rest.length);
        }
      });
    });
    server.on('error', reject);
    server.listen({ host, port, ipv6Only: host.includes(':'), backlog: 1024 }, resolve);
  });
}

function listenUdp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const isIpv6 = host.includes(':');
    const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6, recvBufferSize: 1 << 20 });
    socket.on('error', reject);
    socket.on('message', (bytes, from) => {
      add(reached, `udp/${port}`);
      socket.send(bytes, from.port, from.address, () => undefined);
    });
    socket.bind({ address: host, port }, resolve);
  });
}

function start(flow: FlowRequest): Promise<Flow> {
  switch (flow.kind) {
    case 'udp-echo':
    case 'udp-flood':
      return startUdp(flow);
    case 'tcp-exchange':
      return startExchange(flow);
    case 'tcp-connect':
      return startConnects(flow);
  }
}

/** Answers are matched by number, so that one answered twice does not stand for one lost. */
async function startUdp({ kind, address, port, intervalMs }: FlowRequest): Promise<Flow> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  const waiting = new Map<number, number>();
  let [sent, answered, longestMs] = [0, 0, 0];
  await new Promise<void>((resolve) => socket.connect(port, address, resolve));
  socket.on('error', () => undefined);
  socket.on('message', (bytes) => {
    const number = Number(bytes.toString());
    const sentAt = waiting.get(number);
    if (sentAt === undefined) return;
    waiting.delete(number);
    answered += 1;
    longestMs = Math.max(longestMs, now() - sentAt);
  });
  const timer = setInterval(() => {
    sent += 1;
    waiting.set(sent, now());
    socket.send(String(sent), () => undefined);
  }, intervalMs);
  return {
    expects: kind === 'udp-echo' ? 'answers' : 'nothing',
    count: () => ({ sent, answered, longestMs }),
    stop: () => clearInterval(timer),
    end: () => socket.close(),
  };
}

/** One line at a time: the next is sent when the last has come back. */
async function startExchange({ address, port, intervalMs }: FlowRequest): Promise<Flow> {
  const socket = connect(address, port);
  let [sent, answered, longestMs, sentAt] = [0, 0, 0, 0];
  let error: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const send = () => {
    if (isStopped) return;
    sent += 1;
    sentAt = now();
    socket.write('x');
  };
  await new Promise<void>((resolve) => {
    socket.on('connect', () => socket.write('echo\n', () => resolve()));
    socket.on('error', (failure) => {
      error = failure.message;
      resolve();
    });
  });
  socket.on('close', () => {
    error ??= 'closed';
  });
  socket.on('data', () => {
    answered += 1;
    longestMs = Math.max(longestMs, now() - sentAt);
    timer = setTimeout(send, intervalMs);
  });
  // The line that names the connection must be a packet of its own.
  timer = setTimeout(send, 50);
  return {
    expects: 'answers',
    // An exchange that hangs is as long as it has hung.
    count: () => ({
      sent,
      answered,
      longestMs: answered < sent ? Math.max(longestMs, now() - sentAt) : longestMs,
      ...(error === undefined ? {} : { error }),
    }),
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
    end: () => socket.destroy(),
  };
}

async function startConnects({ address, port, intervalMs }: FlowRequest): Promise<Flow> {
  let [sent, answered] = [0, 0];
  const attempts = new Set<Socket>();
  const timer = setInterval(() => {
    sent += 1;
    const socket = connect(address, port);
    attempts.add(socket);
    const giveUp = setTimeout(() => socket.destroy(), attemptMs);
    socket.on('connect', () => {
      answered += 1;
      socket.destroy();
    });
    socket.on('close', () => {
      clearTimeout(giveUp);
      attempts.delete(socket);
    });
  }, intervalMs);
  return {
    expects: 'nothing',
    count: () => ({ sent, answered, longestMs: 0 }),
    stop: () => clearInterval(timer),
    end: () => {
      for (const socket of attempts) socket.destroy();
    },
  };
}

async function finish(): Promise<Record<string, FlowCount>> {
  for (const flow of flows.values()) flow.stop();
  const deadline = now() + settleMostMs;
  const isOwed = ({ expects, count }: Flow) => expects === 'answers' && count().answered < count().sent;
  while ([...flows.values()].some(isOwed) && now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  const counts = Object.fromEntries([...flows].map(([id, flow]) => [id, flow.count()]));
  for (const flow of flows.values()) flow.end();
  flows.clear();
  return counts;
}

process.on('uncaughtException', (error) => process.stderr.write(`${error.stack ?? error.message}\n`));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  void answer(JSON.parse(line) as TrafficRequest).then((reply) => process.stdout.write(`${JSON.stringify(reply)}\n`));
});
lines.on('close', () => process.exit(0));
