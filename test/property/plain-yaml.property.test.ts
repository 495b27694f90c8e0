// The quick reader of plain YAML against the careful one: what it takes, both read into the same trees and without a problem; what
// it does not take is left to the careful one. Documents as people and programs write them, then broken at random places.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPlainYaml } from '#policy/source/plain-yaml.ts';
import { readBothWays } from './both-readings.ts';

function bothRead(text: string): 'plain' | 'careful' {
  const { quick, careful, syntax } = readBothWays(text);
  expect(quick, JSON.stringify(text)).toEqual(careful);
  expect(syntax?.ours, JSON.stringify(text)).toBe(syntax?.theirs);
  return readPlainYaml(text, 0).kind === 'read' ? 'plain' : 'careful';
}

const key = fc.constantFrom(
  ...['a', 'name', 'true', 'fact/os', 'x-1', '"q"', '_', 'null', 'a.b', '12', 'True', '~'],
  ...["'s'", '"a b"', '"a\\u0041"', "'it''s'", '"q" ', '"a"b', 'a b', '""', '<<', `k${'k'.repeat(110)}`],
);
const scalar = fc.constantFrom(
  ...[
    'web-1',
    'tcp/80',
    '10.0.0.1',
    'fd00::1',
    '"fd00::5"',
    "'a b'",
    'app == "shop" && env == "prod"',
    '08:00',
    '"08:00"',
  ],
  ...[
    'all()',
    '(a)',
    '!x',
    '1',
    '1.5',
    '1e3',
    '.5',
    '0x1f',
    '0o7',
    'true',
    'No',
    'null',
    '~',
    '',
    '""',
    "''",
    "'it''s'",
  ],
  ...[
    '"a\\n"',
    'a: b',
    'a:',
    'a #b',
    'a#b',
    'a # b',
    '- x',
    '-',
    '-1',
    '*a',
    '&a b',
    '|',
    '>',
    '%x',
    '@x',
    '`x',
    '...',
    '---',
    '..',
    '.',
  ],
  ...[
    'a, b',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '?',
    '? a',
    'a?',
    ':a',
    ':',
    'ä',
    '\u00a0x',
    'x\u00a0',
    '2027-03-01T00:00:00Z',
    '<<',
  ],
  ...['+1', '-1.5', '-a', '--a', '1.', '-.5', '.5e1', '1e-3', '12345678901234567890', '1_000', '00', '-0', '0x', '0o8'],
  ...['~', '~a', 'NULL', 'nULL', 'True', 'tRUE', 'FALSE', '.inf', '-.INF', '.NaN', '.nana', 'none', '10.0.0.0/8'],
  ...[
    "''''",
    "'a''",
    '"\\""',
    '"\\\\"',
    '"\\\\\\""',
    '"a\\u00e4\\/"',
    '"\\x41"',
    '"\\ud83d\\ude00"',
    '"\\',
    '"a\\\tb"',
    '"\\\n"',
  ],
  ...['"a\tb"', "'a\tb'", 'a\tb', 'a\t', '\ta', 'a\t# b', 'a #\tb', '"a"\t# b', '"a" #b', '"a"#b'],
  ...[
    '|',
    '>',
    '|-',
    '>-',
    '|+',
    '>+',
    '|2',
    '| # note',
    '|# note',
    '>x',
    '|\n    a\n    b',
    '>\n    a\n    b\n\n    c',
    '|-\n    a\n\n',
  ],
  ...[
    '|\n      a\n    b',
    '>\n    a\n      b\n    c',
    '|\n\n    a',
    '|\n    a\n   \n    b',
    '|\n    a\n     \n    b',
    '|\n    |',
    '|\n a\n b',
    '>-\n  a\n  \tb',
  ],
  ...['|\n    # no note\n    a', '|\n    a\n  # note', '|\n    a\n# note', '|\n    --- \n', '>\n    a \n    b'],
);
const padding = fc.constantFrom(
  '',
  '',
  '',
  ' ',
  '  ',
  ' # note',
  '\n# note',
  '\n',
  ' #\tnote',
  '\t',
  '\n  # note',
  '\n\t\n',
);

const ends = fc.constantFrom('', '', '', ',', ', ', '\n', ',\n', '\n  ', '\n    ', ' # note\n', ' ,,');

