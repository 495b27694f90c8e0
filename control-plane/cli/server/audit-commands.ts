// `segwall audit`: what was done, by whom, and whether the record of it is whole.

import type { Command } from 'commander';
import type { AuditEntry } from '#policy/audit-chain.ts';
import type { AuditCheckpoint } from '#policy/audit-checkpoint.ts';
import type { AuditVerdict } from '#policy/audit-verifier.ts';
import { openApiClient } from './api-client.ts';
import { readEntries, readLogHead, verifyLog } from './audit-log.ts';
import type { ConnectionOptions } from './connection.ts';
import { guarded } from './failure.ts';
import { heldPath, keepHeld, readCheckpointFile, readHeld } from './held-checkpoint.ts';
import { printJson, printLine, printProgress, printTable, streamLine, timeText } from './printing.ts';

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
    .description('what was done and by whom, oldest first')
    .option('--verify', 'check here that no entry was changed, removed, put in between or cut off; exit 1 if one was')
    .option(
      '--checkpoint <FILE>',
      'with --verify: the checkpoint that must hold, instead of the last one seen from here',
    )
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
    .description('the public key that signs the log, for whoever verifies it elsewhere')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => printKey(command.optsWithGlobals())));
}

async function list(options: AuditOptions): Promise<void> {
  const client = await openApiClient(options);
  let head = ['SEQ', 'AT', 'WHO', 'WHAT', 'ON', 'DETAILS'];
  let rows: string[][] = [];
  for await (const entry of readEntries(client, 0)) {
    if (options.json) {
      await streamLine(JSON.stringify({ ...entry, details: JSON.parse(entry.details) as unknown }));
      continue;
    }
    rows.push(rowOf(entry));
    if (rows.length < tableRows) continue;
    await printTable(head, rows, '');
    [head, rows] = [[], []];
  }
  if (!options.json && (rows.length > 0 || head.length > 0)) await printTable(head, rows, 'nothing was done yet');
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
    verdict.kind === 'intact' && options.checkpoint === undefined && (await keep(path, verdict.checkpoint));
  if (verdict.kind === 'broken') process.exitCode = 1;
  if (options.json) printJson(held === undefined ? verdict : { ...verdict, held });
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

/** False, told on standard error, where it cannot be written: the verdict is the same all the same. */
async function keep(path: string, checkpoint: AuditCheckpoint | undefined): Promise<boolean> {
  if (checkpoint === undefined) return false;
  try {
    await keepHeld(path, checkpoint);
    return true;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    printProgress(`what was seen could not be kept, and later looks have nothing newer to compare with: ${reason}`);
    return false;
  }
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
      held.seq < since ? `${seen} is no longer there to compare with; the same key signs` : `${seen} still holds`,
    );
  }
  for (const { seq, previous } of lineages) {
    const gone = previous === undefined ? '' : `; it had been signed up to ${previous.seq}`;
    printLine(`at entry ${seq} the log went on from an older or another copy of the store${gone}`);
  }
}
