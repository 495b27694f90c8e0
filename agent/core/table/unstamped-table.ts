// A table that writes no mark on what it lets pass and believes none: for a host whose connection marks are others' too, as long as nothing
// is denied by its own policy. Counts and judgements stay. What it costs: a connection does not say what decided it, so that a unit's
// is told as its host's. Where a quarantine of others cuts peers off, every packet is judged, which is slow and right, and what is
// denied is marked as ever: no packet of it goes anywhere that others could route it to.

import { isCutOff } from '#agent-core/judge/decision.ts';
import { epochWords, giveEpochWords, type Table } from './table.ts';

const stampPattern = / ?ct mark set ct mark and 0x[0-9a-f]{8} or <stamp \d+>/g;
/** With which a container's decision names itself to the other end's (build-table.ts). */
const namePattern = /^iif != 0 oif != 0 ct mark set /;

/** Whether the host's own policy denies anything; what cuts off quarantined peers alone does not count. */
export function deniesByPolicy({ decisions }: Pick<Table, 'decisions'>): boolean {
  return [...decisions.values()].some(({ action, end }) => action !== 'accept' && !isCutOff(end));
}

/** Of a table for which `deniesByPolicy` is false. */
export function withoutStamps(table: Table): Table {
  const { marks } = table;
  const cutsOff = [...table.decisions.values()].some(({ end }) => isCutOff(end));
  const believing = ` ${epochWords(marks)}`;
  const unstamped = (line: string): readonly string[] => {
    if (line.includes(giveEpochWords(marks)) || namePattern.test(line)) return [];
    // Nothing is denied: what is established passes. Where peers are cut off these lines are left out (transaction.ts).
    if (line.includes(believing)) return [cutsOff ? line : line.replace(believing, '')];
    return [line.replaceAll(stampPattern, '').trimStart()];
  };
  const chains = new Map(
    [...table.chains].map(([name, chain]) => {
      const lines = chain.lines.flatMap(unstamped).filter((line, at, all) => line !== all[at - 1]);
      return [name, { ...chain, lines }];
    }),
  );
  return { ...table, chains, stamps: 'withheld' };
}
