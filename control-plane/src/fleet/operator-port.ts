// What operators do to hosts and what is inside of them. Each returns once the change is stored and handed to the streams it concerns.

import { changedRanges, type RangesChange } from '#control-plane/inventory/allowed-ranges.ts';
import { cutOffAddresses } from '#control-plane/inventory/containment.ts';
import type { Address } from '#model/address.ts';
import type { Labels } from '#model/label.ts';
import { ok, type Result } from '#model/result.ts';
import type { Actor } from './asker.ts';
import { holdDetails } from './hold-details.ts';
import type { JoinedParts } from './joined-parts.ts';

/** What an operator contained: on which host it is, and what the others cut off as of the revision. */
export interface Contained {
  readonly revision: number;
  readonly host: string;
  readonly cutOff: readonly Address[];
}

export class OperatorPort {
  readonly #parts: JoinedParts;

  constructor(parts: JoinedParts) {
    this.#parts = parts;
  }

  /**
   * Sends policy again, as the store has it. Undefined where nothing is held, or another hold than when it was asked for. `assertStill` throws
   * where what came to light meanwhile speaks against it; then nothing is changed.
   */
  async resume(
    by: Actor,
    assertStill?: () => void,
  ): Promise<{ readonly revision: number; readonly lineage: string } | undefined> {
    const { holding, turns, state, now, runner } = this.#parts;
    const asked = holding.current;
    return turns.inTurn(by, async (actor) => {
      const hold = holding.view();
      if (hold === undefined || holding.current !== asked) return undefined;
      assertStill?.();
      const revision = state.revision + 1;
      const { shown } = holding;
      const note = { actor, at: now(), details: holdDetails(hold) };
      await runner.run({ kind: 'hold-ended', revision, shown, note });
      return { revision, lineage: holding.lineage };
    });
  }

  /**
   * Undefined where no host or unit has that name. Keys in `remove` that it lacks are no error; `labels` are its own, without
   * those that a unit has from its host.
   */
  async label(input: {
    readonly workload: string;
    readonly set: Labels;
    readonly remove: readonly string[];
    readonly actor: Actor;
  }): Promise<{ readonly revision: number; readonly labels: Labels } | undefined> {
    const { turns, state, runner, now } = this.#parts;
    return turns.inTurn(input.actor, async (actor) => {
      const { workload } = input;
      if (state.inventory.operated(workload) === undefined) return undefined;
      const { remove } = input;
      const set = Object.fromEntries(input.set);
      const revision = state.revision + 1;
      await runner.run({ kind: 'labelled', workload, set, remove, revision, actor, at: now() });
      return { revision, labels: state.inventory.operated(workload)?.said.labels ?? new Map() };
    });
  }

  /** With `peers` absent the workload is released. Undefined where no host or unit has that name. */
  async quarantine(input: {
    readonly workload: string;
    readonly peers?: readonly string[];
    readonly actor: Actor;
  }): Promise<Result<Contained> | undefined> {
    const { turns, state, now, runner } = this.#parts;
    return turns.inTurn(
      input.actor,
      async (actor) => {
        const { workload, peers } = input;
        if (state.inventory.operated(workload) === undefined) return undefined;
        for (const text of peers ?? []) {
          const peer = state.inventory.parseQuarantinePeer(text);
          if (!peer.ok) return peer;
        }
        const revision = state.revision + 1;
        const cutOff = cutOffAddresses(state.inventory, workload);
        const change = { workload, cutOff, revision, actor, at: now() };
        await runner.run(
          peers === undefined ? { kind: 'released', ...change } : { kind: 'quarantined', ...change, peers },
        );
        return ok({ revision, host: state.inventory.hostOf(workload), cutOff });
      },
      'containment',
    );
  }

  /**
   * Its certificates stop working at once, on live streams too, and all other hosts cut it off; it stays in the inventory. Undefined where
   * there is none. Again for one that is revoked, so that it can be asked again who has cut it off.
   */
  async revokeAgent(host: string, by: Actor): Promise<Contained | undefined> {
    const { turns, state, runner, now } = this.#parts;
    return turns.inTurn(
      by,
      async (actor) => {
        if (state.inventory.host(host) === undefined) return undefined;
        const revision = state.revision + 1;
        const cutOff = cutOffAddresses(state.inventory, host);
        await runner.run({ kind: 'revoked', host, cutOff, revision, actor, at: now() });
        return { revision, host, cutOff };
      },
      'containment',
    );
  }

  /** Looks at leases and at holders that are away now, as happens every few seconds by itself. */
  async passTime(): Promise<void> {
    const { turns, time, hold } = this.#parts;
    await turns.run(() => time.claimsChanged());
    hold.prove();
  }

  /** What the host may claim from now on. Undefined where there is no such host. */
  async allowAddresses(input: {
    readonly host: string;
    readonly change: RangesChange;
    readonly actor: Actor;
  }): Promise<Result<{ readonly revision: number; readonly ranges: readonly string[] }> | undefined> {
    const { turns, state, runner, now } = this.#parts;
    return turns.inTurn(input.actor, async (actor) => {
      const { host, change } = input;
      const before = state.inventory.host(host);
      if (before === undefined) return undefined;
      const changed = changedRanges(before.ranges, change);
      if (!changed.ok) return changed;
      const ranges = changed.value;
      const revision = state.revision + 1;
      await runner.run({
        ...{ kind: 'addresses-allowed', host, revision, actor, at: now() },
        ...(ranges === undefined ? {} : { ranges }),
      });
      return ok({ revision, ranges: ranges ?? [] });
    });
  }

  /**
   * A change that operators ask for and that is none of the fleet's, in a turn like those: so whose right to it ended in an earlier turn does
   * no more. `change` is given the name for the audit log.
   */
  inTurn<T>(
    by: Actor,
    change: (actor: string) => Promise<T>,
    lane: 'operators' | 'containment' = 'operators',
  ): Promise<T> {
    return this.#parts.turns.inTurn(by, change, lane);
  }
}
