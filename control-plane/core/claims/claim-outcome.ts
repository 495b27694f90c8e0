// What came of claims since somebody last asked: who has other addresses, what a store must know, whose pending claims are others, and
// what operators must be able to look up.

import type { Address } from '#model/address.ts';
import type { ClaimEvent } from './address-standing.ts';

export class ClaimOutcome {
  #touched = new Set<string>();
  #holderChanges = new Map<Address, string | undefined>();
  #pendingChanges = new Set<string>();
  #virtualChanges = new Set<string>();
  #events: ClaimEvent[] = [];

  /** A host or external workload that is known by other addresses. */
  touch(name: string): void {
    this.#touched.add(name);
  }

  /** Of an address that one host alone may hold; undefined: no host does. */
  holderIs(address: Address, host: string | undefined): void {
    this.#holderChanges.set(address, host);
  }

  pendingChanged(host: string): void {
    this.#pendingChanges.add(host);
  }

  /** The host holds other addresses of virtual workloads: no peer knows it by these, so no workload is another for it. */
  virtualChanged(host: string): void {
    this.#virtualChanges.add(host);
  }

  tell(event: ClaimEvent): void {
    this.#events.push(event);
  }

  takeTouched(): ReadonlySet<string> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  takeHolderChanges(): ReadonlyMap<Address, string | undefined> {
    const changes = this.#holderChanges;
    this.#holderChanges = new Map();
    return changes;
  }

  takePendingChanges(): ReadonlySet<string> {
    const changes = this.#pendingChanges;
    this.#pendingChanges = new Set();
    return changes;
  }

  takeVirtualChanges(): ReadonlySet<string> {
    const changes = this.#virtualChanges;
    this.#virtualChanges = new Set();
    return changes;
  }

  takeEvents(): readonly ClaimEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
