// Bytes that are almost right: a real message with a few things done to it, as whoever looks for a hole would do them. Each mutation is a
// value, so that fast-check takes them away one by one until only what breaks something is left.

import fc from 'fast-check';

type Edit =
  | { readonly kind: 'set' | 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'cut' | 'truncate'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number };

/** What numbers break at, in every width and both byte orders. */
const numbers = [0n, 1n, 2n, 127n, 128n, 255n, 256n, 32_767n, 65_535n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n]
  .concat([2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
  .flatMap((value) => [1, 2, 4, 8].flatMap((width) => fixed(value, width)))
  .concat([0n, 127n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n].map(varint));

function fixed(value: bigint, width: number): Uint8Array[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  const little = Uint8Array.from(bytes.subarray(0, width));
  return [little, Uint8Array.from(little).reverse()];
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    if (rest <= 0x7fn) return Uint8Array.from(bytes);
  }
}

const place = fc.nat({ max: 1_000_000 });
const few = fc.uint8Array({ minLength: 1, maxLength: 8 });

function edits(words: readonly Uint8Array[]): fc.Arbitrary<Edit> {
  const bytes = fc.oneof(few, fc.constantFrom(...words));
  const length = fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 200 }));
  const often = fc.oneof(
    fc.record({ kind: fc.constantFrom('set', 'insert'), at: place, bytes }),
    fc.record({ kind: fc.constant('flip'), at: place, bit: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant('cut'), at: place, length }),
    fc.record({ kind: fc.constant('repeat'), at: place, length, times: fc.nat({ max: 6 }) }),
  );
  return fc.oneof(
    { arbitrary: often, weight: 40 },
    { arbitrary: fc.record({ kind: fc.constant('truncate'), at: place, length: fc.constant(0) }), weight: 2 },
    // What finds time or memory that grows faster than the input.
    {
      arbitrary: fc.record({ kind: fc.constant('repeat'), at: place, length, times: fc.nat({ max: 9000 }) }),
      weight: 1,
    },
  );
}

function applyEdit(bytes: Uint8Array, edit: Edit, longest: number): Uint8Array {
  const at = edit.at % (bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (edit.kind) {
    case 'set':
      return Buffer.concat([before, edit.bytes, after.subarray(edit.bytes.length)]);
    case 'insert':
      return Buffer.concat([before, edit.bytes, after]);
    case 'flip': {
      const flipped = Uint8Array.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << edit.bit);
      return flipped;
    }
    case 'cut':
      return Buffer.concat([before, after.subarray(edit.length)]);
    case 'truncate':
      return before;
    case 'repeat': {
      const part = after.subarray(0, edit.length);
      const times = part.length === 0 ? 0 : Math.min(edit.times, Math.floor((longest - bytes.length) / part.length));
      return times <= 0 ? bytes : Buffer.concat([before, ...Array<Uint8Array>(times).fill(part), after]);
    }
  }
}

export interface Almost {
  /** Real ones. */
  readonly corpus: readonly Uint8Array[];
  /** Made by the encoders, each anew. */
  readonly made?: fc.Arbitrary<Uint8Array>;
  /** What means something to the reader, beside numbers: tokens of a language, names of fields. */
  readonly words?: readonly string[];
  /** Bytes; 65,536 where it is not said. */
  readonly longest?: number;
}

/** The corpus and what is made, with some edits; rarely two of them spliced, or noise. */
export function almost({ corpus, made, words = [], longest = 65_536 }: Almost): fc.Arbitrary<Uint8Array> {
  // Making one anew costs more than reading it: one of many is.
  const known = { arbitrary: fc.constantFrom(...corpus), weight: 24 };
  const real = made === undefined ? fc.constantFrom(...corpus) : fc.oneof(known, { arbitrary: made, weight: 1 });
  const tokens = words.map((word) => Buffer.from(word));
  const edit = edits([...numbers, ...tokens, ...tokens]);
  const edited = fc
    .tuple(real, fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([bytes, all]) => all.reduce((now, one) => applyEdit(now, one, longest), bytes));
  const spliced = fc
    .tuple(real, real, place, place)
    .map(([a, b, i, j]) => Buffer.concat([a.subarray(0, i % (a.length + 1)), b.subarray(j % (b.length + 1))]));
  return fc.oneof(
    { arbitrary: edited, weight: 12 },
    { arbitrary: real, weight: 2 },
    { arbitrary: spliced, weight: 2 },
    { arbitrary: fc.uint8Array({ maxLength: 400 }), weight: 1 },
  );
}

/** Texts are bytes too, and not always of UTF-8. */
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
export const bytesOf = (text: string): Uint8Array => Buffer.from(text);
