// A table that writes no mark on what it lets pass and believes none: for a host whose connection marks are others' too, as long as nothing
// is denied by its own policy. Counts and judgements stay. What it costs: a connection does not say what decided it, so that a unit's
// is told as its host's. Where a quarantine of others cuts peers off, every packet is judged, which is slow and right, and what is
// denied is marked as ever: no packet of it goes anywhere that others could route it to.

import { isCutOff } from '#agent-core/judge/decision.ts';
import { areSameRules, type Rule, trustOf } from './rule.ts';
import type { Table } from './table.ts';

/** Whether the host's own policy denies anything; what cuts off quarantined peers alone does not count. */
export function deniesByPolicy({ decisions }: Pick<Table, 'decisions'>): boolean {
  return [...decisions.values()].some(({ action, end }) => action !== 'accept' && !isCutOff(end));
}

/** Of a table for which `deniesByPolicy` is false. */
export function withoutStamps(table: Table): Table {
  const cutsOff = [...table.decisions.values()].some(({ end }) => isCutOff(end));
  const chains = new Map(
    [...table.chains].map(([name, chain]) => {
      const rules = chain.rules.flatMap((rule) => unstamped(rule, cutsOff));
      // A decision's rule for packets without a connection is what is left of its rule for those with one.
      return [name, { ...chain, rules: rules.filter((rule, at) => at === 0 || !areSame(rule, rules[at - 1])) }];
    }),
  );
  return { ...table, chains, stamps: 'withheld' };
}

function unstamped(rule: Rule, cutsOff: boolean): readonly Rule[] {
  const { match, statements } = rule;
  // Ends that name themselves to one another, and the epoch for what they named.
  if (statements.some(({ kind }) => kind === 'name' || kind === 'give-epoch')) return [];
  // Nothing is denied: what is established passes. Where peers are cut off these rules are left out (change/script.ts).
  if (trustOf(rule) === 'epoch')
    return [
      cutsOff
        ? rule
        : { ...rule, match: match.filter((one) => typeof one === 'string' || one.kind !== 'todays-epoch') },
    ];
  return [{ ...rule, statements: statements.filter(({ kind }) => kind !== 'stamp') }];
}

function areSame(one: Rule, other: Rule | undefined): boolean {
  return other !== undefined && areSameRules([one], [other]);
}
