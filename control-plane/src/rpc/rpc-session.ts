// One HTTP/2 connection of the agents' port: its calls, within its limits. A connection that breaks one is told so once and ended.

import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { ConnectionLimits } from './admission-limits.ts';
import type { ByteBudget } from './byte-budget.ts';
import { Pace } from './pace.ts';
import { type RpcMethods, type RpcPeer, serveCall } from './rpc-call.ts';

export type SessionOffence = 'too-many-controls' | 'too-many-calls' | 'too-many-bytes' | 'too-long' | 'silent';

export interface RpcSessionOptions {
  readonly socket: TLSSocket;
  readonly peer: RpcPeer;
  readonly methods: RpcMethods;
  readonly limits: ConnectionLimits;
  readonly budget: ByteBudget;
  /** What its bytes count for: a host, or an address. */
  readonly budgetKey: string;
  readonly offended: (offence: SessionOffence) => void;
  readonly closed: () => void;
  readonly serving: (isServed: boolean) => void;
}

/** Finds the connections whose other end went without a word; an open stream's own heartbeats are slower to tell. */
const pingEveryMs = 60_000;
const pingAnswerMs = 20_000;
/** Beyond its allowance a caller hears a few times to come back later; who goes on is shown out. */
const mostEarlyMs = 5000;

export class RpcSession {
  readonly #options: RpcSessionOptions;
  readonly #session: ServerHttp2Session;
  readonly #controls: Pace;
  readonly #calls: Pace;
  readonly #messages: Pace;
  readonly #timers: Timer[] = [];
  #isOver = false;
  #underWay = 0;

  constructor(options: RpcSessionOptions) {
    this.#options = options;
    const { limits } = options;
    this.#controls = new Pace(limits.controls);
    this.#calls = new Pace(limits.calls);
    this.#messages = new Pace(limits.messages);
    this.#session = performServerHandshake(options.socket, limits.http2);
    this.#session.on('stream', (stream, headers) => this.#called(stream, headers));
    this.#session.on('ping', () => this.#controlled());
    this.#session.on('remoteSettings', () => this.#controlled());
    // A `close` follows.
    this.#session.on('error', () => undefined);
    this.#session.on('close', () => this.#closed());
    if (limits.lifeMs === undefined) this.#timers.push(systemClock.every(pingEveryMs, () => this.#ping()).unref());
    else this.#timers.push(systemClock.after(limits.lifeMs, () => this.offend('too-long')).unref());
  }

  /** No call is under way. */
  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Called now and then: what came without a call, too, counts. */
  look(): void {
    const { limits, socket } = this.#options;
    if (limits.wireBytes !== undefined && socket.bytesRead > limits.wireBytes) this.offend('too-many-bytes');
  }

  offend(offence: SessionOffence): void {
    if (this.#isOver) return;
    this.#options.offended(offence);
    this.destroy();
  }

  /** Lets calls under way end. */
  close(): void {
    if (!this.#session.closed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // A peer that does not read would keep what is queued for it.
    this.#options.socket.destroySoon();
    systemClock.after(1000, () => this.#options.socket.destroy()).unref();
  }

  #called(stream: ServerHttp2Stream, headers: Parameters<typeof serveCall>[1]): void {
    this.look();
    const busyMs = this.#calls.spend(systemClock.elapsedMs());
    if (busyMs > mostEarlyMs) this.offend('too-many-calls');
    if (this.#isOver || this.#session.destroyed) return;
    const { limits, methods, peer, budget, budgetKey, serving } = this.#options;
    this.#underWay += 1;
    stream.once('close', () => {
      this.#underWay -= 1;
    });
    if (limits.wireBytes !== undefined) stream.on('data', () => this.look());
    serveCall(stream, headers, {
      methods,
      busyMs,
      parts: {
        peer,
        serving,
        messages: this.#messages,
        messageMs: limits.messageMs,
        pieces: limits.pieces,
        hold: () => budget.hold(budgetKey),
      },
    });
  }

  #controlled(): void {
    if (this.#controls.spend(systemClock.elapsedMs()) > 0) this.offend('too-many-controls');
  }

  #ping(): void {
    if (this.#session.destroyed || this.#session.closed) return;
    const silent = systemClock.after(pingAnswerMs, () => this.offend('silent')).unref();
    this.#session.ping(() => silent.cancel());
  }

  #closed(): void {
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#options.closed();
  }
}
