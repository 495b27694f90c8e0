// docs/reference/terms.md has one word for one thing. Its column "not used" is held here: no such word comes back in names, comments,
// messages or pages. A word in backticks is banned as a part of names in code only, any other word everywhere.

import { describe, expect, test } from 'vitest';
import { listTrackedFiles, readText } from '#test/arch/sources.ts';

const page = 'docs/reference/terms.md';

interface Term {
  readonly term: string;
  readonly meaning: string;
  readonly notUsed: readonly string[];
}

const terms: readonly Term[] = readText(page)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (term|---) /.test(line))
  .map((line) => {
    const [term = '', meaning = '', notUsed = '', ...more] = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    if (more.length > 0) throw new Error(`a row has more than three cells: ${line}`);
    return {
      term,
      meaning,
      notUsed: notUsed
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    };
  });

/** Where a banned word stands for something else: path (or folder), word and reason. */
const allowed: readonly (readonly [path: string, word: string, why: string])[] = [];

const files = (await listTrackedFiles()).filter(
  (path) =>
    /^(agent|control-plane|proto|packaging|docs|test)\/|^[A-Z]+\.md$/.test(path) &&
    /\.(ts|md|proto|yaml|service|sh)$/.test(path) &&
    path !== page &&
    path !== 'test/docs/terms.test.ts' &&
    !path.startsWith('proto/wire/generated'),
);

/** `isFarEnd`, `far_end` and `far-end` become "is far end". */
function wordsOf(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase();
}

/** What is left of code without comments and quoted text; names and template strings. */
function codeOf(text: string): string {
  const withoutComments = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, (comment) =>
    comment.replace(/[^\n]/g, ' '),
  );
  return withoutComments.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, (quoted) =>
    quoted.replace(/[^\n]/g, ' '),
  );
}

interface Text {
  readonly path: string;
  readonly whole: readonly string[];
  /** Only of the programs' own code. */
  readonly code: readonly string[];
}

function textOf(path: string, text: string): Text {
  const isCode = path.endsWith('.ts') && !path.startsWith('test/');
  const lines = (some: string) => wordsOf(some).split('\n');
  return { path, whole: [wordsOf(path), ...lines(text)], code: isCode ? [wordsOf(path), ...lines(codeOf(text))] : [] };
}

/** Places as `path:line`; line 0 is the path itself. */
function placesOf(word: string, texts: readonly Text[]): readonly string[] {
  const isName = word.startsWith('`');
  const pattern = new RegExp(`\\b${word.replaceAll('`', '').replaceAll(' ', '\\s+')}s?\\b`);
  return texts.flatMap(({ path, whole, code }) =>
    (isName ? code : whole).flatMap((line, at) => (pattern.test(line) ? [`${path}:${at}`] : [])),
  );
}

const texts = files.map((path) => textOf(path, readText(path)));
const isAllowed = (place: string, word: string) =>
  allowed.some(([path, one]) => one === word && place.startsWith(path.endsWith('/') ? path : `${path}:`));

test('the page has terms, each explained in a sentence and in order', () => {
  expect(terms.length).toBeGreaterThan(30);
  for (const { term, meaning } of terms) expect(meaning, term).toMatch(/^[A-Z`].{10,}\.$/);
  expect(terms.map(({ term }) => term)).toEqual(terms.map(({ term }) => term).toSorted((a, b) => a.localeCompare(b)));
});

test('no word is a term and banned', () => {
  const banned = new Set(terms.flatMap(({ notUsed }) => notUsed.map((word) => word.replaceAll('`', ''))));
  expect(terms.map(({ term }) => term).filter((term) => banned.has(term))).toEqual([]);
});

describe('does not come back', () => {
  const words = terms.flatMap(({ term, notUsed }) => notUsed.map((word) => ({ term, word })));

  test.each(words)('$word, which is $term', ({ word }) => {
    expect(placesOf(word, texts).filter((place) => !isAllowed(place, word))).toEqual([]);
  });
});

test('what is allowed is still needed', () => {
  expect(allowed.filter(([path, word]) => !placesOf(word, texts).some((place) => place.startsWith(path)))).toEqual([]);
});

describe('a banned word is found', () => {
  test.each([
    ['near end', 'x.ts', '// the near end of it'],
    ['near end', 'x.ts', 'const isNearEnd = true;'],
    ['near end', 'x.md', 'Two near ends.'],
    ['near end', 'near-end.ts', ''],
    ['`near`', 'x.ts', 'const nearSides = [];'],
    ['`near`', 'x.ts', 'read({ near });'],
  ])('%s in %s: %s', (word, path, text) => {
    expect(placesOf(word, [textOf(path, text)])).toHaveLength(1);
  });

  test.each([
    ['near end', 'x.ts', '// the nearest end'],
    ['`near`', 'x.ts', "const nearest = 'near'; // how near it is"],
    ['`near`', 'x.md', 'How near it is.'],
  ])('and no other: %s in %s: %s', (word, path, text) => {
    expect(placesOf(word, [textOf(path, text)])).toEqual([]);
  });
});
