// The agent's log: one JSON object a line on standard error, written at once; under journald each with its syslog priority. A transport would start a worker of 19 MB.

import { fstatSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { isJournal, journalLine } from '#model/journal-line.ts';
import { safeText } from '#model/safe-text.ts';
import type { logLevels } from './log-levels.ts';

export type LogLevel = (typeof logLevels)[number];

export function createAgentLog(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  const framed = isJournal(process.env['JOURNAL_STREAM'], fstatSync(2)) ? journalLine : (line: string) => line;
  return pino(
    { name: 'segwall-agent', level, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => destination.write(framed(safeText(line))) },
  );
}
