// The agent's log: one JSON object a line on standard error, written at once. A transport would start a worker of 19 MB.

import { type Logger, pino } from 'pino';
import { safeText } from '#model/safe-text.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export function createAgentLog(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  return pino(
    { name: 'segwall-agent', level, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => destination.write(safeText(line)) },
  );
}
