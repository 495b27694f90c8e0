// What a host can show of what it was told: that this control plane, or the one whose keys it has, sent it a revision of a lineage, in which of
// its runs, and whom that cut off. An agent keeps the bytes and says them in its hello. Nobody makes them without the key, so that a store
// which lacks that history is known to, and no host can make a store believe so by its word alone.

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { keepSecretFile, readFileIfThere } from '#control-plane/pki/secret-file.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';

export interface ProvenRevision {
  readonly lineage: string;
  readonly revision: number;
  /** Absent in proofs of before control planes named their runs. */
  readonly run?: { readonly name: string; readonly number: number };
  /** Of the names that the revision cut off (`namesDigest`); absent where that was not known. */
  readonly cutOff?: string;
}

/** Sixteen bytes each, in hex. */
const nameBytes = 16;
const macBytes = 32;
const keyBytes = 32;
const firstLength = 1 + nameBytes + 8;
const fullLength = 1 + nameBytes + nameBytes + 4 + 8 + nameBytes;
const lengths: Readonly<Record<number, number>> = { 1: firstLength, 2: fullLength };
const unknownNames = '00'.repeat(nameBytes);

export class RevisionProofs {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** Without a run: as versions before this one made it. */
  issue(host: string, { lineage, revision, run, cutOff = unknownNames }: ProvenRevision): Uint8Array {
    const version = run === undefined ? 1 : 2;
    const texts = run === undefined ? [lineage] : [lineage, run.name];
    const number = Buffer.alloc(run === undefined ? 0 : 4);
    if (run !== undefined) number.writeUInt32BE(run.number);
    const height = Buffer.alloc(8);
    height.writeBigUInt64BE(BigInt(revision));
    const names = run === undefined ? [] : [Buffer.from(cutOff, 'hex')];
    const parts = [Buffer.of(version), ...texts.map((text) => Buffer.from(text, 'hex')), number, height, ...names];
    const body = Buffer.concat(parts);
    if (body.length !== lengths[version]) throw new Error(`a proof of ${body.length} bytes cannot be read again`);
    return Buffer.concat([body, this.#mac(host, body)]);
  }

  /** Undefined where it is none of ours for this host. */
  read(host: string, bytes: Uint8Array | undefined): ProvenRevision | undefined {
    const length = lengths[bytes?.[0] ?? 0];
    if (bytes === undefined || length === undefined || bytes.length !== length + macBytes) return undefined;
    const proof = Buffer.from(bytes);
    const body = proof.subarray(0, length);
    if (!timingSafeEqual(proof.subarray(length), this.#mac(host, body))) return undefined;
    const lineage = body.toString('hex', 1, 1 + nameBytes);
    const rest = body.subarray(1 + nameBytes);
    if (length === firstLength) return { lineage, revision: Number(rest.readBigUInt64BE(0)) };
    const run = { name: rest.toString('hex', 0, nameBytes), number: rest.readUInt32BE(nameBytes) };
    const revision = Number(rest.readBigUInt64BE(nameBytes + 4));
    const cutOff = rest.toString('hex', nameBytes + 12);
    return { lineage, revision, run, ...(cutOff === unknownNames ? {} : { cutOff }) };
  }

  #mac(host: string, body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update('segwall-revision\0').update(`${host}\0`).update(body).digest();
  }
}

/** Of names, however often and in whichever order. */
export function namesDigest(names: Iterable<string>): string {
  const text = ['segwall-names', ...sortedByCodeUnits(new Set(names))].join('\0');
  return createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, 2 * nameBytes);
}

export interface OpenedProofs {
  readonly proofs: RevisionProofs;
  readonly path: string;
  readonly origin: 'made' | 'kept';
}

/** Made at the first start, in a folder of its own. One that cannot be read is made anew: proofs of before then say nothing. */
export async function openRevisionProofs(directory: string): Promise<OpenedProofs> {
  const path = join(directory, 'revision.key');
  const kept = Buffer.from((await readFileIfThere(path)) ?? '', 'hex');
  if (kept.length === keyBytes) return { proofs: new RevisionProofs(kept), path, origin: 'kept' };
  const key = randomBytes(keyBytes);
  await keepSecretFile(path, `${key.toString('hex')}\n`);
  return { proofs: new RevisionProofs(key), path, origin: 'made' };
}
