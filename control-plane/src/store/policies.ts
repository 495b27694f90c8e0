// Policies in the store: the documents as they were sent, and the list of which was activated when. A policy that was never
// activated is a draft.

import { sql } from 'kysely';
import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import { setRevision } from './hosts.ts';
import { endHold } from './lineage.ts';
import { boundedTime, isObject, isText, storedList } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** One file of a policy directory: its path relative to it, and its text. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

export interface StoredPolicy {
  readonly id: number;
  readonly files: readonly PolicyFile[];
  readonly createdAt: Millis;
  readonly createdBy: string;
}

const activationKinds = ['first', 'apply', 'rollback'] as const;
export type ActivationKind = (typeof activationKinds)[number];

export interface Activation {
  readonly revision: number;
  readonly policy: number;
  readonly kind: ActivationKind;
  readonly at: Millis;
  readonly actor: string;
  readonly message: string;
  readonly commit: string;
}

export interface PolicyListing {
  readonly id: number;
  readonly createdAt: Millis;
  readonly createdBy: string;
  readonly fileCount: number;
}

export async function savePolicy(
  tx: Transaction,
  input: { readonly tenant: string; readonly files: readonly PolicyFile[]; readonly note: AuditNote },
): Promise<number> {
  const { tenant, note } = input;
  const last = await tx
    .selectFrom('policies')
    .select('id')
    .where('tenant', '=', tenant)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const id = (last?.id ?? 0) + 1;
  const files = JSON.stringify(input.files);
  const sizes = { file_count: input.files.length, bytes: Buffer.byteLength(files) };
  await tx
    .insertInto('policies')
    .values({ tenant, id, files, created_at: note.at, created_by: note.actor, ...sizes })
    .execute();
  await writeAudit(tx, tenant, { ...note, details: { ...note.details, policy: id } });
  return id;
}

export interface DraftLimits {
  readonly drafts: number;
  /** Of all of them. */
  readonly bytes: number;
}

export type SavedDraft = { readonly kind: 'saved'; readonly id: number } | ({ readonly kind: 'full' } & DraftLimits);

/** `full`, with how many there are, where this one finds no room beside the others. */
export async function saveDraft(
  tx: Transaction,
  input: Parameters<typeof savePolicy>[1] & { readonly limits: DraftLimits },
): Promise<SavedDraft> {
  const { limits, ...saved } = input;
  const held = await draftsOf(tx, input.tenant)
    .select(({ fn }) => [
      fn.countAll<number>().as('drafts'),
      sql<number>`coalesce(total(${kept('bytes')}), 0)`.as('bytes'),
    ])
    .executeTakeFirstOrThrow();
  const bytes = held.bytes + Buffer.byteLength(JSON.stringify(input.files));
  if (held.drafts >= limits.drafts || bytes > limits.bytes) return { kind: 'full', ...held };
  return { kind: 'saved', id: await savePolicy(tx, saved) };
}

/** Its number is not given again. `activated`: it is no draft, and stays. */
export async function deleteDraft(
  tx: Transaction,
  input: { readonly tenant: string; readonly id: number; readonly note: AuditNote },
): Promise<'deleted' | 'unknown' | 'activated'> {
  const { tenant, id, note } = input;
  const known = await tx
    .selectFrom('policies')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('files', '<>', '')
    .executeTakeFirst();
  if (known === undefined) return 'unknown';
  const activation = await tx
    .selectFrom('activations')
    .select('policy')
    .where('tenant', '=', tenant)
    .where('policy', '=', id)
    .limit(1)
    .executeTakeFirst();
  if (activation !== undefined) return 'activated';
  await tx
    .updateTable('policies')
    .set({ files: '', file_count: 0, bytes: 0 })
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .execute();
  await writeAudit(tx, tenant, { ...note, details: { policy: id } });
  return 'deleted';
}

/** Saved, never activated, and not deleted. */
function draftsOf(tx: Transaction, tenant: string) {
  return tx
    .selectFrom('policies')
    .where('tenant', '=', tenant)
    .where('files', '<>', '')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('activations')
            .select('activations.revision')
            .where('activations.tenant', '=', tenant)
            .whereRef('activations.policy', '=', 'policies.id'),
        ),
      ),
    );
}

/** A count that a hand may have made absurd. */
function kept(column: 'bytes' | 'file_count') {
  return sql<number>`min(max(cast(${sql.ref(column)} as integer), 0), 1000000000000)`;
}

