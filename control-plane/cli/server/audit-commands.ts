// `segwall audit`: what was done, by whom, and whether the record of it is whole.

import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import type { AuditEntryView } from '#control-plane/api/schemas.ts';
import { millis } from '#model/time.ts';
import { type AuditEntry, verifyAuditChain } from '#policy/audit-chain.ts';
import { type ApiClient, openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { guarded } from './failure.ts';
import { printJson, printLine, printTable, timeText } from './printing.ts';

const page = 10_000;

interface AuditOptions extends ConnectionOptions {
  readonly verify?: true;
  readonly json?: true;
}

export function registerAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('what was done and by whom, oldest first')
    .option('--verify', 'check here that no entry was changed, removed or put in between; exit 1 if one was')
    .option('--json', 'NDJSON: one JSON document an entry; with --verify one document')
    .action(guarded(async (_options: unknown, command: Command) => audit(command.optsWithGlobals())));
}

async function audit(options: AuditOptions): Promise<void> {
  const entries = await readAll(await openApiClient(options));
  if (options.verify) {
    const verdict = verifyAuditChain(entries, (text) => createHash('sha256').update(text).digest('hex'));
    if (verdict.kind === 'broken') process.exitCode = 1;
    if (options.json) printJson(verdict);
    else if (verdict.kind === 'intact')
      printLine(
        `${verdict.entries} ${verdict.entries === 1 ? 'entry' : 'entries'}, intact; the last hash is ${verdict.lastHash}`,
      );
    else printLine(`broken: ${verdict.problem}`);
    return;
  }
  if (options.json) {
    for (const entry of entries) printJson({ ...entry, details: JSON.parse(entry.details) as unknown });
    return;
  }
  await printTable(
    ['SEQ', 'AT', 'WHO', 'WHAT', 'ON', 'DETAILS'],
    entries.map((entry) => [
      String(entry.seq),
      timeText(new Date(entry.at).toISOString()),
      entry.actor,
      entry.action,
      entry.target,
      entry.details === '{}' ? '' : entry.details,
    ]),
    'nothing was done yet',
  );
}

async function readAll(client: ApiClient): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (;;) {
    const after = entries.at(-1)?.seq ?? 0;
    const next = await client.call<readonly AuditEntryView[]>('GET', `/audit?after=${after}&limit=${page}`);
    for (const entry of next) entries.push({ ...entry, at: millis(entry.at) });
    if (next.length < page) return entries;
  }
}
