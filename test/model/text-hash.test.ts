// Kernel objects are named by these, and an agent finds those of the version before it by them: the names may not change.

import { expect, test } from 'vitest';
import { hashText } from '#model/text-hash.ts';

test.each([
  ['', '811c9dc501000193'],
  ['a', 'e40c292cefafcc26'],
  ['10.0.0.0/8:goto r_1', 'a2a40c5c14bc11d6'],
  ['b', 'e70c2de569c3f1bb'],
])('%j', (text, hash) => {
  expect(hashText(text)).toBe(hash);
});

test('is 16 hex digits, and tells apart what differs little', () => {
  const texts = Array.from({ length: 5000 }, (_, at) => `10.0.${at >> 8}.${at & 255}:drop`);
  const hashes = texts.map(hashText);
  expect(new Set(hashes).size).toBe(texts.length);
  expect(hashes.filter((hash) => !/^[0-9a-f]{16}$/.test(hash))).toEqual([]);
  expect(new Set([hashText('ab'), hashText('ba'), hashText('a b'), hashText('ab\u0000')]).size).toBe(4);
});
