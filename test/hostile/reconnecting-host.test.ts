// One enrolled host that connects and leaves as fast as it can: what it costs is bounded by count, and no operator waits for its turns.

import { expect, test } from 'vitest';
import { HelloPlaces } from '#control-plane/agents/hello-places.ts';
import { ChangeQueue, mostOfOperators, QueueFull } from '#control-plane/fleet/change-queue.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '../server/fleet-under-test.ts';

/** Turns of the host between an operator's asking and his answer: the one under way, and one that goes first. */
const mostTurnsBefore = 2;

test.each([
  ['quarantines another', (fleet: Fleet) => fleet.quarantine({ workload: 'web-1', peers: [], actor: 'operator/a' })],
  ['quarantines it', (fleet: Fleet) => fleet.quarantine({ workload: 'bad-1', peers: [], actor: 'operator/a' })],
  ['revokes another', (fleet: Fleet) => fleet.revokeAgent('web-1', 'operator/a')],
  ['labels another', (fleet: Fleet) => fleet.label({ ...label, workload: 'web-1' })],
])(
  'an operator who %s waits for two turns of a host that reconnects thousands of times, no more',
  async (_what, ask) => {
    const { fleet, store, connect } = await fleetUnderTest();
    for (const host of ['web-1', 'bad-1']) await connect(host, { addresses: [`10.0.0.${host.length}`] });
    let turns = 0;
    for (const name of ['updateHost', 'takeHostEvents', 'useCertificate'] as const) {
      const real = store[name] as (input: unknown) => Promise<unknown>;
      const counting = (input: unknown) => {
        turns += 1;
        return real(input);
      };
      Object.assign(store, { [name]: counting });
    }
    const asked: Promise<unknown>[] = [];
    let seen = -1;
    for (let at = 0; at < 5000; at += 1) {
      reconnect(fleet, at);
      // Some of its turns are under way when the operator comes.
      if (at % 500 === 499) await new Promise(setImmediate);
      if (at === 2500) {
        const before = turns;
        asked.push(
          ask(fleet).then(() => {
            seen = turns - before;
          }),
        );
      }
    }
    await Promise.all(asked);
    expect(seen).toBeLessThanOrEqual(mostTurnsBefore);
    expect(seen).toBeGreaterThanOrEqual(0);
    expect(fleet.queue.hosts).toBeLessThan(8);
    await fleet.quiet();
    // Its last word counts all the same.
    expect(turns).toBeLessThan(200);
    expect(fleet.queue.replaced).toBeGreaterThan(5000);
  },
);

test('its last connection is the one that counts: policy reaches it, and its report is taken', async () => {
  const { fleet, connect, apply } = await fleetUnderTest();
  await connect('bad-1');
  for (let at = 0; at < 1000; at += 1) reconnect(fleet, at);
  const last = await connect('bad-1', { addresses: ['10.0.0.9'] });
  await apply(shopPolicy());
  await fleet.quiet();
  expect(last.sent.at(-1)?.revision).toBe(fleet.revision);
  expect(last.closed).toEqual([]);
});

