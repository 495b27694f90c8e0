// The script a host would load from nothing: what `segwall policy render` shows, and what an agent with an empty kernel applies.

import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { buildTable } from './build-table.ts';
import { defaultMarks, type MarkLayout, maskText } from './mark-layout.ts';
import { emptyNumbering } from './numbering.ts';
import { mostWalksDefault } from './peer-layout.ts';
import type { Table } from './table.ts';
import { bootstrapScript, nothingStanding, statedMask } from './transaction.ts';

export interface RenderSettings {
  readonly essentials: readonly EssentialEntry[];
  /** SHA-256 over the table's text, hex; "-" stands in the script where it is not given. */
  readonly digestOf?: (text: string) => string;
  /** Default: the default mask's. */
  readonly marks?: MarkLayout;
  /** As of buildTable. */
  readonly mostWalks?: number;
}

/** The rule set needs more decisions than the mask numbers. */
export class NoRoomError extends Error {}

export function renderFromNothing(ruleSet: HostRuleSet, settings: RenderSettings): string {
  const { marks = defaultMarks, essentials, mostWalks = mostWalksDefault } = settings;
  const table = buildTable({ ruleSet, essentials, numbering: emptyNumbering, marks, mostWalks });
  if (table === undefined) throw new NoRoomError(noRoomText(marks));
  const digest = settings.digestOf?.(tableText(table)) ?? '-';
  return bootstrapScript(
    table,
    { revision: ruleSet.revision, epoch: 1, digest, ...statedMask(marks) },
    nothingStanding,
  );
}

/** The table as text without revision, epoch or digest: what is equal loads equal. */
export function tableText(table: Table): string {
  return bootstrapScript(table, { revision: 0, epoch: 0, digest: '-' }, nothingStanding);
}

/** Why no table can be made, for whoever reads the NACK. */
export function noRoomText({ mask, decisionsMost }: MarkLayout): string {
  const most = String(decisionsMost).replace(/\B(?=(\d{3})+$)/g, ',');
  return `the rule set needs more different decisions for this host than our bits of the connection mark (${maskText(mask)}) can number, ${most}: give the agent's setting connections.markMask more bits, or have fewer rules reach this host`;
}
