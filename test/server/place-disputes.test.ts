// Which of two streams of one host has the place: whether the second is a copy of it, or the host itself from elsewhere.

import { expect, test } from 'vitest';
import { PlaceDisputes } from '#control-plane/publish/identity-disputes.ts';

const secondMs = 1000;

/** Streams that come, with the second and the address, each while the one before looks alive; `+` took the place, `!` began a dispute, `-` was kept out. */
function judged(...comers: readonly (readonly [number, string | undefined])[]): string {
  const disputes = new PlaceDisputes();
  let live: string | undefined = 'a';
  return comers
    .map(([second, from]) => {
      const verdict = disputes.judge('web-1', { at: second * secondMs, from, live });
      if (verdict !== 'yields') return verdict.stays === 'begins' ? '!' : '-';
      live = from;
      return '+';
    })
    .join('');
}

test.each([
  // A copied disk: the one that is thrown out comes back from where it was. The first has the place when the dispute begins.
  [
    'two agents take turns',
    [
      [1, 'b'],
      [2, 'a'],
      [3, 'b'],
      [4, 'b'],
    ],
    '++!-',
  ],
  [
    'two agents behind one address',
    [
      [1, 'a'],
      [2, 'a'],
      [3, 'a'],
      [33, 'a'],
    ],
    '++!-',
  ],
  [
    'a copy that comes back after a quiet time begins anew',
    [
      [1, 'b'],
      [2, 'a'],
      [3, 'b'],
      [130, 'b'],
    ],
    '++!+',
  ],
  [
    'one whose addresses nobody knows',
    [
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ],
    '++!',
  ],
  [
    'a copy that takes the place from ever new addresses, and the host it was taken from',
    [
      [1, 'b'],
      [2, 'c'],
      [3, 'a'],
    ],
    '++!',
  ],
  // The host itself, whose old streams end for nobody.
  [
    'a bad line, twice in a minute',
    [
      [1, 'a'],
      [50, 'a'],
      [70, 'a'],
    ],
    '+++',
  ],
  [
    'another address three times a minute',
    [
      [1, 'b'],
      [20, 'c'],
      [40, 'd'],
      [55, 'e'],
    ],
    '++++',
  ],
  [
    'another address, and then a bad line there',
    [
      [1, 'b'],
      [20, 'c'],
      [40, 'c'],
    ],
    '++!',
  ],
  [
    'back to where it was a minute ago',
    [
      [1, 'b'],
      [30, 'c'],
      [62, 'a'],
    ],
    '+++',
  ],
  ['more moves than a host makes', [...Array(13).keys()].map((at) => [at, `m${at}`] as const), `${'+'.repeat(12)}!`],
] as const)('%s', (_what, comers, expected) => {
  expect(judged(...comers)).toBe(expected);
});
