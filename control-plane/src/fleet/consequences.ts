// What follows from a change for those who are connected, and for what this process keeps of hosts beside the state.

import type { Consequences } from '#control-plane/changes/change-kind.ts';
import type { FleetHold } from './fleet-hold.ts';
import type { FleetParts } from './fleet-parts.ts';

/** At once. */
export function publish(parts: FleetParts, consequences: Consequences): void {
  const { closes, containedAt, joined, removed, send, attention } = consequences;
  if (closes !== undefined) parts.sessions.of(closes.host)?.session.close(closes.reason);
  if (containedAt !== undefined) parts.told.contained(containedAt);
  if (joined !== undefined) parts.ephemeral.add(joined);
  if (removed !== undefined) forget(parts, removed);
  if (send !== undefined) parts.publication.mark(send, attention);
}

/** What the store is asked for, or owed. */
export async function follow(
  { hold, addresses, owed }: FleetParts & { readonly hold: FleetHold },
  consequences: Consequences,
): Promise<void> {
  const { holdEnded, claims, owes } = consequences;
  if (holdEnded !== undefined) await hold.ended();
  if (claims !== undefined) await addresses.keep();
  if (owes === undefined) return;
  const { revision, notes = [] } = owes;
  if (revision !== undefined) owed.revision(revision);
  for (const note of notes) owed.note(note);
  await owed.pay();
}

function forget(parts: FleetParts, host: string): void {
  const { disputes, presences, intake, sessions, announcements, hostNotes, publication, addresses, ephemeral } = parts;
  for (const part of [
    disputes,
    presences,
    intake,
    sessions,
    announcements,
    hostNotes,
    publication,
    addresses,
    ephemeral,
  ])
    part.forget(host);
}
