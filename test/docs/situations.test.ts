// docs/reference/situations.md promises: each situation names the test that shows what Segwall does there, and that test is there.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';

const page = 'docs/reference/situations.md';

interface Row {
  readonly situation: string;
  readonly does: string;
  readonly shown: string;
}

const rows: readonly Row[] = readText(page)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (situation|---) /.test(line))
  .map((line) => {
    const [situation = '', does = '', shown = '', ...more] = line.slice(2, -2).split(' | ');
    if (more.length > 0) throw new Error(`a row has more than three cells: ${line}`);
    return { situation, does, shown };
  });

test('the page has situations of every kind', () => {
  expect(rows.length).toBeGreaterThan(30);
  expect(readText(page).match(/^## /gm)?.length).toBe(4);
});

describe('each situation', () => {
  test.each(rows)('$situation', ({ does, shown }) => {
    expect(does.length).toBeGreaterThan(10);
    const named = [...shown.matchAll(/`(test\/[\w./-]+\.test\.ts)` "([^"]+)"/g)];
    expect(named.length, 'it names a test').toBeGreaterThan(0);
    for (const [, file = '', title = ''] of named) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(readText(file).replaceAll("\\'", "'"), `${file} has "${title}"`).toContain(title);
    }
  });
});
