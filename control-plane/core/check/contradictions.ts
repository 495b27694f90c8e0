// Finds, for a rule, the first guardrail entry that denies something it grants: a pair of workloads that both mean, and a service of
// both. Rules whose sides and services are written alike have one answer, found once.

import { serviceTermText } from '#model/service.ts';
import type { Guardrail, GuardrailEntry, Rule } from '#policy/policy/policy.ts';
import { type Reaches, type RuleReach, termsOverlap, type WorkloadSet } from './rule-reach.ts';

export interface ReachingEntry {
  readonly guardrail: Guardrail;
  readonly entry: GuardrailEntry;
  readonly reach: RuleReach;
}

export interface Contradiction {
  readonly guardrail: Guardrail;
  /** "dev-1 → db-1". */
  readonly pair: string;
}

export interface Contradictions {
  find(rule: Rule, reach: RuleReach): Contradiction | undefined;
  /** Rules that were not compared any more: the number of comparisons is bounded. */
  skipped(): number;
}

const mostComparisons = 1_000_000;

export function createContradictions({
  reaches,
  guardrails,
}: {
  readonly reaches: Reaches;
  readonly guardrails: readonly ReachingEntry[];
}): Contradictions {
  const numbers = new Map<WorkloadSet, number>();
  const answers = new Map<string, Contradiction | undefined>();
  let comparisons = 0;
  let skipped = 0;

  function numberOf(set: WorkloadSet): number {
    const known = numbers.get(set) ?? numbers.size;
    numbers.set(set, known);
    return known;
  }

  /** Open sides are left out: that they hold an address of somebody says nothing about him. */
  function search(rule: Rule, { selected }: RuleReach): Contradiction | undefined {
    for (const { guardrail, entry, reach: denied } of guardrails) {
      comparisons += 1;
      const sources = reaches.common(selected.from, denied.from).workloads;
      if (sources.length === 0) continue;
      comparisons += rule.services.length * entry.services.length;
      const targets = reaches.common(selected.to, denied.to).workloads;
      const from = sources.find((source) => targets.some((target) => target !== source));
      const to = targets.find((target) => target !== from);
      if (from === undefined || to === undefined || !termsOverlap(rule.services, entry.services)) continue;
      return { guardrail, pair: `${from.name} → ${to.name}` };
    }
    return undefined;
  }

  return {
    find(rule, reach) {
      const services = rule.services.map(serviceTermText).sort().join();
      const key = `${numberOf(reach.selected.from)} ${numberOf(reach.selected.to)} ${services}`;
      if (answers.has(key)) return answers.get(key);
      if (comparisons > mostComparisons) {
        skipped += 1;
        return undefined;
      }
      const answer = search(rule, reach);
      answers.set(key, answer);
      return answer;
    },
    skipped: () => skipped,
  };
}
