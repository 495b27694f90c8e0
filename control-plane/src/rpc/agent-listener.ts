// The front of the agents' port: who gets a connection at all, and as what.
//
//   TCP ─► pace and places of strangers ─► first bytes ─► turns ─► TLS (client certificate asked for, not required)
//                                                                  ├─ certificate that holds ─► places of its host ─► RPC with an agent's limits
//                                                                  └─ anything else ──────────────────────────────► RPC with a stranger's limits
//
// A stranger's place is taken from the first packet on, a turn for its handshake only once it has said something: who is silent holds none.
// What is refused is counted by cause, and told to `refused`.

import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { sourceOf } from '#control-plane/notes/repeated-refusals.ts';
import { type AgentCertificate, hostKey } from '#control-plane/pki/agent-identity.ts';
import type { Pki, ServerTls } from '#control-plane/pki/pki.ts';
import { readCertificate } from '#control-plane/pki/read-certificates.ts';
import type { Result } from '#model/result.ts';
import { millis } from '#model/time.ts';
import type { AdmissionLimits } from './admission-limits.ts';
import { type AgentPlace, AgentPlaces } from './agent-places.ts';
import { ByteBudget } from './byte-budget.ts';
import type { CallStatus } from './call-status.ts';
import { untilFirstBytes } from './first-bytes.ts';
import { boundHandshakes, nodeHandshakeMs } from './handshake-times.ts';
import { HandshakeTurns, type Turn, type TurnClock } from './handshake-turns.ts';
import { RateBudget } from './rate-budget.ts';
import type { RpcMethods, RpcPeer } from './rpc-call.ts';
import { RpcSession } from './rpc-session.ts';
import { socketKey } from './socket-key.ts';
import { type Place, StrangerPlaces } from './stranger-places.ts';

export const connectionRefusals = [
  'too-many-of-address',
  'too-many',
  'too-fast',
  'evicted',
  'no-turn',
  'handshake',
  'too-many-controls',
  'too-many-calls',
  'too-many-bytes',
  'too-long',
  'silent',
  'too-many-agents',
  'too-many-of-host',
] as const;

export type ConnectionRefusal = (typeof connectionRefusals)[number];

export interface RefusedConnection {
  readonly address: string;
  /** A host, where the connection showed its certificate. */
  readonly host?: string;
  readonly reason: ConnectionRefusal;
}

export interface AgentListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly pki: Pick<Pki, 'serverTls' | 'serverTlsNamed' | 'authorityNamed' | 'issuerOf'>;
  readonly limits: AdmissionLimits;
  readonly methods: RpcMethods;
  /** Why a certificate that TLS verified does not hold; it is then a stranger's. */
  readonly problemOf: (certificate: AgentCertificate) => CallStatus | undefined;
  /** An enrolled host is at home there. */
  readonly isFamiliar: (address: string) => boolean;
  /** Many hosts come from there: a proxy, a balancer, address translation. */
  readonly isShared: (address: string) => boolean;
  readonly refused: (refused: RefusedConnection) => void;
}

export interface ListenerCounts {
  readonly agents: number;
  readonly strangers: number;
  /** Handshakes under way that count, and connections that wait for theirs. */
  readonly handshakes: number;
  readonly handshakesWaiting: number;
  /** Of messages that are unfinished or being worked on. */
  readonly agentBytes: number;
  readonly strangerBytes: number;
  readonly refused: Readonly<Record<ConnectionRefusal, number>>;
}

const outOfTime: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const lookEveryMs = 500;
/** Of the time between two looks. */
const busyShare = 0.75;
const goneCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
/** Sources from which an agent came lately; the ones longest unseen are forgotten. */
const sourcesKept = 16_384;

