// `segwall audit`: what was done, by whom, and whether the record of it is whole.

import type { Command } from 'commander';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, printProgress, printTable, streamLine, timeText } from '#cli/output/printing.ts';
import type { AuditEntry } from '#policy/audit/audit-chain.ts';
import type { AuditCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import { openApiClient } from './api-client.ts';
import { registerAuditExport } from './audit-export.ts';
import { readEntries, readLogHead, verifyLog } from './audit-log.ts';
import { isCompared, printVerdict, verdictExit } from './audit-output.ts';
import type { ConnectionOptions } from './connection.ts';
import { heldPath, keepSeen, readCheckpointFile, readHeld } from './held-checkpoint.ts';

interface AuditOptions extends ConnectionOptions {
  readonly verify?: true;
  readonly checkpoint?: string;
  readonly trustAnew?: true;
  readonly json?: true;
}

/** Rows of a table that are laid out together. */
const tableRows = 1000;

export function registerAuditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .description('show the audit log: who did what, oldest first')
    .option('--verify', 'verify here that no entry was changed, removed, inserted or cut off; exit 1 if one was')
    .option('--checkpoint <FILE>', 'with --verify: compare with this checkpoint instead of the last one seen from here')
    .option('--trust-anew', 'with --verify: forget what was seen from here, and trust the log as it is now')
    .option('--json', 'NDJSON: one JSON document an entry; with --verify one document')
    .action(
      guarded(async (_options: unknown, command: Command) => {
        const options = command.optsWithGlobals<AuditOptions>();
        await (options.verify === true ? verify(options) : list(options));
      }),
    );
  audit
    .command('key')
    .description('print the public key that signs the log, to verify it elsewhere')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => printKey(command.optsWithGlobals())));
  registerAuditExport(audit);
}

async function list(options: AuditOptions): Promise<void> {
  const client = await openApiClient(options);
  let head = ['SEQ', 'AT', 'WHO', 'WHAT', 'ON', 'DETAILS'];
  let rows: string[][] = [];
  for await (const entry of readEntries(client, 0)) {
    if (options.json) {
      await streamLine(JSON.stringify({ ...entry, details: detailsOf(entry) }));
      continue;
    }
    rows.push(rowOf(entry));
    if (rows.length < tableRows) continue;
    await printTable(head, rows, '');
    [head, rows] = [[], []];
  }
  if (!options.json && (rows.length > 0 || head.length > 0)) await printTable(head, rows, 'nothing was done yet');
}

/** As text where it is no JSON: somebody changed it, and `--verify` says so. */
function detailsOf({ details }: AuditEntry): unknown {
  try {
    return JSON.parse(details);
  } catch {
    return details;
  }
}

function rowOf({ seq, at, actor, action, target, details }: AuditEntry): string[] {
  const when = timeText(new Date(at).toISOString());
  return [String(seq), when, actor, action, target, details === '{}' ? '' : details];
}

async function printKey(options: AuditOptions): Promise<void> {
  const { key } = await readLogHead(await openApiClient(options));
  if (options.json) printJson({ key });
  else printLine(key);
}

async function verify(options: AuditOptions): Promise<void> {
  const client = await openApiClient(options);
  const path = heldPath(client.controlPlane);
  const held = await heldOf(options, path);
  const verdict = await verifyLog(client, held);
  const isKept =
    verdict.kind === 'intact' && options.checkpoint === undefined && (await keepSeen(path, { verdict, held }));
  process.exitCode = verdictExit(verdict, held);
  if (options.json) printJson(held === undefined ? verdict : { ...verdict, held, compared: isCompared(verdict, held) });
  else printVerdict(verdict, held);
  if (isKept && held === undefined)
    printProgress(
      `this is the first look at this log from here: it is taken on trust, and later ones are compared with it (${path})`,
    );
  if (verdict.kind === 'broken' && options.checkpoint === undefined && held !== undefined)
    printProgress('if you know why, --trust-anew takes the log as it is now; keep what you exported of the one before');
}

async function heldOf({ checkpoint, trustAnew }: AuditOptions, path: string): Promise<AuditCheckpoint | undefined> {
  if (checkpoint !== undefined) return readCheckpointFile(checkpoint);
  return trustAnew === true ? undefined : readHeld(path);
}
