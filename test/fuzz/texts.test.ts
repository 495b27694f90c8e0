// As bytes.test.ts, for texts, files and the operator API; and that every target is in one of the two.

import { describe, expect, test } from 'vitest';
import { fuzzInSuite } from './in-suite.ts';
import { httpTarget } from './targets/http.ts';
import { kernelTargets } from './targets/kernel.ts';
import { stateFileTargets } from './targets/state-files.ts';
import { textTargets } from './targets/texts.ts';
import { wireTargets } from './targets/wire.ts';
import { targets } from './targets.ts';

const own = [...textTargets, ...stateFileTargets, httpTarget];
describe.each(own)('$name', fuzzInSuite);

test('no target is left out', () => {
  expect([...wireTargets, ...kernelTargets, ...own].map(({ name }) => name).sort()).toEqual(
    targets.map(({ name }) => name).sort(),
  );
});
