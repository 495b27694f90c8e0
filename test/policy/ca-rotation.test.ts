// Whom the end of a CA's replacement would lose: a table over what hosts use and what was issued to them.

import { describe, expect, test } from 'vitest';
import { type HostCas, retirementRefusal, rotationProgress } from '#policy/ca-progress.ts';

const next = { id: 'new', fingerprint: 'f-new' };
const host = (name: string, used: string, issued = used): HostCas => ({ name, used, issued });

describe('a fleet on its way to the next CA', () => {
  test.each<[string, readonly HostCas[], { trusting: number; moved: number; left: readonly string[] }]>([
    ['nobody', [], { trusting: 0, moved: 0, left: [] }],
    ['a host of before', [host('a', 'old')], { trusting: 0, moved: 0, left: ['a'] }],
    ['a host whose certificate nobody knows the CA of', [host('a', '')], { trusting: 0, moved: 0, left: ['a'] }],
    [
      'a host that was issued one and has not used it',
      [host('a', 'old', 'new')],
      { trusting: 1, moved: 0, left: ['a'] },
    ],
    ['a host that enrolled and never came', [host('a', '', 'new')], { trusting: 1, moved: 0, left: ['a'] }],
    ['a host that has moved', [host('a', 'new')], { trusting: 1, moved: 1, left: [] }],
    [
      'one that came back with the older one',
      [host('a', 'old', 'new'), host('b', 'new')],
      { trusting: 2, moved: 1, left: ['a'] },
    ],
    ['one that was issued an older one since', [host('a', 'new', 'old')], { trusting: 1, moved: 1, left: [] }],
  ])('%s', (_, hosts, expected) => {
    const progress = rotationProgress({ hosts, operators: [], next });
    expect(progress).toEqual({ hosts: hosts.length, operators: [], ...expected });
    expect(retirementRefusal(progress) === undefined).toBe(expected.left.length === 0);
  });
});

test('tokens of operators count by the CA that they name, each operator once', () => {
  const operators = ['f-old', 'f-new', ''].map((ca, at) => ({ name: at === 2 ? 'ci' : 'admin', ca }));
  const progress = rotationProgress({ hosts: [host('a', 'new')], operators: [...operators, ...operators], next });
  expect(progress.operators).toEqual(['admin', 'ci']);
  expect(retirementRefusal(progress)).toBe('tokens of operators name the old CA (admin, ci)');
});

test('of many that would be lost ten are named', () => {
  const hosts = Array.from({ length: 300 }, (_, at) => host(`web-${at}`, at < 20 ? 'new' : 'old'));
  const refusal = retirementRefusal(rotationProgress({ hosts, operators: [{ name: 'ci', ca: 'f-old' }], next })) ?? '';
  expect(refusal).toMatch(
    /^280 of 300 hosts hold no certificate of the next CA \(web-20, .*web-29 and 270 more\), and tokens/,
  );
});
