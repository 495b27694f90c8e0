// A gate judges one direction of one workload. Most workloads have one gate a direction; where a rule's own side is an
// address range (its own addresses, a multicast group it listens to), the local addresses that differ in what applies to them get
// a gate each, so that the maps behind a gate depend on the remote address alone. Names no kernel object; build-table.ts does.

import { type Address, type Family, familyOf, lastValue } from '#model/address.ts';
import { type AddressRange, rangesContain, rangesContainValue } from '#model/address-range.ts';
import type {
  DirectionRules,
  Exemption,
  Grant,
  GuardrailDeny,
  LocalAddresses,
  WorkloadRules,
} from '#model/rule-set.ts';
import type { Direction } from '#model/verdict.ts';

export interface Gate {
  readonly workload: WorkloadRules;
  readonly direction: Direction;
  readonly rules: DirectionRules;
  readonly guardrails: readonly GuardrailDeny[];
  readonly grants: readonly Grant[];
  /** Sets of quarantined workloads from which it is not cut off. */
  readonly exemptFrom: readonly Exemption[];
}

/** Local addresses from `first` to `last` of one gate. */
export interface LocalRange {
  readonly range: AddressRange;
  readonly gate: Gate;
}

/** Which gate judges which local address: sorted, disjoint ranges, and `rest` for every other. */
export interface GateChoice {
  readonly gates: readonly Gate[];
  readonly byRange: readonly LocalRange[];
  readonly rest: Readonly<Record<Family, Gate>>;
}

export function gateAt({ byRange, rest }: GateChoice, address: Address): Gate {
  return byRange.find(({ range }) => rangesContain([range], address))?.gate ?? rest[familyOf(address)];
}

export function chooseGates(workload: WorkloadRules, direction: Direction): GateChoice {
  const rules = workload[direction];
  const exemptions = workload.exemptFrom ?? [];
  const made = new Map<string, Gate>();
  const gateFor = (applies: (local: LocalAddresses) => boolean): Gate => {
    const guardrails = rules.guardrails.filter(({ local }) => applies(local));
    const grants = rules.grants.filter(({ local }) => applies(local));
    const exemptFrom = exemptions.filter(({ local }) => applies(local));
    const key = JSON.stringify([
      guardrails.map((entry) => rules.guardrails.indexOf(entry)),
      grants.map((grant) => rules.grants.indexOf(grant)),
      exemptFrom.map(({ set }) => set),
    ]);
    const known = made.get(key);
    if (known !== undefined) return known;
    const gate: Gate = { workload, direction, rules, guardrails, grants, exemptFrom };
    made.set(key, gate);
    return gate;
  };
  const conditions = [...rules.guardrails, ...rules.grants, ...exemptions].flatMap(({ local }) =>
    local.kind === 'any' ? [] : [local.ranges],
  );
  if (conditions.length === 0) {
    const gate = gateFor(() => true);
    return { gates: [gate], byRange: [], rest: { ipv4: gate, ipv6: gate } };
  }
  const gateOf = (family: Family, at: bigint) =>
    gateFor((local) => local.kind === 'any' || rangesContainValue(local.ranges, family, at));
  const cuts = cutRanges(conditions.flat());
  const rest = { ipv4: restGate('ipv4'), ipv6: restGate('ipv6') };
  const byRange: LocalRange[] = [];
  for (const range of cuts) {
    const gate = gateOf(range.family, range.first);
    const last = byRange.at(-1);
    if (gate === rest[range.family]) continue;
    if (last?.gate === gate && last.range.family === range.family && last.range.last + 1n === range.first) {
      byRange[byRange.length - 1] = { range: { ...last.range, last: range.last }, gate };
    } else {
      byRange.push({ range, gate });
    }
  }
  return { gates: [...made.values()], byRange, rest };

  /** Of addresses outside all ranges; where the ranges leave none out, of the greatest address. */
  function restGate(family: Family): Gate {
    const own = cuts.filter((range) => range.family === family);
    let at = 0n;
    for (const { first, last } of own) if (first <= at) at = last + 1n;
    return gateOf(family, at > lastValue(family) ? lastValue(family) : at);
  }
}

/** Disjoint pieces, in order, in each of which no range begins or ends. */
function cutRanges(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const pieces: AddressRange[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const own = ranges.filter((range) => range.family === family);
    const starts = [...new Set(own.flatMap(({ first, last }) => [first, last + 1n]))].sort((a, b) => (a < b ? -1 : 1));
    for (const [index, first] of starts.entries()) {
      const next = starts[index + 1];
      if (next !== undefined && own.some((range) => range.first <= first && first <= range.last)) {
        pieces.push({ family, first, last: next - 1n });
      }
    }
  }
  return pieces;
}

/** Which gates judge one workload. */
export interface WorkloadGates {
  readonly workload: WorkloadRules;
  readonly choices: Readonly<Record<Direction, GateChoice>>;
}
