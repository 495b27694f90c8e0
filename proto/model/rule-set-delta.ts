// What changes from one rule set of a host to its next: peer sets by single addresses, workloads as wholes. A delta holds for
// exactly one base revision, and applying it is all or nothing: whatever does not fit its base is refused, never guessed.
// Made by the control plane, applied by the agent; for all a and b, applyRuleSetDelta(a, diffRuleSets(a, b)) equals b.

import type { Address } from './address.ts';
import { type AddressRange, compareRanges } from './address-range.ts';
import { compareCodeUnits, placeOf, sortedByCodeUnits } from './code-unit-order.ts';
import { err, ok, type Result } from './result.ts';
import type { HostRuleSet, PeerSet, PeerSetId, WorkloadRules } from './rule-set.ts';
import { equalStructures } from './structure.ts';

/** How one peer set changes that both sides have. Addresses are in code-unit order; `ranges`, where present, replace all of the set's ranges. */
export interface PeerSetChange {
  readonly id: PeerSetId;
  readonly addedAddresses: readonly Address[];
  readonly removedAddresses: readonly Address[];
  readonly ranges?: readonly AddressRange[];
}

/**
 * Every list is in code-unit order of its ids or names, and names each once. `replacedWorkloads` holds workloads that are new or
 * differ in anything but the content of the peer sets they name. An empty delta (all lists empty) moves the revision only.
 */
export interface RuleSetDelta {
  readonly baseRevision: number;
  readonly revision: number;
  readonly host: string;
  readonly addedPeerSets: readonly PeerSet[];
  readonly removedPeerSets: readonly PeerSetId[];
  readonly changedPeerSets: readonly PeerSetChange[];
  readonly replacedWorkloads: readonly WorkloadRules[];
  readonly removedWorkloads: readonly string[];
}

/** The delta that makes `next` of `previous`; both must be of one host, anything else is a broken caller. Linear in the two. */
export function diffRuleSets(previous: HostRuleSet, next: HostRuleSet): RuleSetDelta {
  if (previous.host !== next.host) throw new Error(`a delta is of one host; found ${previous.host} and ${next.host}`);
  const addedPeerSets: PeerSet[] = [];
  const renamedPeerSets: PeerSetId[] = [];
  const changedPeerSets: PeerSetChange[] = [];
  for (const [id, set] of next.peerSets) {
    const before = previous.peerSets.get(id);
    if (before === undefined) addedPeerSets.push(set);
    else if (before.fqdn !== set.fqdn || before.quarantine !== set.quarantine) {
      // Another set under the same id: it goes before it comes.
      renamedPeerSets.push(id);
      addedPeerSets.push(set);
    } else if (before !== set) {
      const change = diffPeerSets(before, set);
      if (change !== undefined) changedPeerSets.push(change);
    }
  }
  const gonePeerSets = [...previous.peerSets.keys()].filter((id) => !next.peerSets.has(id));
  const before = new Map(previous.workloads.map((rules) => [rules.workload, rules]));
  const kept = new Set(next.workloads.map((rules) => rules.workload));
  return {
    baseRevision: previous.revision,
    revision: next.revision,
    host: next.host,
    addedPeerSets: addedPeerSets.sort((a, b) => compareCodeUnits(a.id, b.id)),
    removedPeerSets: [...gonePeerSets, ...renamedPeerSets].sort(compareCodeUnits),
    changedPeerSets: changedPeerSets.sort((a, b) => compareCodeUnits(a.id, b.id)),
    replacedWorkloads: next.workloads.filter((rules) => !equalStructures(before.get(rules.workload), rules)),
    removedWorkloads: sortedByCodeUnits([...before.keys()].filter((name) => !kept.has(name))),
  };
}

/** Whether the delta says anything beyond the new revision. */
export function isEmptyDelta(delta: RuleSetDelta): boolean {
  return (
    delta.addedPeerSets.length === 0 &&
    delta.removedPeerSets.length === 0 &&
    delta.changedPeerSets.length === 0 &&
    delta.replacedWorkloads.length === 0 &&
    delta.removedWorkloads.length === 0
  );
}

/** The rule set that follows `base`, or why the delta does not fit it. `base` is never changed. */
export function applyRuleSetDelta(base: HostRuleSet, delta: RuleSetDelta): Result<HostRuleSet> {
  if (delta.host !== base.host) return err(`the delta is for host ${delta.host}, the base is of host ${base.host}`);
  if (delta.baseRevision !== base.revision) {
    return err(`the delta builds on revision ${delta.baseRevision}, held is revision ${base.revision}`);
  }
  if (delta.revision < delta.baseRevision) {
    return err(`the delta goes back from revision ${delta.baseRevision} to ${delta.revision}`);
  }
  const peerSets = applyPeerSets(base.peerSets, delta);
  if (!peerSets.ok) return peerSets;
  const workloads = applyWorkloads(base.workloads, delta);
  if (!workloads.ok) return workloads;
  const missing = firstMissingSet(workloads.value, peerSets.value);
  if (missing !== undefined) return err(missing);
  return ok({ revision: delta.revision, host: base.host, workloads: workloads.value, peerSets: peerSets.value });
}

