// Answers wait in the kernel's queue until the table has what they teach.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeAnswers, policy, zone } from './live-names.ts';
import { createNamesWorld, type NamesWorld, servicePort, settings } from './world.ts';

describe('answers that are held', () => {
  describeAnswers('held');
});

describe('answers that are held for no time', () => {
  let world: NamesWorld;
  beforeAll(async () => {
    world = await createNamesWorld('held', { ...settings, holdMs: 0 });
    await world.zone({ zone });
    await world.apply(policy({ wild: '*.wild.example' }));
  });
  afterAll(async () => {
    await world?.remove();
  });

  test('are late, which is counted, and so who asks is denied at first (mutant)', async () => {
    const asked = ['one', 'short', 'kept'].map((name) => ({ name: `${name}.wild.example`, port: servicePort }));
    const outcomes: string[] = [];
    for (const each of asked) outcomes.push((await world.ask(each)).outcome);
    expect(outcomes).toContain('silence');
    expect((await world.status()).late).toBeGreaterThan(0);
  });
});
