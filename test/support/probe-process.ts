// The one process that stands for all programs of a host: services that echo, and clients that try them. It is told what to
// do on standard input (probe-protocol.ts) and ends with it. No dependencies, so that it starts in a few dozen milliseconds.

import { createSocket, type RemoteInfo } from 'node:dgram';
import { request as httpRequest } from 'node:http';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type {
  HoldProgress,
  HoldTarget,
  HttpRequest,
  HttpResponse,
  Listener,
  Message,
  ProbeOutcome,
  ProbeTarget,
  Reply,
  Request,
  Transport,
} from './probe-protocol.ts';

interface Held {
  state: HoldProgress['state'];
  received: number;
  lastReceivedAt: number;
  longestGapMs: number;
  error?: string;
  release: () => void;
}

const listeners = new Map<string, () => void>();
const heldAsClient = new Map<string, Held>();
const heldAsServer = new Map<string, Held>();
const rejections: ReadonlySet<string> = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'EPERM']);
const now = () => performance.timeOrigin + performance.now();

async function answer(request: Request): Promise<Reply> {
  switch (request.op) {
    case 'listen':
      await Promise.all(request.listeners.map(listen));
      return { kind: 'done' };
    case 'unlisten':
      for (const listener of request.listeners) {
        listeners.get(keyOf(listener))?.();
        listeners.delete(keyOf(listener));
      }
      return { kind: 'done' };
    case 'probe':
      return { kind: 'outcomes', outcomes: await probeAll(request.targets, request.timeoutMs) };
    case 'until-allowed':
      return untilAllowed(request);
    case 'hold':
      return hold(request.target);
    case 'release':
      heldAsClient.get(request.id)?.release();
      heldAsClient.delete(request.id);
      return { kind: 'done' };
    case 'http':
      return { kind: 'http', response: await http(request.request) };
    case 'held':
      return { kind: 'held', held: progressOf(request.side === 'client' ? heldAsClient : heldAsServer) };
  }
}

function keyOf(listener: Listener): string {
  return `${listener.transport}/${listener.port}`;
}

async function listen(listener: Listener): Promise<void> {
  if (listeners.has(keyOf(listener))) return;
  const open = listener.transport === 'tcp' ? listenTcp : listenUdp;
  const closers = await Promise.all([open('0.0.0.0', listener.port), open('::', listener.port)]);
  listeners.set(keyOf(listener), () => {
    for (const close of closers) close();
  });
}

function listenTcp(host: string, port: number): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const server: Server = createServer({ noDelay: true }, (socket) => {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => open.delete(socket));
      socket.once('data', (first) => {
        const claim = readHold(first);
        if (claim === undefined) {
          socket.write(first);
          socket.on('data', (chunk) => socket.write(chunk));
          return;
        }
        const held = tick({
          intervalMs: claim.intervalMs,
          send: () => socket.write('t'),
          stop: () => socket.destroy(),
        });
        heldAsServer.set(claim.id, held);
        socket.on('data', (chunk) => received(held, chunk.length));
        socket.on('close', () => closed(held));
        socket.on('error', (error) => closed(held, error));
      });
    });
    server.on('error', reject);
    server.listen({ host, port, ipv6Only: true, backlog: 1024 }, () =>
      resolve(() => {
        server.close();
        for (const socket of open) socket.destroy();
      }),
    );
  });
}

function listenUdp(host: string, port: number): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const isIpv6 = host.includes(':');
    const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6, recvBufferSize: 1 << 20 });
    const claims = new Map<string, Held>();
    const send = (text: string, to: RemoteInfo) => socket.send(text, to.port, to.address, () => undefined);
    socket.on('message', (text, from) => {
      const peer = `${from.address} ${from.port}`;
      const known = claims.get(peer);
      if (known !== undefined) return received(known, text.length);
      const claim = readHold(text);
      if (claim === undefined) return send(text.toString(), from);
      const held = tick({ intervalMs: claim.intervalMs, send: () => send('t', from), stop: () => undefined });
      claims.set(peer, held);
      heldAsServer.set(claim.id, held);
    });
    socket.on('error', reject);
    socket.bind({ address: host, port }, () =>
      resolve(() => {
        for (const held of claims.values()) held.release();
        socket.close();
      }),
    );
  });
}

/** The first line of a held connection is "hold ID INTERVAL"; from then on both sides only send ticks. */
function readHold(text: Buffer | string): { readonly id: string; readonly intervalMs: number } | undefined {
  const [line = ''] = text.toString().split('\n');
  const [verb, id, interval] = line.split(' ');
  return verb === 'hold' && id !== undefined ? { id, intervalMs: Number(interval) } : undefined;
}

