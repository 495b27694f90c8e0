// Every message between agent and control plane, both ways: no bytes make a decoder throw, what an encoder made comes back as it was, and
// what is taken means the same when it is encoded again.

import fc from 'fast-check';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { flowBatches, ruleSets } from '#test/contract/arbitraries.ts';
import { applyWireDelta, decodeDelta, encodeDelta } from '#wire/delta.ts';
import {
  decodeEnrolReply,
  decodeEnrolRequest,
  decodeRenewRequest,
  type EnrolReply,
  encodeEnrolReply,
  encodeEnrolRequest,
  encodeRenewRequest,
} from '#wire/enrolment-messages.ts';
import { decodeFlowBatch, decodeFlowReceipt, encodeFlowBatch, encodeFlowReceipt } from '#wire/flow-batch.ts';
import { limits } from '#wire/limits.ts';
import {
  type DownMessage,
  decodeDownMessage,
  decodeUpMessage,
  encodeAddressStanding,
  encodeAnnouncement,
  encodeDeltaMessage,
  encodeEventsTaken,
  encodeHeartbeat,
  encodeNextCa,
  encodeRevisionProof,
  encodeSnapshotMessage,
  encodeUpMessage,
  heldOf,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { decodeSnapshot, encodeSnapshot } from '#wire/snapshot.ts';
import { usualCost } from '../cost.ts';
import { almost } from '../mutations.ts';
import { must, same, shown } from '../promises.ts';
import { type FuzzTarget, pureTarget } from '../target.ts';

type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

interface Codec<T> {
  readonly name: string;
  readonly what: string;
  readonly suiteRuns: number;
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Decoded<T>;
  /** Undefined for values that cannot be encoded again by themselves. */
  readonly again?: (value: T) => Uint8Array | undefined;
  /** Without what is told beside the message. */
  readonly meaning?: (value: T) => unknown;
}

/** The longest reason of a refusal; it may quote a name. */
const reasonCharacters = 10_000;

function wireTarget<T>(codec: Codec<T>): FuzzTarget {
  const { name, what, suiteRuns, values, encode, decode, again = encode, meaning = (value: T) => value } = codec;
  /** What an encoder made, by the bytes it made: only as long as the bytes are there. */
  const madeOf = new WeakMap<Uint8Array, T>();
  const made = values.map((value) => {
    const bytes = Uint8Array.from(encode(value));
    madeOf.set(bytes, value);
    return bytes;
  });
  return pureTarget({
    name,
    what,
    suiteRuns,
    cost: usualCost,
    inputs: almost({ corpus: fc.sample(made, { numRuns: 120, seed: 1 }), made }),
    check(input) {
      const decoded = decode(input);
      const original = madeOf.get(input);
      if (original !== undefined) {
        const isSame = decoded.ok && same(decoded.value, original);
        must(isSame, () => `encoded ${shown(original)} comes back as ${shown(decoded)}`);
      }
      if (!decoded.ok) {
        must(shown(decoded.error).length < reasonCharacters, () => 'the reason has no end');
        return;
      }
      const bytes = again(decoded.value);
      if (bytes === undefined) return;
      const second = decode(bytes);
      const isSame = second.ok && same(meaning(second.value), meaning(decoded.value));
      must(isSame, () => `taken as ${shown(decoded.value)}, encoded and read again as ${shown(second)}`);
    },
  });
}

const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,20}$/);
const text = fc.string({ maxLength: 40 });
const count = fc.oneof(fc.nat({ max: 1000 }), fc.maxSafeNat());
const moment = fc.integer({ min: 0, max: 4_000_000_000_000 }).map(millis);
const address = fc.constantFrom('10.0.0.1', '192.0.2.255', 'fd00::1', '2001:db8::9');
const held = ruleSets.map((ruleSet) => heldOf(ruleSet));
const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Uint8Array.from(value));
const mapOf = (values: fc.Arbitrary<string>) =>
  fc.array(fc.tuple(name, values), { maxLength: 4 }).map((all) => new Map(all));

