// The audit log as a file: NDJSON, an entry a line as the API has it, and a line {"checkpoint":…} after the entry that it signs. Read and
// written line by line, however long it is.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { CommandFailure } from '#cli/output/failure.ts';
import { readLastLine } from '#cli/output/last-line.ts';
import { streamLine } from '#cli/output/printing.ts';
import { auditEntry } from '#control-plane/answers/audit-schemas.ts';
import { millis } from '#model/time.ts';
import type { ChainPlace } from '#policy/audit/audit-chain.ts';
import { parseCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import type { AuditLine } from './audit-log.ts';

export function lineText(line: AuditLine): string {
  return JSON.stringify(line.kind === 'entry' ? line.entry : { checkpoint: line.checkpoint });
}

export function parseLine(text: string): AuditLine | undefined {
  const value = jsonOf(text);
  const entry = auditEntry.safeParse(value);
  if (entry.success) return { kind: 'entry', entry: { ...entry.data, at: millis(entry.data.at) } };
  const checkpoint = parseCheckpoint(value);
  return checkpoint.ok ? { kind: 'checkpoint', checkpoint: checkpoint.value } : undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `-` is standard input. */
export async function* readAuditFile(path: string): AsyncGenerator<AuditLine> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  let number = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      const line = parseLine(text);
      if (line === undefined) {
        const problem = `${path}:${number} is neither an entry nor a checkpoint: it was changed or cut short`;
        throw new CommandFailure(1, 'export-unreadable', problem);
      }
      yield line;
    }
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw unreadable(path, cause);
  }
}

export interface AuditSink {
  /** After which entry to go on; absent where nothing is there yet. */
  readonly place?: ChainPlace;
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

export const standardOutput: AuditSink = { write: streamLine, close: async () => undefined };

/** A file that is there is continued after its last whole line. Made for its owner alone. */
export async function openAuditSink(path: string): Promise<AuditSink> {
  let file: FileHandle;
  try {
    file = await open(path, 'a+', 0o600);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const { text, end } = await readLastLine(file);
  const line = text === undefined ? undefined : parseLine(text);
  if (text !== undefined && line === undefined) {
    await file.close();
    throw new CommandFailure(2, 'export-unreadable', `${path} is no export of an audit log; name another file`);
  }
  await file.truncate(end);
  let pending = '';
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = '';
    await file.appendFile(text);
  };
  return {
    ...(line === undefined ? {} : { place: placeOf(line) }),
    async write(lineOf) {
      pending += `${lineOf}\n`;
      if (pending.length >= flushChars) await flush();
    },
    async close() {
      await flush();
      await file.sync();
      await file.close();
    },
  };
}

const flushChars = 256 * 1024;

function placeOf(line: AuditLine): ChainPlace {
  const { seq, hash } = line.kind === 'entry' ? line.entry : line.checkpoint;
  return { seq, hash };
}

function unreadable(path: string, cause: unknown): CommandFailure {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CommandFailure(2, 'export-unreadable', `cannot use ${path}: ${reason}`);
}
