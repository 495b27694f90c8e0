// What the audit log is told of the fleet beside its changes: owed to the store, and where hosts cause it, bounded.

import type { HostNotes } from '#control-plane/notes/host-notes.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Millis } from '#model/time.ts';
import type { FleetTurns } from './fleet-turns.ts';
import type { OwedWrites } from './owed-writes.ts';

export interface FleetNotesOptions {
  readonly now: () => Millis;
  readonly owed: OwedWrites;
  readonly hostNotes: HostNotes;
  readonly turns: FleetTurns;
}

export class FleetNotes {
  readonly #options: FleetNotesOptions;

  constructor(options: FleetNotesOptions) {
    this.#options = options;
  }

  dated(note: Omit<AuditNote, 'at'>): AuditNote {
    return { ...note, at: this.#options.now() };
  }

  /** In a turn. */
  async audit(note: Omit<AuditNote, 'at'>): Promise<void> {
    const { owed } = this.#options;
    owed.note(this.dated(note));
    await owed.pay();
  }

  /** Outside a turn: in the log with the next one, however many come before it. */
  soon(note: Omit<AuditNote, 'at'>): void {
    const { owed, turns } = this.#options;
    owed.note(this.dated(note));
    turns.soon('owed', () => owed.pay());
  }

  /** What a host causes by itself, as often as it likes: `target`. */
  ofHost(note: Omit<AuditNote, 'at'>): void {
    if (this.#options.hostNotes.take(note.target, note.action)) this.soon(note);
  }
}
