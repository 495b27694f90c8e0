// Judges an audit log as it is read, entry by entry, without holding it: whether the chain is whole, whether every signed checkpoint in
// it and the one that its reader has kept still hold, and if not, what was done to it. Pure: SHA-256 and Ed25519 come from the caller.

import { type AuditEntry, type ChainPlace, chainBegin, chainFault } from './audit-chain.ts';
import { type AuditCheckpoint, checkpointText } from './audit-checkpoint.ts';

/**
 * `missing`, `changed`: of an entry. `truncated`: the end that was signed is gone. `rewritten`: whole by itself, and another than was
 * signed. `restored`: the log says itself that it went on from an older copy. `other-log`: of another control plane, or another lineage
 * that this one knows nothing of. `other-key`: signed by another than the reader trusts. `bad-signature`: signed by nobody.
 */
export type AuditFault =
  | 'missing'
  | 'changed'
  | 'truncated'
  | 'rewritten'
  | 'restored'
  | 'other-log'
  | 'other-key'
  | 'bad-signature';

/** The store was found to be another than was signed last, and the log goes on under a new name. `action` of the entry that says so. */
export const lineageAction = 'audit-lineage-began';

/** `action` of the entry that names the checkpoint up to which entries were pruned. */
export const prunedAction = 'audit-pruned';

export interface AuditLineage {
  /** Of the entry that says so. */
  readonly seq: number;
  readonly log: string;
  /** What was signed last under the name before. */
  readonly previous?: AuditCheckpoint;
}

export type AuditVerdict =
  | {
      readonly kind: 'intact';
      readonly entries: number;
      readonly lastHash: string;
      /** After which entry it begins: 0, or what was pruned. */
      readonly since: number;
      /** The newest that was read. */
      readonly checkpoint?: AuditCheckpoint;
      readonly lineages: readonly AuditLineage[];
    }
  | { readonly kind: 'broken'; readonly seq: number; readonly fault: AuditFault; readonly problem: string };

export interface AuditVerifierOptions {
  readonly sha256: (text: string) => string;
  readonly isSigned: (text: string, by: Pick<AuditCheckpoint, 'key' | 'signature'>) => boolean;
  /**
   * Where what is read begins, where it is not the log's own begin: `base` is the checkpoint up to which entries were pruned, as an entry
   * after it must say; `place` is what was read before; `unknown` takes the first line's word for it.
   */
  readonly from?: { readonly base: AuditCheckpoint } | { readonly place: ChainPlace } | 'unknown';
  /** The checkpoint that the reader kept, and trusts. */
  readonly held?: AuditCheckpoint;
  /** The public key that the reader trusts; else the held checkpoint's, else that of the first one read. */
  readonly key?: string;
}

type Broken = Extract<AuditVerdict, { kind: 'broken' }>;

const lineagesKept = 100;

export class AuditVerifier {
  readonly #options: AuditVerifierOptions;
  readonly #lineages: AuditLineage[] = [];
  #place: ChainPlace | undefined;
  #since = 0;
  #entries = 0;
  #key: string | undefined;
  #newest: AuditCheckpoint | undefined;
  /** What was signed and is not so, told unless the chain itself breaks later: only then is known whose log it is. */
  #mismatch: { readonly signed: AuditCheckpoint; readonly kind: 'rewritten' | 'truncated' } | undefined;
  #broken: Broken | undefined;
  /** Where the log is said to begin, and no entry has said so yet. */
  #unexplained: AuditCheckpoint | undefined;

  constructor(options: AuditVerifierOptions) {
    this.#options = options;
    this.#key = options.key ?? options.held?.key;
    const { from } = options;
    if (from === undefined) this.#begin(chainBegin);
    else if (from !== 'unknown' && 'place' in from) this.#begin(from.place);
    else if (from !== 'unknown') {
      this.checkpoint(from.base);
      this.#begin(from.base);
      this.#unexplained = from.base;
    }
  }

