// Which assertions of PolicyTests can never fail: those that expect "allow" of connections that no policy can deny. Such are only
// connections between ends without an agent, and of a workload with itself: no segment, guardrail or mode is asked about either.

import { familyOf } from '#model/address.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import { createHolders } from '#policy/judge/address-holders.ts';
import type { Endpoint } from '#policy/judge/end-classes.ts';
import { endpointsOf, isPair, servicesExist } from '#policy/judge/policy-tests.ts';
import type { Assertion, Inventory, Workload } from '#policy/policy/policy.ts';

export type Vacuity = 'unmanaged' | 'loopback';

/** Why the assertion holds under every policy; undefined where one could make it fail, or where it finds nothing to try and fails. */
export function createVacuityCheck(inventory: Inventory): (assertion: Assertion) => Vacuity | undefined {
  const { workloadAt, judgedAt } = createHolders(inventory.workloads);
  const workloadOf = ({ address, workload }: Endpoint) => workload ?? workloadAt(address);

  function classOf(source: Endpoint, destination: Endpoint): Vacuity | undefined {
    const [from, to] = [judgedOf(source), judgedOf(destination)];
    if (!from.some(isManaged) && !to.some(isManaged)) return 'unmanaged';
    const isOne = from.length === 1 && to.length === 1 && from[0] === to[0];
    const isVirtual = workloadOf(source)?.kind === 'virtual' && source.address === destination.address;
    return isOne || isVirtual ? 'loopback' : undefined;
  }

  /** A virtual workload's end is judged as each host that may hold it. */
  function judgedOf({ address, workload }: Endpoint): readonly Workload[] {
    return judgedAt(address, workload?.name);
  }

  function hasAgent(end: Endpoint): boolean {
    return judgedOf(end).some(isManaged);
  }

  return (assertion) => {
    // What a rule is named for by `via` fails where none grants, and so can fail.
    if (assertion.expect === 'deny' || assertion.via !== undefined) return undefined;
    const from = fewest(endpointsOf(assertion.from, inventory), { workloadOf, hasAgent });
    const to = fewest(endpointsOf(assertion.to, inventory), { workloadOf, hasAgent });
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

/** Of ends without an agent two of each family stand for all, so that thousands of them are not paired with each other. */
function fewest(
  ends: readonly Endpoint[],
  {
    workloadOf,
    hasAgent,
  }: {
    readonly workloadOf: (end: Endpoint) => Workload | undefined;
    readonly hasAgent: (end: Endpoint) => boolean;
  },
): readonly Endpoint[] {
  const unmanaged = { ipv4: new Set<Workload | undefined>(), ipv6: new Set<Workload | undefined>() };
  return ends.filter((end) => {
    const workload = workloadOf(end);
    if (hasAgent(end)) return true;
    const seen = unmanaged[familyOf(end.address)];
    if (seen.has(workload) || seen.size === 2) return false;
    seen.add(workload);
    return true;
  });
}