export interface NewActivation {
  readonly tenant: string;
  /** A stored policy, or the files of a new one. */
  readonly source:
    | { readonly kind: 'stored'; readonly policy: number }
    | { readonly kind: 'files'; readonly files: readonly PolicyFile[] };
  readonly revision: number;
  readonly kind: ActivationKind;
  readonly note: AuditNote;
  /** Why, and the commit that the files were of. */
  readonly message?: string;
  readonly commit?: string;
  /** A hold ends with it: what its audit entry tells, and the lineages that hosts showed. */
  readonly endsHold?: { readonly details: Readonly<Record<string, unknown>>; readonly shown: readonly string[] };
}

/** Returns the policy's id. */
export async function activatePolicy(tx: Transaction, input: NewActivation): Promise<number> {
  const { tenant, source, revision, note } = input;
  if (source.kind === 'stored' && (await readPolicy(tx, { tenant, id: source.policy })) === undefined)
    throw new Error(`policy ${source.policy} was deleted meanwhile`);
  const policy =
    source.kind === 'stored'
      ? source.policy
      : await savePolicy(tx, { tenant, files: source.files, note: { ...note, action: 'policy-saved', details: {} } });
  await tx
    .insertInto('activations')
    .values({
      ...{ tenant, revision, policy, kind: input.kind, at: note.at, actor: note.actor },
      ...{ message: input.message ?? '', commit_id: input.commit ?? '' },
    })
    .execute();
  await setRevision(tx, { tenant, revision });
  if (input.endsHold !== undefined) {
    const { details, shown } = input.endsHold;
    await endHold(tx, { tenant, revision, shown, note: { ...note, details } });
  }
  await writeAudit(tx, tenant, { ...note, details: { ...note.details, policy, revision } });
  return policy;
}

/** Whether its files are there: of a draft that was deleted only the number stays. */
export async function hasPolicy(
  tx: Transaction,
  input: { readonly tenant: string; readonly id: number },
): Promise<boolean> {
  const known = await tx
    .selectFrom('policies')
    .select('id')
    .where('tenant', '=', input.tenant)
    .where('id', '=', input.id)
    .where('files', '<>', '')
    .executeTakeFirst();
  return known !== undefined;
}

/** Undefined where there is none of that number, or it cannot be read. */
export async function readPolicy(
  tx: Transaction,
  input: { readonly tenant: string; readonly id: number },
): Promise<StoredPolicy | undefined> {
  const row = await tx
    .selectFrom('policies')
    .select(['id', 'files', 'created_by', boundedTime('created_at').as('created_at')])
    .where('tenant', '=', input.tenant)
    .where('id', '=', input.id)
    .executeTakeFirst();
  const files = row === undefined ? undefined : storedList(row.files, isPolicyFile);
  if (row === undefined || files === undefined) return undefined;
  return {
    id: row.id,
    files,
    createdAt: millis(row.created_at),
    createdBy: row.created_by,
  };
}

function isPolicyFile(value: unknown): value is PolicyFile {
  return isObject(value) && isText(value['path']) && isText(value['text']);
}

/** Newest first. */
export async function listActivations(
  tx: Transaction,
  input: { readonly tenant: string; readonly limit: number },
): Promise<readonly Activation[]> {
  const rows = await tx
    .selectFrom('activations')
    .select(['revision', 'policy', 'kind', 'actor', 'message', 'commit_id', boundedTime('at').as('at')])
    .where('tenant', '=', input.tenant)
    .orderBy('revision', 'desc')
    .limit(input.limit)
    .execute();
  return rows.map(({ revision, policy, kind, at, actor, message, commit_id: commit }) => ({
    revision,
    policy,
    kind: activationKinds.find((known) => known === kind) ?? 'apply',
    at: millis(at),
    actor,
    message,
    commit,
  }));
}

/** Newest first: saved, and never activated. No document is read for it. */
export async function listDrafts(
  tx: Transaction,
  input: { readonly tenant: string; readonly limit: number },
): Promise<readonly PolicyListing[]> {
  const rows = await draftsOf(tx, input.tenant)
    .select(['id', 'created_by', boundedTime('created_at').as('created_at'), kept('file_count').as('file_count')])
    .orderBy('id', 'desc')
    .limit(input.limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    createdAt: millis(row.created_at),
    createdBy: row.created_by,
    fileCount: row.file_count,
  }));
}
