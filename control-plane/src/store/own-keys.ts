// Which keys beside the store are its own, by digests of them: a key of another store is a file as good as any. Keys never change but by being
// made anew; one that is not named here yet is taken as it is found.

import { isText, storedRecord } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** By what the key is for. */
export type OwnKeys = Readonly<Record<string, string>>;

export async function readOwnKeys(tx: Transaction, input: { readonly tenant: string }): Promise<OwnKeys> {
  const { own_keys: text } = await tx
    .selectFrom('tenants')
    .select('own_keys')
    .where('name', '=', input.tenant)
    .executeTakeFirstOrThrow();
  return text === '' ? {} : (storedRecord(text, isText) ?? {});
}

export async function saveOwnKeys(
  tx: Transaction,
  input: { readonly tenant: string; readonly keys: OwnKeys },
): Promise<void> {
  await tx
    .updateTable('tenants')
    .set({ own_keys: JSON.stringify(input.keys) })
    .where('name', '=', input.tenant)
    .execute();
}
