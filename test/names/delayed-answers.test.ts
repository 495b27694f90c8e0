// Answers wait in the kernel's queue until the table has what they teach.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { heardForMs, heartbeatPort } from '#agent-core/table/dns-answer-chains.ts';
import { waitFor } from '#test/support/wait.ts';
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

describe('an agent that is stopped but alive', () => {
  let world: NamesWorld;
  beforeAll(async () => {
    world = await createNamesWorld('held');
    await world.zone({ zone });
    await world.apply(policy({ wild: '*.wild.example' }));
    expect((await world.ask({ name: 'one.wild.example', port: servicePort })).outcome).toBe('connected');
  });
  afterAll(async () => {
    await world?.remove();
  });

  const ask = (family: 4 | 6 = 4) => world.ask({ name: 'deep.two.wild.example', family });

  test('holds what the kernel waits for it with, as long as the kernel hears somebody (mutant)', async () => {
    world.signalAgent('SIGSTOP');
    const beating = world.host.spawn([
      'bash',
      '-c',
      `while sleep 0.5; do echo x > /dev/udp/127.0.0.1/${heartbeatPort}; done`,
    ]);
    const until = performance.now() + heardForMs + 1500;
    while (performance.now() < until) expect((await ask()).outcome).toBe('no answer');
    beating.kill();
    world.signalAgent('SIGCONT');
    await waitFor(async () => (await ask()).outcome !== 'no answer', { what: 'the agent goes on' });
  });

  test('holds the host’s DNS for three seconds at most, however long it is stopped, and holds answers again when it goes on', async () => {
    world.signalAgent('SIGSTOP');
    const stoppedAt = performance.now();
    for (const family of [4, 6] as const) {
      await waitFor(async () => (await ask(family)).outcome !== 'no answer', {
        what: 'answers pass',
        timeoutMs: 15_000,
      });
    }
    // An attempt takes a second, and the packet before the stop may have come just then.
    expect(performance.now() - stoppedAt).toBeLessThan(heardForMs + 5000);
    for (let round = 0; round < 20; round += 1) expect((await ask()).outcome).not.toBe('no answer');
    world.signalAgent('SIGCONT');
    await waitFor(
      async () => (await world.ask({ name: 'kept.wild.example', port: servicePort })).outcome === 'connected',
      {
        what: 'names are learnt again',
      },
    );
  });
});
