// What the control plane gave this host to show what it was told last (bytes that mean nothing here). Said in every hello: a control plane
// whose store was put back from an older copy learns from it that it is behind, before it undoes what came since.

import { join } from 'node:path';
import { readIfThere, seal, unseal, writeWhole } from '#agent/state/durable-file.ts';

export interface RevisionProof {
  current(): Uint8Array | undefined;
  /** Kept for the next life of the agent; where the disk does not take it, for this one. */
  take(proof: Uint8Array): void;
}

export async function openRevisionProof(directory: string): Promise<RevisionProof> {
  const path = join(directory, 'revision-proof');
  const read = unseal((await readIfThere(path).catch(() => undefined)) ?? new Uint8Array(0));
  let proof = read.ok ? read.value : undefined;
  return {
    current: () => proof,
    take(next) {
      proof = next;
      writeWhole(path, seal(next)).catch(() => undefined);
    },
  };
}
