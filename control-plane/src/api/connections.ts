// The operator API's connections, bounded in all and per address, from their first packet on: an unfinished TLS handshake takes a place and
// some processor too. Who has shown a token lately has places and a pace of their own, beside strangers. Under TLS new connections have
// a pace before their handshake, and a fresh one is sure of its place for a short while; then who is over a bound goes by age, of the
// same address first, else of the one that has most, so that whoever sits on places keeps nobody out.

import type { Server, Socket } from 'node:net';
import { systemClock } from '#clock/system-clock.ts';
import { sourceOf } from '#control-plane/notes/repeated-refusals.ts';
import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';
import { socketKey } from '#control-plane/rpc/socket-key.ts';
import { type Place, type PlaceLimits, type PlaceRefusal, StrangerPlaces } from '#control-plane/rpc/stranger-places.ts';

export interface NewcomerLimits {
  /** Without a token so far. */
  readonly places: PlaceLimits;
  /** Absent where a connection costs nothing before it speaks. */
  readonly pace?: { readonly ofSource: RateBudgetOptions; readonly all: RateBudgetOptions };
}

export interface ConnectionLimits {
  readonly strangers: NewcomerLimits;
  /** From where a token that holds came lately. */
  readonly familiar: NewcomerLimits;
  /** With a token; beyond it a connection is ended after its answer. */
  readonly operators: number;
}

/** Plain HTTP, on loopback alone: a newcomer is heard for as long as it takes to send its headers. */
export const connectionLimits: ConnectionLimits = {
  strangers: { places: { all: 256, ofSource: 64, graceMs: 0 } },
  familiar: { places: { all: 256, ofSource: 64, graceMs: 0 } },
  operators: 512,
};

/**
 * A handshake costs a millisecond of processor. What comes within a grace at the full pace takes fewer places than there are, so that some
 * place is always past its grace, and whoever the pace lets pass finds one.
 */
export const tlsConnectionLimits: ConnectionLimits = {
  strangers: {
    places: { all: 512, ofSource: 128, graceMs: 1000 },
    pace: { ofSource: { burst: 64, everyMs: 50 }, all: { burst: 256, everyMs: 10 } },
  },
  familiar: {
    places: { all: 1024, ofSource: 512, graceMs: 1000 },
    pace: { ofSource: { burst: 256, everyMs: 10 }, all: { burst: 512, everyMs: 5 } },
  },
  operators: 512,
};

export type ApiConnectionRefusal = PlaceRefusal | 'too-fast' | 'evicted';
export const apiConnectionRefusals: readonly ApiConnectionRefusal[] = [
  'too-fast',
  'too-many',
  'too-many-of-address',
  'evicted',
];

/** Sources that are remembered: those from which a token came last. */
const familiarMost = 1024;

export class Connections {
  readonly refused: Record<ApiConnectionRefusal, number> = {
    'too-fast': 0,
    'too-many': 0,
    'too-many-of-address': 0,
    evicted: 0,
  };
  readonly #operatorsMost: number;
  readonly #strangers: Newcomers;
  readonly #familiar: Newcomers;
  /** In the order in which tokens came from them. */
  readonly #known = new Set<string>();
  readonly #placeOf = new Map<string, { readonly place: Place; readonly of: Newcomers }>();
  readonly #operators = new Set<string>();
  readonly #elapsedMs: () => number;

  constructor(limits: ConnectionLimits, elapsedMs: () => number = systemClock.elapsedMs) {
    this.#operatorsMost = limits.operators;
    this.#strangers = new Newcomers(limits.strangers);
    this.#familiar = new Newcomers(limits.familiar);
    this.#elapsedMs = elapsedMs;
  }

  /** The sockets are TCP's own, also below TLS. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.take(socket));
  }

  /** Those without a token so far. */
  get strangers(): number {
    return this.#placeOf.size;
  }

  /** The connection has shown a token that holds: it takes no newcomer's place any more. */
  authenticated(socket: Socket): 'kept' | 'one-too-many' {
    this.#remember(sourceOfSocket(socket));
    const key = socketKey(socket);
    if (this.#operators.has(key)) return 'kept';
    if (this.#operators.size >= this.#operatorsMost) return 'one-too-many';
    if (this.#leave(key)) this.#operators.add(key);
    return 'kept';
  }

  /** Before the socket has said a word; one that finds no place is reset, which costs neither side anything more. */
  take(socket: Socket): void {
    const key = socketKey(socket);
    const source = sourceOfSocket(socket);
    const of = this.#known.has(source) ? this.#familiar : this.#strangers;
    const place: Place = {
      source,
      since: this.#elapsedMs(),
      isServed: false,
      evicted: () => {
        this.#placeOf.delete(key);
        this.refused.evicted += 1;
        socket.destroy();
      },
    };
    const answer = of.take(place);
    if (answer !== 'taken') {
      this.refused[answer] += 1;
      socket.on('error', () => undefined);
      socket.resetAndDestroy();
      return;
    }
    this.#placeOf.set(key, { place, of });
    socket.once('close', () => {
      this.#leave(key);
      this.#operators.delete(key);
    });
  }

  #leave(key: string): boolean {
    const taken = this.#placeOf.get(key);
    if (taken === undefined) return false;
    this.#placeOf.delete(key);
    taken.of.leave(taken.place);
    return true;
  }

  #remember(source: string): void {
    this.#known.delete(source);
    this.#known.add(source);
    const [oldest] = this.#known;
    if (this.#known.size > familiarMost && oldest !== undefined) this.#known.delete(oldest);
  }
}

class Newcomers {
  readonly #places: StrangerPlaces;
  readonly #ofSource: RateBudget | undefined;
  readonly #all: RateBudget | undefined;

  constructor({ places, pace }: NewcomerLimits) {
    this.#places = new StrangerPlaces(places);
    this.#ofSource = pace && new RateBudget(pace.ofSource);
    this.#all = pace && new RateBudget(pace.all);
  }

  take(place: Place): PlaceRefusal | 'too-fast' | 'taken' {
    const { source, since } = place;
    if (this.#ofSource?.take(source, since) === false || this.#all?.take('', since) === false) return 'too-fast';
    return this.#places.take(place, { shared: false });
  }

  leave(place: Place): void {
    this.#places.leave(place);
  }
}

function sourceOfSocket({ remoteAddress }: Socket): string {
  return sourceOf((remoteAddress ?? '').replace(/^::ffff:/, ''));
}