function tick(input: { readonly intervalMs: number; readonly send: () => void; readonly stop: () => void }): Held {
  const timer = setInterval(input.send, input.intervalMs);
  return {
    state: 'open',
    received: 0,
    lastReceivedAt: 0,
    longestGapMs: 0,
    release: () => {
      clearInterval(timer);
      input.stop();
    },
  };
}

function received(held: Held, count: number): void {
  const at = now();
  held.state = 'open';
  if (held.lastReceivedAt > 0) held.longestGapMs = Math.max(held.longestGapMs, at - held.lastReceivedAt);
  held.lastReceivedAt = at;
  held.received += count;
}

function closed(held: Held, error?: Error): void {
  held.state = 'closed';
  if (error !== undefined) held.error = codeOf(error);
  held.release();
}

function hold(target: HoldTarget): Promise<Reply> {
  const greeting = `hold ${target.id} ${target.intervalMs}\n`;
  return new Promise((resolve) => {
    if (target.transport === 'tcp') {
      const socket = createConnection(connectOptions(target));
      const held = tick({
        intervalMs: target.intervalMs,
        // Nothing may go ahead of the greeting.
        send: () => !socket.connecting && socket.writable && socket.write('t'),
        stop: () => socket.destroy(),
      });
      held.state = 'opening';
      heldAsClient.set(target.id, held);
      socket.on('connect', () => socket.write(greeting));
      socket.on('data', (chunk) => {
        received(held, chunk.length);
        resolve({ kind: 'done' });
      });
      socket.on('close', () => closed(held));
      socket.on('error', (error) => {
        closed(held, error);
        resolve({ kind: 'failed', message: codeOf(error) });
      });
    } else {
      const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
      const held = tick({
        intervalMs: target.intervalMs,
        // EPERM here means that the own host dropped the datagram; the connection may be let through again later.
        send: () => socket.send(held.received === 0 ? greeting : 't', target.port, target.address, () => undefined),
        stop: () => socket.close(),
      });
      held.state = 'opening';
      heldAsClient.set(target.id, held);
      socket.on('message', (text) => {
        received(held, text.length);
        resolve({ kind: 'done' });
      });
      socket.on('error', () => undefined);
    }
  });
}

function progressOf(all: ReadonlyMap<string, Held>): Record<string, HoldProgress> {
  const progress: Record<string, HoldProgress> = {};
  for (const [id, { release: _, ...rest }] of all) progress[id] = rest;
  return progress;
}

/** All targets at once. A target without an answer is dropped once the whole batch has been silent for `silenceMs`. */
function probeAll(targets: readonly ProbeTarget[], silenceMs: number): Promise<readonly ProbeOutcome[]> {
  return new Promise((resolve) => {
    const outcomes = new Map<number, ProbeOutcome>();
    const pending = new Map<number, (detail?: string) => void>();
    // A process that had no time finds its timers due before it has looked at its sockets.
    const silence = setTimeout(() => {
      const settledBefore = outcomes.size;
      setImmediate(() => {
        if (outcomes.size > settledBefore) silence.refresh();
        else for (const giveUp of [...pending.values()]) giveUp();
      });
    }, silenceMs);
    const settle = (index: number, outcome: ProbeOutcome) => {
      if (outcomes.has(index)) return;
      outcomes.set(index, outcome);
      pending.delete(index);
      if (outcomes.size < targets.length) {
        if (outcome.kind !== 'dropped') silence.refresh();
        return;
      }
      clearTimeout(silence);
      resolve(targets.map((_, at) => outcomes.get(at) ?? { kind: 'broken', tookMs: 0 }));
    };
    if (targets.length === 0) {
      clearTimeout(silence);
      resolve([]);
    }
    for (const [index, target] of targets.entries()) {
      pending.set(
        index,
        probe(target, (outcome) => settle(index, outcome)),
      );
    }
  });
}

/** Starts one try; the function it returns ends it as dropped. */
function probe(target: ProbeTarget, settle: (outcome: ProbeOutcome) => void): () => void {
  return target.transport === 'tcp' ? probeTcp(target, settle) : probeUdp(target, settle);
}

function probeTcp(target: ProbeTarget, settle: (outcome: ProbeOutcome) => void): () => void {
  const startedAt = now();
  let isEnded = false;
  let giveUp = () => {};
  const connect = (triesLeft: number) => {
    const socket = createConnection({ ...connectOptions(target), localPort: freshPort('tcp') });
    const end = (outcome: Omit<ProbeOutcome, 'tookMs'>) => {
      socket.destroy();
      if (isEnded) return;
      isEnded = true;
      settle({ ...outcome, tookMs: now() - startedAt });
    };
    socket.on('connect', () => socket.write('echo?'));
    socket.on('data', () => end({ kind: 'allowed' }));
    socket.on('end', () => end({ kind: 'broken', detail: 'closed before it answered' }));
    socket.on('error', (error) => {
      if (takenPort.has(codeOf(error)) && triesLeft > 0 && !isEnded) connect(triesLeft - 1);
      else end(outcomeOf(codeOf(error)));
    });
    giveUp = () => end({ kind: 'dropped' });
  };
  connect(20);
  return () => giveUp();
}

