// Whom the fleet had cut off by the history that a store lacks, from what hosts show and say. A proof carries a digest of the names that its
// revision cut off, which the control plane made; a host says the names. Where they fit together they are the control plane's word, and the
// newest such word is the truth of that time, for all hosts are sent the same quarantines. Where they do not (a host that makes names up, one
// that held a newer revision than it has a proof of, more names than a hello takes) they are that host's word, and weigh as one.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import { namesDigest, type ProvenRevision } from './revision-proofs.ts';

/** `proven`: by what the control plane signed. `witnessed`: several hosts say so of another. `said`: one host alone. */
export type CutOffStanding = 'proven' | 'witnessed' | 'said';

export interface CutOffName {
  readonly name: string;
  readonly standing: CutOffStanding;
  /** How many hosts say so. */
  readonly hosts: number;
}

/** Of one host's word for itself: beyond that it is cut. What is proven is kept whole. */
const namesOfOneHost = 64;
const enoughWitnesses = 2;

interface Word {
  readonly number: number;
  readonly revision: number;
  readonly names: readonly string[];
}

export class CutOffWitnesses {
  #proven: Word | undefined;
  readonly #said = new Map<string, Word>();

  /** A host's newest word takes the place of its last. */
  take(host: string, told: ProvenRevision, names: readonly string[]): void {
    const word = { number: told.run?.number ?? 0, revision: told.revision, names };
    if (told.cutOff === namesDigest(names)) {
      this.#said.delete(host);
      if (this.#proven === undefined || compareWords(word, this.#proven) > 0) this.#proven = word;
    } else this.#said.set(host, { ...word, names: names.slice(0, namesOfOneHost) });
  }

  /**
   * Those that most hosts say first; of hosts' own word, only what is no older than what is proven, and only what `holderOf` knows: the host
   * that the workload is on, whose own word about it does not weigh.
   */
  names(holderOf: (name: string) => string | undefined): readonly CutOffName[] {
    const hosts = new Map<string, number>();
    for (const [host, word] of this.#said) {
      if (this.#proven !== undefined && compareWords(word, this.#proven) < 0) continue;
      for (const name of new Set(word.names)) {
        const holder = holderOf(name);
        if (holder !== undefined && holder !== host) hosts.set(name, (hosts.get(name) ?? 0) + 1);
      }
    }
    const proven = new Set(this.#proven?.names);
    const all = [...new Set([...proven, ...hosts.keys()])].map((name): CutOffName => {
      const count = hosts.get(name) ?? 0;
      const byWord = count >= enoughWitnesses ? 'witnessed' : 'said';
      return { name, standing: proven.has(name) ? 'proven' : byWord, hosts: count };
    });
    const order: readonly CutOffStanding[] = ['proven', 'witnessed', 'said'];
    const rank = ({ standing }: CutOffName) => order.indexOf(standing);
    return all.sort((a, b) => rank(a) - rank(b) || b.hosts - a.hosts || compareCodeUnits(a.name, b.name));
  }

  clear(): void {
    this.#proven = undefined;
    this.#said.clear();
  }
}

/** Runs are numbered in the order of their starts. */
function compareWords(a: Word, b: Word): number {
  return a.number - b.number || a.revision - b.revision;
}
