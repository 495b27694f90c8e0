// What must be in the kernel before the transaction that makes a table the one in force.

import { chainsOf, type Target } from '#agent-core/table/rule.ts';
import { type Chain, type Table, tableName } from '#agent-core/table/table.ts';
import type { Standing } from '#agent-core/table/table-listing.ts';
import { preparationChain, type TableState } from '#agent-core/table/table-state.ts';
import { mapDifferences } from './map-differences.ts';
import { counterDeclarations, elementLines, ruleLines, stateLines } from './script.ts';

/**
 * A packet on its way follows the old rules and already finds a map's new answer; it must find the rest too: the interval maps that do not
 * stand yet (interval-map.ts), with the chains they name, still empty; and the chains that elements of standing maps will name, filled.
 * Nothing leads there before. Undefined where all stand.
 */
export function preparationScript(
  table: Table,
  standingMaps: ReadonlySet<string>,
  state: TableState,
  previous?: Table,
): string | undefined {
  const fresh = [...table.maps].filter(([name, { update }]) => update === 'fresh' && !standingMaps.has(name));
  const targets = new Set(fresh.flatMap(([, { elements }]) => [...elements.values()].flatMap(chainOf)));
  const filled = previous === undefined ? new Map<string, Chain>() : chainsToCome(table, previous);
  if (fresh.length === 0 && filled.size === 0) return undefined;
  const lines = [`add table ${tableName}`];
  for (const chain of new Set([preparationChain, ...targets, ...filled.keys()]))
    lines.push(`add chain ${tableName} ${chain}`);
  if (filled.size > 0) lines.push(...counterDeclarations(table, previous));
  lines.push(`flush chain ${tableName} ${preparationChain}`, ...stateLines(state, preparationChain));
  for (const [name, { rules }] of filled)
    lines.push(`flush chain ${tableName} ${name}`, ...ruleLines(name, rules, { state, marks: table.marks }));
  for (const [name, { kind, declaration, elements }] of fresh) {
    lines.push(`add ${kind} ${tableName} ${name} ${declaration}`, ...elementLines('add', name, [...elements]));
  }
  return `${lines.join('\n')}\n`;
}

/** Of the chains that `previous` has not, those that changed elements of its maps will name, and those they lead to. */
function chainsToCome(table: Table, previous: Table): ReadonlyMap<string, Chain> {
  const found = new Map<string, Chain>();
  const take = (name: string) => {
    const chain = table.chains.get(name);
    if (chain === undefined || previous.chains.has(name) || found.has(name)) return;
    found.set(name, chain);
    for (const rule of chain.rules) chainsOf(rule).forEach(take);
  };
  for (const [name, map] of table.maps) {
    const before = previous.maps.get(name);
    if (before === undefined || before === map) continue;
    for (const [, to] of mapDifferences(before, map).changed) chainOf(to).forEach(take);
  }
  return found;
}

function chainOf(target: Target): readonly string[] {
  return 'chain' in target ? [target.chain] : [];
}

/** Whether a load over what stands refills an interval map in place, and so answers with its old content for a moment. */
export function refillsInPlace(table: Table, { maps }: Standing): boolean {
  return [...table.maps].some(([name, { update }]) => update === 'fresh' && maps.has(name));
}
