import { expect, test } from 'vitest';
import { domainName, patternsOf } from '#model/domain-name.ts';

const label63 = 'a'.repeat(63);
const longest = `${label63}.${label63}.${label63}.${'b'.repeat(61)}`;

test.each<readonly [text: string, name: string | undefined]>([
  ['example.com', 'example.com'],
  ['example.com.', 'example.com'],
  ['EXAMPLE.Com', 'example.com'],
  ['localhost', 'localhost'],
  ['*.example.com', '*.example.com'],
  ['_dns._tcp.example.com', '_dns._tcp.example.com'],
  ['a-b.example', 'a-b.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['4.example', '4.example'],
  [label63, label63],
  [longest, longest],
  ['', undefined],
  ['.', undefined],
  ['*', undefined],
  ['*.', undefined],
  ['a..b', undefined],
  ['.a', undefined],
  ['a..', undefined],
  ['a.*.b', undefined],
  ['*.*.b', undefined],
  ['a*.b', undefined],
  ['-a.b', undefined],
  ['a-.b', undefined],
  ['a b', undefined],
  ['a/b', undefined],
  ['bücher.example', undefined],
  ['a\u0000.b', undefined],
  ['a.b\n', undefined],
  [`${label63}a`, undefined],
  [`${longest}c`, undefined],
  // An address is no name.
  ['10.0.0.1', undefined],
  ['example.7', undefined],
])('%j is the name %j', (text, name) => {
  expect(domainName(text)).toBe(name);
});

test.each<readonly [name: string, patterns: readonly string[]]>([
  ['com', ['com']],
  ['example.com', ['example.com', '*.com']],
  ['a.b.example.com', ['a.b.example.com', '*.b.example.com', '*.example.com', '*.com']],
])('%s is matched by %j and by no other', (name, patterns) => {
  expect(patternsOf(name)).toEqual(patterns);
});
