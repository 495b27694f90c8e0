// Which hosts may hold which virtual workloads: those whose workload of kind host `holders` selects. A unit shares its host's addresses,
// these too; a container has addresses of its own. Answers are kept, since workloads do not change here.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { SelectorIndex } from '#policy/select/selector-index.ts';

export interface HeldVirtuals {
  /** The hosts that may hold a virtual workload's addresses, by name. */
  holdersOf(virtual: Workload): readonly Workload[];
  /** The virtual workloads that a host, or a unit on it, may hold, by name. */
  virtualOf(workload: Workload): readonly Workload[];
}

const none: readonly Workload[] = [];

export function heldVirtuals(workloads: ReadonlyMap<string, Workload>): HeldVirtuals {
  const virtuals = new SelectorIndex<{ readonly selector: Selector; readonly virtual: Workload }>();
  for (const virtual of workloads.values()) {
    if (virtual.holders !== undefined) virtuals.add({ selector: virtual.holders, virtual });
  }
  if (virtuals.size === 0) return { holdersOf: () => none, virtualOf: () => none };
  const hosts = [...workloads.values()].filter(({ kind }) => kind === 'host').sort(byName);
  const byHost = new Map(hosts.map((workload) => [workload.host, workload]));
  const heldBy = new Map<Workload, readonly Workload[]>();
  const holders = new Map<Workload, readonly Workload[]>();

  function virtualOf(workload: Workload): readonly Workload[] {
    const host = workload.kind === 'host' || workload.kind === 'unit' ? byHost.get(workload.host) : undefined;
    if (host === undefined) return none;
    let found = heldBy.get(host);
    if (found === undefined) {
      found = virtuals
        .matching(host.labels)
        .map(({ virtual }) => virtual)
        .sort(byName);
      heldBy.set(host, found);
    }
    return found;
  }

  function holdersOf(virtual: Workload): readonly Workload[] {
    let found = holders.get(virtual);
    if (found === undefined) {
      const { holders: selector } = virtual;
      found = selector === undefined ? none : hosts.filter(({ labels }) => selectorMatches(selector, labels));
      holders.set(virtual, found);
    }
    return found;
  }

  return { holdersOf, virtualOf };
}

function byName(a: Workload, b: Workload): number {
  return compareCodeUnits(a.name, b.name);
}
