// What hosts do and say, for the audit log, bounded: each host at most two entries of a kind in ten minutes, the first at once and the rest
// as one with their number, and so many hosts in that time; beyond them, as when a whole fleet connects anew, by number and some names.

import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Millis } from '#model/time.ts';
import type { AuditAction } from '#policy/audit/audit-actions.ts';
import { otherSources, RepeatedNotes } from './repeated-notes.ts';

export type HostAction = Extract<
  AuditAction,
  | 'agent-connected'
  | 'agent-disconnected'
  | 'agent-refused'
  | 'certificate-refused'
  | 'certificate-renewed-late'
  | 'certificate-ending'
  | 'facts-changed'
  | 'announcement-followed'
  | 'claims-granted'
  | 'claims-withdrawn'
>;

type Details = Readonly<Record<string, unknown>>;

export interface HostHappeningsOptions {
  readonly now: () => Millis;
  readonly audit: (note: Omit<AuditNote, 'at'>) => void;
  readonly windowMs?: number;
}

/** Pairs of host and action that a window tells apart. */
const pairsMost = 256;
/** Facts, or addresses, in one entry. */
const told = 16;

/** Whose word it is. */
const ofTheHost: ReadonlySet<HostAction> = new Set([
  'agent-connected',
  'agent-disconnected',
  'facts-changed',
  'announcement-followed',
]);

export class HostHappenings {
  readonly #notes: RepeatedNotes<HostAction, Details>;

  constructor({ audit, ...options }: HostHappeningsOptions) {
    this.#notes = new RepeatedNotes({
      ...options,
      pairsMost,
      tell: ({ source, kind: action, target: host, times, details, counted }) => {
        const isOne = source !== otherSources;
        const actor = isOne && ofTheHost.has(action) ? `agent/${host}` : 'control-plane';
        const { since, names } = counted ?? {};
        const again = counted === undefined ? {} : { times, since, ...(isOne ? {} : { names }) };
        audit({ actor, action, target: isOne ? host : otherSources, details: { ...(isOne ? details : {}), ...again } });
      },
    });
  }

  take(action: HostAction, host: string, details: Details): void {
    this.#notes.take({ source: host, kind: action, target: host, details });
  }

  /** Nothing where they are the same. */
  factsChanged(host: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
    const keys = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
    if (keys.length === 0) return;
    const of = (facts: ReadonlyMap<string, string>) =>
      Object.fromEntries(keys.slice(0, told).flatMap((key) => (facts.has(key) ? [[key, facts.get(key)]] : [])));
    this.take('facts-changed', host, { count: keys.length, before: of(before), after: of(after) });
  }

  /** Which addresses are the host's, before and now. */
  holdingsChanged(host: string, before: ReadonlySet<string>, after: ReadonlySet<string>): void {
    const granted = [...after].filter((address) => !before.has(address)).sort();
    const withdrawn = [...before].filter((address) => !after.has(address)).sort();
    for (const [action, addresses] of [
      ['claims-granted', granted] as const,
      ['claims-withdrawn', withdrawn] as const,
    ]) {
      if (addresses.length > 0)
        this.take(action, host, { count: addresses.length, addresses: addresses.slice(0, told) });
    }
  }

  /** Tells what was counted and not yet told. */
  stop(): void {
    this.#notes.stop();
  }
}
