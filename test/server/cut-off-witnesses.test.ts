// Who was cut off by history that a store lacks: what the control plane signed decides, and no host hides or makes up a name.

import { describe, expect, test } from 'vitest';
import { CutOffWitnesses } from '#control-plane/publish/cut-off-witnesses.ts';
import { namesDigest, type ProvenRevision } from '#control-plane/publish/revision-proofs.ts';

const signed = (names: readonly string[], revision = 7, number = 2): ProvenRevision => ({
  lineage: '0a'.repeat(16),
  revision,
  run: { name: '0b'.repeat(16), number },
  cutOff: namesDigest(names),
});
const old: ProvenRevision = { lineage: '0a'.repeat(16), revision: 7 };
const madeUp = Array.from({ length: 1024 }, (_, at) => `a-${String(at).padStart(5, '0')}`);
const hosts = ['bad-1', 'bad-2', 'db-1', 'good-1', 'good-2', 'prod'];
/** All of these are hosts here, and so is what is made up: the worst case. */
const holderOf = (name: string) => (hosts.includes(name) || name.startsWith('a-') ? name : undefined);

type Word = readonly [host: string, told: ProvenRevision, names: readonly string[]];
const cases: readonly [string, readonly Word[], readonly string[]][] = [
  ['nothing is said', [], []],
  ['the truth of one host, signed', [['good-1', signed(['bad-1']), ['bad-1']]], ['bad-1 proven 0']],
  [
    'names that a lost host makes up beside its own good proof',
    [
      ['bad-1', signed(['bad-1']), madeUp],
      ['good-1', signed(['bad-1']), ['bad-1']],
    ],
    ['bad-1 proven 0', ...madeUp.slice(0, 64).map((name) => `${name} said 1`)],
  ],
  [
    'a lost host that says that nobody is cut off',
    [
      ['good-1', signed(['bad-1']), ['bad-1']],
      ['bad-1', signed(['bad-1']), []],
    ],
    ['bad-1 proven 0'],
  ],
  [
    'an older proof with its true names, of one that was released since',
    [
      ['good-1', signed(['bad-1'], 9), ['bad-1']],
      ['bad-1', signed(['prod'], 8), ['prod']],
    ],
    ['bad-1 proven 0'],
  ],
  [
    'a proof of a later run with a lower revision',
    [
      ['good-1', signed(['bad-1'], 5, 3), ['bad-1']],
      ['good-2', signed(['prod'], 8, 2), ['prod']],
    ],
    ['bad-1 proven 0'],
  ],
  ['proofs of before names were signed: one host alone', [['good-1', old, ['bad-1']]], ['bad-1 said 1']],
  [
    'proofs of before names were signed: two hosts',
    [
      ['good-1', old, ['bad-1']],
      ['good-2', old, ['bad-1', 'db-1']],
    ],
    ['bad-1 witnessed 2', 'db-1 said 1'],
  ],
  [
    'a host’s word about itself',
    [
      ['bad-1', old, ['bad-1', 'prod']],
      ['good-1', old, ['bad-1']],
    ],
    ['bad-1 said 1', 'prod said 1'],
  ],
  ['one host’s word, over and over', [1, 2, 3].map(() => ['bad-1', old, ['prod', 'prod']] as const), ['prod said 1']],
  ['a name of no workload here, in words', [['good-1', old, ['gone']]], []],
  ['a name of no workload here, signed', [['good-1', signed(['gone']), ['gone']]], ['gone proven 0']],
  [
    'what a host held beyond its proof, said by two',
    [
      ['good-1', signed(['bad-1']), ['bad-1', 'bad-2']],
      ['good-2', signed(['bad-1']), ['bad-1', 'bad-2']],
      ['db-1', signed(['bad-1']), ['bad-1']],
    ],
    ['bad-1 proven 2', 'bad-2 witnessed 2'],
  ],
];
describe('names, as they weigh', () => {
  test.each(cases)('%s', (_, words, expected) => {
    for (const order of [words, [...words].reverse()]) {
      const witnesses = new CutOffWitnesses();
      for (const [host, told, names] of order) witnesses.take(host, told, names);
      const found = witnesses.names(holderOf).map(({ name, standing, hosts: count }) => `${name} ${standing} ${count}`);
      expect(found).toEqual(expected);
    }
  });
});
