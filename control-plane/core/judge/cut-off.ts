// Who is cut off from a quarantined workload at his own end (docs/reference/policy.md, verdict 2): everybody but the
// peers that the quarantine names. An address tells whom it means: a unit shares its host's, and nobody elsewhere can
// tell the two apart, so its quarantine holds on its host alone.

import type { Address } from '#model/address.ts';
import type { Workload, WorkloadQuarantine } from '#policy/policy/policy.ts';
import { meantOf } from './address-holders.ts';
import { type Matching, type Side, sideOf } from './matching.ts';

/** The quarantine that cuts others off from an address: that of the workload it means, of those that hold it. */
export function quarantineOver(holders: readonly Workload[]): WorkloadQuarantine | undefined {
  for (const { quarantine } of holders) if (quarantine !== undefined) return meantOf(holders)?.quarantine;
  return undefined;
}

/** Whether the workload is one of the quarantine's peers where it talks from this address. */
export function isPeerOf(
  { peers }: WorkloadQuarantine,
  local: { readonly matching: Matching; readonly workload: Workload; readonly side: Side },
): boolean {
  const { matching, workload, side } = local;
  const byRange = peers.filter(({ kind }) => kind === 'ranges' || kind === 'fqdn');
  if (peers.some((peer) => !byRange.includes(peer) && matching.peerMatches(peer, side, undefined))) return true;
  if (byRange.length === 0) return false;
  const named = namedAddresses(workload.addresses, (address) => {
    const own = sideOf(address, []);
    return byRange.some((peer) => matching.peerMatches(peer, own, undefined));
  });
  if (named === 'all' || named.includes(side.address)) return true;
  const isVirtual = matching.virtualOf(workload).some(({ addresses }) => addresses.includes(side.address));
  return isVirtual && byRange.some((peer) => matching.peerMatches(peer, sideOf(side.address, []), undefined));
}

/**
 * Of a workload's addresses those that a quarantine's ranges name. A workload is its peer as a whole where all are,
 * whatever it talks from: behind its host's address translation a container is known by its host's addresses, and talks
 * from its own.
 */
export function namedAddresses(
  addresses: readonly Address[],
  isNamed: (address: Address) => boolean,
): readonly Address[] | 'all' {
  const named = addresses.filter(isNamed);
  return named.length > 0 && named.length === addresses.length ? 'all' : named;
}
