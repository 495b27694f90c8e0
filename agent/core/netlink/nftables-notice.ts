// Decodes the kernel's notices of nftables changes (netlink group NFNLGRP_NFTABLES): which table a transaction touched,
// the words of our state rule, and at its end who made it. Only what telling our own transactions from a stranger's
// needs; the layout is linux/netfilter/nf_tables.h, in which attribute 1 of every kind of object but the generation is
// the table's name.

import { findStateText } from '#agent-core/table/table-listing.ts';
import { eachAttribute, eachMessage, familyHeaderBytes, type NetfilterMessage } from './attributes.ts';
import { renderNetfilterRequest } from './request.ts';

export type NftablesNotice =
  | {
      readonly kind: 'touched';
      readonly family: number;
      readonly table: string;
      /** The message's number and the name of what it is about: changeText makes words of them. */
      readonly message: number;
      readonly name: string;
      readonly state?: string;
    }
  | {
      readonly kind: 'committed';
      readonly generation: number;
      /** Of the netlink socket that made the transaction. */
      readonly port: number;
      readonly pid: number;
      readonly process: string;
    };

const subsystemNftables = 10;
const newRule = 6;
const newGeneration = 15;
const getGeneration = 16;
const requestFlag = 1;
const attributes = { table: 1, ruleUserdata: 7, generation: 1, pid: 2, process: 3 } as const;

/** By message number: what happened to what, and which attribute names the object or, for a rule, its chain. */
const changes: Readonly<Record<number, { readonly text: string; readonly nameAttribute: number }>> = {
  0: { text: 'table added', nameAttribute: 0 },
  2: { text: 'table deleted', nameAttribute: 0 },
  3: { text: 'chain added or changed:', nameAttribute: 3 },
  5: { text: 'chain deleted:', nameAttribute: 3 },
  6: { text: 'rule added in', nameAttribute: 2 },
  8: { text: 'rule deleted in', nameAttribute: 2 },
  9: { text: 'set or map added:', nameAttribute: 2 },
  11: { text: 'set or map deleted:', nameAttribute: 2 },
  12: { text: 'element added in', nameAttribute: 2 },
  14: { text: 'element deleted in', nameAttribute: 2 },
  18: { text: 'object added:', nameAttribute: 2 },
  20: { text: 'object deleted:', nameAttribute: 2 },
};

/** "rule added in input", for people. */
export function changeText(message: number, name: string): string {
  const text = changes[message]?.text ?? `change of kind ${message}`;
  return name === '' ? text.replace(/:$/, '') : `${text} ${name}`;
}

/** Whether a message reports an element that was added to or removed from a set or map. */
export function isElementChange(message: number): boolean {
  return message === 12 || message === 14;
}

/** NFPROTO_INET. */
export const familyInet = 1;

/** Asks how many transactions there have been; the answer is a `committed` notice. */
export function renderGenerationRequest(): Uint8Array {
  return renderNetfilterRequest({
    subsystem: subsystemNftables,
    message: getGeneration,
    flags: requestFlag,
    attributes: [],
  });
}

/** All notices of one datagram, in order. Messages that lie about their lengths are left out. */
export function decodeNftablesNotices(bytes: Uint8Array): readonly NftablesNotice[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notices: NftablesNotice[] = [];
  eachMessage(view, (message) => {
    if (message.subsystem !== subsystemNftables) return true;
    const notice = message.message === newGeneration ? readGeneration(view, message) : readTouched(view, message);
    if (notice !== undefined) notices.push(notice);
    return true;
  });
  return notices;
}

function readGeneration(view: DataView, { from, to, port }: NetfilterMessage): NftablesNotice {
  let generation = 0;
  let pid = 0;
  let process = '';
  eachAttribute(view, from, to, (type, at, length) => {
    if (type === attributes.generation && length >= 4) generation = view.getUint32(at);
    if (type === attributes.pid && length >= 4) pid = view.getUint32(at);
    if (type === attributes.process) process = latin1(view, at, length);
    return true;
  });
  return { kind: 'committed', generation, port, pid, process };
}

function readTouched(view: DataView, { from, to, message }: NetfilterMessage): NftablesNotice | undefined {
  let table: string | undefined;
  let comment = '';
  let name = '';
  const nameAttribute = changes[message]?.nameAttribute ?? 0;
  eachAttribute(view, from, to, (type, at, length) => {
    if (type === attributes.table) table = latin1(view, at, length);
    else if (type === nameAttribute) name = latin1(view, at, length);
    if (type === attributes.ruleUserdata && message === newRule) comment = latin1(view, at, length);
    return true;
  });
  if (table === undefined) return undefined;
  const state = findStateText(comment);
  const family = view.getUint8(from - familyHeaderBytes);
  return { kind: 'touched', family, table, message, name, ...(state === undefined ? {} : { state }) };
}

/** Names end in NUL. */
function latin1(view: DataView, at: number, length: number): string {
  let text = '';
  for (let index = at; index < at + length; index += 1) {
    const byte = view.getUint8(index);
    if (byte !== 0) text += String.fromCharCode(byte);
  }
  return text;
}