/** Another socket of the host has the port, or has it towards the same target. */
const takenPort: ReadonlySet<string> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL']);
const ownPorts = { first: 15_001, count: 17_000 };
/** Each process of a test file begins elsewhere: those of one host share its ports. */
const firstPort = Number(process.argv[2]) % ownPorts.count;
const lastPort: Record<Transport, number> = { tcp: firstPort, udp: firstPort };

/**
 * Below the kernel's own choices, and each but once in a long while: with a port of two minutes ago a probe would go on with the
 * connection that conntrack still knows, which is neither judged as a new one nor reported as one. The kernel itself chooses by a
 * hash with a new salt every ten seconds, and so comes back to one now and then.
 */
function freshPort(transport: Transport): number {
  lastPort[transport] = (lastPort[transport] + 1) % ownPorts.count;
  return ownPorts.first + lastPort[transport];
}

function probeUdp(target: ProbeTarget, settle: (outcome: ProbeOutcome) => void): () => void {
  const startedAt = now();
  const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
  let isEnded = false;
  const end = (outcome: Omit<ProbeOutcome, 'tookMs'>) => {
    if (isEnded) return;
    isEnded = true;
    settle({ ...outcome, tookMs: now() - startedAt });
    socket.close();
  };
  // A datagram dropped on its way out fails with EPERM whether or not a rejection follows; the rejection is the ICMP error.
  const failed = (error: Error | null) => {
    if (error !== null && codeOf(error) !== 'EPERM') end(outcomeOf(codeOf(error)));
  };
  const bind = () => {
    if (!isEnded) socket.bind(freshPort('udp'));
  };
  socket.on('error', (error) => (codeOf(error) === 'EADDRINUSE' ? bind() : failed(error)));
  socket.on('message', () => end({ kind: 'allowed' }));
  socket.on('listening', () => {
    if (isEnded) return;
    socket.connect(target.port, target.address, () => {
      if (!isEnded) socket.send('echo?', failed);
    });
  });
  bind();
  return () => end({ kind: 'dropped' });
}

function outcomeOf(code: string): Omit<ProbeOutcome, 'tookMs'> {
  if (code === 'ECONNREFUSED') return { kind: 'refused', detail: code };
  if (rejections.has(code)) return { kind: 'rejected', detail: code };
  return { kind: 'broken', detail: code };
}

async function untilAllowed(request: Extract<Request, { readonly op: 'until-allowed' }>): Promise<Reply> {
  return new Promise((resolve) => {
    const giveUps = new Set<() => void>();
    const finish = (reply: Reply) => {
      clearInterval(again);
      clearTimeout(deadline);
      resolve(reply);
      for (const giveUp of giveUps) giveUp();
    };
    const attempt = () => {
      const giveUp = probe(request.target, (outcome) => {
        if (outcome.kind === 'allowed') finish({ kind: 'allowed-at', at: now() });
        giveUps.delete(giveUp);
      });
      giveUps.add(giveUp);
    };
    const again = setInterval(attempt, request.intervalMs);
    const deadline = setTimeout(() => finish({ kind: 'allowed-at' }), request.timeoutMs);
    attempt();
  });
}

function http(asked: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(asked.url, { method: asked.method, headers: asked.headers, timeout: 30_000 });
    let body = '';
    request.on('response', (response) => {
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, link: String(headers['link'] ?? ''), body, sentAt, receivedAt: now() });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', reject);
    const sentAt = now();
    request.end(asked.body);
  });
}

function connectOptions(target: ProbeTarget) {
  return { host: target.address, port: target.port, noDelay: true, autoSelectFamily: false };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function say(message: Message<Reply>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// A stray socket error must not take the host's other programs down; the connection it belongs to shows it.
process.on('uncaughtException', (error) => process.stderr.write(`${error.stack ?? error.message}\n`));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const request = JSON.parse(line) as Message<Request>;
  answer(request.body).then(
    (body) => say({ id: request.id, body }),
    (error: Error) => say({ id: request.id, body: { kind: 'failed', message: codeOf(error) } }),
  );
});
lines.on('close', () => process.exit(0));
say({ id: 0, body: { kind: 'done' } });
