// How a verdict on the audit log reads.

import { printLine, timeText } from '#cli/output/printing.ts';
import type { AuditCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import type { AuditVerdict } from '#policy/audit/audit-verifier.ts';

/** False where what was read begins after the entry that was held: nothing is said of it. */
export function isCompared(verdict: AuditVerdict, held: AuditCheckpoint | undefined): boolean {
  return verdict.kind === 'broken' || held === undefined || held.seq >= verdict.since;
}

/** 0, 1 where it is broken, 4 where what was held could not be compared. */
export function verdictExit(verdict: AuditVerdict, held: AuditCheckpoint | undefined): 0 | 1 | 4 {
  if (verdict.kind === 'broken') return 1;
  return isCompared(verdict, held) ? 0 : 4;
}

export function printVerdict(verdict: AuditVerdict, held: AuditCheckpoint | undefined): void {
  if (verdict.kind === 'broken') {
    printLine(`broken: ${verdict.problem}`);
    return;
  }
  const { entries, lastHash, since, checkpoint, lineages } = verdict;
  printLine(`${entries} ${entries === 1 ? 'entry' : 'entries'}, intact; the last hash is ${lastHash}`);
  if (since > 0) printLine(`entries up to ${since} are not in it`);
  if (checkpoint !== undefined) printLine(`signed up to entry ${checkpoint.seq} by key ${checkpoint.key}`);
  if (held !== undefined) {
    const seen = `entry ${held.seq}, signed at ${timeText(new Date(held.at).toISOString())},`;
    printLine(
      isCompared(verdict, held)
        ? `${seen} still holds`
        : `${seen} was not compared: what was read begins after entry ${since}; the same key signs`,
    );
  }
  for (const { seq, previous } of lineages) {
    const gone = previous === undefined ? '' : `; it had been signed up to ${previous.seq}`;
    printLine(`at entry ${seq} the log went on from an older or another copy of the store${gone}`);
  }
}
