// The script a host would load from nothing: what `segwall policy render` shows, and what an agent with an empty kernel applies.

import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { buildTable } from './build-table.ts';
import { emptyNumbering } from './numbering.ts';
import type { Table } from './table.ts';
import { bootstrapScript, nothingStanding } from './transaction.ts';

export interface RenderSettings {
  readonly essentials: readonly EssentialEntry[];
  /** SHA-256 over the table's text, hex; "-" stands in the script where it is not given. */
  readonly digestOf?: (text: string) => string;
}

export function renderFromNothing(ruleSet: HostRuleSet, settings: RenderSettings): string {
  const table = buildTable({ ruleSet, essentials: settings.essentials, numbering: emptyNumbering });
  if (table === undefined) throw new Error('the rule set holds more than 65,535 different decisions for one host');
  const digest = settings.digestOf?.(tableText(table)) ?? '-';
  return bootstrapScript(table, { revision: ruleSet.revision, epoch: 1, digest }, nothingStanding);
}

/** The table as text without revision, epoch or digest: what is equal loads equal. */
export function tableText(table: Table): string {
  return bootstrapScript(table, { revision: 0, epoch: 0, digest: '-' }, nothingStanding);
}