test('events of streams that a newer one replaced are not answered, so that the agent sends them again', async () => {
  const { fleet, store, connect } = await fleetUnderTest();
  const first = await connect('bad-1');
  const second = await connect('bad-1');
  const event = (id: string) => ({ id, kind: 'opened' as const, at: millis(0), details: new Map() });
  const answers = await Promise.allSettled([
    first.connection.eventsReported([event('00000000-0000-4000-8000-000000000001')]),
    second.connection.eventsReported([event('00000000-0000-4000-8000-000000000002')]),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  await fleet.quiet();
  const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
  expect(entries.filter(({ action }) => action === 'opened')).toHaveLength(1);
});

test.each([
  ['one that comes back as it may', 1000, 100, 100],
  ['one that comes as fast as it can', 1, 10_000, 30 + 9],
])('hellos of a host have a pace: %s', (_what, everyMs, times, greeted) => {
  const places = new HelloPlaces({ atOnce: 512, ofHost: { burst: 30, everyMs: 1000 } });
  let count = 0;
  for (let at = 0; at < times; at += 1) {
    const refusal = places.refusalOf('default/bad-1', at * everyMs);
    if (refusal === undefined) {
      places.take('default/bad-1', at * everyMs).leave();
      count += 1;
    } else expect(refusal).toEqual({ of: 'host', retryAfterMs: expect.any(Number) });
  }
  expect(count).toBe(greeted);
  expect(places.refusalOf('default/web-1', times * everyMs)).toBeUndefined();
});

test('hosts that say hello and never answer keep others waiting for seconds, and when they come again half of the places are not theirs', () => {
  const places = new HelloPlaces({ atOnce: 512, ofHost: { burst: 600, everyMs: 250 } });
  const silent = Array.from({ length: 512 }, (_, at) => `default/bad-${at}`);
  const come = (hosts: readonly string[], at: number) =>
    hosts.filter((host) => {
      if (places.refusalOf(host, at) !== undefined) return false;
      places.take(host, at);
      return true;
    }).length;
  expect(come(silent, 0)).toBe(512);
  expect(places.refusalOf('default/web-1', 4999)).toMatchObject({ of: 'all' });
  expect(places.refusalOf('default/web-1', 5000)).toBeUndefined();
  for (let at = 10_000; at < 100_000; at += 5000) {
    expect(come(silent, at)).toBe(256);
    const place = places.take('default/web-1', at);
    place.answered();
    expect(places.refusalOf('default/web-1', at)).toBeUndefined();
  }
});

test('a host that answers late, or loses its line once, is again as others are when it has answered', () => {
  const places = new HelloPlaces({ atOnce: 2, ofHost: { burst: 600, everyMs: 250 } });
  const late = ['default/a', 'default/b'].map((host) => places.take(host, 0));
  expect(places.refusalOf('default/a', 5000)).toBeUndefined();
  expect(places.taken).toBe(0);
  places.take('default/a', 5000);
  expect(places.refusalOf('default/b', 5000)).toMatchObject({ of: 'all' });
  for (const place of late) place.answered();
  expect(places.refusalOf('default/b', 5000)).toBeUndefined();
});

test('operators’ changes go first, are settled at once, and let a host’s turn through between them', async () => {
  const log: string[] = [];
  const queue = new ChangeQueue({ settle: () => log.push('settled') });
  const turn = (name: string) => async () => void log.push(name);
  const hosts = [1, 2, 3].map((at) => queue.soon(`host-${at}`, turn(`host ${at}`)));
  await Promise.all([queue.run(turn('operator 1')), queue.run(turn('operator 2'))]);
  const third = queue.run(turn('operator 3'));
  await Promise.all([...hosts, third]);
  expect(log).toEqual([
    ...['operator 1', 'operator 2', 'settled'],
    ...['host 1', 'operator 3', 'settled'],
    ...['host 2', 'host 3', 'settled'],
  ]);
});

test('of one key one turn waits: the newest, in the place of the first', async () => {
  const log: string[] = [];
  const queue = new ChangeQueue({ settle: () => undefined });
  const turn = (name: string) => async () => void log.push(name);
  const outcomes = await Promise.all([
    queue.soon('a', turn('a1')),
    queue.soon('b', turn('b1')),
    queue.soon('a', turn('a2')),
  ]);
  expect(log).toEqual(['a2', 'b1']);
  expect(outcomes).toEqual(['replaced', 'done', 'done']);
  expect(queue.replaced).toBe(1);
});

test('more changes of operators than there is room for are refused, and who asks is told that nothing was changed', async () => {
  const queue = new ChangeQueue({ settle: () => undefined });
  let done = 0;
  const asked = [...Array(mostOfOperators + 3)].map(() => queue.run(async () => (done += 1)));
  const results = await Promise.allSettled(asked);
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.map(({ reason }) => reason instanceof QueueFull)).toEqual([true, true, true]);
  expect(done).toBe(mostOfOperators);
});

type Fleet = Awaited<ReturnType<typeof fleetUnderTest>>['fleet'];

const label = { set: new Map([['tier', 'web']]), remove: [], actor: 'operator/a' };

/** Hello and reset, on one of four connections. */
function reconnect(fleet: Fleet, at: number): void {
  const identity = { tenant, host: 'bad-1', serial: 'serial-bad-1', connection: `10.0.0.9:${at % 4}` };
  const hello = { addresses: ['10.0.0.9'], facts: new Map(), agentVersion: '0.1.0', revision: 0 };
  const session = { send: () => undefined, close: () => undefined };
  const connected = fleet.connect(identity, hello, session);
  if (connected.ok) connected.value.disconnected();
  else expect(connected.error.kind).not.toBe('not-admitted');
}
