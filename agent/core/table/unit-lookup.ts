// How a connection finds the rules of a systemd unit of this host: by its socket's cgroup where the kernel shows one, else by
// the decision in its mark, so that a connection judged as a unit's stays the unit's (handshakes, TIME-WAIT, ICMP answers and
// sockets of a unit that is gone have no cgroup to show). Whatever neither tells falls to the host's rules.
// The objects named here are declared empty; unit-placement.ts says what fills them.

import { parseDecisionKey } from '#agent-core/judge/decision.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Direction } from '#model/verdict.ts';
import { decisionText } from './render-rule.ts';
import { goto, lookUp, markedDecision, type Rule, rule, type Target } from './rule.ts';
import { type ElementMap, type UnitEntry, type UnitTargets, unitEntries } from './table.ts';

const markMaps: Readonly<Record<Direction, string>> = { inbound: 'units_mark_in', outbound: 'units_mark_out' };
const judgeEntries: Readonly<Record<Direction, UnitEntry>> = {
  inbound: 'units_judge_in',
  outbound: 'units_judge_out',
};

/** A judgement looks for a unit by the decision that judged the connection before. */
export function byMarkRule(direction: Direction): Rule {
  return rule([], lookUp(markedDecision, markMaps[direction]));
}

/** The maps of a host that has units. Cost: linear in the decisions ever numbered. */
export function unitMaps(request: {
  readonly units: readonly UnitTargets[];
  readonly numbering: Numbering;
  readonly marks: MarkLayout;
}): ReadonlyMap<string, ElementMap> {
  const { units, numbering } = request;
  const maps = new Map<string, ElementMap>();
  for (const entry of unitEntries) {
    maps.set(entry, {
      declaration: '{ type cgroupsv2 : verdict; }',
      kind: 'map',
      update: 'by-element',
      elements: new Map(),
    });
  }
  const byWorkload = new Map(units.map((unit) => [unit.workload, unit]));
  const byMark = { inbound: new Map<string, Target>(), outbound: new Map<string, Target>() };
  for (const [key, number] of [...numbering.decisions].sort(([, a], [, b]) => a - b)) {
    const decision = parseDecisionKey(key);
    const unit = decision === undefined ? undefined : byWorkload.get(decision.workload);
    if (decision === undefined || unit === undefined) continue;
    const { direction } = decision;
    byMark[direction].set(decisionText(request.marks, number), goto(unit.chains[judgeEntries[direction]]));
  }
  for (const direction of ['inbound', 'outbound'] as const) {
    maps.set(markMaps[direction], {
      declaration: '{ type mark : verdict; }',
      kind: 'map',
      update: 'by-element',
      elements: byMark[direction],
    });
  }
  return maps;
}
