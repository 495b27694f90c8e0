// From what the kernel holds to what it should hold, as one nft transaction: data in, text out. Chains are refilled in place,
// never deleted while anything could reach them; base chains and denied sets are created once and stay.

import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Chain, ElementMap, Table } from '#agent-core/table/table.ts';
import { believesMark, fillEpoch, isEpochLine, tableName } from '#agent-core/table/table.ts';
import { stateChain, stateLine, type TableState } from '#agent-core/table/table-state.ts';

/** Elements of one line of text; nft's parser slows down on very long ones. */
const elementsPerLine = 1000;

/** Names of what stands in the table now, from `nft -t list table`, so that what is left over can be removed. */
export interface Standing {
  readonly chains: ReadonlySet<string>;
  readonly maps: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
  readonly counters: ReadonlySet<string>;
}

export const nothingStanding: Standing = { chains: new Set(), maps: new Set(), sets: new Set(), counters: new Set() };

export function parseStanding(listing: string): Standing {
  const names = (kind: string) =>
    new Set([...listing.matchAll(new RegExp(`^\\t${kind} (\\S+) \\{`, 'gm'))].map(([, name = '']) => name));
  return { chains: names('chain'), maps: names('map'), sets: names('set'), counters: names('counter') };
}

/** Where a preparation leaves the state it is for, so that it too is known as ours. */
const preparationChain = 'preparation';

/**
 * What must be in the kernel before the transaction that makes `table` the one in force, so that a packet on its way, which follows the
 * old rules and already finds a map's new answer, finds the rest too: the interval maps that do not stand yet (interval-map.ts), with
 * the chains they name, still empty; and the chains that elements of standing maps will name, filled. Nothing leads there before.
 * Undefined where all stand.
 */
export function preparationScript(
  table: Table,
  standingMaps: ReadonlySet<string>,
  state: TableState,
  previous?: Table,
): string | undefined {
  const fresh = [...table.maps].filter(([name, { update }]) => update === 'fresh' && !standingMaps.has(name));
  const targets = new Set(fresh.flatMap(([, { elements }]) => [...elements.values()].flatMap(targetsOf)));
  const filled = previous === undefined ? new Map<string, Chain>() : chainsToCome(table, previous);
  if (fresh.length === 0 && filled.size === 0) return undefined;
  const lines = [`add table ${tableName}`];
  for (const chain of new Set([preparationChain, ...targets, ...filled.keys()]))
    lines.push(`add chain ${tableName} ${chain}`);
  if (filled.size > 0)
    for (const name of table.counters)
      if (previous?.counters.has(name) !== true) lines.push(`add counter ${tableName} ${name}`);
  lines.push(
    `flush chain ${tableName} ${preparationChain}`,
    `add rule ${tableName} ${preparationChain} ${stateLine(state)}`,
  );
  for (const [name, chain] of filled) {
    lines.push(`flush chain ${tableName} ${name}`, ...ruleLines(name, chain.lines, { state, marks: table.marks }));
  }
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
    for (const line of chain.lines) targetsOf(line).forEach(take);
  };
  for (const [name, map] of table.maps) {
    const before = previous.maps.get(name);
    if (before === undefined || before === map) continue;
    for (const [, answer] of mapDifferences(before, map).changed) targetsOf(answer).forEach(take);
  }
  return found;
}

function targetsOf(words: string): readonly string[] {
  return [...words.matchAll(/(?:goto|jump) ([\w-]+)/g)].map(([, chain = '']) => chain);
}

/** Whether a load over what stands refills an interval map in place, and so answers with its old content for a moment. */
export function refillsInPlace(table: Table, { maps }: Standing): boolean {
  return [...table.maps].some(([name, { update }]) => update === 'fresh' && maps.has(name));
}

/**
 * The whole table, whatever stands there now: idempotent, one transaction, no packet unjudged meanwhile. `standing` names
 * leftovers to remove; empty, it is the script for a host that has nothing. `placement`: unit-placement.ts. `prepared` maps have
 * their elements (preparationScript).
 */
export function bootstrapScript(
  table: Table,
  state: TableState,
  standing: Standing,
  placement: readonly string[] = [],
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
  for (const [name, { lines: rules }] of table.chains)
    lines.push(...ruleLines(name, rules, { state, marks: table.marks }));
  lines.push(`add rule ${tableName} ${stateChain} ${stateLine(state)}`);
  for (const [name, { elements }] of filled) lines.push(...elementLines('add', name, [...elements]));
  lines.push(...placement);
  for (const name of leftoverMaps) lines.push(`delete map ${tableName} ${name}`);
  for (const name of leftoverSets) lines.push(`delete set ${tableName} ${name}`);
  for (const name of leftoverChains) lines.push(`delete chain ${tableName} ${name}`);
  for (const name of standing.counters)
    if (!table.counters.has(name)) lines.push(`delete counter ${tableName} ${name}`);
  return `${lines.join('\n')}\n`;
}

