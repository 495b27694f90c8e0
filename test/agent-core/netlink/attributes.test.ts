// Netlink's messages and attributes: whatever a length says, nothing is read beyond the end, and every reading ends.

import { describe, expect, test } from 'vitest';
import { eachAttribute, eachMessage, read64 } from '#agent-core/netlink/attributes.ts';

const viewOf = (...bytes: readonly number[]) => new DataView(Uint8Array.from(bytes).buffer);

/** struct nlmsghdr, little endian, before `body`; `length` where it is to lie. */
function message(type: number, body: readonly number[], { flags = 0, port = 0, length = 16 + body.length } = {}) {
  const head = new DataView(new ArrayBuffer(16));
  head.setUint32(0, length, true);
  head.setUint16(4, type, true);
  head.setUint16(6, flags, true);
  head.setUint32(12, port, true);
  const padding = Array.from({ length: (4 - (body.length % 4)) % 4 }, () => 0);
  return [...new Uint8Array(head.buffer), ...body, ...padding];
}

describe('attributes', () => {
  const rows: readonly (readonly [
    name: string,
    bytes: readonly number[],
    found: readonly (readonly [type: number, at: number, length: number])[],
    isWhole: boolean,
  ])[] = [
    ['none', [], [], true],
    ['an empty one', [4, 0, 7, 0], [[7, 4, 0]], true],
    ['one of a word', [8, 0, 1, 0, 9, 9, 9, 9], [[1, 4, 4]], true],
    ['the flags of nesting and byte order are no part of its type', [4, 0, 7, 0xc0], [[7, 4, 0]], true],
    [
      'a byte, padded, and another',
      [5, 0, 1, 0, 9, 0, 0, 0, 4, 0, 2, 0],
      [
        [1, 4, 1],
        [2, 12, 0],
      ],
      true,
    ],
    ['the padding of the last may be missing', [5, 0, 1, 0, 9], [[1, 4, 1]], true],
    ['half a head', [4, 0, 1], [], false],
    ['half a head after a whole one', [4, 0, 1, 0, 4, 0], [[1, 4, 0]], false],
    ['a length of nothing', [0, 0, 1, 0], [], false],
    ['a length below its head', [3, 0, 1, 0], [], false],
    ['a length beyond the end', [9, 0, 1, 0, 9, 9, 9, 9], [], false],
    ['the longest there is', [0xff, 0xff, 1, 0], [], false],
  ];
  test.each(rows)('%s', (_name, bytes, expected, isWhole) => {
    const found: [number, number, number][] = [];
    const whole = eachAttribute(viewOf(...bytes), 0, bytes.length, (...one) => found.push(one) > 0);
    expect({ found, whole }).toEqual({ found: expected, whole: isWhole });
  });

  test('who has read enough hears no more', () => {
    let heard = 0;
    const stop = () => {
      heard += 1;
      return false;
    };
    expect(eachAttribute(viewOf(4, 0, 1, 0, 4, 0, 2, 0), 0, 8, stop)).toBe(false);
    expect(heard).toBe(1);
  });

  test('what lies behind the end that was told is not looked at', () => {
    expect(eachAttribute(viewOf(8, 0, 1, 0, 9, 9, 9, 9), 0, 4, () => true)).toBe(false);
  });
});

test.each([
  ['nothing', [0, 0, 0, 0, 0, 0, 0, 0], 0],
  ['one', [0, 0, 0, 0, 0, 0, 0, 1], 1],
  ['more than 32 bits', [0, 0, 0, 1, 0, 0, 0, 2], 4_294_967_298],
  ['as much as is exact', [0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Number.MAX_SAFE_INTEGER],
])('eight bytes, the highest first: %s', (_name, bytes, value) => {
  expect(read64(viewOf(...bytes), 0)).toBe(value);
});

describe('messages of a datagram', () => {
  const notice = (body = [2, 0, 0, 0]) => message(0x0a_03, body, { port: 77 });
  const done = message(3, [0, 0, 0, 0]);
  const answer = (errno: number) => message(2, [...new Uint8Array(Int32Array.of(-errno).buffer)]);
  const rows: readonly (readonly [
    name: string,
    bytes: readonly number[],
    outcome: { readonly malformed?: number; readonly dump?: string; readonly errno?: number; readonly read?: number },
  ])[] = [
    ['nothing at all', [], {}],
    ['one', notice(), { read: 1 }],
    ['two', [...notice(), ...notice()], { read: 2 }],
    ['one whose length is padded', [...notice([2, 0, 0, 0, 1]), ...notice()], { read: 2 }],
    ['the end of a dump', done, { dump: 'done' }],
    ['an end that was interrupted', message(3, [], { flags: 0x10 }), { dump: 'interrupted' }],
    [
      'an interruption, then the end',
      [...message(0x0a_03, [2, 0, 0, 0], { flags: 0x10 }), ...done],
      {
        dump: 'interrupted',
        read: 1,
      },
    ],
    // Linux sets other flags of the same value on its answers.
    ['that flag on an answer is another', message(2, [0, 0, 0, 0], { flags: 0x10 }), { errno: 0 }],
    ['an acknowledgement', answer(0), { errno: 0 }],
    ['a refusal', answer(17), { errno: 17 }],
    ['an answer without a number', message(2, []), {}],
    ['what is no netfilter message', message(0x10, [1, 2, 3, 4]), {}],
    ['half a head', notice().slice(0, 15), { malformed: 1 }],
    ['a length below its head', message(0x0a_03, [2, 0, 0, 0], { length: 15 }), { malformed: 1 }],
    ['a length of nothing', message(0x0a_03, [2, 0, 0, 0], { length: 0 }), { malformed: 1 }],
    ['a length beyond the end', message(0x0a_03, [2, 0, 0, 0], { length: 24 }), { malformed: 1 }],
    [
      'what comes before one that lies is read',
      [...notice(), ...message(0x0a_03, [], { length: 99 })],
      {
        malformed: 1,
        read: 1,
      },
    ],
  ];
  test.each(rows)('%s', (_name, bytes, { read = 0, ...outcome }) => {
    const found: unknown[] = [];
    const got = eachMessage(viewOf(...bytes), (one) => found.push(one) > 0);
    expect({ ...got, read: found.length }).toEqual({ malformed: 0, dump: 'going-on', ...outcome, read });
  });

  test('one is told by subsystem, message, flags and port, and where it lies behind nfgenmsg', () => {
    const found: unknown[] = [];
    eachMessage(viewOf(...notice([2, 0, 0, 0, 8, 9])), (one) => found.push(one) > 0);
    expect(found).toEqual([{ subsystem: 10, message: 3, flags: 0, port: 77, from: 20, to: 22 }]);
  });

  test('what the reader could not read is counted, and the next is read', () => {
    expect(eachMessage(viewOf(...notice(), ...notice()), () => false)).toEqual({ malformed: 2, dump: 'going-on' });
  });
});
