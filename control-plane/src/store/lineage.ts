// The store's lineage, within which revisions are of one history, and its hold: while a store that is older than what agents were told waits
// for an operator. Both survive a restart.

import { randomBytes } from 'node:crypto';
import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import { keepLineage, leaveRuns } from './runs.ts';
import { isObject, isText } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** `restored`: by the restore command. `put-back`: the file is another than was used last. `behind`: agents were told more than it knows. */
const holdKinds = ['restored', 'put-back', 'behind'] as const;
export type HoldKind = (typeof holdKinds)[number];

export interface StoreHold {
  readonly kind: HoldKind;
  readonly since: Millis;
  /** The store's, when it began. */
  readonly revision: number;
  /** In words. */
  readonly why: string;
}

export interface Lineage {
  readonly lineage: string;
  readonly hold?: StoreHold;
}

export async function readLineage(tx: Transaction, input: { readonly tenant: string }): Promise<Lineage> {
  const { lineage, hold } = await tx
    .selectFrom('tenants')
    .select(['lineage', 'hold'])
    .where('name', '=', input.tenant)
    .executeTakeFirstOrThrow();
  return hold === '' ? { lineage } : { lineage, hold: parsedHold(hold) };
}

/** Nothing happens where one is there. Returns the one that holds now. */
export async function beginHold(
  tx: Transaction,
  input: { readonly tenant: string; readonly hold: Omit<StoreHold, 'revision'> },
): Promise<StoreHold> {
  const { tenant } = input;
  const { hold: before } = await readLineage(tx, { tenant });
  if (before !== undefined) return before;
  const { revision } = await tx
    .selectFrom('tenants')
    .select('revision')
    .where('name', '=', tenant)
    .executeTakeFirstOrThrow();
  const hold: StoreHold = { ...input.hold, revision };
  await tx
    .updateTable('tenants')
    .set({ hold: JSON.stringify(hold) })
    .where('name', '=', tenant)
    .execute();
  const { kind, why, since: at } = hold;
  const details = { kind, why, revision };
  await writeAudit(tx, tenant, { at, actor: 'control-plane', action: 'hold-began', target: 'policy', details });
  return hold;
}

export interface HoldEnd {
  readonly tenant: string;
  readonly revision: number;
  /** Lineages that hosts showed, and that this store never had. */
  readonly shown: readonly string[];
  readonly note: Omit<AuditNote, 'action' | 'target'>;
}

/** What is numbered from now on is of a lineage of its own. Returns its name. */
export async function endHold(tx: Transaction, input: HoldEnd): Promise<string> {
  const { tenant, revision, shown, note } = input;
  const { lineage: before } = await readLineage(tx, { tenant });
  await leaveRuns(tx, { tenant, revision, also: [before, ...shown] });
  const lineage = newLineage();
  await tx.updateTable('tenants').set({ lineage, hold: '', revision }).where('name', '=', tenant).execute();
  const details = { ...note.details, lineage, revision };
  await writeAudit(tx, tenant, { ...note, action: 'hold-ended', target: 'policy', details });
  return lineage;
}

/** Of a store that is put back: whoever was told anything after it was copied was told so under another name. */
export async function beginLineage(tx: Transaction, input: { readonly tenant: string }): Promise<void> {
  const { lineage: before } = await readLineage(tx, input);
  await keepLineage(tx, { ...input, lineage: before });
  await tx.updateTable('tenants').set({ lineage: newLineage() }).where('name', '=', input.tenant).execute();
}

function newLineage(): string {
  return randomBytes(16).toString('hex');
}

/** One that cannot be read holds all the same. */
function parsedHold(text: string): StoreHold {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { kind, since, revision, why } = isObject(value) ? value : {};
  const isCount = (found: unknown): found is number => Number.isSafeInteger(found) && Number(found) >= 0;
  return {
    kind: holdKinds.find((known) => known === kind) ?? 'restored',
    since: millis(isCount(since) ? since : 0),
    revision: isCount(revision) ? revision : 0,
    why: isText(why) ? why : 'why cannot be read in the store',
  };
}
