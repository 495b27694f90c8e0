// One change at a time. Changes that run together are settled together: what follows from them (storing who is where, compiling, sending) is
// done once for all of them, before any of their callers hears that it is done.
//
// In each lane operators take turns, each in his own order: a pipeline that changes labels over five hundred connections is one of them. Containment goes before what else operators ask, and that before what hosts cause, and is settled as soon as no more of it waits; after
// each such run one turn of a host goes first, so that neither lane stops the other. An operator's change therefore waits for at most two
// turns of hosts, however many there are. What may come over and over has a key: of one key at most one turn waits, the newest, in the place of
// the first.

import { WaitingTurns } from './waiting-turns.ts';

export interface ChangeQueueOptions {
  /** Called before each settling; what it does for several changes at once is then in time for their callers. Must not reject. */
  readonly prepare?: () => Promise<void>;
  /** Called after each run of changes, whether they succeeded or not. */
  readonly settle: () => void;
}

/** `containment`: quarantine, its release, revocation. They are few, and cannot wait for a pipeline's labels. */
export type Lane = 'containment' | 'operators' | 'hosts';

/** Changes of operators that wait: beyond this many, who asks is told to ask again. One alone may have half of them wait. */
export const mostOfOperators = 1024;
export const mostOfOne = mostOfOperators / 2;

/** More than this in one run would keep the first waiting for long. */
const mostTogether = 32;

/** Nothing was changed, and nothing will be. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

/** `replaced`: a newer turn with the same key took its place before its time came. */
export type TurnOutcome = 'done' | 'replaced';

/** Whose turn it is: an operator, or nobody in particular. */
export interface Asker {
  readonly lane: Lane;
  readonly who: string;
}

interface Waiting {
  /** Runs the change; gives what tells its caller how it ended. Never rejects. */
  readonly run: () => Promise<() => void>;
  readonly fail: (cause: unknown) => void;
  readonly replaced: () => void;
}

const ownTurn: Asker = { lane: 'operators', who: '' };
const hostsTurn: Asker = { lane: 'hosts', who: '' };

export class ChangeQueue {
  readonly #options: ChangeQueueOptions;
  readonly #lanes: Readonly<Record<Lane, WaitingTurns<Waiting>>> = {
    containment: new WaitingTurns(),
    operators: new WaitingTurns(),
    hosts: new WaitingTurns(),
  };
  #loop: Promise<void> | undefined;
  #isStopped = false;
  #replaced = 0;

  constructor(options: ChangeQueueOptions) {
    this.#options = options;
  }

  /** Turns that wait. */
  waiting(lane: Lane): number {
    return this.#lanes[lane].size;
  }

  /** Turns that never ran, since a newer one of the same key took their place. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Rejects with QueueFull where too many changes of operators wait, or of this one. Hosts' are bounded by who asks. */
  run<T>(change: () => Promise<T>, by: Asker | 'hosts' = ownTurn): Promise<T> {
    const asker = by === 'hosts' ? hostsTurn : by;
    const { lane, who } = asker;
    return new Promise<T>((resolve, reject) => {
      const most = who === '' ? mostOfOperators : mostOfOne;
      if (lane !== 'hosts' && (this.waiting(lane) >= mostOfOperators || this.#lanes[lane].sizeOf(who) >= most))
        return reject(new QueueFull(`${this.waiting(lane)} changes wait, ${this.#lanes[lane].sizeOf(who)} of one`));
      const replaced = () => undefined;
      const turn = { run: running(change, resolve, reject), fail: reject, replaced };
      this.#add(asker, Symbol('a turn of its own'), turn);
    });
  }

  /** A turn that may be asked for as often as one likes. */
  soon(key: string, change: () => Promise<void>, lane: Lane = 'hosts'): Promise<TurnOutcome> {
    return new Promise<TurnOutcome>((resolve, reject) => {
      const run = running(change, () => resolve('done'), reject);
      this.#add({ lane, who: '' }, key, { run, fail: reject, replaced: () => resolve('replaced') });
    });
  }

  /** Resolves when every change asked for before is settled. */
  async quiet(): Promise<void> {
    await this.#loop;
  }

  /**
   * Refuses what comes from now on, and what waits of hosts: each tells it again when it is back, and a fleet that has just connected would keep
   * a stop waiting for thousands of writes. Resolves when what operators asked is settled.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (let turn = this.#lanes.hosts.take(); turn !== undefined; turn = this.#lanes.hosts.take())
      turn.fail(stopping());
    await this.#loop;
  }

  #add({ lane, who }: Asker, key: string | symbol, turn: Waiting): void {
    if (this.#isStopped) {
      turn.fail(stopping());
      return;
    }
    const before = this.#lanes[lane].add(who, key, turn);
    if (before !== undefined) {
      this.#replaced += 1;
      before.replaced();
    }
    this.#loop ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What is asked for in one tick runs together.
    await Promise.resolve();
    let hostsAreDue = false;
    while (this.waiting('containment') + this.waiting('operators') + this.waiting('hosts') > 0) {
      const together: Waiting[] = [];
      const tellings: (() => void)[] = [];
      let ofOperators = 0;
      while (together.length < mostTogether) {
        const isHosts = hostsAreDue && together.length === 0 && this.waiting('hosts') > 0;
        const operators = isHosts ? undefined : (this.#lanes.containment.take() ?? this.#lanes.operators.take());
        if (operators !== undefined) ofOperators += 1;
        const next = operators ?? (ofOperators > 0 ? undefined : this.#lanes.hosts.take());
        if (next === undefined) break;
        together.push(next);
        tellings.push(await next.run());
      }
      hostsAreDue = ofOperators > 0;
      try {
        await this.#options.prepare?.();
        this.#options.settle();
      } catch (cause) {
        for (const { fail } of together) fail(cause);
      }
      for (const tell of tellings) tell();
    }
    this.#loop = undefined;
  }
}

function stopping(): Error {
  return new Error('the control plane is stopping');
}

function running<T>(
  change: () => Promise<T>,
  resolve: (value: T) => void,
  reject: (cause: unknown) => void,
): Waiting['run'] {
  return async () => {
    try {
      const value = await change();
      return () => resolve(value);
    } catch (cause) {
      return () => reject(cause);
    }
  };
}
