// A policy that is compiled beside the one in force, a slice at a time, so that putting it in force is a small step: to compile thousands of
// hosts takes a good part of a second, in which no agent would be answered. The fleet goes on meanwhile; what changed of it is taken when
// the policy comes into force, or on trial.

import type { Millis } from '#model/time.ts';
import { type FleetChange, FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';
import { inventoryUnder } from './policy-review.ts';
import { WorkSlices } from './work-slices.ts';

const workloadsTogether = 50;

export interface Preparing {
  readonly policy: Policy;
  readonly inventory: () => Inventory;
  /** Whose rule sets are to be ready; the rest are made when they are asked for. */
  readonly hosts: () => Iterable<string>;
  readonly now: () => Millis;
}

export class PreparedPolicy {
  readonly policy: Policy;
  readonly compiler: FleetCompiler;
  /** What the compiler was told last of each workload. */
  readonly #told = new Map<string, Workload>();

  private constructor({ policy, inventory, now }: Preparing) {
    this.policy = policy;
    const nobody = { ...inventory(), workloads: new Map() };
    this.compiler = new FleetCompiler({ policy, inventory: nobody, now: now(), schedules: 'carried' });
  }

  static async make(preparing: Preparing): Promise<PreparedPolicy> {
    const { policy, inventory, hosts, now } = preparing;
    const prepared = new PreparedPolicy(preparing);
    const slices = new WorkSlices();
    const changes = prepared.#changesTo(inventoryUnder(policy, inventory()));
    for (let at = 0; at < changes.length; at += workloadsTogether) {
      if (slices.isTurnDue) await slices.yield();
      prepared.compiler.apply(changes.slice(at, at + workloadsTogether), now());
    }
    for (const host of [...hosts()]) {
      if (slices.isTurnDue) await slices.yield();
      prepared.compiler.ruleSetOf(host, 0);
    }
    return prepared;
  }

  /** Brings it up to the inventory and to the time, once; costs what changed since it was made. */
  bringUpTo(inventory: Inventory, now: Millis): void {
    this.compiler.apply(this.#changesTo(inventory), now);
    this.#told.clear();
  }

  /** Workloads that are the same object say nothing new. */
  #changesTo({ workloads }: Inventory): readonly FleetChange[] {
    const changes: FleetChange[] = [];
    for (const [name, workload] of workloads) {
      if (this.#told.get(name) === workload) continue;
      this.#told.set(name, workload);
      changes.push({ kind: 'workload-set', workload });
    }
    if (this.#told.size === workloads.size) return changes;
    for (const name of [...this.#told.keys()]) {
      if (workloads.has(name)) continue;
      this.#told.delete(name);
      changes.push({ kind: 'workload-removed', name });
    }
    return changes;
  }
}