export class AgentListener {
  readonly #options: AgentListenerOptions;
  readonly #tcp: Server;
  readonly #tls: ReturnType<typeof createTlsServer>;
  readonly #strangers: StrangerPlaces;
  readonly #familiar: StrangerPlaces;
  readonly #turnClock: TurnClock = { now: systemClock.elapsedMs, isBusy: () => this.#isBusy };
  readonly #turnsOfStrangers: HandshakeTurns;
  readonly #turnsOfFamiliar: HandshakeTurns;
  readonly #agents: AgentPlaces;
  readonly #strangerBytes: ByteBudget;
  readonly #agentBytes: ByteBudget;
  readonly #ofSource: RateBudget;
  readonly #ofStrangers: RateBudget;
  readonly #ofFamiliar: RateBudget;
  readonly #seen = new Set<string>();
  readonly #sockets = new Set<Socket>();
  /** Of these, whose handshake has not ended. */
  readonly #unsecured = new Set<Socket>();
  /** With the certificate that it came with, where that held. */
  readonly #sessions = new Map<RpcSession, AgentCertificate | undefined>();
  readonly #placeOf = new Map<string, Taken>();
  readonly #counts = Object.fromEntries(connectionRefusals.map((reason) => [reason, 0])) as Record<
    ConnectionRefusal,
    number
  >;
  readonly #looking: Timer;
  #loop = performance.eventLoopUtilization();
  #isBusy = false;

