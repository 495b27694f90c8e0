// One change at a time. Changes that run together are settled together: what follows from them (storing who is where, compiling, sending) is
// done once for all of them, before any of their callers hears that it is done.
//
// Each lane in the order asked. Containment goes before what else operators ask, and that before what hosts cause, and is settled as soon as no more of it waits; after
// each such run one turn of a host goes first, so that neither lane stops the other. An operator's change therefore waits for at most two
// turns of hosts, however many there are. What may come over and over has a key: of one key at most one turn waits, the newest, in the place of
// the first.

export interface ChangeQueueOptions {
  /** Called before each settling; what it does for several changes at once is then in time for their callers. Must not reject. */
  readonly prepare?: () => Promise<void>;
  /** Called after each run of changes, whether they succeeded or not. */
  readonly settle: () => void;
}

/** `containment`: quarantine, its release, revocation. They are few, and cannot wait for a pipeline's labels. */
export type Lane = 'containment' | 'operators' | 'hosts';

/** Changes of operators that wait: beyond this many, who asks is told to ask again. */
export const mostOfOperators = 1024;

/** More than this in one run would keep the first waiting for long. */
const mostTogether = 32;

/** Nothing was changed, and nothing will be. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

/** `replaced`: a newer turn with the same key took its place before its time came. */
export type TurnOutcome = 'done' | 'replaced';

interface Waiting {
  /** Runs the change; gives what tells its caller how it ended. Never rejects. */
  readonly run: () => Promise<() => void>;
  readonly fail: (cause: unknown) => void;
  readonly replaced: () => void;
}

export class ChangeQueue {
  readonly #options: ChangeQueueOptions;
  /** By key, in the order of the first that came with it. */
  readonly #lanes: Readonly<Record<Lane, Map<string | symbol, Waiting>>> = {
    containment: new Map(),
    operators: new Map(),
    hosts: new Map(),
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

  /** Rejects with QueueFull where too many changes of operators wait. Hosts' are bounded by who asks. */
  run<T>(change: () => Promise<T>, lane: Lane = 'operators'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (lane !== 'hosts' && this.waiting(lane) >= mostOfOperators)
        return reject(new QueueFull(`${mostOfOperators} changes wait`));
      const replaced = () => undefined;
      this.#add(lane, Symbol('a turn of its own'), { run: running(change, resolve, reject), fail: reject, replaced });
    });
  }

  /** A turn that may be asked for as often as one likes. */
  soon(key: string, change: () => Promise<void>, lane: Lane = 'hosts'): Promise<TurnOutcome> {
    return new Promise<TurnOutcome>((resolve, reject) => {
      const run = running(change, () => resolve('done'), reject);
      this.#add(lane, key, { run, fail: reject, replaced: () => resolve('replaced') });
    });
  }

  /** Resolves when every change asked for before is settled. */
  async quiet(): Promise<void> {
    await this.#loop;
  }

  /** Refuses what comes from now on; resolves when what waits is settled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }

  #add(lane: Lane, key: string | symbol, turn: Waiting): void {
    if (this.#isStopped) {
      turn.fail(new Error('the control plane is stopping'));
      return;
    }
    const before = this.#lanes[lane].get(key);
    this.#lanes[lane].set(key, turn);
    if (before !== undefined) {
      this.#replaced += 1;
      before.replaced();
    }
    this.#loop ??= this.#drain();
  }

  #take(lane: Lane): Waiting | undefined {
    for (const [key, turn] of this.#lanes[lane]) {
      this.#lanes[lane].delete(key);
      return turn;
    }
    return undefined;
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
        const operators = isHosts ? undefined : (this.#take('containment') ?? this.#take('operators'));
        if (operators !== undefined) ofOperators += 1;
        const next = operators ?? (ofOperators > 0 ? undefined : this.#take('hosts'));
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
