// The virtual workloads of the active policy as the settling of addresses wants them: which hosts may hold them by the labels of now. One
// that says what it said before is the same object, so that applying a policy costs what it changes.

import type { Labels } from '#model/label.ts';
import { selectorMatches } from '#model/selector.ts';
import { equalStructures } from '#model/structure.ts';
import type { VirtualAddresses } from '#policy/claims/virtual-claims.ts';
import type { Workload } from '#policy/policy/policy.ts';

export interface DeclaredVirtual {
  readonly workload: Workload;
  readonly claim: VirtualAddresses;
}

export function declaredVirtuals({
  declared,
  before,
  labelsOf,
}: {
  readonly declared: ReadonlyMap<string, Workload>;
  readonly before: ReadonlyMap<string, DeclaredVirtual>;
  readonly labelsOf: (host: string) => Labels;
}): ReadonlyMap<string, DeclaredVirtual> {
  const next = new Map<string, DeclaredVirtual>();
  for (const [name, workload] of declared) {
    const { kind, addresses, holders } = workload;
    if (kind !== 'virtual' || holders === undefined) continue;
    const known = before.get(name);
    const isSame =
      known !== undefined &&
      equalStructures(known.workload.holders, holders) &&
      equalStructures(known.workload.addresses, addresses);
    const mayHold = (host: string) => selectorMatches(holders, labelsOf(host));
    next.set(name, isSame ? known : { workload, claim: { name, addresses, mayHold } });
  }
  return next;
}
