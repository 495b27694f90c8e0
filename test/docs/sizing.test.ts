// Figures that guides quote are those of the benchmarks page: whoever measures anew changes both.

import { expect, test } from 'vitest';
import { readText } from '#test/arch/sources.ts';

function rowsOf(page: string, heading: string): readonly (readonly string[])[] {
  const [, section = ''] = readText(page).split(`\n## ${heading}\n`);
  const lines = section.split('\n## ')[0]?.split('\n') ?? [];
  const rows = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | '));
  return rows.slice(2);
}

const sizing = rowsOf('docs/guides/day-two.md', 'Sizing');

test('the sizing chapter quotes figures', () => {
  expect(sizing.length).toBeGreaterThan(4);
});

test.each(sizing)('%s: "%s" is %s on the benchmarks page too', (_, name = '', figure = '') => {
  const measured = readText('docs/benchmarks.md')
    .split('\n')
    .map((line) => line.slice(2).split(' | '))
    .filter(([figureOf]) => figureOf === name)
    .map(([, value]) => value);
  expect(measured).toContain(figure);
});
