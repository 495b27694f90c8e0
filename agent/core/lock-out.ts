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
import { rangesContain } from '#model/address-range.ts';
import type { EssentialEntry, HostRuleSet, Quarantine } from '#model/rule-set.ts';
import type { DeniedCount } from './denied-sets.ts';

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

/** Packets that our table denied of connections from the host's own addresses to what the entries name. */
export function denialsAmong(
  counts: readonly DeniedCount[],
  way: { readonly clients: ReadonlySet<Address>; readonly entries: readonly EssentialEntry[] },
): number {
  let packets = 0;
  for (const count of counts) {
    const { client, server, protocol, port } = count;
    if (protocol !== tcp || !way.clients.has(client)) continue;
    const isOnTheWay = way.entries.some(
      ({ peers, services }) =>
        (peers.kind !== 'ranges' || rangesContain(peers.ranges, server)) &&
        services.some(
          (term) => term.kind === 'ports' && term.protocol === 'tcp' && term.low <= port && port <= term.high,
        ),
    );
    if (isOnTheWay) packets += count.packets;
  }
  return packets;
}
