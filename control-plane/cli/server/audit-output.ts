// How a verdict on the audit log reads.

import type { AuditCheckpoint } from '#policy/audit-checkpoint.ts';
import type { AuditVerdict } from '#policy/audit-verifier.ts';
import { printLine, timeText } from './printing.ts';

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
      held.seq < since ? `${seen} is no longer there to compare with; the same key signs` : `${seen} still holds`,
    );
  }
  for (const { seq, previous } of lineages) {
    const gone = previous === undefined ? '' : `; it had been signed up to ${previous.seq}`;
    printLine(`at entry ${seq} the log went on from an older or another copy of the store${gone}`);
  }
}