/** From `previous` to `next`. With a new epoch every line that carries it is renewed; without, only what differs. */
export function changeScript(request: {
  readonly previous: Table;
  readonly next: Table;
  readonly isNewEpoch: boolean;
  readonly state: TableState;
  /** Needed wherever `next` has units, or elements would name chains that are gone (unit-placement.ts). */
  readonly placement?: readonly string[];
  /** Maps that have their elements already (preparationScript). */
  readonly prepared?: ReadonlySet<string>;
  /** `previous` was loaded with `unswept` marks, and now they are swept: the lines that believe them come in. */
  readonly swept?: 'just-now';
  /** `kept`: maps and elements that nothing looks for any more, and the chains they name, stand until removalScript. Default `removed`. */
  readonly goneMaps?: 'removed' | 'kept';
}): string {
  const { previous, next, isNewEpoch, state, placement = [], prepared = new Set() } = request;
  const lines: string[] = [...declarations(next, previous)];
  const refilled = [...next.chains].filter(([name, chain]) => {
    const before = previous.chains.get(name);
    if (before === undefined) return true;
    if (isNewEpoch && chain.lines.some(isEpochLine)) return true;
    if (request.swept === 'just-now' && chain.lines.some(believesMark)) return true;
    return (
      before.lines.length !== chain.lines.length || before.lines.some((line, index) => line !== chain.lines[index])
    );
  });
  const goneChains = [...previous.chains.keys()].filter((name) => !next.chains.has(name));
  for (const name of [...refilled.map(([name]) => name), stateChain, ...goneChains])
    lines.push(`flush chain ${tableName} ${name}`);
  for (const [name, chain] of refilled) lines.push(...ruleLines(name, chain.lines, { state, marks: next.marks }));
  lines.push(`add rule ${tableName} ${stateChain} ${stateLine(state)}`);
  for (const [name, map] of next.maps) {
    if (prepared.has(name) || previous.maps.get(name) === map) continue;
    const { changed, removed, stale } = mapDifferences(previous.maps.get(name), map);
    if (changed.length === 0 && removed.length === 0) continue;
    lines.push(...elementLines('delete', name, stale), ...elementLines('add', name, changed));
  }
  lines.push(...placement);
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
  const lines = [
    `flush chain ${tableName} ${stateChain}`,
    `add rule ${tableName} ${stateChain} ${stateLine(state)}`,
    ...removalLines(previous, next),
  ];
  return `${lines.join('\n')}\n`;
}

function leavesBehind(previous: Table, next: Table): boolean {
  return [...previous.maps].some(([name, before]) => {
    const map = next.maps.get(name);
    return map === undefined || (map.update === 'late-removal' && goneKeys(before.elements, map).length > 0);
  });
}

/** Elements that are new or have another value (`changed`), those that go, and those that must go first for either. */
export function mapDifferences(old: ElementMap | undefined, map: ElementMap) {
  const before: ReadonlyMap<string, string> = old?.elements ?? new Map();
  const { since } = map;
  const entries = (keys: readonly string[], of: ReadonlyMap<string, string>) =>
    keys.flatMap((key): (readonly [string, string])[] => {
      const value = of.get(key);
      return value === undefined ? [] : [[key, value]];
    });
  const isShort = since !== undefined && since.from.deref() === old;
  const now = isShort ? entries(since.keys, map.elements) : [...map.elements];
  const was = isShort ? entries(since.keys, before) : [...before];
  const changed = now.filter(([key, value]) => before.get(key) !== value);
  const removed = map.update === 'late-removal' ? [] : was.filter(([key]) => !map.elements.has(key));
  return { changed, removed, stale: [...removed, ...changed.filter(([key]) => before.has(key))] };
}

function goneKeys(before: ReadonlyMap<string, string>, map: ElementMap): readonly (readonly [string, string])[] {
  return [...before].filter(([key]) => !map.elements.has(key));
}

function removalLines(previous: Table, next: Table): readonly string[] {
  const late = [...previous.maps].flatMap(([name, { elements }]) => {
    const map = next.maps.get(name);
    return map?.update === 'late-removal' ? elementLines('delete', name, goneKeys(elements, map)) : [];
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

/** Chains before maps: an interval map with verdicts that is declared before the chain it names fails (nft 1.0.6). */
function declarations(table: Table, previous?: Table): readonly string[] {
  const lines: string[] = [];
  for (const name of table.counters)
    if (previous?.counters.has(name) !== true) lines.push(`add counter ${tableName} ${name}`);
  for (const [name, { hook }] of table.chains) {
    if (previous?.chains.has(name) !== true)
      lines.push(`add chain ${tableName} ${name}${hook === undefined ? '' : ` ${hook}`}`);
  }
  if (previous === undefined) lines.push(`add chain ${tableName} ${stateChain}`);
  for (const [name, { kind, declaration }] of table.maps) {
    if (previous?.maps.has(name) !== true) lines.push(`add ${kind} ${tableName} ${name} ${declaration}`);
  }
  if (previous === undefined) {
    for (const [name, declaration] of table.deniedSets) lines.push(`add set ${tableName} ${name} ${declaration}`);
  }
  return lines;
}

/** While marks are in doubt, without the lines that believe them: every packet is judged, which is slow and right. */
function ruleLines(
  chain: string,
  rules: readonly string[],
  { state, marks }: { readonly state: TableState; readonly marks: MarkLayout },
): readonly string[] {
  const believed = state.unswept === undefined ? rules : rules.filter((rule) => !believesMark(rule));
  return believed.map((rule) => `add rule ${tableName} ${chain} ${fillEpoch(rule, state.epoch, marks)}`);
}

function elementLines(
  verb: 'add' | 'delete',
  map: string,
  elements: readonly (readonly [string, string])[],
): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < elements.length; at += elementsPerLine) {
    const part = elements
      .slice(at, at + elementsPerLine)
      .map(([key, value]) => (verb === 'delete' || value === '' ? key : `${key} : ${value}`));
    lines.push(`${verb} element ${tableName} ${map} { ${part.join(', ')} }`);
  }
  return lines;
}
