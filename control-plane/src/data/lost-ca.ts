// A data directory whose CA is gone while its store knows hosts that trust it. A new one made in silence would be one that no host trusts,
// seen only by all of them being away: the start is refused, and another CA is made where an operator says so.

import { link, mkdir, unlink } from 'node:fs/promises';
import { authorityFiles, makeAuthority } from '#control-plane/pki/authority.ts';
import { readFileIfThere } from '#control-plane/pki/secret-file.ts';
import type { Store } from '#control-plane/store/store.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import { giveAway } from './backup.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';

/** Throws where hosts are enrolled and there is no CA. */
export async function assertCaIsThere(given: {
  readonly directory: Pick<DataDirectory, 'path' | 'pkiPath'>;
  readonly store: Pick<Store, 'loadFleet'>;
  readonly tenant: string;
  readonly now: Millis;
}): Promise<void> {
  const { path, pkiPath } = given.directory;
  if ((await readFileIfThere(authorityFiles(pkiPath, '').certificate)) !== undefined) return;
  const { hosts } = await given.store.loadFleet({ tenant: given.tenant, now: given.now });
  if (hosts.length === 0) return;
  throw new Error(
    `${pkiPath} holds no CA, and the store knows ${hosts.length} hosts that trust one: put that folder back from a backup. Where there is none: segwall-control-plane new-ca --data ${path}, and enrol every host anew (docs/guides/day-two.md, "The CA is lost")`,
  );
}

export interface LostCaMade {
  readonly fingerprint: string;
  /** Where a key that lay there without its certificate is now: it may be the only copy of one that a certificate elsewhere belongs to. */
  readonly keptKey?: string;
}

export async function makeLostCa({
  data,
  now,
}: {
  readonly data: string;
  readonly now: Millis;
}): Promise<Result<LostCaMade>> {
  const directory = openDataDirectory(data);
  if (!directory.ok) return directory;
  try {
    const files = authorityFiles(directory.value.pkiPath, '');
    if ((await readFileIfThere(files.certificate)) !== undefined)
      return err(`${files.certificate} is there; where it is to be replaced: segwall ca rotate`);
    await mkdir(directory.value.pkiPath, { recursive: true, mode: 0o700 });
    const keptKey = await setAside(files.key, now);
    const { fingerprint } = await makeAuthority(files, now);
    await giveAway(data);
    return ok({ fingerprint, ...(keptKey === undefined ? {} : { keptKey }) });
  } finally {
    directory.value.release();
  }
}

/** Its new path; undefined where there is no such file. What was set aside at the same instant stays, too. */
async function setAside(path: string, now: Millis): Promise<string | undefined> {
  if ((await readFileIfThere(path)) === undefined) return undefined;
  const aside = `${path}.kept-${new Date(now).toISOString()}`;
  // A link is refused where the name is taken, a rename would overwrite.
  await link(path, aside);
  await unlink(path);
  return aside;
}
