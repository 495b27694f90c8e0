// Whether a change locked the host out of its control plane, judged by what the change did and by nothing that others can bring
// about. `kept`, `undone` and why, in one table; commit-confirm asks the network, this decides.
//
//   adds or changes a quarantine, or cuts off more peers ─────► kept, unasked
//   could not be reached just before it either ───────────────► kept, unasked: the network is no witness against it
//   reached through the new rules ────────────────────────────► kept
//   the stream still carries what the control plane says ─────► kept, whatever the tries say
//   not reached, and our table denied none of our tries ──────► kept: the network, the host or somebody on them failed, not the rules
//   not reached, and our table denied the tries ──────────────► undone

import type { Address } from '#model/address.ts';
import type { HostRuleSet, Quarantine } from '#model/rule-set.ts';
import type { DeniedCount } from './denied-listing.ts';

export interface LockOutEvidence {
  readonly change: 'contains' | 'ordinary';
  /** A try of the same kind, just before. */
  readonly baseline: 'reached' | 'failed';
  /** Whether anything was heard on the policy stream since. */
  readonly stream: 'lives' | 'silent';
  readonly tries: 'reached' | 'failed';
  /** By our own table, of connections of this host to its control plane, while the tries went on. */
  readonly denials: 'none' | 'some';
}

export function judgeLockOut({ change, baseline, stream, tries, denials }: LockOutEvidence): 'kept' | 'undone' {
  if (change === 'contains' || baseline === 'failed') return 'kept';
  if (stream === 'lives' || tries === 'reached') return 'kept';
  return denials === 'some' ? 'undone' : 'kept';
}

/**
 * `contains`: some workload is quarantined that was not, or otherwise than before, or the change does no more than cut off quarantined peers. Only
 * operators may take such a change back; and a quarantine reaches a whole fleet at once, which is not to knock at its control plane at once.
 */
export function changeOf(previous: HostRuleSet | undefined, next: HostRuleSet): LockOutEvidence['change'] {
  const before = new Map(previous?.workloads.map(({ workload, quarantine }) => [workload, quarantine]));
  const contains = next.workloads.some(
    ({ workload, quarantine }) => quarantine !== undefined && !isSame(quarantine, before.get(workload)),
  );
  return contains || (previous !== undefined && cutsOffOnly(previous, next)) ? 'contains' : 'ordinary';
}

/** What is equal stays the same object from rule set to rule set (rule-set-delta.ts): a change made as a whole is an ordinary one. */
function cutsOffOnly(previous: HostRuleSet, next: HostRuleSet): boolean {
  const sameRules =
    previous.workloads.length === next.workloads.length &&
    next.workloads.every((rules, at) => rules === previous.workloads[at]);
  if (!sameRules) return false;
  const ids = new Set([...previous.peerSets.keys(), ...next.peerSets.keys()]);
  const changed = [...ids].filter((id) => previous.peerSets.get(id) !== next.peerSets.get(id));
  return changed.length > 0 && changed.every((id) => next.peerSets.get(id)?.quarantine !== undefined);
}

function isSame(quarantine: Quarantine, before: Quarantine | undefined): boolean {
  return JSON.stringify(quarantine) === JSON.stringify(before);
}

const tcp = 6;

/** What our table has denied so far that may be the agent's: packets by element of the denied sets, and those that found no room in any. */
export interface WayDenials {
  readonly elements: ReadonlyMap<string, number>;
  readonly unrecorded: number;
}

/** The elements of connections from the host's own addresses to the control plane; of a source that used up its share they name no port. */
export function denialsAmong(
  counts: readonly DeniedCount[],
  way: {
    readonly clients: ReadonlySet<Address>;
    readonly addresses: readonly Address[];
    readonly port: number;
  },
): WayDenials['elements'] {
  const elements = new Map<string, number>();
  for (const { direction, client, server, protocol, port, decision, packets } of counts) {
    if (direction !== 'outbound' || protocol !== tcp || (port !== way.port && port !== 0)) continue;
    if (!way.clients.has(client) || !way.addresses.includes(server)) continue;
    elements.set([client, server, port, decision].join(' '), packets);
  }
  return elements;
}

/** Packets. An element or counter that went back is another one. */
export function denialsSince(before: WayDenials, after: WayDenials): number {
  const grown = (from: number, to: number) => (to >= from ? to - from : to);
  let packets = grown(before.unrecorded, after.unrecorded);
  for (const [key, now] of after.elements) packets += grown(before.elements.get(key) ?? 0, now);
  return packets;
}
