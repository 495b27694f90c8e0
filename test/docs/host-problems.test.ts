// The table of a host's problems: the page is made from the catalogue (test/reference/pages.test.ts), which has what the code tells, and the other way round.

import { expect, test } from 'vitest';
import { hostProblemCatalogue } from '#agent-core/host/host-problem-catalogue.ts';
import { listTrackedFiles, readText } from '#test/arch/sources.ts';

const catalogue = Object.keys(hostProblemCatalogue).sort();

test('has every code that the agent tells, and no other', async () => {
  const sources = (await listTrackedFiles()).filter(
    (path) => /^agent\/.*\.ts$/.test(path) && !path.endsWith('/host-problem-catalogue.ts'),
  );
  const text = sources.map(readText).join('\n');
  expect(catalogue.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
});

test.each(Object.entries(hostProblemCatalogue))('%s is said in sentences', (_code, { meaning, remedy }) => {
  expect(meaning).toMatch(/^[A-Z].*\.$/);
  expect(remedy).toMatch(/^[A-Z`].*\.$/);
});
