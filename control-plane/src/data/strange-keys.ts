// Keys that are whole, and of another store: of the audit log, or of what hosts show that they were told. With the first the log would go on as
// one that nobody trusts; with the second no host could show this store that it was put back. So the store knows its own, and the start is refused
// beside others, until the files are put back or an operator says that these are its own (take-keys).

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { authorityFiles, openAuthority } from '#control-plane/pki/authority.ts';
import { keepSecretFile, readFileIfThere } from '#control-plane/pki/secret-file.ts';
import type { Store } from '#control-plane/store/store.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import { giveAway } from './backup.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { rememberCa } from './strange-ca.ts';

type Places = Pick<DataDirectory, 'path' | 'auditPath' | 'keysPath'>;

interface KeyFile {
  readonly name: string;
  readonly path: string;
  readonly isFor: string;
  /** One that is not is told of, or made anew, by who reads it. */
  readonly isWhole: (text: string) => boolean;
}

const keyFiles = ({ auditPath, keysPath }: Places): readonly KeyFile[] => [
  {
    name: 'audit',
    path: join(auditPath, 'key.pem'),
    isFor: 'signed the audit log of this store',
    isWhole: (text) => text.includes('PRIVATE KEY'),
  },
  {
    name: 'proofs',
    path: join(keysPath, 'revision.key'),
    isFor: 'was used with this store, for what hosts show that they were told',
    isWhole: (text) => /^[0-9a-f]{64}$/.test(text.trim()),
  },
];

/**
 * Throws where a key is of another store. Asked before any of them is used, and once more when all are there: a key that is gone is forgotten
 * before another is made, so that whatever this is broken off by, a start is refused by no key of its own.
 */
export async function assertKeysAreOwn(given: {
  readonly directory: Places;
  readonly store: Pick<Store, 'readOwnKeys' | 'saveOwnKeys'>;
  readonly tenant: string;
}): Promise<void> {
  const { directory, store, tenant } = given;
  const known = await store.readOwnKeys({ tenant });
  const taken = ((await readFileIfThere(takenPath(directory))) ?? '').split('\n');
  const found: Record<string, string> = {};
  for (const { name, path, isFor, isWhole } of keyFiles(directory)) {
    const text = await readFileIfThere(path);
    if (text === undefined || !isWhole(text)) continue;
    const digest = digestOf(text);
    found[name] = digest;
    if (known[name] === undefined || known[name] === digest || taken.includes(digest)) continue;
    throw new Error(
      `${path} is not the key that ${isFor}: it is of another store. Put the key back from your newest backup, or all of it (segwall-control-plane restore --from BACKUP --data DIR). Where this key is to be used from now on: segwall-control-plane take-keys --data ${directory.path}`,
    );
  }
  if (JSON.stringify(known) !== JSON.stringify(found)) await store.saveOwnKeys({ tenant, keys: found });
}

export interface KeysTaken {
  /** Of the CA that is taken; absent where there is none. */
  readonly fingerprint?: string;
}

export interface KeysTaken {
  /** Of the CA; absent where there is none. */
  readonly caFingerprint?: string;
}

/** The CA and the keys that lie in the data directory now are the store's own from the next start on. No others are, nor ones that come later. */
export async function takeKeys({
  data,
  now,
}: {
  readonly data: string;
  readonly now: Millis;
}): Promise<Result<KeysTaken>> {
  const opened = openDataDirectory(data);
  if (!opened.ok) return opened;
  const directory = opened.value;
  try {
    const ca = await openAuthority(authorityFiles(directory.pkiPath, ''), now);
    const texts = await Promise.all(keyFiles(directory).map(({ path }) => readFileIfThere(path)));
    const digests = texts.flatMap((text) => (text === undefined ? [] : [digestOf(text)]));
    if (ca === undefined && digests.length === 0)
      return err(`${data} holds no keys; name the data directory of a control plane`);
    if (ca !== undefined) await rememberCa(directory.pkiPath, ca.id);
    await keepSecretFile(takenPath(directory), `${digests.join('\n')}\n`);
    await giveAway(data);
    return ok(ca === undefined ? {} : { caFingerprint: ca.fingerprint });
  } finally {
    directory.release();
  }
}

const takenPath = ({ keysPath }: Places): string => join(keysPath, 'taken');

/** Line ends may change where a file is copied by hand. */
function digestOf(text: string): string {
  return createHash('sha256').update(text.replace(/\s+/g, '\n').trim()).digest('hex');
}
