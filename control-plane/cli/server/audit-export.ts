// `segwall audit export`, `verify FILE` and `prune`: the log on its way to where nobody on the control plane can change it, judged there
// without a server, and what may be dropped here once it is there.

import type { Command } from 'commander';
import { CommandFailure, guarded } from '#cli/output/failure.ts';
import { assertNumber } from '#cli/output/numbers.ts';
import { printJson, printLine, printProgress } from '#cli/output/printing.ts';
import type { AuditPruneAnswer } from '#control-plane/answers/audit-schemas.ts';
import { type AuditCheckpoint, isAuditKey } from '#policy/audit/audit-checkpoint.ts';
import type { AuditVerdict, AuditVerifierOptions } from '#policy/audit/audit-verifier.ts';
import { type ApiClient, openApiClient } from './api-client.ts';
import { type AuditSink, lineText, openAuditSink, readAuditFile, standardOutput } from './audit-file.ts';
import { type AuditLine, createVerifier, readLog, readLogHead, takeLine } from './audit-log.ts';
import { isCompared, printVerdict, verdictExit } from './audit-output.ts';
import type { ConnectionOptions } from './connection.ts';
import { heldPath, keepSeen, readCheckpointFile, readHeld } from './held-checkpoint.ts';

interface ExportOptions extends ConnectionOptions {
  readonly since?: string;
  readonly out?: string;
}

interface VerifyOptions {
  readonly key?: string;
  readonly checkpoint?: string;
  readonly json?: true;
}

interface PruneOptions extends ConnectionOptions {
  readonly through: string;
  readonly json?: true;
}

export function registerAuditExport(audit: Command): void {
  audit
    .command('export')
    .description('export the log as NDJSON: entries and checkpoints, ending with a checkpoint that is signed now')
    .option('--since <SEQ>', 'only entries after this one')
    .option('--out <FILE>', 'write there; an existing file is continued after its last entry')
    .action(guarded(async (_options: unknown, command: Command) => exportLog(command.optsWithGlobals())));
  audit
    .command('verify')
    .description(
      'verify an exported log without a control plane; exit 1 if it is broken, 4 if --checkpoint is older than its first entry',
    )
    .argument('<FILE>', 'as "audit export" writes it; - for standard input')
    .option('--key <HEX>', 'the public key that must have signed it, as "audit key" prints it')
    .option('--checkpoint <FILE>', 'a checkpoint that must hold')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (path: string, _options: unknown, command: Command) =>
        verifyFile(path, command.optsWithGlobals<VerifyOptions>()),
      ),
    );
  audit
    .command('prune')
    .description('delete exported entries up to a checkpoint; the rest can still be verified')
    .requiredOption('--through <FILE>', 'the export or checkpoint; entries up to its last signed one are deleted')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => prune(command.optsWithGlobals())));
}

async function exportLog(options: ExportOptions): Promise<void> {
  const since = options.since === undefined ? undefined : assertNumber(options.since, '--since', seqs);
  const client = await openApiClient(options);
  const path = heldPath(client.controlPlane);
  const held = await readHeld(path);
  const sink = options.out === undefined ? standardOutput : await openAuditSink(options.out);
  const verdict = await exportTo(sink, { client, since, held });
  if (verdict.kind === 'broken') throw new CommandFailure(1, 'audit-broken', verdict.problem, { ...verdict });
  await keepSeen(path, { verdict, held });
  if (options.out !== undefined)
    printLine(`${verdict.entries} entries, up to entry ${verdict.checkpoint?.seq ?? since ?? 0}, in ${options.out}`);
}

interface Exporting {
  readonly client: ApiClient;
  readonly since?: number | undefined;
  readonly held?: AuditCheckpoint | undefined;
}

/** What is broken is written up to where it is, and told. Closes the sink. */
export async function exportTo(sink: AuditSink, { client, since, held }: Exporting): Promise<AuditVerdict> {
  try {
    if (sink.place !== undefined && since !== undefined) {
      const problem = `the file goes up to entry ${sink.place.seq} and is continued from there; leave out --since, or name another file`;
      throw new CommandFailure(2, 'export-there', problem);
    }
    const { base } = await readLogHead(client);
    const isPruned = sink.place === undefined && base !== undefined && (since ?? 0) < base.seq;
    const begin = sink.place?.seq ?? (isPruned ? base.seq : (since ?? 0));
    const from = sink.place !== undefined ? { place: sink.place } : isPruned ? { base } : ('unknown' as const);
    const verifier = createVerifier({ from, ...(held === undefined ? {} : { held }) });
    if (isPruned) await sink.write(lineText({ kind: 'checkpoint', checkpoint: base }));
    for await (const line of readLog(client, begin)) {
      takeLine(verifier, line);
      if (verifier.isBroken) break;
      await sink.write(lineText(line));
    }
    return verifier.verdict();
  } finally {
    await sink.close();
  }
}

const seqs = { least: 0, greatest: Number.MAX_SAFE_INTEGER };

async function verifyFile(path: string, options: VerifyOptions): Promise<void> {
  const { key, checkpoint, json } = options;
  if (key !== undefined && !isAuditKey(key))
    throw new CommandFailure(
      2,
      'bad-key',
      `--key is "${key}"; allowed is what "segwall audit key" prints, 64 hex digits`,
    );
  const held = checkpoint === undefined ? undefined : await readCheckpointFile(checkpoint);
  const trusted = { ...(key === undefined ? {} : { key }), ...(held === undefined ? {} : { held }) };
  const verdict = await verifyLines(readAuditFile(path), trusted);
  process.exitCode = verdictExit(verdict, held);
  if (json === true)
    printJson(held === undefined ? verdict : { ...verdict, held, compared: isCompared(verdict, held) });
  else printVerdict(verdict, held);
  if (key === undefined && held === undefined && verdict.kind === 'intact')
    printProgress(
      'the file vouches for its key itself: give --key, as "segwall audit key" printed it, or --checkpoint',
    );
}

export async function verifyLines(
  lines: AsyncIterable<AuditLine> | Iterable<AuditLine>,
  trusted: Pick<AuditVerifierOptions, 'key' | 'held'>,
): Promise<AuditVerdict> {
  const verifier = createVerifier({ from: 'unknown', ...trusted });
  for await (const line of lines) {
    takeLine(verifier, line);
    if (verifier.isBroken) break;
  }
  const isTrusting = trusted.key === undefined && trusted.held === undefined;
  return isTrusting ? verifier.verdict() : signedVerdict(verifier.verdict());
}

/** Whoever says which key they trust wants to see its signature. */
function signedVerdict(verdict: AuditVerdict): AuditVerdict {
  if (verdict.kind === 'broken' || verdict.checkpoint !== undefined) return verdict;
  return {
    kind: 'broken',
    seq: verdict.since,
    fault: 'bad-signature',
    problem: 'no checkpoint is in it: nothing is signed',
  };
}

async function prune(options: PruneOptions): Promise<void> {
  const checkpoint = await readCheckpointFile(options.through);
  const client = await openApiClient(options);
  const pruned = await client.call<AuditPruneAnswer>('POST', '/audit/prune', { checkpoint });
  if (options.json) printJson(pruned);
  else printLine(`${pruned.entries} entries up to entry ${pruned.through} are dropped`);
}
