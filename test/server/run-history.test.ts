// Which proofs show history that a store lacks: by runs, not by how high either counts.

import { describe, expect, test } from 'vitest';
import { namesDigest, type ProvenRevision, RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { type HistoryNow, RunHistory } from '#control-plane/publish/run-history.ts';
import type { StoredRun } from '#control-plane/store/runs.ts';

const [ours, past, strange] = ['0a', '0b', '0c'].map((byte) => byte.repeat(16)) as [string, string, string];
const nameOf = (number: number, copy = 0) => `${number.toString(16).padStart(8, '0')}${copy}`.padEnd(32, '0');

/** A store on which runs 3, 4 and 5 began at 10, 20 and 30; the first two are forgotten. This process is the fifth. */
const rows: readonly StoredRun[] = [
  { number: 1, lineage: past, run: '', revision: 0 },
  { number: 3, lineage: ours, run: nameOf(3), revision: 10 },
  { number: 4, lineage: ours, run: nameOf(4), revision: 20 },
  { number: 5, lineage: ours, run: nameOf(5), revision: 30 },
];
/** Its own numbers are far beyond all that hosts show: hosts had it count on. */
const now: HistoryNow = { lineage: ours, revision: 1000, startRevision: 30 };
const told = (number: number, revision: number, copy = 0): ProvenRevision => ({
  lineage: ours,
  revision,
  run: { name: nameOf(number, copy), number },
});

describe('what a host shows, to a store that was put back or not', () => {
  const cases: readonly [string, ProvenRevision, 'known' | 'lacking', Partial<HistoryNow>?][] = [
    ['a revision of a run that ended later', told(3, 15), 'known'],
    ['the last one of a run', told(3, 20), 'known'],
    ['of a run that was longer than the store knows', told(4, 31), 'lacking'],
    ['of a run that the store knows nothing of, however low', told(6, 31), 'lacking'],
    ['of another run of the same number: the copy has had its own', told(5, 31, 1), 'lacking'],
    ['of this process', told(5, 900), 'known'],
    ['of this process and higher than it counts: the machine was put back while it ran', told(5, 1001), 'lacking'],
    ['of a run that is forgotten', told(2, 9), 'known'],
    ['of a forgotten number, higher than that run can have come', told(2, 11), 'lacking'],
    ['of a lineage that an operator went on from', { ...told(9, 5000, 1), lineage: past }, 'known'],
    ['of a lineage that the store never had', { ...told(9, 5, 1), lineage: strange }, 'lacking'],
    ['as earlier versions made it, known at the start', { lineage: ours, revision: 30 }, 'known'],
    ['as earlier versions made it, higher than at the start', { lineage: ours, revision: 31 }, 'lacking'],
    ['as earlier versions made it, of another lineage', { lineage: strange, revision: 31 }, 'known'],
    [
      'while it is held: of a lineage left before, higher',
      { ...told(1, 31), lineage: past },
      'lacking',
      { heldAt: 30 },
    ],
    ['while it is held: of a lineage left before, lower', { ...told(1, 29), lineage: past }, 'known', { heldAt: 30 }],
    ['while it is held: of a run that ended lower', told(4, 31), 'lacking', { heldAt: 40 }],
    ['while it is held: as earlier versions made it', { lineage: past, revision: 41 }, 'lacking', { heldAt: 40 }],
  ];
  test.each(cases)('%s', (_, shown, expected, held = {}) => {
    const history = new RunHistory(rows, nameOf(5), { startRevision: 30 });
    expect(history.judge(shown, { ...now, ...held })).toBe(expected);
  });

  test('a run that began and is not followed by another ended where the process now found the store', () => {
    const history = new RunHistory(rows, undefined, { startRevision: 33 });
    expect(history.judge(told(5, 33), now)).toBe('known');
    expect(history.judge(told(5, 34), now)).toBe('lacking');
  });

  test('a restored store, whose lineage is new, tells who is ahead by the runs of the one before', () => {
    const anew = { number: 6, lineage: strange, run: nameOf(6), revision: 40 };
    const history = new RunHistory([...rows, anew], nameOf(6), { startRevision: 40 });
    const held = { lineage: strange, revision: 90, startRevision: 40, heldAt: 40 };
    expect(history.judge(told(5, 41), held)).toBe('lacking');
    expect(history.judge(told(7, 35), held)).toBe('lacking');
    expect(history.judge(told(5, 40), held)).toBe('known');
  });
});

describe('a proof', () => {
  const proofs = new RevisionProofs(Buffer.alloc(32, 7));
  const whole = { ...told(4, 2 ** 40), cutOff: namesDigest(['bad-1']) };
  test.each([
    ['of this version', whole],
    ['without names', told(4, 7)],
    ['of the version before', { lineage: ours, revision: 7 }],
  ] satisfies [string, ProvenRevision][])('%s is read as it was made, by its own host alone', (_, given) => {
    const made = proofs.issue('web-1', given);
    expect(made.length).toBeLessThanOrEqual(128);
    expect(proofs.read('web-1', made)).toEqual(given);
    expect(proofs.read('web-2', made)).toBeUndefined();
    for (let at = 0; at < made.length; at += 1)
      expect(
        proofs.read(
          'web-1',
          made.map((byte, place) => (place === at ? byte ^ 1 : byte)),
        ),
      ).toBeUndefined();
  });
});
