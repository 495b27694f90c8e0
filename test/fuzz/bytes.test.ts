// Some thousand inputs for every reader of messages, in every run of the suite. `npm run fuzz` goes on for as long as one likes.

import { describe } from 'vitest';
import { fuzzInSuite } from './in-suite.ts';
import { kernelTargets } from './targets/kernel.ts';
import { wireTargets } from './targets/wire.ts';

describe.each([...wireTargets, ...kernelTargets])('$name', fuzzInSuite);
