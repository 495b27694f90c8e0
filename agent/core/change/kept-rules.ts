// The rules of a host that keeps them without an agent: one script that nft loads by itself at every boot, as the boot unit would load
// the last good policy. Nobody follows cgroups, names or control planes from then on, so it says what does not hold by itself.

import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { NamedUnits } from '#agent-core/table/systemd-unit-sets.ts';
import { type Table, tableName } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { statedMarks } from '#agent-core/table/table-state.ts';
import type { DirectionRules, EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { bootstrapScript } from './transaction.ts';

export interface KeptRulesRequest {
  readonly ruleSet: HostRuleSet;
  readonly essentials: readonly EssentialEntry[];
  /** Those of the table that stands: a connection's mark means the same after a load of the kept rules. */
  readonly numbering: Numbering;
  readonly epoch: number;
  readonly marks: MarkLayout;
  /** As of buildTable. */
  readonly whileObserving?: 'stamp' | 'withhold';
  /** Units that systemd itself tells the kernel of. */
  readonly namedUnits: NamedUnits;
  /** Whose sockets may be a DHCP client's or server's. */
  readonly dhcpUsers?: readonly number[];
  readonly digestOf: (table: Table) => string;
}

/** May be loaded where the table stands, too: in one transaction it takes that one's place. */
const inPlaceOf = `add table ${tableName}\ndelete table ${tableName}\n`;

/** Undefined where the numbers do not fit into the marks. It names no cgroup: at a boot there are none, and nft would refuse all of it. */
export function keptScript(request: KeptRulesRequest): string | undefined {
  const { epoch, digestOf } = request;
  const ruleSet = withoutTimed(request.ruleSet);
  const table = buildTable({ ...request, ruleSet });
  if (table === undefined) return undefined;
  const state = { revision: ruleSet.revision, epoch, digest: digestOf(table), ...statedMarks(table) };
  return inPlaceOf + bootstrapScript(table, state, nothingStanding);
}

/** A script knows no time, and what must end must not last: rules that have one grant nothing. */
function withoutTimed(ruleSet: HostRuleSet): HostRuleSet {
  const untimed = (rules: DirectionRules) => ({
    ...rules,
    grants: rules.grants.filter(({ schedule }) => schedule === undefined),
  });
  const workloads = ruleSet.workloads.map((workload) => ({
    ...workload,
    inbound: untimed(workload.inbound),
    outbound: untimed(workload.outbound),
  }));
  return { ...ruleSet, workloads };
}

/** The same of a table as nft lists it, where nothing else is known of it. */
export function keptListing(listing: string): string {
  return inPlaceOf + listing;
}

/** What the agent did and nobody does any more. Lists are sorted, and empty where there is none. */
export interface LeftBehind {
  /** Units that come under their host's rules with their next start. */
  readonly units: readonly string[];
  /** Domain names that stand for no address any more. */
  readonly names: readonly string[];
  /** Rules that end or have hours, as SEGMENT/RULE: they grant nothing any more. */
  readonly timed: readonly string[];
}

export function leftBehind(ruleSet: HostRuleSet, namedUnits: NamedUnits): LeftBehind {
  const units = ruleSet.workloads.flatMap(({ unit }) => (unit === undefined || namedUnits.has(unit) ? [] : [unit]));
  const names = [...ruleSet.peerSets.values()].flatMap(({ fqdn }) => (fqdn === undefined ? [] : [fqdn]));
  const timed = ruleSet.workloads
    .flatMap(({ inbound, outbound }) => [...inbound.grants, ...outbound.grants])
    .flatMap(({ segment, rule, schedule }) => (schedule === undefined ? [] : [`${segment}/${rule}`]));
  return { units: sorted(units), names: sorted(names), timed: sorted(timed) };
}

function sorted(words: readonly string[]): readonly string[] {
  return [...new Set(words)].sort();
}
