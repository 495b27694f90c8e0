// The rule that carries our table's state, asked for over netlink: nft 1.0.6 fetches every element of the table to list one
// chain, seconds where peers are many. The layout is linux/netfilter/nf_tables.h, "rules".

import {
  type DatagramOutcome,
  eachAttribute,
  eachMessage,
  familyHeaderBytes,
  headerBytes,
} from './netlink-attributes.ts';

const nftablesSubsystem = 10;
const newRule = 6;
const getRule = 7;
const familyInet = 1;
/** NLM_F_REQUEST | NLM_F_DUMP. */
const dumpFlags = 0x301;
const attributes = { table: 1, chain: 2, userdata: 7 } as const;

/** Asks for the rules of one chain of a table of family inet. */
export function renderChainRequest(table: string, chain: string): Uint8Array {
  const parts = [
    [attributes.table, table],
    [attributes.chain, chain],
  ] as const;
  const padded = ([, name]: readonly [number, string]) => (4 + name.length + 1 + 3) & ~3;
  const bytes = new Uint8Array(headerBytes + familyHeaderBytes + parts.reduce((sum, part) => sum + padded(part), 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, (nftablesSubsystem << 8) | getRule, true);
  view.setUint16(6, dumpFlags, true);
  view.setUint8(headerBytes, familyInet);
  let at = headerBytes + familyHeaderBytes;
  for (const [type, name] of parts) {
    view.setUint16(at, 4 + name.length + 1, true);
    view.setUint16(at + 2, type, true);
    for (const [index, character] of [...name].entries()) view.setUint8(at + 4 + index, character.charCodeAt(0));
    at += padded([type, name]);
  }
  return bytes;
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
