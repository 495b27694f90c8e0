// Names that policies and hosts want, and what was discovered gives up.

import { runningCanary } from '#control-plane/changes/fleet-state.ts';
import { type StoredYielding, storedYielding, yieldingOf } from '#control-plane/inventory/name-yielding.ts';
import type { FleetParts } from './fleet-parts.ts';

export class WorkloadNames {
  readonly #parts: FleetParts;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  isOfPolicy(name: string): boolean {
    const { state } = this.#parts;
    return state.active.policy.workloads.has(name) || runningCanary(state)?.policy.workloads.has(name) === true;
  }

  isTaken(name: string): boolean {
    return this.isOfPolicy(name) || this.#parts.state.inventory.isTaken(name);
  }

  yielding(wanted: Iterable<string>, wantedBy: string): StoredYielding | undefined {
    const { state, tenant, now } = this.#parts;
    const yielding = yieldingOf(wanted, { inventory: state.inventory, isTaken: (name) => this.isTaken(name) });
    return yielding && storedYielding(yielding, { tenant, at: now(), wantedBy });
  }

  /** Discovered workloads give these names up. */
  async yieldNames(wanted: Iterable<string>, wantedBy: string): Promise<'yielded' | 'none'> {
    const yielding = this.yielding(wanted, wantedBy);
    if (yielding === undefined) return 'none';
    await this.#parts.runner.run({ kind: 'names-yielded', ...yielding });
    return 'yielded';
  }
}
