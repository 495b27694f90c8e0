// The lines of an nft script about our table: what each makes, fills or takes away. Their order is the transactions' (transaction.ts).

import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { renderElement, renderRule } from '#agent-core/table/render-rule.ts';
import { type Rule, type Target, trustOf } from '#agent-core/table/rule.ts';
import { type Table, tableName } from '#agent-core/table/table.ts';
import { stateChain, stateLine, type TableState } from '#agent-core/table/table-state.ts';
import type { UnitPlacement } from './unit-placement.ts';

/** Elements of one line of text; nft's parser slows down on very long ones. */
const elementsPerLine = 1000;

export type Element = readonly [key: string, to: Target];

/** Under which epoch rules are written, and by whose bits. */
export interface RuleWriting {
  readonly state: TableState;
  readonly marks: MarkLayout;
}

/** Chains before maps: an interval map with verdicts that is declared before the chain it names fails (nft 1.0.6). */
export function declarations(table: Table, previous?: Table): readonly string[] {
  const lines: string[] = [...counterDeclarations(table, previous)];
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

export function counterDeclarations(table: Table, previous?: Table): readonly string[] {
  return [...table.counters]
    .filter((name) => previous?.counters.has(name) !== true)
    .map((name) => `add counter ${tableName} ${name}`);
}

/** While marks are in doubt, without the rules that believe them: every packet is judged, which is slow and right. */
export function ruleLines(chain: string, rules: readonly Rule[], { state, marks }: RuleWriting): readonly string[] {
  const believed = state.unswept === undefined ? rules : rules.filter((rule) => trustOf(rule) === 'none');
  return believed.map((rule) => `add rule ${tableName} ${chain} ${renderRule(rule, { marks, epoch: state.epoch })}`);
}

/** The rule that carries the state, in a chain that is empty. */
export function stateLines(state: TableState, chain: string = stateChain): readonly string[] {
  return [`add rule ${tableName} ${chain} ${stateLine(state)}`];
}

export function elementLines(verb: 'add' | 'delete', map: string, elements: readonly Element[]): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < elements.length; at += elementsPerLine) {
    const part = elements
      .slice(at, at + elementsPerLine)
      .map(([key, to]) => (verb === 'delete' ? key : renderElement(key, to)));
    lines.push(`${verb} element ${tableName} ${map} { ${part.join(', ')} }`);
  }
  return lines;
}

/** Idempotent: chains and maps of a placement are emptied first. */
export function placementLines(placement: readonly UnitPlacement[], writing: RuleWriting): readonly string[] {
  return placement.flatMap(({ entry, rules, elements }) => [
    `flush chain ${tableName} ${entry}`,
    `flush map ${tableName} ${entry}`,
    ...ruleLines(entry, rules, writing),
    ...elements.flatMap((element) => elementLines('add', entry, [element])),
  ]);
}
