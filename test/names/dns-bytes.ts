// DNS messages in bytes, right or wrong on purpose: what a resolver would send.

import { type Address, familyOf } from '#model/address.ts';
import { addressBytes } from '#test/protocols/packets.ts';

export type DnsRecord =
  | { readonly owner: string; readonly address: Address; readonly ttl?: number }
  | { readonly owner: string; readonly alias: string; readonly ttl?: number };

export interface DnsAnswerOptions {
  readonly id?: number;
  readonly type?: number;
  readonly flags?: number;
  readonly questions?: number;
  readonly answers?: number;
  /** Names of records as pointers to the question where they are its name. */
  readonly compression?: 'on' | 'off';
}

export function dnsName(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

export function dnsAnswer(question: string, records: readonly DnsRecord[], options: DnsAnswerOptions = {}): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(options.id ?? 1, 0);
  head.writeUInt16BE(options.flags ?? 0x8180, 2);
  head.writeUInt16BE(options.questions ?? 1, 4);
  head.writeUInt16BE(options.answers ?? records.length, 6);
  const asked = Buffer.concat([dnsName(question), u16(options.type ?? 1), u16(1)]);
  const name = (owner: string) =>
    owner === question && options.compression !== 'off' ? Buffer.from([0xc0, 12]) : dnsName(owner);
  return Buffer.concat([head, asked, ...records.map((record) => recordBytes(record, name))]);
}

/** As a program asks, unless `options` say otherwise. */
export function dnsQuery(question: string, options: DnsAnswerOptions = {}): Buffer {
  return dnsAnswer(question, [], { flags: 0x0100, ...options });
}

function recordBytes(record: DnsRecord, name: (owner: string) => Buffer): Buffer {
  const content = 'alias' in record ? dnsName(record.alias) : addressBytes(record.address);
  const type = 'alias' in record ? 5 : familyOf(record.address) === 'ipv4' ? 1 : 28;
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(record.ttl ?? 60);
  return Buffer.concat([name(record.owner), u16(type), u16(1), ttl, u16(content.length), content]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
