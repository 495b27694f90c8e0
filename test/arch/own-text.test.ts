// The text that we make for nft is read by nft alone: what a rule does, whom it believes and where it leads is asked of its value
// (agent/core/table/rule.ts), so that another wording can change nothing. In the rooms that make rules nothing takes a text apart, but at
// the borders where nft's own words come in; and rules become text in a few last steps only.

import { expect, test } from 'vitest';
import { readSources } from './sources.ts';

const rooms = ['agent/core/table/', 'agent/core/change/'] as const;

/** Whose files read what nft lists. */
const isBorder = (path: string) => path.endsWith('-listing.ts');

const unitName = 'a unit’s name becomes a set’s, which may not hold all of its characters';
const aList = 'of a list';
/** The one that is left: it says how a map is made, and nothing of what it lets pass. */
const layout = 'the names of maps say their size and whether they hold tags, which the next table is told by them';

/** What looks like it and is not: file, method and what it is of. */
const allowed: readonly (readonly [file: string, method: string, why: string])[] = [
  ['agent/core/change/script.ts', 'slice', aList],
  ['agent/core/table/build-table.ts', 'includes', aList],
  ['agent/core/table/denial-chains.ts', 'includes', aList],
  ['agent/core/table/guest-ends.ts', 'includes', aList],
  ['agent/core/table/hook-chains.ts', 'indexOf', aList],
  ['agent/core/table/lock-out.ts', 'includes', aList],
  ['agent/core/table/map-values.ts', 'pattern', layout],
  ['agent/core/table/map-values.ts', 'replace', layout],
  ['agent/core/table/own-way.ts', 'includes', aList],
  ['agent/core/table/peer-maps.ts', 'lastIndexOf', layout],
  ['agent/core/table/peer-maps.ts', 'slice', layout],
  ['agent/core/table/peer-maps.ts', 'split', 'a range in CIDR notation, as the model writes it'],
  ['agent/core/table/systemd-unit-sets.ts', 'charCodeAt', unitName],
  ['agent/core/table/systemd-unit-sets.ts', 'pattern', unitName],
  ['agent/core/table/systemd-unit-sets.ts', 'replaceAll', unitName],
];

/** Methods by which a text is read, those that lists have too among them. */
const reading =
  /\??\.(startsWith|endsWith|includes|indexOf|lastIndexOf|slice|substring|substr|split|match|matchAll|replace|replaceAll|search|exec|test|charAt|charCodeAt|codePointAt)\(/g;
const pattern = /(?:[=(,:?!&|]|=>|return)\s*\/(?![/*])|\bRegExp\b/g;

/** Without comments, each found as often as it is there. */
function readings(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, '');
  return [
    ...[...code.matchAll(reading)].map(([, method = '']) => method),
    ...[...code.matchAll(pattern)].map(() => 'pattern'),
  ];
}

const sources = await readSources();
const files = [...sources].filter(([path]) => rooms.some((room) => path.startsWith(room)));

test('no rule, element or name of ours is read back', () => {
  const found = files
    .filter(([path]) => !isBorder(path))
    .flatMap(([path, text]) => readings(text).map((method) => `${path} ${method}`));
  expect(new Set(found)).toEqual(new Set(allowed.map(([path, method]) => `${path} ${method}`)));
});

test('what nft lists is read at three borders', () => {
  const borders = files.filter(([path]) => isBorder(path));
  expect(borders.map(([path]) => path).sort()).toEqual([
    'agent/core/table/denied-listing.ts',
    'agent/core/table/table-listing.ts',
    'agent/core/table/witness-listing.ts',
  ]);
  for (const [path, text] of borders) expect(readings(text), path).not.toEqual([]);
});

test.each([
  ['what a line ends with', `line.endsWith(' accept') ? line : goto`, ['endsWith']],
  ['a slot in it', 'return line.includes(epochSlot);', ['includes']],
  ['a pattern of a line', 'const x = /goto (\\S+)/.exec(line);', ['exec', 'pattern']],
  ['a made pattern', 'new RegExp(words)', ['pattern']],
  ['a part of a name', `name.slice(0, name.lastIndexOf('_'))`, ['slice', 'lastIndexOf']],
  ['the parts of a pair', `pair.split(' . ').every(isStanding)`, ['split']],
  ['a comment, which is none', '// line.endsWith(accept)', []],
  ['a division, which is none', 'const half = size / 2;', []],
])('%s would be found', (_, text, expected) => {
  expect(readings(text)).toEqual(expected);
});

test('rules become text in the last step alone', () => {
  const makers = [...sources]
    .filter(([path, text]) => path.startsWith('agent/') && text.includes('/render-rule.ts'))
    .map(([path]) => path);
  expect(makers.sort()).toEqual([
    'agent/core/change/script.ts',
    // A trial of what the kernel can do, as a script of its own.
    'agent/core/table/dns-answer-chains.ts',
    // The map's name is of what is in it.
    'agent/core/table/interval-map.ts',
    // The keys of a map.
    'agent/core/table/unit-lookup.ts',
  ]);
});
