// What time it is for rules, where clocks are off, step and begin anew: tables of what happens to a host and whether a rule that ended at
// noon, and one that ends at midnight, grant afterwards.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ClockReading,
  heardInstant,
  instantAt,
  instantKept,
  type KnownInstant,
} from '#agent-core/time/policy-clock.ts';
import { type Millis, millis } from '#model/time.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** The instant that all begins at: eleven o'clock. */
const eleven = millis(Date.UTC(2026, 10, 30, 11));
const noon = eleven + hour;
const midnight = eleven + 13 * hour;

/** `pass`: time goes on. `step`: the own clock alone. `pause`: time and the own clock go on, the kernel counts nothing. */
type Step =
  | { readonly pass: number }
  | { readonly step: number }
  | { readonly pause: number }
  | { readonly reboot: number }
  | 'restart'
  | 'keep'
  | 'hear'
  | { readonly hearAhead: number };

/** A host of its own: the true time, its clocks, what its agent knows and what its disk has. */
function live(steps: readonly Step[]): { readonly now: Millis; readonly truth: number } {
  let truth: number = eleven;
  let clock: ClockReading = { wall: eleven, uptimeMs: 5 * day, bootId: 'first' };
  let known: KnownInstant | undefined;
  let disk: KnownInstant | undefined;
  const pass = (ms: number, uptime = ms) => {
    truth += ms;
    clock = { ...clock, wall: millis(clock.wall + ms), uptimeMs: clock.uptimeMs + uptime };
  };
  for (const step of steps) {
    if (step === 'hear') known = heardInstant(known, clock, millis(truth));
    else if (step === 'keep') disk = known = instantKept(known, clock);
    else if (step === 'restart') known = disk;
    else if ('pass' in step) pass(step.pass);
    else if ('pause' in step) pass(step.pause, 0);
    else if ('step' in step) clock = { ...clock, wall: millis(clock.wall + step.step) };
    else if ('hearAhead' in step) known = heardInstant(known, clock, millis(truth + step.hearAhead));
    else {
      pass(step.reboot);
      clock = { ...clock, uptimeMs: minute, bootId: `${clock.bootId}+` };
      known = disk;
    }
  }
  return { now: instantAt(known, clock), truth };
}

describe('a rule that ends at noon, and one that ends at midnight', () => {
  const rows: readonly (readonly [string, readonly Step[], 'both' | 'later' | 'none'])[] = [
    ['both grant before, with no control plane ever', [{ pass: 59 * minute }], 'both'],
    ['one ends by the own clock alone', [{ pass: hour }], 'later'],
    ['both end in an outage', ['hear', { pass: 13 * hour }], 'none'],
    ['one ends in an outage over a restart', ['hear', 'keep', { pass: hour }, 'restart'], 'later'],
    ['one ends while the host is down', ['hear', 'keep', { reboot: hour }], 'later'],
    [
      'one ends while it is down, and its clock wakes up where it fell asleep',
      ['hear', { pass: hour }, 'keep', { reboot: hour }, { step: -hour }],
      'later',
    ],
    [
      'what ended stays ended where the clock then jumps back an hour',
      ['hear', { pass: hour }, { step: -hour }],
      'later',
    ],
    ['… and the agent is restarted', ['hear', { pass: hour }, 'keep', { step: -hour }, 'restart'], 'later'],
    ['… and the host is rebooted', ['hear', { pass: hour }, 'keep', { step: -hour }, { reboot: minute }], 'later'],
    [
      '… and the clock has begun anew at 1970',
      ['hear', { pass: hour }, 'keep', { reboot: minute }, { step: -50 * 365 * day }],
      'later',
    ],
    [
      'the uptime goes on counting where the clock was set back a day',
      ['hear', { step: -day }, { pass: hour }],
      'later',
    ],
    ['… over a restart of the agent too', ['hear', 'keep', { step: -day }, { pass: hour }, 'restart'], 'later'],
    ['… and with no control plane ever', ['keep', { step: -day }, { pass: hour }], 'later'],
    [
      'a clock a day ahead ends nothing while the control plane is there',
      [{ step: day }, 'hear', { pass: minute }],
      'both',
    ],
    ['… nor long after its last word', [{ step: day }, 'hear', { pass: 50 * minute }], 'both'],
    ['… nor after a restart', [{ step: day }, 'hear', 'keep', { pass: 50 * minute }, 'restart'], 'both'],
    ['a clock a day behind extends nothing', [{ step: -day }, 'hear', { pass: hour }], 'later'],
    [
      'a clock that steps ahead in an outage ends what it says has ended',
      ['hear', { pass: 10 * minute }, { step: hour }],
      'later',
    ],
    ['… but not within two minutes of the control plane’s word', ['hear', { pass: minute }, { step: hour }], 'both'],
    [
      '… and the control plane’s next word undoes it',
      ['hear', { pass: 10 * minute }, { step: day }, 'keep', 'hear'],
      'both',
    ],
    [
      'a machine that was paused over noon learns so by its own clock',
      ['hear', { pass: 5 * minute }, { pause: 2 * hour }, { pass: minute }],
      'later',
    ],
    [
      'a clock that is set right from 1970 in an outage is followed',
      [{ step: -50 * 365 * day }, 'keep', { pass: hour }, { step: 50 * 365 * day }],
      'later',
    ],
    [
      'a heartbeat that lay on its way for half a minute sets nothing back',
      ['hear', { pass: hour }, { hearAhead: -30_000 }],
      'later',
    ],
    [
      'a control plane whose clock was wrong, and is set back a day, is believed',
      [{ hearAhead: day }, { pass: minute }, 'hear'],
      'both',
    ],
    ['a control plane that is ahead ends things at once', ['hear', { hearAhead: hour }], 'later'],
  ];

  test.each(rows)('%s', (_, steps, grants) => {
    const { now } = live(steps);
    expect(now < noon ? 'both' : now < midnight ? 'later' : 'none').toBe(grants);
  });
});

test('whatever happens to a host that hears nothing, time never goes back once it was kept, and in one boot never at all', () => {
  const ms = fc.integer({ min: 0, max: 3 * day });
  const step: fc.Arbitrary<Step> = fc.oneof(
    ms.map((pass) => ({ pass })),
    fc.integer({ min: -400 * day, max: 400 * day }).map((jump) => ({ step: jump })),
    ms.map((pause) => ({ pause })),
    fc.constant('keep' as const),
    fc.constant('restart' as const),
    ms.map((reboot) => ({ reboot })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 6 }), (before, after) => {
      const kept = live([...before, 'keep']).now;
      expect(live([...before, 'keep', ...after]).now).toBeGreaterThanOrEqual(kept);
    }),
    { numRuns: 500 },
  );
});

test('right after the control plane’s word the time is its time, whatever the own clock says', () => {
  const ahead = fc.integer({ min: -400 * day, max: 400 * day });
  fc.assert(
    fc.property(ahead, ahead, fc.nat({ max: 100_000 }), (skew, step, ms) => {
      const { now, truth } = live([{ step: skew }, 'hear', { step }, { pass: ms }]);
      expect(now).toBe(truth);
    }),
  );
});