  /** Nothing more needs to be read: it is broken. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  get place(): ChainPlace | undefined {
    return this.#place;
  }

  entry(entry: AuditEntry): void {
    if (this.#broken !== undefined) return;
    if (this.#place === undefined) {
      if (entry.seq === chainBegin.seq + 1) this.#begin(chainBegin);
      else this.#begin({ seq: entry.seq - 1, hash: entry.previousHash });
    }
    const fault = chainFault(this.#place ?? chainBegin, entry, this.#options.sha256);
    if (fault !== undefined) {
      this.#broken = { kind: 'broken', ...fault };
      return;
    }
    this.#place = { seq: entry.seq, hash: entry.hash };
    this.#entries += 1;
    const lineage = entry.action === lineageAction ? readLineage(entry) : undefined;
    if (lineage !== undefined) this.#lineages.push(lineage);
    if (this.#lineages.length > lineagesKept) this.#lineages.shift();
    if (this.#unexplained !== undefined && isPruningTo(entry, this.#unexplained)) this.#unexplained = undefined;
    this.#judgeHeld();
  }

  /** One that stands after entry `seq`, or beyond the end of what is there. */
  checkpoint(checkpoint: AuditCheckpoint): void {
    if (this.#broken !== undefined) return;
    const { seq, key } = checkpoint;
    this.#key ??= key;
    if (key !== this.#key) this.#otherKey(checkpoint, this.#key);
    else if (!this.#options.isSigned(checkpointText(checkpoint), checkpoint))
      this.#break(seq, 'bad-signature', `the checkpoint of entry ${seq} is not signed by the key it names`);
    else {
      this.#newest = checkpoint;
      const place = this.#place;
      if (place === undefined) this.#begin(checkpoint);
      else if (place.seq > seq)
        this.#break(seq, 'truncated', `the log ends at entry ${seq}; entry ${place.seq} was read before`);
      else if (place.seq < seq) this.#mismatch ??= { signed: checkpoint, kind: 'truncated' };
      else if (place.hash !== checkpoint.hash) this.#mismatch ??= { signed: checkpoint, kind: 'rewritten' };
    }
  }

  /** Called when all is read. */
  verdict(): AuditVerdict {
    const place = this.#place ?? chainBegin;
    const { held } = this.#options;
    if (this.#broken === undefined && held !== undefined && held.seq > place.seq)
      this.#mismatch ??= { signed: held, kind: 'truncated' };
    if (this.#broken !== undefined) return this.#broken;
    if (this.#mismatch !== undefined) return this.#mismatchVerdict(this.#mismatch, place);
    if (this.#unexplained !== undefined) return unexplained(this.#unexplained);
    return {
      kind: 'intact',
      entries: this.#entries,
      lastHash: place.hash,
      since: this.#since,
      ...(this.#newest === undefined ? {} : { checkpoint: this.#newest }),
      lineages: this.#lineages,
    };
  }

  #begin({ seq, hash }: ChainPlace): void {
    this.#place = { seq, hash };
    this.#since = seq;
    this.#judgeHeld();
  }

  #otherKey(checkpoint: AuditCheckpoint, trusted: string): void {
    const { seq, key, log } = checkpoint;
    const { held } = this.#options;
    const signed = `the checkpoint of entry ${seq} is signed by key ${key}; the one that is trusted is ${trusted}`;
    if (held !== undefined && held.log !== log)
      this.#break(seq, 'other-log', `${signed}; ${otherLog(held, checkpoint)}`);
    else this.#break(seq, 'other-key', signed);
  }

  #break(seq: number, fault: AuditFault, problem: string): void {
    this.#broken = { kind: 'broken', seq, fault, problem };
  }

  #judgeHeld(): void {
    const { held } = this.#options;
    const place = this.#place;
    if (held === undefined || place === undefined || held.seq !== place.seq) return;
    if (held.hash !== place.hash) this.#mismatch ??= { signed: held, kind: 'rewritten' };
  }

  #mismatchVerdict(
    { signed, kind }: { readonly signed: AuditCheckpoint; readonly kind: 'rewritten' | 'truncated' },
    place: ChainPlace,
  ): AuditVerdict {
    const { seq } = signed;
    const broken = (fault: AuditFault, problem: string): AuditVerdict => ({ kind: 'broken', seq, fault, problem });
    const successor = this.#lineages.find(({ previous }) => previous?.log === signed.log);
    if (successor !== undefined && successor.seq <= seq) return broken('restored', restored(signed, successor));
    const newest = this.#newest;
    if (successor === undefined && newest !== undefined && newest.log !== signed.log)
      return broken('other-log', otherLog(signed, newest));
    const when = new Date(signed.at).toISOString();
    return kind === 'truncated'
      ? broken('truncated', `entries up to ${seq} were signed at ${when}; the log ends at ${place.seq}`)
      : broken('rewritten', `entry ${seq} is another than the one that was signed at ${when}: the log was rewritten`);
  }
}

function otherLog(trusted: AuditCheckpoint, found: AuditCheckpoint): string {
  return `the checkpoint of entry ${trusted.seq} is of log ${trusted.log}; this is log ${found.log}`;
}

function restored({ seq }: AuditCheckpoint, successor: AuditLineage): string {
  const last = successor.previous?.seq ?? seq;
  return `the store was put back from an older copy, or cut off: entries from ${successor.seq} to ${last}, as they were signed, are gone`;
}

function unexplained({ seq }: AuditCheckpoint): AuditVerdict {
  const problem = `entries up to ${seq} are missing, and no entry (${prunedAction}) says that they were pruned`;
  return { kind: 'broken', seq, fault: 'missing', problem };
}

function isPruningTo({ action, details }: AuditEntry, { seq, hash }: ChainPlace): boolean {
  if (action !== prunedAction) return false;
  try {
    const { through } = JSON.parse(details) as { readonly through?: Partial<ChainPlace> };
    return through?.seq === seq && through.hash === hash;
  } catch {
    return false;
  }
}

/** What the control plane says of it in the entry's details; undefined where that is not readable. */
function readLineage({ seq, details }: AuditEntry): AuditLineage | undefined {
  try {
    const { log, previous } = JSON.parse(details) as { readonly log: string; readonly previous?: AuditCheckpoint };
    return { seq, log, ...(previous === undefined ? {} : { previous }) };
  } catch {
    return undefined;
  }
}
