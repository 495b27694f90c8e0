// From what the kernel holds to what it should hold, as one nft transaction: data in, text out. Chains are refilled in place,
// never deleted while anything could reach them; base chains and denied sets are created once and stay.

import { areSameRules, carriesEpoch, trustOf } from '#agent-core/table/rule.ts';
import { type Table, tableName } from '#agent-core/table/table.ts';
import type { Standing } from '#agent-core/table/table-listing.ts';
import { preparationChain, stateChain, type TableState } from '#agent-core/table/table-state.ts';
import { goneElements, mapDifferences } from './map-differences.ts';
import { declarations, elementLines, placementLines, ruleLines, stateLines } from './script.ts';
import type { UnitPlacement } from './unit-placement.ts';

/**
 * The whole table, whatever stands there now: idempotent, one transaction, no packet unjudged meanwhile. `standing` names
 * leftovers to remove; empty, it is the script for a host that has nothing. `placement`: unit-placement.ts. `prepared` maps have
 * their elements (preparationScript).
 */
export function bootstrapScript(
  table: Table,
  state: TableState,
  standing: Standing,
  placement: readonly UnitPlacement[] = [],
  prepared: ReadonlySet<string> = new Set(),
): string {
  const lines: string[] = [`add table ${tableName}`];
  lines.push(...declarations(table));
  const leftoverChains = [...standing.chains].filter(
    (name) => name !== stateChain && name !== preparationChain && !table.chains.has(name),
  );
  const leftoverMaps = [...standing.maps].filter((name) => !table.maps.has(name));
  const leftoverSets = [...standing.sets].filter((name) => !table.maps.has(name) && !table.deniedSets.has(name));
  for (const name of [...table.chains.keys(), stateChain, ...leftoverChains])
    lines.push(`flush chain ${tableName} ${name}`);
  const filled = [...table.maps].filter(([name]) => !prepared.has(name));
  for (const [name, { kind }] of filled) lines.push(`flush ${kind} ${tableName} ${name}`);
  for (const name of leftoverMaps) lines.push(`flush map ${tableName} ${name}`);
  // Their keys hold marks that are in doubt.
  if (state.unswept !== undefined)
    for (const name of table.deniedSets.keys()) lines.push(`flush set ${tableName} ${name}`);
  const writing = { state, marks: table.marks };
  for (const [name, { rules }] of table.chains) lines.push(...ruleLines(name, rules, writing));
  lines.push(...stateLines(state));
  for (const [name, { elements }] of filled) lines.push(...elementLines('add', name, [...elements]));
  lines.push(...placementLines(placement, writing));
  for (const name of leftoverMaps) lines.push(`delete map ${tableName} ${name}`);
  for (const name of leftoverSets) lines.push(`delete set ${tableName} ${name}`);
  for (const name of leftoverChains) lines.push(`delete chain ${tableName} ${name}`);
  for (const name of standing.counters)
    if (!table.counters.has(name)) lines.push(`delete counter ${tableName} ${name}`);
  return `${lines.join('\n')}\n`;
}

/** From `previous` to `next`. With a new epoch every chain with a rule that carries it is refilled; without, only what differs. */
export function changeScript(request: {
  readonly previous: Table;
  readonly next: Table;
  readonly isNewEpoch: boolean;
  readonly state: TableState;
  /** Needed wherever `next` has units, or elements would name chains that are gone (unit-placement.ts). */
  readonly placement?: readonly UnitPlacement[];
  /** Maps that have their elements already (preparationScript). */
  readonly prepared?: ReadonlySet<string>;
  /** `previous` was loaded with `unswept` marks, and now they are swept: the rules that believe them come in. */
  readonly swept?: 'just-now';
  /** `kept`: maps and elements that nothing looks for any more, and the chains they name, stand until removalScript. Default `removed`. */
  readonly goneMaps?: 'removed' | 'kept';
}): string {
  const { previous, next, isNewEpoch, state, placement = [], prepared = new Set() } = request;
  const lines: string[] = [...declarations(next, previous)];
  const refilled = [...next.chains].filter(([name, chain]) => {
    const before = previous.chains.get(name);
    if (before === undefined) return true;
    if (isNewEpoch && chain.rules.some(carriesEpoch)) return true;
    if (request.swept === 'just-now' && chain.rules.some((rule) => trustOf(rule) !== 'none')) return true;
    return !areSameRules(before.rules, chain.rules);
  });
  const goneChains = [...previous.chains.keys()].filter((name) => !next.chains.has(name));
  for (const name of [...refilled.map(([name]) => name), stateChain, ...goneChains])
    lines.push(`flush chain ${tableName} ${name}`);
  const writing = { state, marks: next.marks };
  for (const [name, { rules }] of refilled) lines.push(...ruleLines(name, rules, writing));
  lines.push(...stateLines(state));
  for (const [name, map] of next.maps) {
    if (prepared.has(name) || previous.maps.get(name) === map) continue;
    const { changed, removed, stale } = mapDifferences(previous.maps.get(name), map);
    if (changed.length === 0 && removed.length === 0) continue;
    lines.push(...elementLines('delete', name, stale), ...elementLines('add', name, changed));
  }
  lines.push(...placementLines(placement, writing));
  if (request.goneMaps !== 'kept' || !leavesBehind(previous, next)) lines.push(...removalLines(previous, next));
  for (const name of previous.counters) if (!next.counters.has(name)) lines.push(`delete counter ${tableName} ${name}`);
  return `${lines.join('\n')}\n`;
}

/**
 * What follows a change that kept its gone maps; undefined where none is gone. A packet that began under the old rules looks in the old
 * map, and finds it empty if the transaction that changes the rules empties it too: 4 of 2 million first packets were denied in 800
 * moves of a map, and none of 5.8 million where it stood for a transaction longer.
 */
export function removalScript(previous: Table, next: Table, state: TableState): string | undefined {
  if (!leavesBehind(previous, next)) return undefined;
  const lines = [`flush chain ${tableName} ${stateChain}`, ...stateLines(state), ...removalLines(previous, next)];
  return `${lines.join('\n')}\n`;
}

function leavesBehind(previous: Table, next: Table): boolean {
  return [...previous.maps].some(([name, before]) => {
    const map = next.maps.get(name);
    return map === undefined || (map.update === 'late-removal' && goneElements(before.elements, map).length > 0);
  });
}

function removalLines(previous: Table, next: Table): readonly string[] {
  const late = [...previous.maps].flatMap(([name, { elements }]) => {
    const map = next.maps.get(name);
    return map?.update === 'late-removal' ? elementLines('delete', name, goneElements(elements, map)) : [];
  });
  const maps = [...previous.maps].filter(([name]) => !next.maps.has(name));
  const chains = [...previous.chains.keys()].filter((name) => !next.chains.has(name));
  return [
    ...late,
    ...maps.map(([name, { kind }]) => `flush ${kind} ${tableName} ${name}`),
    ...maps.map(([name, { kind }]) => `delete ${kind} ${tableName} ${name}`),
    ...chains.map((name) => `delete chain ${tableName} ${name}`),
  ];
}
