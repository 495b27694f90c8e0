// The short form of `npm run soak -- kill`.

import { expect, test } from 'vitest';
import { killAtRandom } from './kill.ts';

test('an agent killed at 12 random instants of a stream of changes always ends in the wanted table', async () => {
  const outcome = await killAtRandom({ kills: 12, seed: 20_261_122 });
  expect(outcome.problems).toEqual([]);
  expect(outcome).toMatchObject({ kills: 12, lost: 0 });
}, 120_000);
