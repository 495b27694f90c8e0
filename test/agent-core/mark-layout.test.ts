// Which bits of the connection mark are ours: every mask with room divides them the same way, what is put in comes out again, and
// the bits of others are never read or written.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NoRoomError, renderFromNothing } from '#agent-core/change/render-table.ts';
import { findForeignRules } from '#agent-core/host/other-tables.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import {
  complement,
  defaultMarkMask,
  defaultMarks,
  lastEpoch,
  type MarkLayout,
  markLayoutOf,
  maskText,
} from '#agent-core/marks/mark-layout.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { parseTableState } from '#agent-core/table/table-listing.ts';
import { stateLine, stateText } from '#agent-core/table/table-state.ts';
import { assertOk } from '#model/result.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';

const bitCount = (mask: number) => [...mask.toString(2)].filter((bit) => bit === '1').length;
const arbitraryMark = fc.integer({ min: 0, max: 0xffff_ffff });
const arbitraryLayout = fc
  .oneof(
    fc.constantFrom(0x0fff_ffff, 0xffff_fff0, 0xff00_ffff, 0xffff_ffff, 0xa5a5_ffff),
    fc
      .subarray(
        Array.from({ length: 32 }, (_, bit) => bit),
        { minLength: 16 },
      )
      .map((bits) => bits.reduce((sum, bit) => sum + 2 ** bit, 0)),
  )
  .map((mask) => assertOk(markLayoutOf(mask)));

describe('a mark layout', () => {
  test('gives back what was put in, whatever others have in their bits', () => {
    const cases = arbitraryLayout.chain((marks) =>
      fc.tuple(
        fc.constant(marks),
        fc.integer({ min: 0, max: marks.decisionsMost }),
        fc.integer({ min: 0, max: lastEpoch }),
        arbitraryMark,
      ),
    );
    fc.assert(
      fc.property(cases, ([marks, number, epoch, others]) => {
        const stamp = marks.stamp(number, epoch);
        expect((stamp & complement(marks.mask)) >>> 0).toBe(0);
        const mark = (stamp | (others & complement(marks.mask))) >>> 0;
        expect([marks.numberOf(mark), marks.epochOf(mark)]).toEqual([number, epoch]);
      }),
      { numRuns: 2000 },
    );
  });

  test('has 12 bits of epoch in the lowest of ours, and numbers in all the rest', () => {
    fc.assert(
      fc.property(arbitraryLayout, ({ mask, epochMask, decisionMask, decisionsMost }) => {
        expect([bitCount(epochMask), (epochMask | decisionMask) >>> 0, epochMask & decisionMask]).toEqual([
          12,
          mask,
          0,
        ]);
        expect(decisionsMost).toBe(2 ** bitCount(decisionMask) - 1);
        expect(Math.max(...bitsOf(epochMask))).toBeLessThan(Math.min(...bitsOf(decisionMask)));
      }),
    );
  });

  test('of the default mask is as it always was', () => {
    const { mask, epochMask, decisionMask, decisionsMost } = defaultMarks;
    expect({ mask, epochMask, decisionMask, decisionsMost }).toEqual({
      mask: 0x0fff_ffff,
      epochMask: 0xfff,
      decisionMask: 0x0fff_f000,
      decisionsMost: 65_535,
    });
    expect(defaultMarks.stamp(10, 1)).toBe(0xa001);
  });

  test.each([0, 0x7fff, 0xffff_0000_0000, -1, 1.5, Number.NaN])('cannot be made of %d', (mask) => {
    expect(markLayoutOf(mask)).toEqual({
      ok: false,
      error: 'a mask of 32 bits, at least 16 of them set, such as 0x0fffffff',
    });
  });
});

const bitsOf = (mask: number) =>
  Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((mask >>> bit) & 1) === 1);

describe('the state of a table', () => {
  const state = { revision: 7, epoch: 3, digest: 'ab' };
  test.each([
    [state, 'revision=7 epoch=3 digest=ab'],
    [{ ...state, markMask: 0xff00_ffff }, 'revision=7 epoch=3 digest=ab marks=0xff00ffff'],
    [{ ...state, unswept: 0x0fff_ffff }, 'revision=7 epoch=3 digest=ab unswept=0x0fffffff'],
    [
      { ...state, markMask: 0xff00_ffff, unswept: 0xffff_ffff },
      'revision=7 epoch=3 digest=ab marks=0xff00ffff unswept=0xffffffff',
    ],
  ])('%j is written, and read back', (given, text) => {
    expect(stateText(given)).toBe(text);
    expect(parseTableState(stateLine(given))).toEqual(given);
  });

  test('does not name the default mask: agents that knew no other wrote it so', () => {
    expect(stateText({ ...state, markMask: defaultMarkMask })).toBe('revision=7 epoch=3 digest=ab');
  });
});

