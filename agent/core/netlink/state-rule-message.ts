// The rule that carries our table's state, asked for and renewed over netlink: nft 1.0.6 fetches every element of the table to list one
// chain, seconds where peers are many. The layout is linux/netfilter/nf_tables.h, "rules".

import { stateChain } from '#agent-core/table/table-state.ts';
import { type DatagramOutcome, eachAttribute, eachMessage } from './attributes.ts';
import { attribute, dumpFlags, joined, name, nested, renderNetfilterRequest } from './request.ts';

const nftablesSubsystem = 10;
const newRule = 6;
const getRule = 7;
const familyInet = 1;
const deleteRule = 8;
const attributes = { table: 1, chain: 2, expressions: 4, userdata: 7 } as const;
const expressionAttributes = { name: 1, data: 2 } as const;
const counterAttributes = { bytes: 1, packets: 2 } as const;
const listElement = 1;
/** NLM_F_REQUEST, with NLM_F_ACK so that success is told too; NLM_F_CREATE | NLM_F_APPEND. */
const flags = { request: 0x1, acknowledge: 0x4, create: 0xc00 } as const;
/** nft's mark for a comment, in what it keeps with a rule for itself. */
const commentType = 0;

/** Asks for the rules of one chain of a table of family inet. */
export function renderChainRequest(table: string, chain: string): Uint8Array {
  return renderNetfilterRequest({
    subsystem: nftablesSubsystem,
    message: getRule,
    flags: dumpFlags,
    family: familyInet,
    attributes: [attribute(attributes.table, name(table)), attribute(attributes.chain, name(chain))],
  });
}

/** The two messages, by sequence number, after which the state rule says this: what nft makes of `flush chain` and `add rule … counter comment "…"`. */
export function renderStateChange(table: string, state: string): readonly ((sequence: number) => Uint8Array)[] {
  const request = (message: number, flag: number, more: readonly Uint8Array[]) => (sequence: number) =>
    renderNetfilterRequest({
      subsystem: nftablesSubsystem,
      message,
      flags: flags.request | flags.acknowledge | flag,
      family: familyInet,
      sequence,
      attributes: [attribute(attributes.table, name(table)), attribute(attributes.chain, name(stateChain)), ...more],
    });
  const zero = new Uint8Array(8);
  const counter = [
    attribute(expressionAttributes.name, name('counter')),
    attribute(
      expressionAttributes.data | nested,
      joined([attribute(counterAttributes.bytes, zero), attribute(counterAttributes.packets, zero)]),
    ),
  ];
  const comment = name(state);
  return [
    request(deleteRule, 0, []),
    request(newRule, flags.create, [
      attribute(attributes.expressions | nested, attribute(listElement | nested, joined(counter))),
      attribute(attributes.userdata, Uint8Array.of(commentType, comment.length, ...comment)),
    ]),
  ];
}

/** Calls `take` with the comment of each rule of a datagram; a rule without one has the empty text. */
export function decodeRuleComments(bytes: Uint8Array, take: (comment: string) => void): DatagramOutcome {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return eachMessage(view, ({ subsystem, message, from, to }) => {
    if (subsystem !== nftablesSubsystem || message !== newRule) return true;
    let comment = '';
    const isWhole = eachAttribute(view, from, to, (type, at, length) => {
      // nft puts a type and a length, a byte each, before the words, and NUL behind them.
      if (type === attributes.userdata && length > 3)
        comment = String.fromCharCode(...bytes.subarray(at + 2, at + length - 1));
      return true;
    });
    if (isWhole) take(comment);
    return isWhole;
  });
}
