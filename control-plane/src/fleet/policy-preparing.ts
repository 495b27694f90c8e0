// Policies that are compiled beside the one in force, so that activating them is a small step.

import { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import type { Millis } from '#model/time.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';

export interface PolicyPreparingOptions {
  readonly inventory: () => Inventory;
  /** Hosts whose rule sets were asked for. */
  readonly askedHosts: () => Iterable<string>;
  readonly now: () => Millis;
}

export class PolicyPreparing {
  readonly #options: PolicyPreparingOptions;
  /** One at a time: each holds the whole fleet's rule sets a second time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyPreparingOptions) {
    this.#options = options;
  }

  /** `hosts` are those it is for, default all that are known. Waits for those before it. */
  async prepare(policy: Policy, hosts?: Iterable<string>): Promise<PreparedPolicy> {
    const { inventory, askedHosts, now } = this.#options;
    const prepared = this.#last.then(() =>
      PreparedPolicy.make({ policy, inventory, hosts: () => hosts ?? askedHosts(), now }),
    );
    this.#last = prepared.catch(() => undefined);
    return prepared;
  }
}
