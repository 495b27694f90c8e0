// `npm test -- …` counts its tests whichever reporter is asked for.

import { expect, test } from 'vitest';
import { runnerOptions } from '#test/runner-options.ts';
import { createTallyReporter } from '#test/tally.ts';

test.each([
  ['no reporter', [], ['default']],
  ['one', ['--reporter=json', '--outputFile=x.json'], ['json']],
  ['several', ['--reporter', 'dot', '--reporter', 'json'], ['dot', 'json']],
] as const)('the tally is among the reporters where %s is named', (_, args, named) => {
  const { options, tally } = runnerOptions([...args, 'test/x.test.ts'], createTallyReporter);
  expect(options.reporters).toEqual([...named, tally]);
  expect(options).not.toHaveProperty('reporter');
});
