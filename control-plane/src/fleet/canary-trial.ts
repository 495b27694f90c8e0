// A canary from its beginning to its end: watched, then everybody's policy or nobody's any more.

import { runningCanary } from '#control-plane/changes/fleet-state.ts';
import { type Canary, type CanaryFailure, type CanaryVerdict, watchCanary } from '#control-plane/publish/canary.ts';
import type { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import type { Activations } from './activation.ts';
import { type Actor, AuthorityEnded, endOf, holdingName } from './asker.ts';
import type { FleetParts } from './fleet-parts.ts';

/** Between attempts to store how a canary ended. */
const canaryRetryMs = 5000;

export const heldFailure: CanaryFailure = { reason: 'the store was found to be older than what agents were told' };

export class CanaryTrial {
  readonly #stopping = new AbortController();
  readonly #parts: FleetParts;
  readonly #activations: Activations;

  constructor(parts: FleetParts, activations: Activations) {
    this.#parts = parts;
    this.#activations = activations;
  }

  /** What the store cannot take now, on a full disk, is tried again for as long as it is so. */
  async follow(canary: Canary, by: Actor): Promise<void> {
    const { isExpected, state, sessions, preparing, turns, log } = this.#parts;
    const { signal } = this.#stopping;
    const ended = endOf(by);
    const watching = ended === undefined ? signal : AbortSignal.any([signal, ended]);
    while (runningCanary(state) === canary) {
      const watched = await watchCanary({ canary, sessions, isEnrolled: isExpected, signal: watching });
      if (signal.aborted) return;
      const verdict: CanaryVerdict = watched ?? { kind: 'failed', ...endedFailure(ended?.reason) };
      try {
        // The very policy that is in force is compiled for everybody.
        const isCompiled = verdict.kind === 'failed' || canary.policy === state.active.policy;
        const prepared = isCompiled ? undefined : await preparing.prepare(canary.policy);
        await turns.run(() => this.#conclude(canary, { verdict, by, prepared }));
      } catch (cause) {
        if (turns.isStopped) return;
        log.error({ err: cause }, 'the end of a canary could not be stored; it is tried again');
        await sessions.nextChange(canaryRetryMs, signal);
      }
    }
  }

  /** The fleet stops: nothing more is said of one that runs. */
  stop(): void {
    this.#stopping.abort();
  }

  async #conclude(
    canary: Canary,
    given: { readonly verdict: CanaryVerdict; readonly by: Actor; readonly prepared: PreparedPolicy | undefined },
  ): Promise<void> {
    const { verdict, by, prepared } = given;
    // Somebody may have ended it meanwhile.
    if (runningCanary(this.#parts.state) !== canary) return;
    const failure = verdict.kind === 'failed' ? verdict : this.#unwanted(by);
    if (failure !== undefined) {
      await this.drop(canary, failure, 'control-plane');
      return;
    }
    const { id, policy, revision } = canary;
    const note = { actor: holdingName(by), action: 'policy-applied', target: 'policy', details: { canary: revision } };
    const made = prepared === undefined ? {} : { prepared };
    await this.#activations.activate({ policy, source: { kind: 'stored', policy: id }, kind: 'apply', note, ...made });
  }

  /** Why a canary that held is not everybody's all the same: what let it begin is no more. */
  #unwanted(by: Actor): CanaryFailure | undefined {
    if (this.#parts.holding.isHeld) return heldFailure;
    try {
      holdingName(by);
      return undefined;
    } catch (cause) {
      if (cause instanceof AuthorityEnded) return endedFailure(cause);
      throw cause;
    }
  }

  /** Its hosts are under the active policy again. In a turn. */
  async drop(canary: Canary, { reason, host }: CanaryFailure, actor: string): Promise<number> {
    const { state, now, runner, log } = this.#parts;
    const revision = state.revision + 1;
    const failure = { reason, ...(host === undefined ? {} : { host }) };
    const change = { policy: canary.id, revision, ...failure, actor, at: now() };
    await runner.run({ kind: 'canary-failed', ...change });
    log.warn({ policy: canary.id, reason }, 'a canary failed; its hosts are under the active policy again');
    return revision;
  }
}

function endedFailure(cause: unknown): CanaryFailure {
  const why = cause instanceof AuthorityEnded ? cause.why : 'that ended';
  return { reason: `whoever asked for it may do so no more: ${why}` };
}
