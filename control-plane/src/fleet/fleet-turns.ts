// Turns of changes, for operators and for hosts, and who may still ask for one: the queue of the fleet (change-queue.ts) with its log.

import type { Logger } from 'pino';
import { type Actor, holdingName, turnName } from './asker.ts';
import { ChangeQueue, type ChangeQueueOptions, type Lane, type TurnOutcome } from './change-queue.ts';

export interface FleetTurnsOptions extends ChangeQueueOptions {
  readonly log: Logger;
}

export class FleetTurns {
  readonly #log: Logger;
  readonly #queue: ChangeQueue;
  #isStopped = false;

  constructor({ log, ...options }: FleetTurnsOptions) {
    this.#log = log;
    this.#queue = new ChangeQueue(options);
  }

  /** Streams that end from here on end for us: nobody's absence begins with it, and nothing is written for each. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Changes that wait, and turns of hosts that newer ones of the same host made needless. */
  get queue(): { readonly operators: number; readonly hosts: number; readonly replaced: number } {
    const queue = this.#queue;
    const operators = queue.waiting('containment') + queue.waiting('operators');
    return { operators, hosts: queue.waiting('hosts'), replaced: queue.replaced };
  }

  run<T>(change: () => Promise<T>, by?: 'hosts'): Promise<T> {
    return this.#queue.run(change, by);
  }

  /** A turn that may be asked for as often as one likes; of those with one key that wait, the newest. */
  replaceable(key: string, change: () => Promise<void>): Promise<TurnOutcome> {
    return this.#queue.soon(key, change);
  }

  /** As `replaceable`, for a change that nobody waits for. */
  soon(key: string, change: () => Promise<void>, lane: Lane = 'hosts'): void {
    this.#queue.soon(key, change, lane).catch((cause: unknown) => {
      if (!this.#isStopped) this.#log.error({ err: cause }, 'a change of the fleet could not be stored');
    });
  }

  /** An operator's change. `change` is given the name for the audit log; whose right to it ended in an earlier turn does no more. */
  inTurn<T>(
    by: Actor,
    change: (actor: string) => Promise<T>,
    lane: 'operators' | 'containment' = 'operators',
  ): Promise<T> {
    return this.#queue.run(async () => change(holdingName(by)), { lane, who: turnName(by) });
  }

  quiet(): Promise<void> {
    return this.#queue.quiet();
  }

  aboutToStop(): void {
    this.#isStopped = true;
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#queue.stop();
  }
}