/** Values in brackets, over one line or several. */
const { flow } = fc.letrec<{ readonly flow: string; readonly node: string }>((tie) => ({
  node: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('flow')),
  flow: fc.oneof(
    fc
      .tuple(
        fc.array(tie('node'), { maxLength: 3 }),
        fc.constantFrom(
          ', ',
          ',',
          ',\n      ',
          ' , ',
          ', # note\n      ',
          ',# note\n      ',
          ' # note\n      , ',
          ',\n  # note\n      ',
        ),
        ends,
      )
      .map(([items, comma, end]) => `[${items.join(comma)}${end}]`),
    fc
      .tuple(
        fc.array(fc.tuple(key, fc.constantFrom(': ', ':', ':  ', ' : '), tie('node')), { maxLength: 3 }),
        fc.constantFrom(', ', ',', ',\n      ', '\n,', ', # note\n      '),
        ends,
      )
      .map(([entries, comma, end]) => `{ ${entries.map((entry) => entry.join('')).join(comma)}${end} }`),
  ),
}));

const line = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 2, 2, 2, 4, 4, 1, 3),
    fc.constantFrom('', '', '', '- ', '-  ', '- - ', '-\n    ', '-\n  ', '- # note\n    '),
    fc.oneof(
      fc.tuple(key, fc.constantFrom(': ', ':', ':   '), fc.oneof(scalar, flow)).map((parts) => parts.join('')),
      key.map((name) => `${name}:`),
      scalar,
      flow,
      fc.constantFrom(
        '---',
        '...',
        '# note',
        '',
        '--- x',
        '%YAML 1.2',
        '--- ',
        '--- # note',
        '---# note',
        '---\t',
        '-',
        '- -',
      ),
    ),
    padding,
  )
  .map(([indent, dash, text, end]) => `${' '.repeat(indent)}${dash}${text}${end}`);

const seen = { plain: 0, careful: 0 };

test('lines at random', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
      seen[bothRead(lines.join('\n'))] += 1;
    }),
    { numRuns: 12_000 },
  );
});

const folder = new URL('../fixtures/policy/wrong/', import.meta.url);
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => readFileSync(new URL(file, folder), 'utf8'));
const json = {
  apiVersion: 'segwall/v1',
  kind: 'Workload',
  metadata: { name: 'web', labels: { app: 'shop' } },
  spec: { host: 'h', kind: 'host', addresses: ['10.0.0.1'] },
};
const documents = [
  ...files,
  JSON.stringify(json),
  JSON.stringify([json, json], undefined, 2),
  `${JSON.stringify(json)}\n${JSON.stringify(json)}\n`,
  'a:\n- b\n- c: d\n  e:\n  - f\ng: { h: [i,\n  "j k"] } # l\n---\n---\n- m\n',
];

test('documents with a few characters put in, taken out or doubled', () => {
  const edit = fc.record({
    at: fc.nat(),
    take: fc.constantFrom(0, 0, 1, 1, 2, 20),
    put: fc.constantFrom(
      '',
      ' ',
      '  ',
      '\n',
      '-',
      '- ',
      ':',
      ': ',
      ',',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '#',
      ' #',
      '\t',
      '.',
      '1',
      '\n\n',
      '---\n',
      '\n  ',
    ),
  });
  fc.assert(
    fc.property(fc.constantFrom(...documents), fc.array(edit, { maxLength: 3 }), (original, edits) => {
      let text = original;
      for (const { at, take, put } of edits) {
        const place = at % (text.length + 1);
        text = `${text.slice(0, place)}${put}${text.slice(place + take)}`;
      }
      seen[bothRead(text)] += 1;
    }),
    { numRuns: 6000 },
  );
});

test('both readers had their share', () => {
  expect(seen.plain).toBeGreaterThan(1000);
  expect(seen.careful).toBeGreaterThan(1000);
});

describe('the quick reader takes what is common', () => {
  test.each([
    [
      'a Workload in braces',
      '---\napiVersion: segwall/v1\nmetadata: { name: web, labels: { app: shop } }\nspec: { kind: host, addresses: ["10.0.0.1", 10.0.0.2] }\n',
    ],
    [
      'one of lines',
      'metadata:\n  name: web\n  labels:\n    app: shop # the shop\nspec:\n  addresses:\n    - 10.0.0.1\n    - "fd00::1"\n  kind: host\n',
    ],
    [
      'rules',
      'spec:\n  selector: app == "shop" && env == "prod"\n  rules:\n    - name: a\n      from: [{ workloads: \'role == "web"\' }]\n      to:\n      - any\n    - { name: b,\n        from: [any] }\n',
    ],
    ['JSON', JSON.stringify([json, json], undefined, 2)],
    ['one object a line', JSON.stringify(json)],
  ])('%s', (_, text) => {
    expect(bothRead(text)).toBe('plain');
  });
});
