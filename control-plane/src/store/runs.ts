// The runs of a control plane: each start of one on this store, with the store's revision at that time. They tell the history that this
// store is of from that of a copy, however high either counts (run-history.ts).

import { randomBytes } from 'node:crypto';
import { storedText } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** As the store has it. `run` empty: of that lineage nothing more is asked, an operator went on from it. */
export interface StoredRun {
  readonly number: number;
  readonly lineage: string;
  readonly run: string;
  /** The store's when it began: what ran before told nothing beyond it. */
  readonly revision: number;
}

/** Some ten years of a start a day; 400 KB in the store. */
export const mostRuns = 4096;

/** As many as a proof can name. */
const mostNumber = 2 ** 32 - 1;

/** Rows whose numbers no run has are left out. */
export async function listRuns(tx: Transaction, input: { readonly tenant: string }): Promise<readonly StoredRun[]> {
  return tx
    .selectFrom('control_plane_runs')
    .select(['number', 'revision', storedText('lineage').as('lineage'), storedText('run').as('run')])
    .where('tenant', '=', input.tenant)
    .where((where) => where.between('number', 1, mostNumber))
    .where((where) => where.between('revision', 0, Number.MAX_SAFE_INTEGER))
    .orderBy('number')
    .execute();
}

/** Of the store's present lineage, from the revision on. Beyond `mostRuns` the oldest are forgotten. Returns its name. */
export async function beginRun(
  tx: Transaction,
  input: { readonly tenant: string; readonly revision: number },
): Promise<string> {
  const { tenant, revision } = input;
  const { lineage } = await tenantOf(tx, tenant);
  const number = (await newestNumber(tx, tenant)) + 1;
  const run = randomBytes(16).toString('hex');
  await tx.insertInto('control_plane_runs').values({ tenant, number, lineage, run, revision }).execute();
  await tx
    .deleteFrom('control_plane_runs')
    .where('tenant', '=', tenant)
    .where('run', '!=', '')
    .where('number', '<=', number - mostRuns)
    .execute();
  return run;
}

/** The store goes on from all that it knows of, and from `also`, under another name: of those no run is asked for any more. */
export async function leaveRuns(
  tx: Transaction,
  input: { readonly tenant: string; readonly revision: number; readonly also: readonly string[] },
): Promise<void> {
  const { tenant, revision, also } = input;
  const rows = await listRuns(tx, { tenant });
  await tx.deleteFrom('control_plane_runs').where('tenant', '=', tenant).execute();
  let number = rows.at(-1)?.number ?? 0;
  const left = new Map(rows.map((row) => [row.lineage, { ...row, run: '' }]));
  for (const lineage of also) {
    if (left.has(lineage)) continue;
    number += 1;
    left.set(lineage, { number, lineage, run: '', revision });
  }
  for (const row of left.values())
    await tx
      .insertInto('control_plane_runs')
      .values({ tenant, ...row })
      .execute();
}

/** A lineage that the store leaves for another stays known, whether or not runs of it are. */
export async function keepLineage(
  tx: Transaction,
  input: { readonly tenant: string; readonly lineage: string },
): Promise<void> {
  const { tenant, lineage } = input;
  if ((await listRuns(tx, { tenant })).some((row) => row.lineage === lineage)) return;
  const number = (await newestNumber(tx, tenant)) + 1;
  const { revision } = await tenantOf(tx, tenant);
  await tx.insertInto('control_plane_runs').values({ tenant, number, lineage, run: '', revision }).execute();
}

async function tenantOf(
  tx: Transaction,
  tenant: string,
): Promise<{ readonly lineage: string; readonly revision: number }> {
  const found = tx.selectFrom('tenants').select(['lineage', 'revision']).where('name', '=', tenant);
  return found.executeTakeFirstOrThrow();
}

async function newestNumber(tx: Transaction, tenant: string): Promise<number> {
  return (await listRuns(tx, { tenant })).at(-1)?.number ?? 0;
}
