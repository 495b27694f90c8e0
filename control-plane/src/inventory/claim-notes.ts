// What the audit log is told of pending claims, so that a host whose claims come and go cannot fill it: each host at most once in ten
// minutes, sixteen hosts in that time, and the others by their number. Asked every few seconds; a claim that is settled by then is not told.

import type { AuditNote } from '#control-plane/store/audit.ts';
import { type PendingClaim, pendingText } from '#policy/claims/address-standing.ts';

const windowMs = 600_000;
const hostsMost = 16;
const claimsTold = 16;

type ClaimNote = Omit<AuditNote, 'at'>;

export class ClaimNotes {
  readonly #pendingOf: (host: string) => readonly PendingClaim[];
  readonly #changed = new Set<string>();
  /** What was told last of hosts whose claims are pending since. */
  readonly #told = new Map<string, string>();
  #toldInWindow = new Set<string>();
  #others = new Set<string>();
  #windowBegan: number | undefined;

  constructor(pendingOf: (host: string) => readonly PendingClaim[]) {
    this.#pendingOf = pendingOf;
  }

  changed(host: string): void {
    this.#changed.add(host);
  }

  /** The entries that are due. `at` is of any clock that only goes forward. */
  due(at: number): readonly ClaimNote[] {
    const notes: ClaimNote[] = [];
    if (this.#windowBegan !== undefined && at - this.#windowBegan >= windowMs) {
      this.#windowBegan = undefined;
      if (this.#others.size > 0) notes.push(othersNote(this.#others));
      this.#toldInWindow = new Set();
      this.#others = new Set();
    }
    for (const host of this.#changed) {
      if (this.#toldInWindow.has(host)) continue;
      this.#changed.delete(host);
      const note = this.#noteOf(host);
      if (note === undefined) continue;
      this.#windowBegan ??= at;
      if (this.#toldInWindow.size >= hostsMost) {
        this.#others.add(host);
        continue;
      }
      this.#toldInWindow.add(host);
      this.#remember(host, note);
      notes.push(note);
    }
    return notes;
  }

  #noteOf(host: string): ClaimNote | undefined {
    const pending = this.#pendingOf(host);
    const note = noteOf(host, pending);
    const before = this.#told.get(host);
    if (pending.length === 0 ? before === undefined : before === textOf(note)) return undefined;
    return note;
  }

  #remember(host: string, note: ClaimNote): void {
    if (note.action === 'address-claims-settled') this.#told.delete(host);
    else this.#told.set(host, textOf(note));
  }
}

function noteOf(host: string, pending: readonly PendingClaim[]): ClaimNote {
  const actor = 'control-plane';
  if (pending.length === 0) return { actor, action: 'address-claims-settled', target: host };
  const some = pending.slice(0, claimsTold);
  const claims = Object.fromEntries(some.map(({ address, reason }) => [address, pendingText(reason)]));
  return { actor, action: 'address-claims-pending', target: host, details: { count: pending.length, claims } };
}

function othersNote(others: ReadonlySet<string>): ClaimNote {
  const details = { hosts: others.size, some: [...others].slice(0, hostsMost) };
  return { actor: 'control-plane', action: 'address-claims-pending', target: '(others)', details };
}

function textOf({ details }: ClaimNote): string {
  return JSON.stringify(details);
}
