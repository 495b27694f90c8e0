// The operator API's connections, bounded in all and per address. A stranger who takes every place must not keep operators out, so
// what is over a bound goes by age: the oldest connection that has shown no token is ended, of the same address first, else of the one that has most.
// A newcomer is therefore always heard, for as long as it takes to send its headers.

import type { Server, Socket } from 'node:net';
import { sourceOf } from '../repeated-refusals.ts';

export interface ConnectionLimits {
  /** Without a token so far, in all. */
  readonly strangers: number;
  /** Without a token so far, of one IPv4 address or IPv6 /64. */
  readonly strangersOfSource: number;
  /** With one; beyond it a connection is ended after its answer. */
  readonly operators: number;
}

export const connectionLimits: ConnectionLimits = { strangers: 256, strangersOfSource: 64, operators: 512 };

export class Connections {
  readonly #limits: ConnectionLimits;
  /** In the order they came. The socket is TCP's own, also below TLS. */
  readonly #strangers = new Map<string, { readonly socket: Socket; readonly source: string }>();
  readonly #ofSource = new Map<string, Set<string>>();
  readonly #operators = new Set<string>();

  constructor(limits: ConnectionLimits = connectionLimits) {
    this.#limits = limits;
  }

  /** From its first packet on: an unfinished TLS handshake takes a place too. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#take(socket));
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** The connection has shown a token: it takes no stranger's place any more. */
  authenticated(socket: Socket): 'kept' | 'one-too-many' {
    const key = keyOf(socket);
    if (this.#operators.has(key)) return 'kept';
    if (this.#operators.size >= this.#limits.operators) return 'one-too-many';
    if (this.#forget(key)) this.#operators.add(key);
    return 'kept';
  }

  #take(socket: Socket): void {
    const key = keyOf(socket);
    const source = sourceOf((socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
    const ofSource = this.#ofSource.get(source) ?? new Set();
    this.#ofSource.set(source, ofSource);
    ofSource.add(key);
    this.#strangers.set(key, { socket, source });
    socket.once('close', () => {
      this.#forget(key);
      this.#operators.delete(key);
    });
    if (ofSource.size > this.#limits.strangersOfSource) this.#end(ofSource);
    else if (this.#strangers.size > this.#limits.strangers) this.#end(this.#busiest());
  }

  #busiest(): ReadonlySet<string> {
    let busiest: ReadonlySet<string> = new Set();
    for (const keys of this.#ofSource.values()) if (keys.size > busiest.size) busiest = keys;
    return busiest;
  }

  #end(keys: ReadonlySet<string>): void {
    const [oldest] = keys;
    if (oldest === undefined) return;
    const connection = this.#strangers.get(oldest);
    this.#forget(oldest);
    connection?.socket.destroy();
  }

  #forget(key: string): boolean {
    const connection = this.#strangers.get(key);
    if (connection === undefined) return false;
    this.#strangers.delete(key);
    const ofSource = this.#ofSource.get(connection.source);
    ofSource?.delete(key);
    if (ofSource?.size === 0) this.#ofSource.delete(connection.source);
    return true;
  }
}

/** The same for a TLS socket and for the TCP socket below it. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
