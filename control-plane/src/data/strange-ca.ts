// A CA that is whole, and of another store: its folder was put back from a copy of something else. No enrolled host would trust this control plane,
// seen only by all of them being away, so the start is refused. One that an operator made anew (new-ca) is known by having issued nothing yet, and is
// remembered under its id; so is one that he says is this store's (take-keys).

import { dirname, join } from 'node:path';
import { authorityFiles } from '#control-plane/pki/authority.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { keepSecretFile, readFileIfThere } from '#control-plane/pki/secret-file.ts';
import { serverFiles } from '#control-plane/pki/server-certificate.ts';

/** Asked before the PKI is opened, which issues the first certificate. */
export async function isCaJustMade(pkiPath: string): Promise<boolean> {
  const there = async (path: string) => (await readFileIfThere(path)) !== undefined;
  return (await there(authorityFiles(pkiPath, '').certificate)) && !(await there(serverFiles(pkiPath, '').certificate));
}

/** Throws where hosts are known to trust a CA, and none of them one of these. */
export async function assertCaIsTrusted(given: {
  readonly pkiPath: string;
  readonly pki: Pick<Pki, 'cas'>;
  readonly isJustMade: boolean;
  /** Ids of the CAs of each host's certificates; empty where it has used none. */
  readonly hosts: readonly { readonly used: string; readonly issued: string }[];
}): Promise<void> {
  const { pkiPath, pki, isJustMade, hosts } = given;
  const { present, next } = pki.cas();
  const ours = new Set([present.id, ...(next === undefined ? [] : [next.id])]);
  const told = hosts.filter(({ used, issued }) => used !== '' || issued !== '');
  if (told.length === 0 || told.some(({ used, issued }) => ours.has(used) || ours.has(issued))) return;
  if (isJustMade) return rememberCa(pkiPath, present.id);
  if ((await readFileIfThere(rememberedPath(pkiPath)))?.trim() === present.id) return;
  throw new Error(
    `${authorityFiles(pkiPath, '').certificate} (fingerprint ${present.fingerprint}) is the CA of none of the ${told.length} hosts in the store that have used a certificate: that folder is of another store, or of another time than the store. Put both back from one backup (segwall-control-plane restore --from BACKUP --data DIR). Where hosts do trust this CA, since the store is older than its rotation, segwall-control-plane take-keys --data ${dirname(pkiPath)}`,
  );
}

/** By its id: this store's, whatever its hosts have used so far. */
export async function rememberCa(pkiPath: string, id: string): Promise<void> {
  await keepSecretFile(rememberedPath(pkiPath), `${id}\n`);
}

const rememberedPath = (pkiPath: string): string => join(pkiPath, 'made-anew');
