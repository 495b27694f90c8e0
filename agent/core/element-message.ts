// Elements of a map of ours that come and go in one transaction, as messages to the kernel: what nft would make of `add element` and
// `delete element`, without a process to start, and by keys that nft does not take as numbers (cgroups). The layout is
// linux/netfilter/nf_tables.h, "set elements", and linux/netfilter/nfnetlink.h, "batches".

import { attribute, joined, name, nested, number, renderNetfilterRequest } from './netfilter-request.ts';
import { headerBytes, messageError } from './netlink-attributes.ts';

/** A key that is a cgroup, as the kernel numbers it, and the chain its packets go to; a deletion names the key alone. */
export type ElementChange =
  | { readonly kind: 'add'; readonly map: string; readonly key: bigint; readonly chain: string }
  | { readonly kind: 'delete'; readonly map: string; readonly key: bigint };

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
/** NFT_GOTO, -4. */
const gotoCode = 0xffff_fffc;

/** One transaction: the kernel takes all of it or none, and answers each change. `table` is of family inet. */
export function renderElementBatch(table: string, changes: readonly ElementChange[]): Uint8Array {
  const bound = (message: number) =>
    renderNetfilterRequest({
      subsystem: 0,
      message,
      flags: flags.request,
      resource: nftablesSubsystem,
      attributes: [],
    });
  return joined([
    bound(batch.begin),
    ...changes.map((change, index) => renderChange(table, change, index + 1)),
    bound(batch.end),
  ]);
}

function renderChange(table: string, change: ElementChange, sequence: number): Uint8Array {
  const data =
    change.kind === 'delete'
      ? []
      : [
          wrapped(elementAttributes.data, [
            wrapped(dataAttributes.verdict, [
              attribute(verdictAttributes.code, number(gotoCode, 4)),
              attribute(verdictAttributes.chain, name(change.chain)),
            ]),
          ]),
        ];
  const element = wrapped(listElement, [
    wrapped(elementAttributes.key, [attribute(dataAttributes.value, cgroupKey(change.key))]),
    ...data,
  ]);
  return renderNetfilterRequest({
    subsystem: nftablesSubsystem,
    message: messages[change.kind],
    flags: flags.request | flags.acknowledge | (change.kind === 'add' ? flags.create : 0),
    family: familyInet,
    sequence,
    attributes: [
      attribute(listAttributes.table, name(table)),
      attribute(listAttributes.set, name(change.map)),
      wrapped(listAttributes.elements, [element]),
    ],
  });
}

function wrapped(type: number, attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | nested, joined(attributes));
}

/** In the machine's byte order, little endian on both machines we run on. */
function cgroupKey(id: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, id, true);
  return bytes;
}

/** What one datagram answers: how many changes were taken, and the error number of the first that was not. */
export interface ElementAnswer {
  readonly taken: number;
  readonly refusal?: number;
}

export function decodeElementAnswer(bytes: Uint8Array): ElementAnswer {
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
