// Messages out of a stream's bytes, however they are cut: the same messages, and no more room than their bytes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBudget } from '#control-plane/rpc/byte-budget.ts';
import { MessageReader } from '#control-plane/rpc/message-reader.ts';

const pieces = { most: 1_000_000, bytesEach: 1 };

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function readerOf(given: { readonly all?: number; readonly mostBytes?: number; readonly most?: number } = {}) {
  const { all = 1 << 20, mostBytes = 1 << 20, most = pieces.most } = given;
  const budget = new ByteBudget({ all: 2 * all, each: all });
  const held = budget.hold('web-1');
  const came: Buffer[] = [];
  const reader = new MessageReader({ mostBytes, pieces: { most, bytesEach: most === pieces.most ? 1 : 256 }, held });
  const push = (bytes: Uint8Array) =>
    reader.push(Buffer.from(bytes), (message) => {
      came.push(Buffer.from(message));
      held.release();
    });
  return { budget, came, reader, push };
}

test('any messages in any pieces come out as they went in, and their room is given back', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 6 });
  const cuts = fc.array(fc.nat(), { maxLength: 40 });
  fc.assert(
    fc.property(messages, cuts, (sent, cutting) => {
      const { budget, came, reader, push } = readerOf();
      const bytes = Buffer.concat(sent.map(framed));
      const at = cutting.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other);
      for (const [index, end] of [...at, bytes.length].entries())
        expect(push(bytes.subarray(at[index - 1] ?? 0, end))).toBeUndefined();
      expect(came).toEqual(sent.map((message) => Buffer.from(message)));
      expect(reader.isWithin).toBe(false);
      expect(budget.bytes).toBe(0);
    }),
    { numRuns: 200 },
  );
});

describe('what is refused', () => {
  test.each([
    ['a length beyond the bound, before a byte of it', { mostBytes: 10 }, [[0, 0, 0, 0, 11]], /allowed are 10/],
    ['a compressed message', {}, [[1, 0, 0, 0, 1, 7]], /compressed/],
    ['what finds no room', { all: 4096 }, [[0, 0, 0, 32, 0], Array<number>(5000).fill(1)], /on their way/],
    ['a message in crumbs', { most: 3 }, [[0, 0, 0, 1, 0], [1], [1], [1]], /pieces/],
  ] as const)('%s', (_what, given, chunks, told) => {
    const { came, push } = readerOf(given);
    const said = chunks.map((chunk) => push(Uint8Array.from(chunk))).filter((problem) => problem !== undefined);
    expect(said[0]?.details).toMatch(told);
    expect(came).toEqual([]);
  });

  test('and room is taken for what came, never for what a length says', () => {
    const { budget, push } = readerOf();
    push(Uint8Array.from([0, 0, 15, 0, 0]));
    expect(budget.bytes).toBe(0);
    push(Buffer.alloc(100));
    expect(budget.bytes).toBe(4096);
  });
});

test('of the room that is for all, one may have half of what the others leave, and small messages always find some', () => {
  const budget = new ByteBudget({ all: 64_000, each: 16_000 });
  const taken = [...Array(8).keys()].map((at) => {
    const held = budget.hold(`bad-${at}`);
    let bytes = 0;
    while (held.grow(100) === 'held') bytes += 100;
    return bytes;
  });
  expect(taken).toEqual([16_000, 16_000, 16_000, 8000, 4000, 2000, 1000, 500]);
  const held = budget.hold('web-1');
  expect(held.grow(250)).toBe('held');
  held.release();
  expect(budget.of('web-1')).toBe(0);
  expect(budget.bytes).toBe(63_500);
});
