// The audit log as the control plane gives it: page by page, entries and the checkpoints between them in order, up to a checkpoint that is
// signed at this moment. However long the log is, one page of it is held.

import { createHash } from 'node:crypto';
import { CommandFailure } from '#cli/output/failure.ts';
import type { AuditCheckpointView, AuditEntryView, AuditLogView } from '#control-plane/answers/audit-schemas.ts';
import { isSigned } from '#control-plane/audit/audit-key.ts';
import { millis } from '#model/time.ts';
import type { AuditEntry } from '#policy/audit/audit-chain.ts';
import { type AuditCheckpoint, parseCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import { type AuditVerdict, AuditVerifier, type AuditVerifierOptions } from '#policy/audit/audit-verifier.ts';
import type { ApiClient } from './api-client.ts';

export type AuditLine =
  | { readonly kind: 'entry'; readonly entry: AuditEntry }
  | { readonly kind: 'checkpoint'; readonly checkpoint: AuditCheckpoint };

const page = 1000;

export interface AuditLogHead {
  readonly key: string;
  /** Entries up to this one were pruned. */
  readonly base?: AuditCheckpoint;
}

export async function readLogHead(client: ApiClient): Promise<AuditLogHead> {
  const { key, base } = await client.call<AuditLogView>('GET', '/audit/log');
  return { key, ...(base === undefined ? {} : { base: checkpointOf(base) }) };
}

/** Entries alone, from after `after`. */
export async function* readEntries(client: ApiClient, after: number): AsyncGenerator<AuditEntry> {
  for (let last = after; ; ) {
    const entries = await client.call<readonly AuditEntryView[]>('GET', `/audit?after=${last}&limit=${page}`);
    for (const entry of entries) {
      if (entry.seq <= last) throw brokenAnswer(`entry ${entry.seq} comes after entry ${last}`);
      last = entry.seq;
      yield { ...entry, at: millis(entry.at) };
    }
    // Large entries make a page short.
    if (entries.length === 0) return;
  }
}

/** From after `after` to the checkpoint that is signed now, which comes last. One for an entry that is not there stands where that would. */
export async function* readLog(client: ApiClient, after: number): AsyncGenerator<AuditLine> {
  const fresh = checkpointOf(await client.call<AuditCheckpointView>('POST', '/audit/checkpoints'));
  const between = readCheckpoints(client, after + 1);
  let next = await nextBefore(between, fresh);
  for await (const entry of readEntries(client, after)) {
    if (entry.seq > fresh.seq) break;
    for (; next !== undefined && next.seq < entry.seq; next = await nextBefore(between, fresh))
      yield { kind: 'checkpoint', checkpoint: next };
    yield { kind: 'entry', entry };
  }
  for (; next !== undefined; next = await nextBefore(between, fresh)) yield { kind: 'checkpoint', checkpoint: next };
  yield { kind: 'checkpoint', checkpoint: fresh };
}

async function* readCheckpoints(client: ApiClient, from: number): AsyncGenerator<AuditCheckpoint> {
  for (let first = from; ; ) {
    const path = `/audit/checkpoints?from=${first}&limit=${page}`;
    const checkpoints = await client.call<readonly AuditCheckpointView[]>('GET', path);
    for (const checkpoint of checkpoints) yield checkpointOf(checkpoint);
    const last = checkpoints.at(-1);
    if (last === undefined || checkpoints.length < page) return;
    if (last.seq < first) throw brokenAnswer(`the checkpoint of entry ${last.seq} comes after entry ${first}`);
    first = last.seq + 1;
  }
}

/** Those that were signed since are for the next look. */
async function nextBefore(
  checkpoints: AsyncGenerator<AuditCheckpoint>,
  { seq }: AuditCheckpoint,
): Promise<AuditCheckpoint | undefined> {
  const { value, done } = await checkpoints.next();
  return done === true || value.seq >= seq ? undefined : value;
}

function checkpointOf(view: AuditCheckpointView): AuditCheckpoint {
  const parsed = parseCheckpoint(view);
  if (parsed.ok) return parsed.value;
  throw brokenAnswer(`it gave a checkpoint that is none: ${parsed.error}`);
}

/** No control plane answers so: the store was changed by hand, or somebody else answers. */
function brokenAnswer(problem: string): CommandFailure {
  return new CommandFailure(1, 'audit-broken', `the control plane does not give a log: ${problem}`);
}

export function createVerifier(options: Omit<AuditVerifierOptions, 'sha256' | 'isSigned'>): AuditVerifier {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  return new AuditVerifier({ ...options, sha256, isSigned });
}

export function takeLine(verifier: AuditVerifier, line: AuditLine): void {
  if (line.kind === 'entry') verifier.entry(line.entry);
  else verifier.checkpoint(line.checkpoint);
}

/** The whole log, against the checkpoint that its reader kept. */
export async function verifyLog(client: ApiClient, held: AuditCheckpoint | undefined): Promise<AuditVerdict> {
  const { base } = await readLogHead(client);
  const verifier = createVerifier({
    ...(base === undefined ? {} : { from: { base } }),
    ...(held === undefined ? {} : { held }),
  });
  for await (const line of readLog(client, base?.seq ?? 0)) {
    takeLine(verifier, line);
    if (verifier.isBroken) break;
  }
  return verifier.verdict();
}
