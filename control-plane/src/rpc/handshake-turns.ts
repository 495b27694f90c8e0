// Who may shake hands now. A handshake costs milliseconds of the thread that serves all, so of many that are begun together none ends in time;
// a few at a time all end. The others wait unbegun, which costs nothing: source by source in turn, each in the order it came. Who has waited so
// long that his patience would not last for the handshake, or would have to, is sent away, and comes again.
//
// A handshake whose other end is slow or silent counts for a while only, so that those who begin and never end hold up nobody for long: but
// not while this side is busy, for then it is this side that is slow.
//
// States of a turn: asked → begun → over; or asked → sent away; whoever leaves (`leave`) is over at any time.

export interface TurnLimits {
  /** Handshakes under way that count. */
  readonly all: number;
  /** Of one IPv4 address or IPv6 network of 64 bits; less than `all`, so that no address holds all turns. */
  readonly ofSource: number;
  /** So long a handshake under way counts while this side is not busy. */
  readonly holdMs: number;
  /** So long whoever waits at the other end has patience, from when it came to the end of its handshake. */
  readonly patienceMs: number;
}

/** A handshake is expected to take what the last ones took; who draws out his own changes that for the others no further. */
const mostTookMs = 2000;
/** Of what a handshake took, in what is expected of the next. */
const weight = 1 / 8;
/** How much longer than expected it may well take. */
const margin = 3;

export interface TurnClock {
  /** Any monotonic milliseconds. */
  readonly now: () => number;
  /** Whether the thread has been at work most of the time since the last look. */
  readonly isBusy: () => boolean;
}

export interface Turn {
  readonly source: string;
  /** Many hosts come from there, so that only the bound on all counts. */
  readonly shared: boolean;
  /** Its handshake is to begin. */
  readonly begin: () => void;
  /** Its turn did not come in time. */
  readonly sendAway: () => void;
}

export class HandshakeTurns {
  readonly #limits: TurnLimits;
  readonly #clock: TurnClock;
  /** The source whose turn is next first; of each in the order they came, with when. */
  readonly #waiting = new Map<string, Map<Turn, number>>();
  /** In the order they began, with when. */
  readonly #underWay = new Map<Turn, number>();
  readonly #underWayOf = new Map<string, number>();
  #waits = 0;
  #tookMs = 0;

  constructor(limits: TurnLimits, clock: TurnClock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  get waiting(): number {
    return this.#waits;
  }

  /** Begins it now or later; whose number is bounded by whoever calls. */
  ask(turn: Turn): void {
    const ofSource = this.#waiting.get(turn.source) ?? new Map<Turn, number>();
    if (this.#comesInMs(ofSource.size) > this.#waitMs()) {
      turn.sendAway();
      return;
    }
    this.#waiting.set(turn.source, ofSource.set(turn, this.#clock.now()));
    this.#waits += 1;
    this.#next();
  }

  /** Its handshake has come to its end. Again does nothing. */
  done(turn: Turn): void {
    const since = this.#underWay.get(turn);
    if (since !== undefined) {
      const tookMs = Math.min(mostTookMs, this.#clock.now() - since);
      this.#tookMs += (tookMs - this.#tookMs) * weight;
    }
    this.leave(turn);
  }

  /** Its connection has ended. Again does nothing. */
  leave(turn: Turn): void {
    if (this.#end(turn)) this.#next();
    else this.#forget(turn);
  }

  /** Called now and then: time alone ends turns, too. */
  look(): void {
    const now = this.#clock.now();
    const isBusy = this.#clock.isBusy();
    for (const [turn, since] of this.#underWay) {
      if (isBusy || now - since < this.#limits.holdMs) break;
      this.#end(turn);
    }
    this.#next();
    const waitMs = this.#waitMs();
    for (const ofSource of [...this.#waiting.values()]) {
      for (const [turn, since] of ofSource) {
        if (now - since < waitMs) break;
        this.#forget(turn);
        turn.sendAway();
      }
    }
  }

  /** After which too little of its patience would be left. */
  #waitMs(): number {
    return Math.max(0, this.#limits.patienceMs - margin * this.#tookMs);
  }

  /** When the turn of one comes before whom so many of its own source wait. */
  #comesInMs(ahead: number): number {
    const { all } = this.#limits;
    if (this.#underWay.size < all) return 0;
    const before = Math.min(this.#waits, (ahead + 1) * (this.#waiting.size + 1));
    return (before / all) * this.#tookMs;
  }

  #next(): void {
    while (this.#underWay.size < this.#limits.all) {
      const turn = this.#take();
      if (turn === undefined) return;
      this.#underWay.set(turn, this.#clock.now());
      this.#underWayOf.set(turn.source, this.#of(turn.source) + 1);
      turn.begin();
    }
  }

  #take(): Turn | undefined {
    for (const [source, ofSource] of this.#waiting) {
      const [turn] = ofSource.keys();
      if (turn === undefined || !(turn.shared || this.#of(source) < this.#limits.ofSource)) continue;
      this.#forget(turn);
      // Behind all others that wait.
      if (this.#waiting.delete(source)) this.#waiting.set(source, ofSource);
      return turn;
    }
    return undefined;
  }

  #of(source: string): number {
    return this.#underWayOf.get(source) ?? 0;
  }

  #end(turn: Turn): boolean {
    if (!this.#underWay.delete(turn)) return false;
    const left = this.#of(turn.source) - 1;
    if (left === 0) this.#underWayOf.delete(turn.source);
    else this.#underWayOf.set(turn.source, left);
    return true;
  }

  #forget(turn: Turn): void {
    const ofSource = this.#waiting.get(turn.source);
    if (ofSource?.delete(turn) !== true) return;
    this.#waits -= 1;
    if (ofSource.size === 0) this.#waiting.delete(turn.source);
  }
}
