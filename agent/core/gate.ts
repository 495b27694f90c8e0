// A gate judges one direction of one workload. Most workloads have one gate a direction; where a rule's own side is an
// address range, the workload's addresses that differ in what applies to them get a gate each, so that the maps behind a
// gate depend on the far address alone. Names no kernel object; build-table.ts does.

import type { Address, Family } from '#model/address.ts';
import { familyOf } from '#model/address.ts';
import { rangesContain, wholeFamily } from '#model/address-range.ts';
import type { DirectionRules, Grant, GuardrailDeny, LocalAddresses, WorkloadRules } from '#model/rule-set.ts';
import type { Direction } from '#model/verdict.ts';

export interface Gate {
  readonly workload: WorkloadRules;
  readonly direction: Direction;
  readonly rules: DirectionRules;
  readonly guardrails: readonly GuardrailDeny[];
  readonly grants: readonly Grant[];
}

/** Which gate judges which of the workload's own addresses. `rest` is for addresses it has not published. */
export interface GateChoice {
  readonly gates: readonly Gate[];
  /** Only addresses whose gate is not their family's rest. */
  readonly byAddress: ReadonlyMap<Address, Gate>;
  readonly rest: Readonly<Record<Family, Gate>>;
}

export function chooseGates(workload: WorkloadRules, direction: Direction): GateChoice {
  const rules = workload[direction];
  const made = new Map<string, Gate>();
  const gateFor = (applies: (local: LocalAddresses) => boolean): Gate => {
    const guardrails = rules.guardrails.filter(({ local }) => applies(local));
    const grants = rules.grants.filter(({ local }) => applies(local));
    const key = JSON.stringify([
      guardrails.map((entry) => rules.guardrails.indexOf(entry)),
      grants.map((grant) => rules.grants.indexOf(grant)),
    ]);
    const known = made.get(key);
    if (known !== undefined) return known;
    const gate: Gate = { workload, direction, rules, guardrails, grants };
    made.set(key, gate);
    return gate;
  };
  const isConditional = [...rules.guardrails, ...rules.grants].some(({ local }) => local.kind === 'ranges');
  if (!isConditional) {
    const gate = gateFor(() => true);
    return { gates: [gate], byAddress: new Map(), rest: { ipv4: gate, ipv6: gate } };
  }
  const rest = {
    ipv4: gateFor((local) => coversFamily(local, 'ipv4')),
    ipv6: gateFor((local) => coversFamily(local, 'ipv6')),
  };
  const byAddress = new Map<Address, Gate>();
  for (const address of workload.addresses) {
    const gate = gateFor((local) => local.kind === 'any' || rangesContain(local.ranges, address));
    if (gate !== rest[familyOf(address)]) byAddress.set(address, gate);
  }
  return { gates: [...made.values()], byAddress, rest };
}

/** An address we do not know of is in a range only where the range is everything. */
function coversFamily(local: LocalAddresses, family: Family): boolean {
  if (local.kind === 'any') return true;
  const whole = wholeFamily(family);
  return local.ranges.some(
    (range) => range.family === family && range.first <= whole.first && range.last >= whole.last,
  );
}

/** Which gates judge one workload. */
export interface WorkloadGates {
  readonly workload: WorkloadRules;
  readonly choices: Readonly<Record<Direction, GateChoice>>;
}
