// Makes the table of a rule set, with the host's own part of it (essential entries, addresses, units that systemd tells of, what names
// stand for) as it is at that moment.

import { buildTable } from '#agent-core/build-table.ts';
import type { MarkLayout } from '#agent-core/mark-layout.ts';
import type { Numbering } from '#agent-core/numbering.ts';
import type { Table } from '#agent-core/table.ts';
import type { NamedUnits } from '#agent-core/unit-sets.ts';
import type { Address } from '#model/address.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import type { NamesOfTable } from './names.ts';

export interface TableMakingOptions {
  readonly marks: MarkLayout;
  /** Read at every change: the control plane's addresses may move. */
  readonly essentials: () => readonly EssentialEntry[];
  /** Every address the host has now; matters to its containers. */
  readonly ownAddresses?: () => readonly Address[];
  /** Elements of verdict maps that a change may have the kernel walk through. Default: what is meant for hosts (peer-layout.ts). */
  readonly mostWalks?: number;
  /** Read at every change: units whose drop-ins have systemd tell of their cgroups. */
  readonly namedUnits?: () => NamedUnits;
  /** Absent, the sets of domain names hold what the rule set says. */
  readonly names?: NamesOfTable;
}

/** Undefined where the numbers do not fit into the marks. */
export type MakeTable = (numbering: Numbering) => Promise<Table | undefined>;

/** Reads the host's part once; what it gives makes the table under any numbering. */
export type TableMaking = (ruleSet: HostRuleSet, previous?: Table) => MakeTable;

export function createTableMaking(options: TableMakingOptions): TableMaking {
  const { marks, essentials, ownAddresses, namedUnits, mostWalks, names } = options;
  return (ruleSet, previous) => {
    const request = {
      ruleSet,
      marks,
      essentials: essentials(),
      ownAddresses: ownAddresses?.() ?? [],
      namedUnits: namedUnits?.() ?? new Map(),
      ...(mostWalks === undefined ? {} : { mostWalks }),
      ...(previous === undefined ? {} : { previous }),
    };
    return async (numbering) => {
      if (names === undefined) return buildTable({ ...request, numbering });
      await names.prepare(ruleSet);
      const table = buildTable({ ...request, numbering, ruleSet: names.resolve(ruleSet) });
      return table === undefined ? undefined : names.complete(table, ruleSet);
    };
  };
}