function diffPeerSets(before: PeerSet, after: PeerSet): PeerSetChange | undefined {
  const addedAddresses: Address[] = [];
  const removedAddresses: Address[] = [];
  let left = 0;
  let right = 0;
  while (left < before.addresses.length || right < after.addresses.length) {
    const old = before.addresses[left];
    const current = after.addresses[right];
    if (old === current) {
      left += 1;
      right += 1;
    } else if (current === undefined || (old !== undefined && old < current)) {
      if (old !== undefined) removedAddresses.push(old);
      left += 1;
    } else {
      addedAddresses.push(current);
      right += 1;
    }
  }
  const hasSameRanges = equalRanges(before.ranges, after.ranges);
  if (addedAddresses.length === 0 && removedAddresses.length === 0 && hasSameRanges) return undefined;
  return { id: after.id, addedAddresses, removedAddresses, ...(hasSameRanges ? {} : { ranges: after.ranges }) };
}

function applyPeerSets(
  base: ReadonlyMap<PeerSetId, PeerSet>,
  delta: RuleSetDelta,
): Result<ReadonlyMap<PeerSetId, PeerSet>> {
  const sets = new Map(base);
  for (const id of delta.removedPeerSets) {
    if (!sets.delete(id)) return err(`the delta removes peer set "${id}", which is not held`);
  }
  for (const change of delta.changedPeerSets) {
    const set = sets.get(change.id);
    if (set === undefined) return err(`the delta changes peer set "${change.id}", which is not held`);
    const addresses = applyAddresses(set, change);
    if (!addresses.ok) return addresses;
    sets.set(change.id, { ...set, addresses: addresses.value, ranges: change.ranges ?? set.ranges });
  }
  for (const set of delta.addedPeerSets) {
    if (sets.has(set.id)) return err(`the delta adds peer set "${set.id}", which is held already`);
    sets.set(set.id, set);
  }
  if (delta.addedPeerSets.length === 0) return ok(sets);
  return ok(new Map([...sets].sort(([a], [b]) => compareCodeUnits(a, b))));
}

/** Linear in what changes, beside a copy and the searches. */
function applyAddresses({ id, addresses }: PeerSet, change: PeerSetChange): Result<readonly Address[]> {
  const gone = new Set<Address>();
  const come = new Set<Address>();
  const edits: { readonly at: number; readonly put?: Address }[] = [];
  for (const address of change.removedAddresses) {
    const at = placeOf(addresses, address);
    if (addresses[at] !== address || gone.has(address))
      return err(`the delta takes ${address} out of peer set "${id}", which does not hold it`);
    gone.add(address);
    edits.push({ at });
  }
  for (const address of change.addedAddresses) {
    const at = placeOf(addresses, address);
    if ((addresses[at] === address && !gone.has(address)) || come.has(address))
      return err(`the delta adds ${address} to peer set "${id}", which holds it already`);
    come.add(address);
    edits.push({ at, put: address });
  }
  edits.sort((a, b) => a.at - b.at || compareCodeUnits(a.put ?? '~', b.put ?? '~'));
  const parts: (readonly Address[])[] = [];
  let taken = 0;
  for (const { at, put } of edits) {
    parts.push(addresses.slice(taken, at));
    if (put !== undefined) parts.push([put]);
    taken = put === undefined ? at + 1 : at;
  }
  parts.push(addresses.slice(taken));
  return ok(parts.flat());
}

function applyWorkloads(base: readonly WorkloadRules[], delta: RuleSetDelta): Result<readonly WorkloadRules[]> {
  const workloads = new Map(base.map((rules) => [rules.workload, rules]));
  for (const name of delta.removedWorkloads) {
    if (!workloads.delete(name)) return err(`the delta removes workload ${name}, which is not held`);
  }
  const replaced = new Set<string>();
  for (const rules of delta.replacedWorkloads) {
    if (replaced.has(rules.workload)) return err(`the delta replaces workload ${rules.workload} twice`);
    replaced.add(rules.workload);
    workloads.set(rules.workload, rules);
  }
  return ok([...workloads.values()].sort((a, b) => compareCodeUnits(a.workload, b.workload)));
}

/** A rule that names a set nobody holds would silently match nothing, so such a delta is refused. */
function firstMissingSet(
  workloads: readonly WorkloadRules[],
  peerSets: ReadonlyMap<PeerSetId, PeerSet>,
): string | undefined {
  for (const rules of workloads) {
    for (const id of peerSetIdsOf(rules)) {
      if (!peerSets.has(id)) return `workload ${rules.workload} names peer set "${id}", which the delta leaves unheld`;
    }
  }
  return undefined;
}

/** Every peer set that a workload's rules name, with repeats. */
export function* peerSetIdsOf(rules: WorkloadRules): Generator<PeerSetId> {
  if (rules.quarantine?.peers.kind === 'sets') yield* rules.quarantine.peers.ids;
  for (const { set } of rules.exemptFrom ?? []) yield set;
  for (const { guardrails, grants } of [rules.inbound, rules.outbound]) {
    for (const { peers } of guardrails) if (peers.kind === 'sets') yield* peers.ids;
    for (const { peers } of grants) if (peers.kind === 'sets') yield* peers.ids;
  }
}

function equalRanges(a: readonly AddressRange[], b: readonly AddressRange[]): boolean {
  if (a === b) return true;
  return (
    a.length === b.length &&
    a.every((range, index) => {
      const other = b[index];
      return other !== undefined && compareRanges(range, other) === 0;
    })
  );
}
