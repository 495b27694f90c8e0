// The key that signs checkpoints of the audit log: Ed25519, made at the first start in a folder of its own (mode 0600), and used for
// nothing else. The CA's key says who an agent is; whoever has this one can say what the log was.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { join } from 'node:path';
import { keepSecretFile, readFileIfThere } from '#control-plane/pki/secret-file.ts';
import { type AuditCheckpoint, checkpointText, parseCheckpoint } from '#policy/audit/audit-checkpoint.ts';

/** SubjectPublicKeyInfo of Ed25519 up to the key's own 32 bytes (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

export interface AuditKey {
  /** The public key, 64 hex digits. */
  readonly key: string;
  /** Whether it was made just now. */
  readonly origin: 'made' | 'kept';
  sign(what: Omit<AuditCheckpoint, 'key' | 'signature'>): AuditCheckpoint;
}

export async function openAuditKey(directory: string): Promise<AuditKey> {
  const path = join(directory, 'key.pem');
  const kept = await readFileIfThere(path);
  if (kept === undefined && (await readFileIfThere(lastPath(directory))) !== undefined) {
    throw new Error(
      `${path} is missing, and ${lastPath(directory)} is there, which it signed: put the key back from your newest backup, or all of it (segwall-control-plane restore --from BACKUP --data DIR). Without it move ${lastPath(directory)} away too: then a new key signs, and operators must trust it anew`,
    );
  }
  const privateKey = kept === undefined ? await makeKey(path) : readKey(path, kept);
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const key = der.subarray(spkiPrefix.length).toString('hex');
  return {
    key,
    origin: kept === undefined ? 'made' : 'kept',
    sign: (what) => ({
      ...what,
      key,
      signature: sign(null, Buffer.from(checkpointText(what)), privateKey).toString('hex'),
    }),
  };
}

async function makeKey(path: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await keepSecretFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  return privateKey;
}

function readKey(path: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, in words that help.
  }
  throw new Error(
    `${path} is no Ed25519 key; put back the copy from your backup, or move it and checkpoint.json beside it away: then a new key signs, and operators must trust it anew`,
  );
}

/** False, too, where the key is no point of the curve. */
export function isSigned(text: string, { key, signature }: Pick<AuditCheckpoint, 'key' | 'signature'>): boolean {
  const der = Buffer.concat([spkiPrefix, Buffer.from(key, 'hex')]);
  try {
    const publicKey = createPublicKey({ key: der, type: 'spki', format: 'der' });
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'hex'));
  } catch {
    return false;
  }
}

/** What was signed last is kept beside the key and outside of the store, so that a store that is put back from an older copy shows. */
export async function keepLastCheckpoint(directory: string, checkpoint: AuditCheckpoint): Promise<void> {
  await keepSecretFile(lastPath(directory), `${JSON.stringify(checkpoint)}\n`);
}

/** Undefined where there is none, or none that this key signed. */
export async function readLastCheckpoint(directory: string, { key }: AuditKey): Promise<AuditCheckpoint | undefined> {
  const text = await readFileIfThere(lastPath(directory));
  if (text === undefined) return undefined;
  try {
    const checkpoint = parseCheckpoint(JSON.parse(text));
    if (!checkpoint.ok || checkpoint.value.key !== key) return undefined;
    return isSigned(checkpointText(checkpoint.value), checkpoint.value) ? checkpoint.value : undefined;
  } catch {
    return undefined;
  }
}

function lastPath(directory: string): string {
  return join(directory, 'checkpoint.json');
}
