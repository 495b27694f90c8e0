// Makes the table of a rule set, with the host's own part of it (essential entries, addresses, units that systemd tells
// of, what names stand for) and what grants as it is at that moment.

import type { NamesOfTable } from '#agent/dns/names.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { buildTable, type TableRequest } from '#agent-core/table/build-table.ts';
import type { GuestNetworks } from '#agent-core/table/guest-ends.ts';
import type { NamedUnits } from '#agent-core/table/systemd-unit-sets.ts';
import type { Table } from '#agent-core/table/table.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Address } from '#model/address.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { rulesAt } from '#model/rules-at.ts';
import type { Millis } from '#model/time.ts';

export interface TableMakingOptions {
  readonly marks: MarkLayout;
  /** Read at every change: the control plane's addresses may move. */
  readonly essentials: () => readonly EssentialEntry[];
  /** Every address the host has now; matters to its containers. */
  readonly ownAddresses?: () => readonly Address[];
  /** Read at every change; undefined where the host forwards nothing. */
  readonly guests?: () => GuestNetworks | undefined;
  /** Read at every change: users whose sockets may be a DHCP client's or server's, sorted. Default: root alone. */
  readonly dhcpUsers?: () => readonly number[];
  /**
   * Elements of verdict maps that a change may have the kernel walk through. Default: what is meant for hosts
   * (map-values.ts).
   */
  readonly mostWalks?: number;
  /** Read at every change: units whose drop-ins have systemd put their cgroups into our sets. */
  readonly namedUnits?: () => NamedUnits;
  /** Absent, the sets of domain names hold what the rule set says. */
  readonly names?: NamesOfTable;
  /** Whether connections are stamped where nothing is denied, read at every change. Absent: they are. */
  readonly markUse?: MarkUse;
  /** The time by which rules end and windows turn. Absent: the host's own clock. */
  readonly policyTime?: () => Millis;
}

/** What others do with the connection mark (mark-use.ts). */
export interface MarkUse {
  whileObserving(): NonNullable<TableRequest['whileObserving']>;
  /** What was in force before withheld its stamps, or had not come to them. */
  wereLeft(): void;
}

/** Undefined where the numbers do not fit into the marks. */
export type MakeTable = (numbering: Numbering) => Promise<Table | undefined>;

/** Reads the host's part once; what it gives makes the table under any numbering. */
export interface TableMaking {
  of(ruleSet: HostRuleSet, previous?: Table): MakeTable;
  /** By which time a table was made here. */
  judged(table: Table): Judged | undefined;
  /** A start found marks that what was in force left as they were. */
  marksWereLeft(): void;
  /** The table is also what would be made now, as `made` was. */
  judgedAgain(table: Table, made: Table): void;
}

/** `turnsAt`: when time alone makes it another table. */
export interface Judged {
  readonly at: Millis;
  readonly turnsAt?: Millis;
  /** Some rule of it has a schedule. */
  readonly isTimed: boolean;
}

export function createTableMaking(options: TableMakingOptions): TableMaking {
  const { marks, essentials, ownAddresses, namedUnits, mostWalks, names } = options;
  const { policyTime = systemClock.wall } = options;
  const judgements = new WeakMap<Table, Judged>();
  const of = (whole: HostRuleSet, previous?: Table): MakeTable => {
    const at = policyTime();
    const { ruleSet, nextTurnAt } = rulesAt(whole, at);
    const judged = { at, isTimed: ruleSet !== whole, ...(nextTurnAt === undefined ? {} : { turnsAt: nextTurnAt }) };
    const noted = (table: Table | undefined): Table | undefined => {
      if (table !== undefined) judgements.set(table, judged);
      return table;
    };
    const guests = options.guests?.();
    const request = {
      ruleSet,
      marks,
      essentials: essentials(),
      ownAddresses: ownAddresses?.() ?? [],
      namedUnits: namedUnits?.() ?? new Map(),
      whileObserving: options.markUse?.whileObserving() ?? 'stamp',
      ...(guests === undefined ? {} : { guests }),
      ...(options.dhcpUsers === undefined ? {} : { dhcpUsers: options.dhcpUsers() }),
      ...(mostWalks === undefined ? {} : { mostWalks }),
      ...(previous === undefined ? {} : { previous }),
    };
    return async (numbering) => {
      if (names === undefined) return noted(buildTable({ ...request, numbering }));
      await names.prepare(ruleSet);
      const table = buildTable({ ...request, numbering, ruleSet: names.resolve(ruleSet) });
      return noted(table === undefined ? undefined : names.complete(table, ruleSet));
    };
  };
  return {
    of,
    judged: (table) => judgements.get(table),
    marksWereLeft: () => options.markUse?.wereLeft(),
    judgedAgain(table, made) {
      const judged = judgements.get(made);
      if (judged !== undefined) judgements.set(table, judged);
    },
  };
}
