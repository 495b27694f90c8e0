// How loud a line of our logs is to whoever collects them: journald takes a syslog priority from the start of a line,
// `<3>`, and strips it.

/** pino's levels from the loudest down, with syslog's priorities. */
const priorities: readonly (readonly [level: number, priority: number])[] = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
];
const debugPriority = 7;

/** `line` is one JSON object of pino's. One without a level counts as information. */
export function journalLine(line: string): string {
  const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 30);
  const priority = priorities.find(([least]) => level >= least)?.[1] ?? debugPriority;
  return `<${priority}>${line}`;
}

/**
 * Whether a stream is the journal's: JOURNAL_STREAM names the device and inode that systemd connected it to, `8:12345`.
 */
export function isJournal(
  journalStream: string | undefined,
  stream: { readonly dev: number; readonly ino: number },
): boolean {
  return journalStream === `${stream.dev}:${stream.ino}`;
}
