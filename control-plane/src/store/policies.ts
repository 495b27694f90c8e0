// Policies in the store: the documents as they were sent, and the list of which was activated when. A policy that was never
// activated is a draft.

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
  await tx
    .insertInto('policies')
    .values({ tenant, id, files: JSON.stringify(input.files), created_at: note.at, created_by: note.actor })
    .execute();
  await writeAudit(tx, tenant, { ...note, details: { ...note.details, policy: id } });
  return id;
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
  /** A hold ends with it; what its audit entry tells. */
  readonly endsHold?: Readonly<Record<string, unknown>>;
}

/** Returns the policy's id. */
export async function activatePolicy(tx: Transaction, input: NewActivation): Promise<number> {
  const { tenant, source, revision, note } = input;
  const policy =
    source.kind === 'stored'
      ? source.policy
      : await savePolicy(tx, { tenant, files: source.files, note: { ...note, action: 'policy-saved', details: {} } });
  await tx
    .insertInto('activations')
    .values({ tenant, revision, policy, kind: input.kind, at: note.at, actor: note.actor })
    .execute();
  await setRevision(tx, { tenant, revision });
  if (input.endsHold !== undefined) await endHold(tx, { tenant, revision, note: { ...note, details: input.endsHold } });
  await writeAudit(tx, tenant, { ...note, details: { ...note.details, policy, revision } });
  return policy;
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
    .select(['revision', 'policy', 'kind', 'actor', boundedTime('at').as('at')])
    .where('tenant', '=', input.tenant)
    .orderBy('revision', 'desc')
    .limit(input.limit)
    .execute();
  return rows.map(({ revision, policy, kind, at, actor }) => ({
    revision,
    policy,
    kind: activationKinds.find((known) => known === kind) ?? 'apply',
    at: millis(at),
    actor,
  }));
}

/** Newest first: saved, and never activated. */
export async function listDrafts(
  tx: Transaction,
  input: { readonly tenant: string; readonly limit: number },
): Promise<readonly PolicyListing[]> {
  const rows = await tx
    .selectFrom('policies')
    .select(['id', 'files', 'created_by', boundedTime('created_at').as('created_at')])
    .where('tenant', '=', input.tenant)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('activations')
            .select('activations.revision')
            .where('activations.tenant', '=', input.tenant)
            .whereRef('activations.policy', '=', 'policies.id'),
        ),
      ),
    )
    .orderBy('id', 'desc')
    .limit(input.limit)
    .execute();
  return rows.flatMap((row) => {
    const files = storedList(row.files, isPolicyFile);
    if (files === undefined) return [];
    return { id: row.id, createdAt: millis(row.created_at), createdBy: row.created_by, fileCount: files.length };
  });
}
