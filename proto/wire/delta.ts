// A change from one rule set to the next on the wire, with the digests of both. Decoding checks the parts; whether it fits is
// known only with its base, so that is a step of its own, and its failure means "send a snapshot", not "this policy is bad".

import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import { err, type Result } from '#model/result.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, diffRuleSets, type PeerSetChange, type RuleSetDelta } from '#model/rule-set-delta.ts';
import { packAddresses, packRanges } from './address-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1 } from './protobuf.ts';
import { boundedCount, checkedName, parseMessage, refusing, safeCount } from './refusal.ts';
import { ruleSetDigest } from './rule-set-digest.ts';
import {
  createDecodeContext,
  type DecodeContext,
  decodeAddresses,
  decodePeerSet,
  decodeRanges,
  decodeWorkload,
  encodeWorkload,
} from './rules-codec.ts';
import { decodeDigest, peerSetMessage } from './snapshot.ts';
import { createInterner, openStringTable } from './string-table.ts';

/** Digests are of the base and of the result, 64 hex digits. */
export interface WireDelta {
  readonly delta: RuleSetDelta;
  readonly baseDigest: string;
  readonly digest: string;
}

/** Fields 9 and 10, length-delimited. */
const addedTag = (9 << 3) | 2;
const changeTag = (10 << 3) | 2;

export function encodeDelta(base: HostRuleSet, next: HostRuleSet): Uint8Array {
  const changes = changedPeerSets(base, next);
  const delta = diffRuleSets({ ...base, peerSets: changes.settled }, next);
  const interner = createInterner();
  const replacedWorkloads = delta.replacedWorkloads.map((rules) => encodeWorkload(rules, interner));
  const writer = v1.Delta.encode({
    baseRevision: delta.baseRevision,
    baseDigest: Buffer.from(ruleSetDigest(base), 'hex'),
    revision: delta.revision,
    digest: Buffer.from(ruleSetDigest(next), 'hex'),
    host: delta.host,
    strings: interner.strings,
    replacedWorkloads,
    removedWorkloads: [...delta.removedWorkloads],
    removedPeerSets: [...delta.removedPeerSets],
  });
  for (const set of delta.addedPeerSets) writer.uint32(addedTag).bytes(peerSetMessage(set));
  for (const bytes of changes.messages) writer.uint32(changeTag).bytes(bytes);
  return writer.finish();
}

/** The change that made a set of the one before it; empty bytes where nothing differs. */
const knownChanges = new WeakMap<PeerSet, { readonly before: PeerSet; readonly bytes: Uint8Array }>();

/**
 * Sets that both have and that are not one object, as encoded changes in code-unit order; `settled` is the base with those
 * changes made. Comparing two sets of 10,000 addresses takes a millisecond, and many hosts share the two: once is enough.
 */
function changedPeerSets(base: HostRuleSet, next: HostRuleSet) {
  const settled = new Map(base.peerSets);
  const messages: Uint8Array[] = [];
  for (const id of sortedByCodeUnits(next.peerSets.keys())) {
    const before = base.peerSets.get(id);
    const after = next.peerSets.get(id);
    if (before === undefined || after === undefined || before === after) continue;
    // Another set under the same id: the diff takes the one out and puts the other in.
    if (before.fqdn !== after.fqdn || before.quarantine !== after.quarantine) continue;
    settled.set(id, after);
    const bytes = changeBytes(before, after);
    if (bytes.length > 0) messages.push(bytes);
  }
  return { settled, messages };
}

function changeBytes(before: PeerSet, after: PeerSet): Uint8Array {
  const known = knownChanges.get(after);
  if (known?.before === before) return known.bytes;
  const only = (set: PeerSet): HostRuleSet => ({
    revision: 0,
    host: '',
    workloads: [],
    peerSets: new Map([[set.id, set]]),
  });
  const [change] = diffRuleSets(only(before), only(after)).changedPeerSets;
  const bytes = change === undefined ? new Uint8Array(0) : v1.PeerSetChange.encode(encodeChange(change)).finish();
  knownChanges.set(after, { before, bytes });
  return bytes;
}

export function decodeDelta(bytes: Uint8Array): Result<WireDelta> {
  return refusing(() => readDelta(parseMessage('delta', () => v1.Delta.decode(bytes))));
}

/** For messages that hold a delta: throws a WireRefusal. */
export function readDelta(message: segwall.v1.Delta.$Properties): WireDelta {
  const context = createDecodeContext(openStringTable(message.strings ?? []));
  boundedCount(message.replacedWorkloads?.length ?? 0, limits.workloads, 'replaced workloads');
  const peerSets = (message.addedPeerSets?.length ?? 0) + (message.changedPeerSets?.length ?? 0);
  boundedCount(peerSets, limits.peerSets, 'added and changed peer sets');
  return {
    baseDigest: decodeDigest(message.baseDigest, 'base digest'),
    digest: decodeDigest(message.digest, 'digest'),
    delta: {
      baseRevision: safeCount(message.baseRevision ?? 0, 'base revision'),
      revision: safeCount(message.revision ?? 0, 'revision'),
      host: checkedName(message.host ?? '', limits.stringCharacters, 'host'),
      replacedWorkloads: (message.replacedWorkloads ?? []).map((part) => decodeWorkload(part, context)),
      removedWorkloads: message.removedWorkloads ?? [],
      addedPeerSets: (message.addedPeerSets ?? []).map((part) => decodePeerSet(part, context)),
      changedPeerSets: (message.changedPeerSets ?? []).map((part) => decodeChange(part, context)),
      removedPeerSets: message.removedPeerSets ?? [],
    },
  };
}

/** The rule set that follows `held`, verified against the sender's digest. */
export function applyWireDelta(held: HostRuleSet | undefined, wire: WireDelta): Result<HostRuleSet> {
  if (held === undefined) return err('a delta came, and no rule set is held for it to build on');
  const heldDigest = ruleSetDigest(held);
  if (heldDigest !== wire.baseDigest) {
    return err(`the delta builds on digest ${wire.baseDigest}, held is ${heldDigest} (revision ${held.revision})`);
  }
  const next = applyRuleSetDelta(held, wire.delta);
  if (!next.ok) return next;
  const digest = ruleSetDigest(next.value);
  if (digest !== wire.digest) return err(`the delta's result has digest ${digest}, the sender computed ${wire.digest}`);
  return next;
}

function encodeChange(change: PeerSetChange): segwall.v1.PeerSetChange.$Properties {
  const added = packAddresses(change.addedAddresses);
  const removed = packAddresses(change.removedAddresses);
  return {
    id: change.id,
    addedIpv4: added.ipv4,
    addedIpv6: added.ipv6,
    removedIpv4: removed.ipv4,
    removedIpv6: removed.ipv6,
    ...(change.ranges === undefined ? {} : { ranges: packRanges(change.ranges) }),
  };
}

function decodeChange(message: segwall.v1.PeerSetChange.$Properties, context: DecodeContext): PeerSetChange {
  const id = checkedName(message.id ?? '', limits.stringCharacters, 'changed peer set');
  const where = `changed peer set "${id}"`;
  const added = { ipv4: message.addedIpv4 ?? [], ipv6: message.addedIpv6 ?? null };
  const removed = { ipv4: message.removedIpv4 ?? [], ipv6: message.removedIpv6 ?? null };
  return {
    id,
    addedAddresses: decodeAddresses(added, context, `${where}, added`),
    removedAddresses: decodeAddresses(removed, context, `${where}, removed`),
    ...(message.ranges ? { ranges: decodeRanges(message.ranges, context, where) } : {}),
  };
}
