// SHA256SUMS beside the packages, in the form that `sha256sum --check` reads, and its signature by a key of the packager's own.

import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';

/** Signatures say what they are for, so that one for another purpose cannot be passed off as a package's. */
export const signatureNamespace = 'segwall-package';

export async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** Gives the path of FOLDER/SHA256SUMS. */
export async function writeChecksums(folder: string, paths: readonly string[]): Promise<string> {
  const lines = await Promise.all(
    [...paths].sort().map(async (path) => `${await sha256Of(path)}  ${basename(path)}\n`),
  );
  const target = join(folder, 'SHA256SUMS');
  await writeFile(target, lines.join(''));
  return target;
}

/** `key`: a private key, or the public key of one that an ssh agent or a security key holds. Gives the path of the signature. */
export async function signFile(path: string, key: string): Promise<string> {
  const signing = await execa('ssh-keygen', ['-Y', 'sign', '-n', signatureNamespace, '-f', key, path], {
    reject: false,
    stdin: 'inherit',
  });
  if (signing.failed) {
    const reason = signing.code === 'ENOENT' ? 'ssh-keygen is missing: install openssh-client' : signing.stderr;
    throw new Error(`${path} could not be signed with ${key}: ${reason}`);
  }
  return `${path}.sig`;
}
