// A checked policy on its way from the thread that judged it to the one that serves: as parts of bounded size, each of which takes the serving
// thread a few milliseconds to read, so that agents are answered in between. What is read is what was written, and address lists that rules
// share are shared again.

import { deserialize, serialize } from 'node:v8';
import { WorkSlices } from '#control-plane/publish/work-slices.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { ServiceTerm } from '#model/service.ts';
import type {
  Assertion,
  Guardrail,
  GuardrailEntry,
  Peer,
  Policy,
  PolicyTest,
  Rule,
  Segment,
  Workload,
} from '#policy/policy/policy.ts';

/** Read in some 5 ms. A piece that is larger by itself is a part of its own. */
const partBytes = 256 * 1024;
const piecesTried = 256;
const rangesTogether = 1000;

/** What has a list is followed by the list's entries, each of which goes to the newest of its kind. */
type Piece =
  | { readonly kind: 'ipList'; readonly name: string }
  | { readonly kind: 'ranges'; readonly ranges: readonly AddressRange[] }
  | { readonly kind: 'service'; readonly name: string; readonly terms: readonly ServiceTerm[] }
  | { readonly kind: 'workload'; readonly name: string; readonly workload: Workload }
  | { readonly kind: 'segment'; readonly segment: Segment }
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'guardrail'; readonly guardrail: Guardrail }
  | { readonly kind: 'entry'; readonly entry: GuardrailEntry }
  | { readonly kind: 'test'; readonly test: PolicyTest }
  | { readonly kind: 'assertion'; readonly assertion: Assertion };

export function policyParts(policy: Policy): readonly Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let waiting: Piece[] = [];
  const write = (pieces: readonly Piece[]) => {
    const part = serialize(pieces);
    const half = pieces.length >> 1;
    if (part.length <= partBytes || half === 0) return void parts.push(new Uint8Array(part));
    write(pieces.slice(0, half));
    write(pieces.slice(half));
  };
  for (const piece of piecesOf(policy)) {
    waiting.push(piece);
    if (waiting.length < piecesTried) continue;
    write(waiting);
    waiting = [];
  }
  if (waiting.length > 0) write(waiting);
  return parts;
}

function* piecesOf(policy: Policy): Generator<Piece> {
  for (const [name, ranges] of policy.ipLists) {
    yield { kind: 'ipList', name };
    for (let at = 0; at < ranges.length; at += rangesTogether)
      yield { kind: 'ranges', ranges: ranges.slice(at, at + rangesTogether) };
  }
  for (const [name, terms] of policy.services) yield { kind: 'service', name, terms };
  for (const [name, workload] of policy.workloads) yield { kind: 'workload', name, workload };
  for (const segment of policy.segments.values()) {
    yield { kind: 'segment', segment: { ...segment, rules: [] } };
    for (const rule of segment.rules) yield { kind: 'rule', rule: withoutLists(rule, policy) };
  }
  for (const guardrail of policy.guardrails.values()) {
    yield { kind: 'guardrail', guardrail: { ...guardrail, deny: [] } };
    for (const entry of guardrail.deny) yield { kind: 'entry', entry: withoutLists(entry, policy) };
  }
  for (const test of policy.tests.values()) {
    yield { kind: 'test', test: { ...test, tests: [] } };
    for (const assertion of test.tests) yield { kind: 'assertion', assertion };
  }
}

interface Ends {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
}

const listSource = 'ipList ';

function withoutLists<T extends Ends>(ends: T, { ipLists }: Pick<Policy, 'ipLists'>): T {
  const isShared = (peer: Peer) => peer.kind === 'ranges' && listOf(peer, ipLists) === peer.ranges;
  const bare = (peer: Peer): Peer => (peer.kind === 'ranges' && isShared(peer) ? { ...peer, ranges: [] } : peer);
  if (![...ends.from, ...ends.to].some(isShared)) return ends;
  return { ...ends, from: ends.from.map(bare), to: ends.to.map(bare) };
}

function withLists<T extends Ends>(ends: T, { ipLists }: Pick<Policy, 'ipLists'>): T {
  const isBare = (peer: Peer) =>
    peer.kind === 'ranges' && peer.ranges.length === 0 && listOf(peer, ipLists) !== undefined;
  const whole = (peer: Peer): Peer =>
    peer.kind === 'ranges' && isBare(peer) ? { ...peer, ranges: listOf(peer, ipLists) ?? [] } : peer;
  if (![...ends.from, ...ends.to].some(isBare)) return ends;
  return { ...ends, from: ends.from.map(whole), to: ends.to.map(whole) };
}

function listOf({ source }: Extract<Peer, { kind: 'ranges' }>, ipLists: Policy['ipLists']) {
  return source.startsWith(listSource) ? ipLists.get(source.slice(listSource.length)) : undefined;
}

/** Takes as many turns of the thread as it needs. */
export async function readPolicyParts(parts: readonly Uint8Array[]): Promise<Policy> {
  const slices = new WorkSlices();
  const read = new PolicyReader();
  for (const part of parts) {
    for (const piece of deserialize(part) as readonly Piece[]) read.take(piece);
    if (slices.isTurnDue) await slices.yield();
  }
  return read.policy;
}

class PolicyReader {
  readonly policy = {
    segments: new Map<string, Segment>(),
    guardrails: new Map<string, Guardrail>(),
    services: new Map<string, readonly ServiceTerm[]>(),
    ipLists: new Map<string, readonly AddressRange[]>(),
    tests: new Map<string, PolicyTest>(),
    workloads: new Map<string, Workload>(),
  };
  #ranges: AddressRange[] = [];
  #rules: Rule[] = [];
  #entries: GuardrailEntry[] = [];
  #assertions: Assertion[] = [];

  take(piece: Piece): void {
    const { policy } = this;
    switch (piece.kind) {
      case 'ipList':
        this.#ranges = [];
        policy.ipLists.set(piece.name, this.#ranges);
        return;
      case 'ranges':
        for (const range of piece.ranges) this.#ranges.push(range);
        return;
      case 'service':
        policy.services.set(piece.name, piece.terms);
        return;
      case 'workload':
        policy.workloads.set(piece.name, piece.workload);
        return;
      case 'segment':
        this.#rules = [];
        policy.segments.set(piece.segment.name, { ...piece.segment, rules: this.#rules });
        return;
      case 'rule':
        this.#rules.push(withLists(piece.rule, policy));
        return;
      case 'guardrail':
        this.#entries = [];
        policy.guardrails.set(piece.guardrail.name, { ...piece.guardrail, deny: this.#entries });
        return;
      case 'entry':
        this.#entries.push(withLists(piece.entry, policy));
        return;
      case 'test':
        this.#assertions = [];
        policy.tests.set(piece.test.name, { ...piece.test, tests: this.#assertions });
        return;
      case 'assertion':
        this.#assertions.push(piece.assertion);
        return;
    }
  }
}
