// Hosts that go: by name, as many as were away for long, and those that may go without a word.

import { containmentWithin } from '#control-plane/inventory/containment.ts';
import type { HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import {
  type Naming,
  namingOf,
  type OfflineAsked,
  type OfflineHost,
  offlineHosts,
} from '#control-plane/inventory/offline-hosts.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Actor } from './asker.ts';
import type { FleetParts } from './fleet-parts.ts';

/** One turn of an operator removes so many, after which others have theirs. */
const removedAtOnce = 50;

/** Undefined where there is no such host. In a turn. */
export async function removeHost(
  { state, runner, now }: FleetParts,
  host: string,
  note: Omit<AuditNote, 'at' | 'target'>,
): Promise<{ readonly was: 'contained' | 'free' } | undefined> {
  const entry = state.inventory.host(host);
  if (entry === undefined) return undefined;
  const was = containmentWithin(entry) === 'none' ? 'free' : 'contained';
  const inside = [...entry.units.keys(), ...entry.containers.keys()];
  const revision = state.revision + 1;
  await runner.run({ kind: 'removed', host, inside, was, revision, note: { ...note, at: now() } });
  return { was };
}

/** One that is contained, or has something inside that is, stays: whoever took it over must not end that by silence. In a turn. */
export async function removeSilent(parts: FleetParts): Promise<void> {
  const { state, holding, ephemeral } = parts;
  if (holding.isHeld) return;
  for (const { host, silentMs } of ephemeral.takeSilent()) {
    const entry = state.inventory.host(host);
    if (entry !== undefined && containmentWithin(entry) !== 'none') continue;
    const silentMinutes = Math.floor(silentMs / 60_000);
    await removeHost(parts, host, { actor: 'control-plane', action: 'ephemeral-removed', details: { silentMinutes } });
  }
}

export class RemovalPort {
  readonly #parts: FleetParts;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** Hosts that were without a stream for as long as that, in order. */
  offline(asked: OfflineAsked): readonly OfflineHost[] {
    const inventory = this.#parts.state.inventory;
    const labelsOf = ({ name }: HostEntry) => inventory.current().workloads.get(name)?.labels ?? new Map();
    return offlineHosts(
      { hosts: () => inventory.hosts(), offlineMsOf: (host) => this.#offlineMsOf(host), labelsOf },
      asked,
    );
  }

  /** Who names each of them. */
  namingOf(hosts: readonly OfflineHost[]): ReadonlyMap<string, Naming> {
    const { state } = this.#parts;
    return namingOf(hosts, { policy: state.active.policy, hosts: state.inventory.hosts() });
  }

  #offlineMsOf(host: string): number | undefined {
    const { state, sessions, addresses } = this.#parts;
    const since = state.inventory.claims.absentSinceOf(host);
    return since === undefined || sessions.of(host) !== undefined ? undefined : addresses.upMs() - since;
  }

  /** Revokes and forgets the host: its addresses belong to no workload any more, and nobody cuts them off. Undefined where there is none. */
  async removeAgent(host: string, by: Actor): Promise<{ readonly was: 'contained' | 'free' } | undefined> {
    return this.#parts.turns.inTurn(by, (actor) => removeHost(this.#parts, host, { actor, action: 'agent-removed' }));
  }

  /**
   * Removes those of the hosts that are still as they were found: one that came back stays, and so does one that is contained, or has something inside
   * that is. Gives the names of those that went, in order; each has an audit entry of its own.
   */
  async removeOffline(
    found: readonly OfflineHost[],
    given: {
      readonly offlineForMs: number;
      readonly actor: Actor;
      /** Asked in each turn: where not, those that are left stay. */
      readonly mayRemove?: () => boolean;
    },
  ) {
    const { turns, holding, state } = this.#parts;
    const { offlineForMs } = given;
    const removed: string[] = [];
    for (let at = 0; at < found.length; at += removedAtOnce) {
      await turns.inTurn(given.actor, async (actor) => {
        if (holding.isHeld || given.mayRemove?.() === false) return;
        for (const { entry } of found.slice(at, at + removedAtOnce)) {
          const now = state.inventory.host(entry.name);
          const offlineMs = this.#offlineMsOf(entry.name);
          if (now === undefined || containmentWithin(now) !== 'none') continue;
          if (offlineMs === undefined || offlineMs < offlineForMs) continue;
          const details = { offlineMinutes: Math.floor(offlineMs / 60_000) };
          await removeHost(this.#parts, entry.name, { actor, action: 'agent-removed', details });
          removed.push(entry.name);
        }
      });
    }
    return removed;
  }
}
