// Where hosts are told that their control plane is from now on: one announcement, kept when it is withdrawn, for its number.

import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import { isObject, isText } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

export interface StoredAnnouncement {
  /** Greater with each. */
  readonly number: number;
  readonly at: Millis;
  readonly by: string;
  /** HOST:PORT in the order in which hosts try them; none: it is withdrawn. */
  readonly addresses: readonly string[];
}

/** Undefined where there never was one. */
export async function readAnnouncement(
  tx: Transaction,
  input: { readonly tenant: string },
): Promise<StoredAnnouncement | undefined> {
  const { announcement } = await tx
    .selectFrom('tenants')
    .select('announcement')
    .where('name', '=', input.tenant)
    .executeTakeFirstOrThrow();
  return announcement === '' ? undefined : parsed(announcement);
}

export async function saveAnnouncement(
  tx: Transaction,
  input: { readonly tenant: string; readonly announcement: StoredAnnouncement; readonly note: AuditNote },
): Promise<void> {
  const { tenant, announcement, note } = input;
  await tx
    .updateTable('tenants')
    .set({ announcement: JSON.stringify(announcement) })
    .where('name', '=', tenant)
    .execute();
  await writeAudit(tx, tenant, note);
}

/** What cannot be read announces nothing: hosts stay where they are. */
function parsed(text: string): StoredAnnouncement | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) return undefined;
  const { number, at, by, addresses } = value;
  const isCount = (found: unknown): found is number => Number.isSafeInteger(found) && Number(found) >= 0;
  if (!isCount(number) || !isCount(at) || !isText(by)) return undefined;
  if (!Array.isArray(addresses) || !addresses.every(isText)) return undefined;
  return { number, at: millis(at), by, addresses };
}
