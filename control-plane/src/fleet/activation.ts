// What activates a policy, in the turn that does: by an operator's word, or at the end of a canary.

import { runningCanary } from '#control-plane/changes/fleet-state.ts';
import type { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { StoreHold } from '#control-plane/store/lineage.ts';
import type { ActivationKind, NewActivation } from '#control-plane/store/policies.ts';
import type { Policy } from '#policy/policy/policy.ts';
import type { Actor } from './asker.ts';
import type { FleetParts } from './fleet-parts.ts';
import { holdDetails } from './hold-details.ts';
import type { WorkloadNames } from './workload-names.ts';

/** A policy whose turn may come long after it was judged, and what is looked at once more then. */
export interface Judged {
  readonly policy: Policy;
  readonly prepared?: PreparedPolicy;
  /**
   * `beside`: the revision at which the policy was activated that was in force then. `hostNames`: whether its own workloads may have the names
   * of hosts that came since.
   */
  readonly judged?: { readonly beside: number; readonly hostNames: 'refused' | 'trusted' };
  /** Throws where something else speaks against it by now; then nothing is changed. */
  readonly assertStill?: () => void;
}

/** Another policy came into force since it was judged, or a host that enrolled has the name of one of its workloads. Nothing was changed; it is to be judged again. */
export type Overtaken = 'overtaken';

export interface Activating extends Judged {
  readonly source: NewActivation['source'];
  readonly kind: ActivationKind;
  readonly note: Omit<AuditNote, 'at'>;
  readonly message?: string;
  readonly commit?: string;
}

export interface ActivationAsked extends Omit<Activating, 'note'> {
  readonly note: Omit<AuditNote, 'at' | 'actor'> & { readonly actor: Actor };
  /** Nothing happens where another policy than that of this revision is active. */
  readonly expectRevision?: number;
  /** The hold that was there when the operator asked, which his activation ends; default that of this call. Any other it leaves. */
  readonly ends?: { readonly hold: StoreHold | undefined };
}

/** A hold began since it was asked for, which must not end by what nobody asked for in it. Nothing was changed. */
export type HoldBegan = 'hold-began';

export class Activations {
  readonly #parts: FleetParts;
  readonly #names: WorkloadNames;

  constructor(parts: FleetParts, names: WorkloadNames) {
    this.#parts = parts;
    this.#names = names;
  }

  /**
   * What happened to the inventory since is no reason to judge again, as it is none after the activation: hosts come, go and are contained
   * under any policy, and the tests say what held when they were run.
   */
  isOvertaken({ policy, judged }: Judged): boolean {
    const { active, inventory } = this.#parts.state;
    if (judged === undefined) return false;
    if (judged.beside !== active.revision) return true;
    if (judged.hostNames === 'trusted') return false;
    for (const name of policy.workloads.keys()) if (inventory.host(name) !== undefined) return true;
    return false;
  }

  /** A draft may have been deleted while it was judged; in a turn of ours none is. */
  async isGone(source: NewActivation['source']): Promise<boolean> {
    const { store, tenant } = this.#parts;
    return source.kind === 'stored' && !(await store.hasPolicy({ tenant, id: source.policy }));
  }

  /** A hold ends with it, and a canary. In a turn. */
  async activate(input: Activating): Promise<{ readonly revision: number; readonly policy: number }> {
    const { state, holding, runner, notes, publication } = this.#parts;
    const { policy, source, kind: activation, message, commit, prepared } = input;
    await this.#names.yieldNames(policy.workloads.keys(), input.note.actor);
    const hold = holding.view();
    const canary = runningCanary(state);
    const change = await runner.run({
      ...{ kind: 'activated', policy, source, activation, revision: state.revision + 1 },
      note: notes.dated(input.note),
      ...(message === undefined ? {} : { message }),
      ...(commit === undefined ? {} : { commit }),
      ...(canary === undefined ? {} : { canary: canary.policy === policy ? 'promoted' : 'replaced' }),
      ...(hold === undefined ? {} : { endsHold: { details: holdDetails(hold), shown: holding.shown } }),
    });
    if (prepared !== undefined) publication.prepared(prepared);
    return { revision: change.revision, policy: change.policy };
  }
}
