// Since when a host is gone, why it was turned away, and how often it came: one small history, as operators are told of it.

import { expect, test } from 'vitest';
import { HostPresences, presenceProblem } from '#control-plane/inventory/host-presence.ts';
import { millis } from '#model/time.ts';

const minute = 60_000;
const at = (minutes: number) => millis(minutes * minute);

test('a host that is gone is gone since its stream ended, until it is back', () => {
  const presences = new HostPresences();
  expect(presences.of('web-1', at(0))).toEqual({ recentConnects: 0 });
  presences.connected('web-1', at(1));
  expect(presences.of('web-1', at(2))).toEqual({ recentConnects: 1 });
  presences.disconnected('web-1', at(3));
  presences.turnedAway('web-1', at(4), 'its certificate is revoked');
  expect(presences.of('web-1', at(5))).toEqual({
    goneSince: at(3),
    turnedAway: { at: at(4), reason: 'its certificate is revoked' },
    recentConnects: 1,
  });
  presences.connected('web-1', at(6));
  expect(presences.of('web-1', at(6))).toEqual({ recentConnects: 2 });
  presences.forget('web-1');
  expect(presences.of('web-1', at(6))).toEqual({ recentConnects: 0 });
});

test('connects count for ten minutes', () => {
  const presences = new HostPresences();
  for (let minutes = 0; minutes < 12; minutes += 1) presences.connected('web-1', at(minutes));
  expect(presences.of('web-1', at(11)).recentConnects).toBe(10);
  expect(presences.of('web-1', at(30)).recentConnects).toBe(0);
});

const turnedAway = { at: at(0), reason: 'why' };
test.each([
  ['nothing', { recentConnects: 4 }, 'connected', ''],
  [
    'an agent that starts over and over',
    { recentConnects: 5 },
    'connected',
    'its agent connected 5 times in ten minutes: does it end and start over? See its journal',
  ],
  ['one turned away', { recentConnects: 0, turnedAway }, 'away', 'turned away at 1970-01-01T00:00:00.000Z: why'],
  ['a copy turned away while the host is there', { recentConnects: 1, turnedAway }, 'connected', ''],
] as const)('%s is told', (_what, presence, state, expected) => {
  expect(presenceProblem(presence, state)).toBe(expected);
});