const host = fc.record(
  {
    addresses: fc.array(address, { maxLength: 4 }),
    facts: mapOf(name),
    units: fc.array(name, { maxLength: 4 }),
    containers: fc.array(
      fc.record({
        name,
        addresses: fc.array(address, { maxLength: 3 }),
        reachable: fc.array(address, { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['addresses', 'facts'] },
);

const up: fc.Arbitrary<UpMessage> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('hello'),
      agentVersion: name,
      host,
      held,
      takesStanding: fc.constant(true),
      takesSchedules: fc.constant(true),
      takesNextCa: fc.constant(true),
      takesAnnouncement: fc.constant(true),
      asksOnly: fc.constant(true),
    },
    { requiredKeys: ['kind', 'agentVersion', 'host'] },
  ),
  fc.record({ kind: fc.constant('ack'), revision: count }),
  fc.record({
    kind: fc.constant('nack'),
    revision: count,
    reason: text,
    nack: fc.constantFrom('refused', 'need-snapshot'),
  }),
  fc.record({
    kind: fc.constant('status'),
    status: fc.record(
      {
        revision: count,
        enforcing: fc.boolean(),
        lost: count,
        spooledBatches: count,
        repairs: count,
        problem: text,
        panic: fc.record({ since: moment, reason: text }),
        warnings: fc.array(text, { minLength: 1, maxLength: 4 }),
        unjudgedUnits: fc.array(name, { minLength: 1, maxLength: 4 }),
        clock: fc.integer({ min: 1, max: 4_000_000_000_000 }).map(millis),
      },
      { requiredKeys: ['revision', 'enforcing', 'lost', 'spooledBatches', 'repairs', 'problem'] },
    ),
  }),
  fc.record({ kind: fc.constant('host-report'), host }),
  fc.record({
    kind: fc.constant('events'),
    events: fc.array(
      fc.record({
        id: name,
        at: moment,
        kind: fc.constantFrom('table-tampered', 'opened', 'resumed', 'essentials-changed'),
        details: mapOf(text),
      }),
      { maxLength: 4 },
    ),
  }),
);

/** How much of a report did not fit is told once, and is no part of it. */
function withoutCut(message: UpMessage): UpMessage {
  if (message.kind !== 'hello' && message.kind !== 'host-report') return message;
  const { cut: _, ...rest } = message.host;
  return { ...message, host: rest };
}

const pairs = fc
  .tuple(ruleSets, ruleSets)
  .map(([base, next]) => ({ base, next: { ...next, revision: base.revision + 1 } }));

interface MadeDown {
  readonly message: DownMessage | undefined;
  readonly bytes: Uint8Array;
}

const down: fc.Arbitrary<MadeDown> = fc.oneof(
  ruleSets.map(
    (ruleSet): MadeDown => ({ message: { kind: 'snapshot', ruleSet }, bytes: encodeSnapshotMessage(ruleSet) }),
  ),
  pairs.map(({ base, next }): MadeDown => ({ message: undefined, bytes: encodeDeltaMessage(base, next) })),
  moment.map(
    (sentAt): MadeDown => ({
      message: { kind: 'heartbeat', sentAt, takesEvents: true },
      bytes: encodeHeartbeat(sentAt),
    }),
  ),
  fc
    .uint8Array({ maxLength: limits.proofBytes })
    .map((proof): MadeDown => ({ message: { kind: 'revision-proof', proof }, bytes: encodeRevisionProof(proof) })),
  fc
    .record({ certificate: bytes, signature: fc.uint8Array({ maxLength: limits.caSignatureBytes }) })
    .map((nextCa): MadeDown => ({ message: { kind: 'next-ca', nextCa }, bytes: encodeNextCa(nextCa) })),
  fc.record({ number: count, addresses: fc.array(name, { maxLength: limits.announcedControlPlanes }) }).map(
    (announcement): MadeDown => ({
      message: { kind: 'announcement', announcement },
      bytes: encodeAnnouncement(announcement),
    }),
  ),
  fc
    .array(name, { maxLength: 4 })
    .map((ids): MadeDown => ({ message: { kind: 'events-taken', ids }, bytes: encodeEventsTaken(ids) })),
  fc
    .record({
      held: fc.array(address, { maxLength: 4 }),
      heldCount: fc.nat(),
      pending: fc.array(fc.record({ address, reason: name }), { maxLength: 3 }),
      pendingCount: fc.nat(),
    })
    .map(
      (standing): MadeDown => ({
        message: { kind: 'address-standing', standing },
        bytes: encodeAddressStanding(standing),
      }),
    ),
);

function encodeDown(message: DownMessage): Uint8Array | undefined {
  switch (message.kind) {
    case 'snapshot':
      return encodeSnapshotMessage(message.ruleSet);
    case 'delta':
      return undefined;
    case 'heartbeat':
      return message.takesEvents ? encodeHeartbeat(message.sentAt) : undefined;
    case 'events-taken':
      return encodeEventsTaken(message.ids);
    case 'address-standing':
      return encodeAddressStanding(message.standing);
    case 'revision-proof':
      return encodeRevisionProof(message.proof);
    case 'announcement':
      return encodeAnnouncement(message.announcement);
    case 'next-ca':
      return encodeNextCa(message.nextCa);
  }
}

const reply: fc.Arbitrary<EnrolReply> = fc.oneof(
  fc.record({ kind: fc.constant('issued'), tenant: name, host: name, certificate: bytes, caCertificate: bytes }),
  fc.record({
    kind: fc.constant('refused'),
    code: fc.constantFrom('token-unknown', 'token-spent', 'token-expired', 'name-taken', 'name-invalid', 'clock-skew'),
    detail: text,
    serverClock: moment,
  }),
);

/** A delta has its base beside it: what is made is held to it, and what is read is put on one that it was not made for. */
function deltaTarget(): FuzzTarget {
  const madeOf = new WeakMap<Uint8Array, { readonly base: HostRuleSet; readonly next: HostRuleSet }>();
  const made = pairs.map(({ base, next }) => {
    const encoded = Uint8Array.from(encodeDelta(base, next));
    madeOf.set(encoded, { base, next });
    return encoded;
  });
  const [other] = fc.sample(ruleSets, { numRuns: 1, seed: 2 });
  return pureTarget({
    name: 'wire-delta',
    what: 'a change of the rule set, as an agent reads it and puts it on what it holds',
    suiteRuns: 4000,
    cost: usualCost,
    inputs: almost({ corpus: fc.sample(made, { numRuns: 120, seed: 1 }), made }),
    check(input) {
      const decoded = decodeDelta(input);
      const original = madeOf.get(input);
      if (decoded.ok) applyWireDelta(other, decoded.value);
      if (original === undefined) return;
      const next = decoded.ok ? applyWireDelta(original.base, decoded.value) : decoded;
      const isSame = next.ok && same(next.value, original.next);
      must(isSame, () => `the delta from ${shown(original.base)} to ${shown(original.next)} gives ${shown(next)}`);
    },
  });
}

/** What is made of a down message is not always one value: a delta is known only with its base. */
function downTarget(): FuzzTarget {
  const madeOf = new WeakMap<Uint8Array, DownMessage>();
  const made = down.map(({ message, bytes: encoded }) => {
    const own = Uint8Array.from(encoded);
    if (message !== undefined) madeOf.set(own, message);
    return own;
  });
  return pureTarget({
    name: 'wire-down',
    what: 'what an agent reads from its control plane: snapshots, deltas, heartbeats, receipts of events, address standing',
    suiteRuns: 5000,
    cost: usualCost,
    inputs: almost({ corpus: fc.sample(made, { numRuns: 80, seed: 1 }), made }),
    check(input) {
      const decoded = decodeDownMessage(input);
      const original = madeOf.get(input);
      if (original !== undefined)
        must(decoded.ok && same(decoded.value, original), () => `${shown(original)} as ${shown(decoded)}`);
      if (!decoded.ok) {
        must(Number.isSafeInteger(decoded.error.revision), () => `a refusal of revision ${decoded.error.revision}`);
        return;
      }
      const encoded = encodeDown(decoded.value);
      if (encoded === undefined) return;
      const second = decodeDownMessage(encoded);
      const isSame = second.ok && same(second.value, decoded.value);
      must(isSame, () => `taken as ${shown(decoded.value)}, read again as ${shown(second)}`);
    },
  });
}

export const wireTargets: readonly FuzzTarget[] = [
  wireTarget({
    name: 'wire-up',
    what: 'what the control plane reads on a policy stream: hello, ACK, NACK, status, host report, events',
    suiteRuns: 12_000,
    values: up,
    encode: encodeUpMessage,
    decode: decodeUpMessage,
    meaning: withoutCut,
  }),
  wireTarget({
    name: 'wire-flows',
    what: 'flow batches and their columns, as the control plane and the spool read them',
    suiteRuns: 6000,
    values: flowBatches,
    encode: encodeFlowBatch,
    decode: decodeFlowBatch,
  }),
  wireTarget({
    name: 'wire-receipt',
    what: 'the receipt of a flow batch, as an agent reads it',
    suiteRuns: 10_000,
    values: fc.record({
      sequence: count,
      kind: fc.constantFrom('taken', 'duplicate'),
      refused: fc.record({ workload: fc.nat(), address: fc.nat(), time: fc.nat() }),
    }),
    encode: encodeFlowReceipt,
    decode: decodeFlowReceipt,
  }),
  wireTarget({
    name: 'wire-enrol',
    what: 'a request to enrol',
    suiteRuns: 10_000,
    values: fc.record({ token: name, host: name, csr: bytes, clientClock: moment }),
    encode: encodeEnrolRequest,
    decode: decodeEnrolRequest,
  }),
  wireTarget({
    name: 'wire-renew',
    what: 'a request to renew a certificate',
    suiteRuns: 10_000,
    values: fc.record({ csr: bytes, clientClock: moment }),
    encode: encodeRenewRequest,
    decode: decodeRenewRequest,
  }),
  wireTarget({
    name: 'wire-enrol-reply',
    what: 'the answer to a request to enrol or renew, as an agent reads it',
    suiteRuns: 10_000,
    values: reply,
    encode: encodeEnrolReply,
    decode: decodeEnrolReply,
  }),
  wireTarget({
    name: 'wire-snapshot',
    what: 'a whole rule set, from the wire and from the last good file',
    suiteRuns: 5000,
    values: ruleSets,
    encode: encodeSnapshot,
    decode: decodeSnapshot,
  }),
  deltaTarget(),
  downTarget(),
];
