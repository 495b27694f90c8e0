// How far a revision has come among the hosts that it concerns. Only an answer counts: a host that is away is pending, whatever it answered
// before it went, since nobody here knows what it enforces now.

import { type HostStanding, isOpen } from './protection.ts';

/** Lists in order. */
export interface RevisionProgress {
  readonly acked: readonly string[];
  readonly nacked: readonly { readonly host: string; readonly reason: string }[];
  /** No answer yet, those that are away among them. */
  readonly pending: readonly string[];
  /** Those of `pending` that have no connection: nobody can wait for them. */
  readonly offline: readonly string[];
  /** Those of `acked` that keep it and enforce nothing: opened at their console. */
  readonly open: readonly string[];
}

/** Rule sets are sent whole: the answer to a later one answers for this one too. */
export function progressOf(revision: number, hosts: Iterable<HostStanding>): RevisionProgress {
  const acked: string[] = [];
  const nacked: { host: string; reason: string }[] = [];
  const pending: string[] = [];
  const offline: string[] = [];
  const open: string[] = [];
  for (const standing of hosts) {
    const { host, live } = standing;
    switch (answerOf(revision, standing)) {
      case 'not-concerned':
        break;
      case 'acked':
        acked.push(host);
        if (live !== undefined && isOpen(live)) open.push(host);
        break;
      case 'nacked':
        nacked.push({ host, reason: live?.nacked?.reason ?? '' });
        break;
      case 'away':
        offline.push(host);
        pending.push(host);
        break;
      case 'awaited':
        pending.push(host);
        break;
    }
  }
  nacked.sort((a, b) => (a.host < b.host ? -1 : 1));
  return { acked: acked.sort(), nacked, pending: pending.sort(), offline: offline.sort(), open: open.sort() };
}

/** `awaited`: connected, and may answer any moment. */
export type Answer = 'not-concerned' | 'acked' | 'nacked' | 'awaited' | 'away';

export function answerOf(revision: number, { live, due }: HostStanding): Answer {
  if (due < revision) return 'not-concerned';
  if (live === undefined) return 'away';
  if (live.acked >= revision) return 'acked';
  return live.nacked !== undefined && live.nacked.revision >= revision ? 'nacked' : 'awaited';
}