  constructor(options: AgentListenerOptions) {
    this.#options = options;
    const { limits, pki } = options;
    this.#strangers = new StrangerPlaces(limits.strangerPlaces);
    this.#familiar = new StrangerPlaces(limits.familiarPlaces);
    this.#turnsOfStrangers = new HandshakeTurns(limits.handshakes, this.#turnClock);
    this.#turnsOfFamiliar = new HandshakeTurns(limits.handshakes, this.#turnClock);
    this.#agents = new AgentPlaces({ all: limits.agents, ofHost: limits.agentsOfHost });
    this.#strangerBytes = new ByteBudget(limits.stranger.bytes);
    this.#agentBytes = new ByteBudget(limits.agent.bytes);
    this.#ofSource = new RateBudget(limits.connectionsOfSource);
    this.#ofStrangers = new RateBudget(limits.strangerConnections);
    this.#ofFamiliar = new RateBudget(limits.familiarConnections);
    this.#tls = createTlsServer({
      ...contextOf(pki.serverTls()),
      SNICallback: namedContexts(pki),
      requestCert: true,
      // Enrolment comes without a certificate; what a call may do is asked at each call.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      handshakeTimeout: nodeHandshakeMs({ mostMs: limits.handshakeMs }),
    });
    boundHandshakes(this.#tls, {
      mostMs: limits.handshakeMs,
      late: (socket) => this.#refuse({ address: addressOf(socket), reason: 'handshake' }),
    });
    this.#tls.on('secureConnection', (socket: TLSSocket) => this.#secured(socket));
    this.#tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      // Who only goes away has refused himself.
      if (!goneCodes.has(error.code ?? '')) this.#refuse({ address: addressOf(socket), reason: 'handshake' });
      socket.destroy();
    });
    this.#tcp = createTcpServer({ noDelay: true }, (socket) => this.#connected(socket));
    this.#looking = systemClock.every(lookEveryMs, () => this.#look()).unref();
  }

  /** The port. Rejects with what the system said. */
  listen(): Promise<number> {
    const { address, port } = this.#options;
    return this.#listenOn(address, port).catch((cause: NodeJS.ErrnoException) => {
      // A kernel without IPv6 has no "::"; every address that it has is meant.
      if (address === '::' && cause.code === 'EAFNOSUPPORT') return this.#listenOn('0.0.0.0', port);
      throw cause;
    });
  }

  #listenOn(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#tcp.once('error', reject);
      this.#tcp.listen({ host, port, backlog: 4096 }, () => {
        this.#tcp.off('error', reject);
        const bound = this.#tcp.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  /** New connections get the PKI's certificates of now; open ones keep theirs. */
  renew(): void {
    this.#tls.setSecureContext(contextOf(this.#options.pki.serverTls()));
  }

  /** Connections whose certificate holds no more get no more calls; whose calls are under way, ends them. */
  recheck(): void {
    for (const [session, certificate] of this.#sessions)
      if (certificate !== undefined && this.#options.problemOf(certificate) !== undefined) session.close();
  }

  counts(): ListenerCounts {
    return {
      agents: this.#agents.size,
      strangers: this.#strangers.size + this.#familiar.size,
      handshakes: this.#turnsOfStrangers.underWay + this.#turnsOfFamiliar.underWay,
      handshakesWaiting: this.#turnsOfStrangers.waiting + this.#turnsOfFamiliar.waiting,
      agentBytes: this.#agentBytes.bytes,
      strangerBytes: this.#strangerBytes.bytes,
      refused: { ...this.#counts },
    };
  }

  /** Takes no more, lets calls under way end, and cuts what has not ended when the time is up. */
  async stop(graceMs: number): Promise<void> {
    this.#looking.cancel();
    const closed = new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
    for (const [session, certificate] of this.#sessions) {
      if (certificate !== undefined) session.close();
      else session.destroy();
    }
    for (const key of [...this.#placeOf.keys()]) this.#leave(key);
    for (const socket of this.#unsecured) socket.destroy();
    const cut = systemClock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
    cut.cancel();
  }

  #connected(socket: Socket): void {
    socket.on('error', () => undefined);
    const address = addressOf(socket);
    const source = sourceOf(address);
    const key = socketKey(socket);
    const shared = this.#options.isShared(address);
    const isFamiliar = shared || this.#seen.has(source) || this.#options.isFamiliar(address);
    const places = isFamiliar ? this.#familiar : this.#strangers;
    const at = Math.round(systemClock.elapsedMs());
    const place: Place = {
      source,
      since: at,
      isServed: false,
      evicted: () => {
        this.#placeOf.delete(key);
        this.#refuse({ address, reason: 'evicted' });
        socket.destroy();
      },
    };
    const pace = isFamiliar ? this.#ofFamiliar : this.#ofStrangers;
    const isEarly = (!shared && !this.#ofSource.take(source, millis(at))) || !pace.take('', millis(at));
    const answer = isEarly ? 'too-fast' : places.take(place, { shared });
    if (answer !== 'taken') {
      this.#refuse({ address, reason: answer });
      // A reset costs neither side anything more.
      socket.resetAndDestroy();
      return;
    }
    const turns = isFamiliar ? this.#turnsOfFamiliar : this.#turnsOfStrangers;
    const refuse = (reason: ConnectionRefusal) => {
      this.#refuse({ address, reason });
      socket.resetAndDestroy();
    };
    const { first, take } = untilFirstBytes(socket, {
      silentMs: this.#options.limits.handshakeMs,
      overflowed: () => refuse('handshake'),
    });
    const turn: Turn = {
      ...{ source, shared },
      begin: () => {
        if (socket.destroyed) return;
        take();
        this.#tls.emit('connection', socket);
      },
      sendAway: () => refuse('no-turn'),
    };
    this.#sockets.add(socket);
    this.#unsecured.add(socket);
    this.#placeOf.set(key, { socket, place, places, turn, turns });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#unsecured.delete(socket);
      this.#leave(key);
      turns.leave(turn);
    });
    void first.then((said) => {
      if (said === 'words' && !socket.destroyed) turns.ask(turn);
      else if (said === 'silent') refuse('handshake');
    });
  }

  #secured(socket: TLSSocket): void {
    socket.on('error', () => undefined);
    const taken = this.#placeOf.get(socketKey(socket));
    if (taken !== undefined) {
      this.#unsecured.delete(taken.socket);
      taken.turns.done(taken.turn);
    }
    const read = this.#certificateOf(socket);
    const address = addressOf(socket);
    const connection = `${address}:${socket.remotePort ?? 0}`;
    const trusts = this.#options.pki.authorityNamed(String(socket.servername ?? ''));
    const peer: RpcPeer = { address, connection, certificate: read, trusts };
    const holds = read?.ok === true && this.#options.problemOf(read.value) === undefined ? read.value : undefined;
    if (holds === undefined) this.#serveStranger(socket, peer);
    else this.#serveAgent(socket, peer, holds);
  }

  #serveStranger(socket: TLSSocket, peer: RpcPeer): void {
    const taken = this.#placeOf.get(socketKey(socket));
    if (taken === undefined) {
      socket.destroy();
      return;
    }
    let served = 0;
    const session: RpcSession = new RpcSession({
      socket,
      peer,
      methods: this.#options.methods,
      limits: this.#options.limits.stranger,
      budget: this.#strangerBytes,
      budgetKey: sourceOf(peer.address),
      offended: (reason) => this.#refuse({ address: peer.address, reason }),
      closed: () => this.#sessions.delete(session),
      serving: (isServed) => {
        served += isServed ? 1 : -1;
        taken.place.isServed = served > 0;
      },
    });
    this.#sessions.set(session, undefined);
  }

  #serveAgent(socket: TLSSocket, peer: RpcPeer, certificate: AgentCertificate): void {
    const { identity } = certificate;
    this.#leave(socketKey(socket));
    const host = hostKey(identity);
    const refuse = (reason: ConnectionRefusal) => this.#refuse({ address: peer.address, host: identity.host, reason });
    this.#remember(sourceOf(peer.address));
    let session: RpcSession | undefined;
    const place: AgentPlace = { host, isIdle: () => session?.isIdle ?? true, close: () => session?.close() };
    const answer = this.#agents.take(place);
    if (answer !== 'taken') {
      refuse(answer);
      socket.destroy();
      return;
    }
    const opened: RpcSession = new RpcSession({
      socket,
      peer,
      methods: this.#options.methods,
      limits: this.#options.limits.agent,
      budget: this.#agentBytes,
      budgetKey: host,
      offended: refuse,
      closed: () => {
        this.#sessions.delete(opened);
        this.#agents.leave(place);
      },
      serving: () => undefined,
    });
    session = opened;
    this.#sessions.set(opened, certificate);
  }

  #remember(source: string): void {
    this.#seen.delete(source);
    this.#seen.add(source);
    const [oldest] = this.#seen;
    if (this.#seen.size > sourcesKept && oldest !== undefined) this.#seen.delete(oldest);
  }

  #certificateOf(socket: TLSSocket): Result<AgentCertificate> | undefined {
    const certificate = socket.getPeerCertificate();
    // OpenSSL names one of its reasons: where that is the time, all the others are asked here. That the other end has the key, TLS has
    // proved in any case. What it may do with a certificate that has expired is each call's to say. A session that is taken up again was
    // judged when it began, by the CAs of then.
    const isOutOfTime = outOfTime.has(String(socket.authorizationError));
    if (certificate.raw === undefined || !(socket.authorized || isOutOfTime)) return undefined;
    const issuer = this.#options.pki.issuerOf(certificate.raw);
    return issuer === undefined ? undefined : readCertificate(certificate, issuer);
  }

  #look(): void {
    const loop = performance.eventLoopUtilization();
    this.#isBusy = performance.eventLoopUtilization(loop, this.#loop).utilization > busyShare;
    this.#loop = loop;
    for (const turns of [this.#turnsOfStrangers, this.#turnsOfFamiliar]) turns.look();
    for (const [session, certificate] of this.#sessions) if (certificate === undefined) session.look();
  }

  #leave(key: string): void {
    const taken = this.#placeOf.get(key);
    if (taken === undefined) return;
    this.#placeOf.delete(key);
    taken.places.leave(taken.place);
  }

  #refuse(refused: RefusedConnection): void {
    this.#counts[refused.reason] += 1;
    this.#options.refused(refused);
  }
}

interface Taken {
  readonly socket: Socket;
  readonly place: Place;
  readonly places: StrangerPlaces;
  readonly turn: Turn;
  readonly turns: HandshakeTurns;
}

function contextOf({ key, certificate, ca }: ServerTls) {
  return { key, cert: certificate, ca };
}

/** For who asks by a name of the CA that is about to come. */
export function namedContexts(pki: Pick<Pki, 'serverTlsNamed'>): NonNullable<TlsOptions['SNICallback']> {
  let made: { readonly of: ServerTls; readonly context: SecureContext } | undefined;
  return (name, answer) => {
    const tls = pki.serverTlsNamed(name);
    if (tls !== undefined && made?.of !== tls)
      made = { of: tls, context: createSecureContext({ ...contextOf(tls), minVersion: 'TLSv1.3' }) };
    answer(null, tls === undefined ? undefined : made?.context);
  };
}

function addressOf({ remoteAddress = '' }: Socket): string {
  return remoteAddress.replace(/^::ffff:(?=\d+\.)/, '');
}
