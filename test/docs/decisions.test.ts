// Each decision has a page with the same three headings, listed on the first page. Lines of prose in pages fit a screen.

import { describe, expect, test } from 'vitest';
import { listTrackedFiles, readText } from '#test/arch/sources.ts';

const folder = 'docs/decisions/';
const tracked = await listTrackedFiles();
const decisions = tracked.filter((path) => path.startsWith(folder) && !path.endsWith('/README.md'));
const headings = ['Context', 'Choice', 'Consequences'];
const mostColumns = 120;

/** Tables and examples keep their lines, and so does a line that is one word, such as a link. */
function longLines(page: string): readonly number[] {
  let isExample = false;
  return page.split('\n').flatMap((line, at) => {
    if (line.trimStart().startsWith('```')) isExample = !isExample;
    const isProse = !isExample && !line.startsWith('|') && line.trim().includes(' ');
    return isProse && [...line].length > mostColumns ? [at + 1] : [];
  });
}

test('the decisions are found', () => {
  expect(decisions.length).toBeGreaterThan(40);
});

describe('a decision', () => {
  test.each(decisions)('%s has its context, its choice and its consequences, and is listed', (path) => {
    const text = readText(path);
    expect(text).toMatch(/^# \S.*\n\n## Context\n\n/);
    const found = [...text.matchAll(/^## (.+)$/gm)].map(([, name = '']) => name);
    expect(found.filter((name) => headings.includes(name))).toEqual(headings);
    expect(readText(`${folder}README.md`)).toContain(`](${path.slice(folder.length)})`);
  });
});

describe('a page', () => {
  const pages = tracked.filter((path) => path.endsWith('.md'));

  test.each(pages)(`%s has no line of prose over ${mostColumns} columns`, (path) => {
    expect(longLines(readText(path))).toEqual([]);
  });

  test.each([
    ['prose', `${'word '.repeat(30)}`, [1]],
    ['an item of a list', `- short\n- ${'word '.repeat(30)}`, [2]],
    ['a table', `| ${'word '.repeat(30)}|`, []],
    ['an example', `\`\`\`sh\n${'word '.repeat(30)}\n\`\`\``, []],
  ])('%s is seen as what it is', (_, text, lines) => {
    expect(longLines(text)).toEqual(lines);
  });
});
