// A chain's rules as a host in its first epoch would load them, for tests that look at what a rule says.

import { defaultMarks, firstEpoch } from '#agent-core/marks/mark-layout.ts';
import { renderRule } from '#agent-core/table/render-rule.ts';
import type { Rule } from '#agent-core/table/rule.ts';

export function ruleLines(rules: readonly Rule[]): readonly string[] {
  return rules.map((rule) => renderRule(rule, { marks: defaultMarks, epoch: firstEpoch }));
}
