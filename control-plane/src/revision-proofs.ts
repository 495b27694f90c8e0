// What a host can show of what it was told: that this control plane, or the one whose keys it has, sent it a revision of a lineage. An agent
// keeps the bytes and says them in its hello. Nobody makes them without the key, so that a store which knows of less is known to be
// older, and no host can make a store believe that by its word alone.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { keepSecretFile, readFileIfThere } from './secret-file.ts';

export interface ProvenRevision {
  readonly lineage: string;
  readonly revision: number;
}

const version = 1;
const lineageBytes = 16;
const macBytes = 32;
const length = 1 + lineageBytes + 8 + macBytes;
const keyBytes = 32;

export class RevisionProofs {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  issue(host: string, { lineage, revision }: ProvenRevision): Uint8Array {
    const body = Buffer.alloc(length - macBytes);
    body.writeUInt8(version, 0);
    body.write(lineage, 1, lineageBytes, 'hex');
    body.writeBigUInt64BE(BigInt(revision), 1 + lineageBytes);
    return Buffer.concat([body, this.#mac(host, body)]);
  }

  /** Undefined where it is none of ours for this host. */
  read(host: string, bytes: Uint8Array | undefined): ProvenRevision | undefined {
    if (bytes?.length !== length) return undefined;
    const proof = Buffer.from(bytes);
    const body = proof.subarray(0, length - macBytes);
    if (!timingSafeEqual(proof.subarray(length - macBytes), this.#mac(host, body))) return undefined;
    if (body.readUInt8(0) !== version) return undefined;
    const lineage = body.toString('hex', 1, 1 + lineageBytes);
    return { lineage, revision: Number(body.readBigUInt64BE(1 + lineageBytes)) };
  }

  #mac(host: string, body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update('segwall-revision\0').update(`${host}\0`).update(body).digest();
  }
}

/** Made at the first start, in a folder of its own. One that cannot be read is made anew: proofs of before then say nothing. */
export async function openRevisionProofs(directory: string): Promise<RevisionProofs> {
  const path = join(directory, 'revision.key');
  const kept = Buffer.from((await readFileIfThere(path)) ?? '', 'hex');
  if (kept.length === keyBytes) return new RevisionProofs(kept);
  const key = randomBytes(keyBytes);
  await keepSecretFile(path, `${key.toString('hex')}\n`);
  return new RevisionProofs(key);
}
