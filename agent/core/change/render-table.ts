// The script a host would load from nothing: what `segwall policy render` shows, and what an agent with an empty kernel applies.

import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { defaultMarks, type MarkLayout, maskText } from '#agent-core/marks/mark-layout.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { statedMask } from '#agent-core/table/table-state.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { bootstrapScript } from './transaction.ts';

export interface RenderSettings {
  readonly essentials: readonly EssentialEntry[];
  /** SHA-256 of the table, hex; "-" stands in the script where it is not given. */
  readonly digestOf?: (table: Table) => string;
  /** Default: the default mask's. */
  readonly marks?: MarkLayout;
  /** As of buildTable. */
  readonly mostWalks?: number;
  /** As of buildTable. */
  readonly dhcpUsers?: readonly number[];
}

/** The rule set needs more decisions than the mask numbers. */
export class NoRoomError extends Error {}

export function renderFromNothing(ruleSet: HostRuleSet, settings: RenderSettings): string {
  const { marks = defaultMarks, essentials, mostWalks = mostWalksDefault } = settings;
  const { dhcpUsers } = settings;
  const table = buildTable({
    ...{ ruleSet, essentials, numbering: emptyNumbering, marks, mostWalks },
    ...(dhcpUsers === undefined ? {} : { dhcpUsers }),
  });
  if (table === undefined) throw new NoRoomError(noRoomText(marks));
  const digest = settings.digestOf?.(table) ?? '-';
  return bootstrapScript(
    table,
    { revision: ruleSet.revision, epoch: 1, digest, ...statedMask(marks) },
    nothingStanding,
  );
}

/**
 * What makes a table what it is, but for the rule set it was made of: its text without revision, epoch, digest and the classes of
 * single addresses, and what those follow from. Two tables of equal frames and equal rule sets load equal; the text of 100,000 addresses
 * need not be made for it.
 */
export function tableFrame(table: Table): string {
  const maps = new Map(table.maps);
  for (const families of table.peerMaps.values()) {
    for (const { name, of, map } of [...families.ipv4, ...families.ipv6])
      if (of === 'addresses') maps.set(name, { ...map, elements: new Map() });
  }
  const decisions = [...table.decisions].map(([number, { key }]) => `${number} ${key}`).sort();
  const classes = [...table.numbering.classes].map(([key, number]) => `${number} ${key}`).sort();
  const text = bootstrapScript({ ...table, maps }, { revision: 0, epoch: 0, digest: '-' }, nothingStanding);
  return [text, table.source.own, ...decisions, ...classes].join('\n');
}

/** Why no table can be made, for whoever reads the NACK. */
export function noRoomText({ mask, decisionsMost }: MarkLayout): string {
  const most = decisionsMost.toLocaleString('en');
  return `the rule set needs more different decisions for this host than our bits of the connection mark (${maskText(mask)}) can number, ${most}: give the agent's setting connections.markMask more bits, or have fewer rules reach this host`;
}
