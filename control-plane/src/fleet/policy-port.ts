// Policies that operators bring into force, for everybody or on trial. Each returns once the change is stored and handed to the streams it
// concerns.

import { runningCanary } from '#control-plane/changes/fleet-state.ts';
import type { CanaryLimits } from '#control-plane/publish/canary.ts';
import type { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import type { NewActivation } from '#control-plane/store/policies.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Policy } from '#policy/policy/policy.ts';
import type { ActivationAsked, HoldBegan, Judged, Overtaken } from './activation.ts';
import type { Actor } from './asker.ts';
import type { JoinedParts } from './joined-parts.ts';

export type DraftDeletion = 'deleted' | 'unknown' | 'activated' | 'on-trial';

/** In one audit entry. */
const hostsTold = 32;

export class PolicyPort {
  readonly #parts: JoinedParts;

  constructor(parts: JoinedParts) {
    this.#parts = parts;
  }

  prepare(policy: Policy, hosts?: Iterable<string>): Promise<PreparedPolicy> {
    return this.#parts.preparing.prepare(policy, hosts);
  }

  /** Makes `policy` the active one and sends it to every connected agent. A canary that runs ends: this is meant for its hosts too. */
  async activate(
    input: ActivationAsked,
  ): Promise<
    Result<
      { readonly revision: number; readonly policy: number },
      'revision-changed' | 'policy-gone' | HoldBegan | Overtaken
    >
  > {
    const { holding, turns, state, activations } = this.#parts;
    const { expectRevision, note, ends = { hold: holding.current } } = input;
    return turns.inTurn(note.actor, async (actor) => {
      const isExpected = expectRevision === undefined || state.active.revision === expectRevision;
      if (!isExpected) return err('revision-changed');
      if (activations.isOvertaken(input)) return err('overtaken');
      if (holding.isHeld && holding.current !== ends.hold) return err('hold-began');
      input.assertStill?.();
      if (await activations.isGone(input.source)) return err('policy-gone');
      return ok(await activations.activate({ ...input, note: { ...note, actor } }));
    });
  }

  /** Lets `hosts` alone enforce a policy; it becomes the active one when they hold it, and theirs no more when not. */
  async startCanary(
    input: Judged & {
      readonly source: NewActivation['source'];
      readonly hosts: readonly string[];
      readonly limits: CanaryLimits;
      readonly actor: Actor;
    },
  ): Promise<
    Result<
      { readonly revision: number; readonly policy: number },
      'canary-running' | 'policy-gone' | HoldBegan | Overtaken
    >
  > {
    const { turns, state, holding, activations, notes, names, runner, publication, trial } = this.#parts;
    const { policy, source, hosts, limits, prepared } = input;
    return turns.inTurn(input.actor, async (actor) => {
      if (state.canary?.state === 'running') return err('canary-running');
      if (holding.isHeld) return err('hold-began');
      if (activations.isOvertaken(input)) return err('overtaken');
      input.assertStill?.();
      if (await activations.isGone(source)) return err('policy-gone');
      const note = notes.dated({
        actor,
        action: 'canary-started',
        target: 'policy',
        details: { hosts: hosts.slice(0, hostsTold), count: hosts.length, ...limits },
      });
      await names.yieldNames(policy.workloads.keys(), actor);
      const revision = state.revision + 1;
      const started = await runner.run({ kind: 'canary-started', policy, source, revision, hosts, limits, note });
      const canary = runningCanary(state);
      if (canary === undefined) throw new Error('a canary that was started does not run');
      if (prepared !== undefined) publication.prepared(prepared);
      void trial.follow(canary, input.actor);
      return ok({ revision, policy: started.policy });
    });
  }

  /** `on-trial`: a canary tries it. */
  async deleteDraft(input: { readonly id: number; readonly actor: Actor }): Promise<DraftDeletion> {
    const { turns, state, notes, runner } = this.#parts;
    const { id } = input;
    return turns.inTurn(input.actor, async (actor) => {
      if (runningCanary(state)?.id === id) return 'on-trial';
      const note = notes.dated({ actor, action: 'draft-deleted', target: 'policy' });
      const outcome = await runner.run({ kind: 'draft-deleted', policy: id, note });
      return outcome.kind === 'refused' ? outcome.refusal : 'deleted';
    });
  }

  /** Its hosts are put back under the active policy. Undefined where no canary runs. */
  async endCanary(input: { readonly reason: string; readonly actor: Actor }): Promise<number | undefined> {
    const { turns, state, trial } = this.#parts;
    return turns.inTurn(input.actor, async (actor) => {
      const canary = runningCanary(state);
      return canary === undefined ? undefined : trial.drop(canary, { reason: input.reason }, actor);
    });
  }
}
