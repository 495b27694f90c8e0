// Elements of a map of ours that come and go in one transaction, as messages to the kernel: what nft would make of `add element` and
// `delete element`, without a process to start, and by keys that nft does not take as numbers (cgroups). The layout is
// linux/netfilter/nf_tables.h, "set elements", and linux/netfilter/nfnetlink.h, "batches".

import type { ElementAnswer, ElementChange } from '#agent-core/table/element-change.ts';
import { type Address, addressValue, bitsOf, familyOf } from '#model/address.ts';
import { headerBytes, messageError } from './attributes.ts';
import { attribute, joined, name, nested, number, renderNetfilterRequest } from './request.ts';
import { renderStateChange } from './state-rule-message.ts';

/** The kernel's messages of one transaction, and how many of them it answers. */
export interface ElementBatch {
  readonly bytes: Uint8Array;
  readonly answers: number;
}

const nftablesSubsystem = 10;
const familyInet = 1;
/** Control messages of nfnetlink itself: they stand in subsystem 0, and name in `resource` whose batch it is. */
const batch = { begin: 0x10, end: 0x11 } as const;
const messages = { add: 12, delete: 14 } as const;
/** NLM_F_REQUEST, with NLM_F_ACK so that success is told too, and NLM_F_CREATE. Without NLM_F_EXCL an equal element that stands is no error. */
const flags = { request: 0x1, acknowledge: 0x4, create: 0x400 } as const;
const listAttributes = { table: 1, set: 2, elements: 3 } as const;
const elementAttributes = { key: 1, data: 2 } as const;
const dataAttributes = { value: 1, verdict: 2 } as const;
const verdictAttributes = { code: 1, chain: 2 } as const;
const listElement = 1;
/** Elements of one message: the length of its list of elements has 16 bits. */
const mostElements = 400;
/** NFT_GOTO, -4. */
const gotoCode = 0xffff_fffc;

/**
 * One transaction: the kernel takes all of it or none, and answers each message. `table` is of family inet. `state`: the words of the state
 * rule from then on; absent, it stays as it is.
 */
export function renderElementBatch(table: string, changes: readonly ElementChange[], state?: string): ElementBatch {
  const bound = (message: number) =>
    renderNetfilterRequest({
      subsystem: 0,
      message,
      flags: flags.request,
      resource: nftablesSubsystem,
      attributes: [],
    });
  const parts: Uint8Array[] = [];
  const add = (render: (sequence: number) => Uint8Array) => parts.push(render(parts.length + 1));
  for (const group of grouped(changes)) add((sequence) => renderChanges(table, group, sequence));
  if (state !== undefined) for (const render of renderStateChange(table, state)) add(render);
  return { bytes: joined([bound(batch.begin), ...parts, bound(batch.end)]), answers: parts.length };
}

/** In their order; what follows in the same map in the same way goes together. */
function grouped(changes: readonly ElementChange[]): readonly (readonly ElementChange[])[] {
  const groups: ElementChange[][] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    const [first] = last ?? [];
    if (last !== undefined && first?.map === change.map && first.kind === change.kind && last.length < mostElements)
      last.push(change);
    else groups.push([change]);
  }
  return groups;
}

function renderChanges(table: string, changes: readonly ElementChange[], sequence: number): Uint8Array {
  const [first] = changes;
  return renderNetfilterRequest({
    subsystem: nftablesSubsystem,
    message: messages[first?.kind ?? 'add'],
    flags: flags.request | flags.acknowledge | (first?.kind === 'add' ? flags.create : 0),
    family: familyInet,
    sequence,
    attributes: [
      attribute(listAttributes.table, name(table)),
      attribute(listAttributes.set, name(first?.map ?? '')),
      wrapped(listAttributes.elements, changes.map(renderElement)),
    ],
  });
}

function renderElement(change: ElementChange): Uint8Array {
  const data = change.kind === 'delete' ? [] : [wrapped(elementAttributes.data, [renderAnswer(change.answer)])];
  return wrapped(listElement, [
    wrapped(elementAttributes.key, [attribute(dataAttributes.value, keyBytes(change.key))]),
    ...data,
  ]);
}

function renderAnswer(answer: ElementAnswer): Uint8Array {
  if ('tag' in answer) return attribute(dataAttributes.value, hostOrder(BigInt(answer.tag), 4));
  return wrapped(dataAttributes.verdict, [
    attribute(verdictAttributes.code, number(gotoCode, 4)),
    attribute(verdictAttributes.chain, name(answer.chain)),
  ]);
}

/** A cgroup's number is in the machine's byte order, an address in the network's. */
function keyBytes(key: bigint | Address): Uint8Array {
  if (typeof key === 'bigint') return hostOrder(key, 8);
  const bytes = new Uint8Array(bitsOf(familyOf(key)) / 8);
  let rest = addressValue(key);
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function wrapped(type: number, attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | nested, joined(attributes));
}

/** Little endian on both machines we run on. */
function hostOrder(value: bigint, length: 4 | 8): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

/** What one datagram answers: how many messages were taken, and the error number of the first that was not. */
export interface BatchAnswer {
  readonly taken: number;
  readonly refusal?: number;
}

export function decodeBatchAnswer(bytes: Uint8Array): BatchAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let taken = 0;
  let refusal: number | undefined;
  for (let at = 0; at + headerBytes + 4 <= view.byteLength; ) {
    const length = view.getUint32(at, true);
    if (length < headerBytes || at + length > view.byteLength) break;
    if (view.getUint16(at + 4, true) === messageError && length >= headerBytes + 4) {
      const errno = -view.getInt32(at + headerBytes, true);
      if (errno === 0) taken += 1;
      else refusal ??= errno;
    }
    at += (length + 3) & ~3;
  }
  return { taken, ...(refusal !== undefined && { refusal }) };
}
