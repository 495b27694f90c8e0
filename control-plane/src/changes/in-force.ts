// What of the state is to be published: the policy in force, the one on trial, and whether agents are sent anything.

import type { InForce } from '#control-plane/publish/publication.ts';
import { type FleetState, runningCanary } from './fleet-state.ts';

/** `away`: enrolled hosts without a stream. */
export function inForceOf(state: FleetState, away: () => Iterable<string>): InForce {
  const { inventory, active, revision } = state;
  return {
    policy: active.policy,
    takeChanges: () => inventory.takeChanges(),
    revision,
    sending: active.problem === undefined && state.hold === undefined ? 'send' : 'hold',
    trial: runningCanary(state),
    inventory: () => inventory.current(),
    away,
  };
}
