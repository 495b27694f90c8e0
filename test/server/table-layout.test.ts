// Tables on a terminal: never wider than it, and never without a word of what they say.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitTable, gap, wrap } from '#cli/output/table-layout.ts';

const head = ['NAME', 'STATE', 'PROBLEM'];
const long = 'refused revision 7: nft does not know what to do with this rule of shop/web-to-api';

describe('a line', () => {
  test.each([
    ['that fits stays whole', 'one two', 7, ['one two']],
    ['is broken at a space', 'one two three', 8, ['one two', 'three']],
    ['or after a comma', 'app=shop,role=web', 12, ['app=shop,', 'role=web']],
    ['or anywhere', 'abcdefghij', 4, ['abcd', 'efgh', 'ij']],
    ['of nothing is a line', '', 4, ['']],
    ['counts characters, not halves of them', '🦊🦊🦊', 2, ['🦊🦊', '🦊']],
  ])('%s', (_, text, width, expected) => {
    expect(wrap(text, width)).toEqual(expected);
  });
});

describe('a table', () => {
  test('that fits is as it was', () => {
    const rows = [['web-1', 'online', '']];
    expect(fitTable(head, rows, 80)).toEqual({ kind: 'columns', rows });
  });

  test('gives way in its widest column', () => {
    expect(fitTable(head, [['web-1', 'online', long]], 40)).toEqual({
      kind: 'columns',
      rows: [
        ['web-1', 'online', 'refused revision 7: nft\ndoes not know what to do\nwith this rule of shop/\nweb-to-api'],
      ],
    });
  });

  test('with more columns than there is room for becomes blocks, without what is empty', () => {
    expect(fitTable(head, [['web-1', '', 'offline for long']], 20)).toEqual({
      kind: 'blocks',
      rows: [['NAME     web-1', 'PROBLEM  offline for', '         long']],
    });
  });

  test('is never wider than the terminal, and loses nothing', () => {
    const cell = fc
      .array(fc.constantFrom('a', 'bcd', ' ', ',', '/', '-', 'shop'), { maxLength: 30 })
      .map((parts) => parts.join(''));
    const bare = (text: string) => text.replaceAll(/\s/g, '');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 20, max: 90 }),
        (rows, width) => {
          const fitted = fitTable(head, rows, width);
          const linesOf = (row: readonly string[]) => row.flatMap((text) => text.split('\n'));
          if (fitted.kind === 'blocks') {
            for (const line of fitted.rows.flatMap(linesOf)) expect([...line].length).toBeLessThanOrEqual(width);
            return;
          }
          const widths = head.map((name, at) =>
            Math.max(
              name.length,
              ...fitted.rows.flatMap((row) => (row[at] ?? '').split('\n')).map(({ length }) => length),
            ),
          );
          expect(widths.reduce((sum, each) => sum + each, gap * (head.length - 1))).toBeLessThanOrEqual(width);
          expect(fitted.rows.map((row) => row.map(bare))).toEqual(rows.map((row) => row.map(bare)));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
