// The rule that carries our table's state, asked for over netlink: nft 1.0.6 fetches every element of the table to list one
// chain, seconds where peers are many. The layout is linux/netfilter/nf_tables.h, "rules".

import { attribute, dumpFlags, name, renderNetfilterRequest } from './netfilter-request.ts';
import { type DatagramOutcome, eachAttribute, eachMessage } from './netlink-attributes.ts';

const nftablesSubsystem = 10;
const newRule = 6;
const getRule = 7;
const familyInet = 1;
const attributes = { table: 1, chain: 2, userdata: 7 } as const;

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
