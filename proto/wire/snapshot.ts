// A whole rule set on the wire. Peer sets are shared by many hosts, so the bytes of each are made once and remembered with it;
// the rest is a host's own. Decoding answers with a rule set whose digest, references and order have been verified.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet, PeerSet, PeerSetId, WorkloadRules } from '#model/rule-set.ts';
import { peerSetIdsOf } from '#model/rule-set-delta.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1, Writer } from './protobuf.ts';
import { boundedCount, checkedName, parseMessage, refuse, refuseUnless, refusing, safeCount } from './refusal.ts';
import { ruleSetDigest } from './rule-set-digest.ts';
import { createDecodeContext, decodePeerSet, decodeWorkload, encodePeerSet, encodeWorkload } from './rules-codec.ts';
import { createInterner, openStringTable } from './string-table.ts';

const peerSetBytes = new WeakMap<PeerSet, Uint8Array>();
/** Field 6, length-delimited. */
const peerSetTag = (6 << 3) | 2;

export function encodeSnapshot(ruleSet: HostRuleSet): Uint8Array {
  const interner = createInterner();
  const workloads = ruleSet.workloads.map((rules) => encodeWorkload(rules, interner));
  const writer = v1.Snapshot.encode({
    revision: ruleSet.revision,
    digest: Buffer.from(ruleSetDigest(ruleSet), 'hex'),
    host: ruleSet.host,
    strings: interner.strings,
    workloads,
  });
  const peerSets = [...ruleSet.peerSets.values()].sort((a, b) => compareCodeUnits(a.id, b.id));
  for (const set of peerSets) writer.uint32(peerSetTag).bytes(peerSetMessage(set));
  return writer.finish();
}

/** As it stands in a snapshot or a delta; made once for all hosts that share it. */
export function peerSetMessage(set: PeerSet): Uint8Array {
  const known = peerSetBytes.get(set);
  if (known !== undefined) return known;
  const bytes = v1.PeerSet.encode(encodePeerSet(set), Writer.create()).finish();
  peerSetBytes.set(set, bytes);
  return bytes;
}

export function decodeSnapshot(bytes: Uint8Array): Result<HostRuleSet> {
  return refusing(() => readSnapshot(parseMessage('snapshot', () => v1.Snapshot.decode(bytes))));
}

/** For messages that hold a snapshot: throws a WireRefusal. */
export function readSnapshot(message: segwall.v1.Snapshot.$Properties): HostRuleSet {
  const context = createDecodeContext(openStringTable(message.strings ?? []));
  boundedCount(message.workloads?.length ?? 0, limits.workloads, 'workloads');
  boundedCount(message.peerSets?.length ?? 0, limits.peerSets, 'peer sets');
  const peerSets = new Map<PeerSetId, PeerSet>();
  for (const part of message.peerSets ?? []) {
    const set = decodePeerSet(part, context);
    refuseUnless(!peerSets.has(set.id), `peer set "${set.id}"`, () => 'two of that id', 'one');
    peerSets.set(set.id, set);
  }
  const ruleSet: HostRuleSet = {
    revision: safeCount(message.revision ?? 0, 'revision'),
    host: checkedName(message.host ?? '', limits.stringCharacters, 'host'),
    workloads: (message.workloads ?? []).map((part) => decodeWorkload(part, context)),
    peerSets,
  };
  checkRuleSet(ruleSet);
  checkDigest(ruleSet, message.digest);
  return ruleSet;
}

/** References and order, which hold across messages: of a snapshot, and of what a delta results in. */
function checkRuleSet({ workloads, peerSets }: HostRuleSet): void {
  let previous: WorkloadRules | undefined;
  for (const rules of workloads) {
    const where = `workload ${rules.workload}`;
    const isInOrder = previous === undefined || previous.workload < rules.workload;
    refuseUnless(isInOrder, where, () => `it after ${previous?.workload}`, 'each workload once, in code-unit order');
    previous = rules;
    for (const id of peerSetIdsOf(rules)) {
      if (!peerSets.has(id)) refuse(where, `peer set "${id}"`, 'peer sets that the rule set holds');
    }
  }
}

/** An encoder that knows more fields than we do computes another digest: then we hold less than was meant. */
export function checkDigest(ruleSet: HostRuleSet, digest: Uint8Array | null | undefined): void {
  const expected = decodeDigest(digest, 'digest');
  const found = ruleSetDigest(ruleSet);
  refuseUnless(
    found === expected,
    'digest',
    () => `${found} over what was received`,
    `${expected}, as the sender computed`,
  );
}

export function decodeDigest(bytes: Uint8Array | null | undefined, where: string): string {
  const length = bytes?.length ?? 0;
  refuseUnless(length === 32, where, () => `${length} bytes`, '32 bytes of SHA-256');
  return Buffer.from(bytes ?? []).toString('hex');
}
