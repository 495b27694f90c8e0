// A hold of policy as it begins and ends, the run of this process, which is named in what it signs for hosts, and who waits for both.

import { runningCanary } from '#control-plane/changes/fleet-state.ts';
import type { LiveAgent } from '#control-plane/publish/agent-sessions.ts';
import { type CanaryTrial, heldFailure } from './canary-trial.ts';
import type { FleetParts } from './fleet-parts.ts';

export class FleetHold {
  /** Connected, and left with what they have until all had time to show what they were told. */
  readonly #waiting = new Set<LiveAgent>();
  readonly #parts: FleetParts;
  readonly #trial: CanaryTrial;

  constructor(parts: FleetParts, trial: CanaryTrial) {
    this.#parts = parts;
    this.#trial = trial;
  }

  /** Agents keep what they have from now on, those of a canary too: it could not be seen to hold, and must not end what nobody has looked at. */
  async began(): Promise<void> {
    const { state, runner, holding } = this.#parts;
    const { hold } = state;
    if (hold !== undefined) await runner.write({ kind: 'hold-began', hold });
    const canary = runningCanary(state);
    if (canary !== undefined && holding.isHeld) await this.#trial.drop(canary, heldFailure, 'control-plane');
  }

  async ended(): Promise<void> {
    const { holding, state } = this.#parts;
    await holding.ended(state.revision);
    await this.beginRun();
    this.welcomeWaiting();
  }

  /** A full disk keeps no control plane from starting. It signs nothing for hosts until the store has taken that it runs. */
  async beginRun(): Promise<void> {
    const { holding, log } = this.#parts;
    try {
      await holding.beginRun();
    } catch (cause) {
      log.warn({ err: cause }, 'the store did not take that this control plane runs; it is tried again');
    }
  }

  /** What is acknowledged, and stored, can be shown to a store that is put back. */
  prove(): void {
    const { owed, holding, turns, told, sessions } = this.#parts;
    if (owed.owesRevision) return;
    if (holding.ownRun === undefined) turns.soon('run', () => this.beginRun());
    else told.prove(sessions.all());
  }

  /** Of one that is left with what it has. */
  wait(agent: LiveAgent): void {
    this.#waiting.add(agent);
  }

  left(agent: LiveAgent): void {
    this.#waiting.delete(agent);
  }

  welcomeWaiting(): void {
    for (const agent of this.#waiting) this.#parts.publication.welcome(agent);
    this.#waiting.clear();
  }
}
