// The host's own essential entries in words, and whether they are still those of the last start: who may always pass is
// a matter of audit, though no control plane decides it.

import { join } from 'node:path';
import { rangeCidrs } from '#model/address-range.ts';
import type { EssentialEntry, SocketOwner } from '#model/rule-set.ts';
import { serviceTermText } from '#model/service.ts';
import { readIfThere, writeWhole } from './durable-file.ts';
import type { EventLog } from './event-log.ts';
import { isDiskError } from './run-directory.ts';

/** "ssh-admin: inbound tcp/22 from 10.0.0.0/8" */
export function essentialText({ name, direction, peers, services, owner }: EssentialEntry): string {
  const whom = peers.kind === 'any' ? 'any' : peers.ranges.flatMap(rangeCidrs).join(', ');
  const terms = services.map(serviceTermText).join(', ');
  const whose = owner === undefined ? '' : `, ${ownerText(owner)}`;
  return `${name}: ${direction} ${terms} ${direction === 'inbound' ? 'from' : 'to'} ${whom}${whose}`;
}

function ownerText({ uid }: SocketOwner): string {
  return `for processes of ${uid === 0 ? 'root' : `user ${uid}`}`;
}

/** Records an event where the entries differ from those of the last start; a first start with none is no difference. */
export async function noteEssentials(given: {
  readonly statePath: string;
  readonly essentials: readonly EssentialEntry[];
  readonly events: Pick<EventLog, 'record'>;
}): Promise<void> {
  const path = join(given.statePath, 'essentials-seen');
  const after = given.essentials.map(essentialText).sort();
  const bytes = await readIfThere(path);
  const before = Buffer.from(bytes ?? [])
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (before.join('\n') === after.join('\n')) return;
  const added = after.filter((line) => !before.includes(line));
  const removed = before.filter((line) => !after.includes(line));
  given.events.record(
    'essentials-changed',
    new Map([
      ['added', added.join('; ')],
      ['removed', removed.join('; ')],
    ]),
  );
  try {
    await writeWhole(path, Buffer.from(after.map((line) => `${line}\n`).join('')));
  } catch (error) {
    // It will be told again at the next start: twice is better than never.
    if (!isDiskError(error)) throw error;
  }
}