describe('a rule set that needs more decisions than the mask numbers', () => {
  const allowIn = Array.from({ length: 15 }, (_, index) => `any: tcp/${index + 1}`);
  const ruleSet = hostRuleSet({ addresses: ['10.0.0.1'], allowIn });
  const least = assertOk(markLayoutOf(0xffff));

  test('makes no table, and the refusal names the setting', () => {
    expect(buildTable({ ruleSet, essentials: [], numbering: emptyNumbering, marks: least })).toBeUndefined();
    const render = () => renderFromNothing(ruleSet, { essentials: [], marks: least });
    expect(render).toThrow(NoRoomError);
    expect(render).toThrow(/\(0x0000ffff\) can number, 15: give the agent's setting connections\.markMask more bits/);
  });

  test('fits in a mask with room', () => {
    const marks = assertOk(markLayoutOf(0x1_ffff));
    expect(renderFromNothing(ruleSet, { essentials: [], marks })).toContain(' marks=0x0001ffff"');
  });

  test('a numbering of a larger mask is not used under a smaller one', () => {
    const few = hostRuleSet({ addresses: ['10.0.0.1'], allowIn: allowIn.slice(0, 2) });
    const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('no table');
    const request = { ruleSet: few, essentials: [], numbering: table.numbering };
    expect(buildTable({ ...request, marks: least })).toBeUndefined();
    expect(buildTable({ ...request, marks: least, numbering: emptyNumbering })).toBeDefined();
  });
});

describe('what others write of our bits', () => {
  const chain = (rule: string) =>
    `table ip mangle {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\t${rule}\n\t}\n}\n`;
  const layout = (mask: number): MarkLayout => assertOk(markLayoutOf(mask));
  const vpn = '# -j CONNMARK --save-mark --nfmask 0xff0000 --ctmask 0xff0000';

  test.each([
    [vpn, 0x0fff_ffff, '0x0f00ffff'],
    [vpn, 0xff00_ffff, undefined],
    ['counter CONNMARK save mask 0xff0000', 0xffff_ffff, '0xff00ffff'],
    ['counter CONNMARK save nfmask 0xff0000 ctmask ~0xff00ffff', 0xff00_ffff, undefined],
    ['counter CONNMARK or 0x4000', 0xffff_bfff, undefined],
    ['counter CONNMARK or 0x4000', 0x0fff_ffff, '0x0fffbfff'],
    ['counter CONNMARK and 0xffffbfff', 0x0fff_ffff, '0x0fffbfff'],
    ['counter CONNMARK xset 0x80/0x80', 0xffff_ffff, '0xffffff7f'],
    ['ct mark set ct mark | 0x00000001', 0xffff_fff0, undefined],
    ['ct mark set ct mark | 0x00000001', 0x0fff_ffff, '0x0ffffffe'],
    ['ct mark set ct mark & 0x00ffffff | 0x20000000', 0x00ff_ffff, undefined],
  ])('%s, where %d are ours: suggests %s', (rule, mask, suggested) => {
    const [found] = findForeignRules(chain(rule), layout(mask));
    expect(found?.kind).toBe(suggested === undefined ? undefined : 'mark');
    expect(/connections: \{ markMask: (0x[0-9a-f]+) \}/.exec(found?.text ?? '')?.[1]).toBe(suggested);
  });

  test.each(['ct mark set 0x00000007', 'ct mark set meta mark', 'meta l4proto tcp counter xt target "CONNMARK"'])(
    '%s, which leaves no bit alone, is told with the bits to keep to',
    (rule) => {
      const [found] = findForeignRules(chain(rule), layout(0xff00_ffff));
      expect(found?.text).toMatch(/have it keep to the bits 0x00ff0000 .* or set connections\.markMask/);
    },
  );
});

describe('what others read of our bits', () => {
  const chain = (rule: string) =>
    `table ip mangle {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority -150; policy accept;\n\t\t${rule}\n\t}\n}\n`;
  const ours = defaultMarks.mask;

  test.each<[string, number, number]>([
    // As a host with two uplinks routes answers the way that the question came.
    ['meta mark set ct mark', ours, ours],
    ['ct mark 0x00000001 meta mark set 0x00000001', ours, ours],
    ['ct mark != 0x00000000 meta mark set ct mark', ours, ours],
    ['ct mark vmap { 0x00000001 : goto one, 0x00000002 : goto two }', ours, ours],
    ['meta mark set ct mark map @uplinks', ours, ours],
    ['meta mark set ct mark & 0x000000ff', ours, 0xff],
    ['ct mark and 0x000000ff == 0x00000001 accept', ours, 0xff],
    ['meta mark set ct mark & 0xf0000000', ours, 0],
    ['ct mark & 0x00ff0000 == 0x00010000 accept', 0xff00_ffff, 0],
    ['counter CONNMARK restore mask 0xff', ours, 0xff],
    ['counter CONNMARK restore nfmask 0xff ctmask ~0xff', ours, 0x0fff_ff00],
    ['# -j CONNMARK --restore-mark', ours, ours],
    ['# -j CONNMARK --restore-mark --nfmask 0xff0000 --ctmask 0xff0000', 0xff00_ffff, 0],
    ['# -m connmark --mark 0x1 -j ACCEPT', ours, ours],
    ['# -m connmark ! --mark 0x1/0xf0000000 -j ACCEPT', ours, 0],
    ['meta l4proto tcp connmark match  0x1/0xff counter accept', ours, 0xff],
    ['meta l4proto tcp xt match "connmark" counter accept', ours, ours],
    // Written, not read; and neither.
    ['ct mark set 0x00000007', ours, 0],
    ['ct mark set ct mark & 0x0fffffff | 0x20000000 accept', ours, 0],
    ['ct mark set meta mark', ours, 0],
    ['# -j CONNMARK --save-mark', ours, 0],
    ['meta mark 0x00000001 accept', ours, 0],
  ])('%s, where %d are ours: %d', (rule, mask, read) => {
    const found = findForeignRules(chain(rule), assertOk(markLayoutOf(mask))).filter(
      ({ effect }) => effect === 'misled',
    );
    expect(found.map(({ kind }) => kind)).toEqual(read === 0 ? [] : ['mark-read']);
    if (read !== 0) expect(found[0]?.text).toContain(`it reads bits ${maskText(read)} of the connection mark`);
  });

  test('what weakens comes first, then what is misled, then what denies', () => {
    const rules = ['drop', 'meta mark set ct mark', 'notrack'].map((rule) => chain(rule)).join('');
    expect(findForeignRules(rules).map(({ effect }) => effect)).toEqual(['weakens', 'misled', 'denies']);
  });
});
