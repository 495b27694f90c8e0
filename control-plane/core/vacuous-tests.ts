// Which assertions of PolicyTests can never fail: those that expect "allow" of connections that no policy can deny. Such are only
// connections between ends without an agent, and of a workload with itself: no segment, guardrail or mode is asked about either.

import { familyOf } from '#model/address.ts';
import { createHolders } from './holders.ts';
import type { Assertion, Inventory, Workload } from './policy.ts';
import { type Endpoint, endpointsOf, isPair, servicesExist } from './policy-tests.ts';

export type Vacuity = 'unmanaged' | 'loopback';

/** Why the assertion holds under every policy; undefined where one could make it fail, or where it finds nothing to try and fails. */
export function createVacuityCheck(inventory: Inventory): (assertion: Assertion) => Vacuity | undefined {
  const { workloadAt } = createHolders(inventory.workloads);
  const workloadOf = ({ address, workload }: Endpoint) => workload ?? workloadAt(address);

  function classOf(source: Endpoint, destination: Endpoint): Vacuity | undefined {
    const [from, to] = [workloadOf(source), workloadOf(destination)];
    if (from !== undefined && from === to && from.kind !== 'external') return 'loopback';
    return isManaged(from) || isManaged(to) ? undefined : 'unmanaged';
  }

  return (assertion) => {
    // What a rule is named for by `via` fails where none grants, and so can fail.
    if (assertion.expect === 'deny' || assertion.via !== undefined) return undefined;
    const from = fewest(endpointsOf(assertion.from, inventory), workloadOf);
    const to = fewest(endpointsOf(assertion.to, inventory), workloadOf);
    let found: Vacuity | undefined;
    for (const source of from) {
      if (!servicesExist(assertion.services, familyOf(source.address))) continue;
      for (const destination of to) {
        if (!isPair({ workloadAt }, { assertion, source, destination })) continue;
        const vacuity = classOf(source, destination);
        if (vacuity === undefined) return undefined;
        found = found === 'loopback' ? found : vacuity;
      }
    }
    return found;
  };
}

function isManaged(workload: Workload | undefined): boolean {
  return workload !== undefined && workload.kind !== 'external';
}

/** Of ends without an agent two of each family stand for all, so that thousands of them are not paired with each other. */
function fewest(ends: readonly Endpoint[], workloadOf: (end: Endpoint) => Workload | undefined): readonly Endpoint[] {
  const unmanaged = { ipv4: new Set<Workload | undefined>(), ipv6: new Set<Workload | undefined>() };
  return ends.filter((end) => {
    const workload = workloadOf(end);
    if (isManaged(workload)) return true;
    const seen = unmanaged[familyOf(end.address)];
    if (seen.has(workload) || seen.size === 2) return false;
    seen.add(workload);
    return true;
  });
}
