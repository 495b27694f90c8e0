// Runs changes: each is written, then applied, then what follows from it is done, and only then is it told. A change that the store does not
// take has not happened. Who calls it sees to the order: one turn at a time (change-queue.ts).

import type { Consequences, Writing } from '#control-plane/changes/change-kind.ts';
import { type Asked, applyChange, type Change, kindOf, type OutcomeOf } from '#control-plane/changes/changes.ts';
import type { FleetState } from '#control-plane/changes/fleet-state.ts';

export interface ChangeRunnerOptions {
  readonly state: FleetState;
  readonly store: Writing['store'];
  readonly tenant: string;
  /** What is done at once. */
  readonly publish: (consequences: Consequences) => void;
  /** What the store may be asked for; never rejects but where a hold cannot be seen to have ended. */
  readonly follow: (consequences: Consequences) => Promise<void>;
  /** Each change as it was applied, in their order: what a log of changes holds. */
  readonly happened?: ((change: Change, state: FleetState) => void) | undefined;
}

export class ChangeRunner {
  readonly #options: ChangeRunnerOptions;

  constructor(options: ChangeRunnerOptions) {
    this.#options = options;
  }

  /** Rejects where the store does not take it, and then nothing has changed. */
  async run<One extends Asked>(asked: One): Promise<OutcomeOf<One['kind']>> {
    const outcome = await this.write(asked);
    if (outcome.kind === 'refused') return outcome;
    await this.#options.follow(this.apply(outcome as Change));
    return outcome;
  }

  /** Of a change that was applied before its turn to be written came, as `apply` allows. */
  async write<One extends Asked>(asked: One): Promise<OutcomeOf<One['kind']>> {
    const { store, tenant, state } = this.#options;
    const outcome = await kindOf(asked).write({ store, tenant, policies: state.policies }, asked as never);
    return outcome as OutcomeOf<One['kind']>;
  }

  /** For changes that hold whether or not the store takes them now, and that are written later, if at all. */
  apply(change: Change): Consequences {
    const { state, happened, publish } = this.#options;
    const consequences = applyChange(state, change);
    happened?.(change, state);
    publish(consequences);
    return consequences;
  }
}
