// Handshakes on the agents' port are begun a few at a time; the rest wait unbegun, source by source, or come again.

import { duplexPair } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AdmissionLimits, admissionLimits } from '#control-plane/rpc/admission-limits.ts';
import { HandshakeTurns, type Turn, type TurnLimits } from '#control-plane/rpc/handshake-turns.ts';
import { enrolMany } from '#test/support/many-hosts.ts';
import { openTcp } from '../hostile/support/raw-http2.ts';
import { eventually, type Fixture, startFixture } from './control-plane-fixture.ts';

const few: TurnLimits = { all: 3, ofSource: 2, holdMs: 2000, patienceMs: 6000 };
/** Nothing ends by time. */
const endless = { holdMs: 600_000, patienceMs: 600_000 };

describe('turns', () => {
  const stage = (given: Partial<TurnLimits> = {}) => {
    let at = 0;
    let isBusy = false;
    const said: string[] = [];
    const turns = new HandshakeTurns({ ...few, ...given }, { now: () => at, isBusy: () => isBusy });
    const come = (name: string, shared = false): Turn => {
      const turn = {
        ...{ source: name.slice(0, 1), shared },
        begin: () => void said.push(name),
        sendAway: () => void said.push(`-${name}`),
      };
      turns.ask(turn);
      return turn;
    };
    return { turns, said, come, pass: (ms: number) => (at += ms), busy: (is: boolean) => (isBusy = is) };
  };

  test('begin at once while there is room, of one source and in all, and the next when one ends', () => {
    const { turns, said, come } = stage();
    const [a1, , , b1] = ['a1', 'a2', 'a3', 'b1', 'b2'].map((name) => come(name));
    expect(said).toEqual(['a1', 'a2', 'b1']);
    turns.leave(b1 as Turn);
    expect(said.slice(3)).toEqual(['b2']);
    turns.leave(a1 as Turn);
    expect(said.slice(4)).toEqual(['a3']);
    expect({ underWay: turns.underWay, waiting: turns.waiting }).toEqual({ underWay: 3, waiting: 0 });
  });

  test('go from source to source, whoever has most that wait', () => {
    const { turns, said, come } = stage();
    const first = ['x1', 'y1', 'z1'].map((name) => come(name));
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1']) come(name);
    for (const turn of first) turns.leave(turn);
    expect(said.slice(3)).toEqual(['a1', 'b1', 'c1']);
  });

  test('of a source that many share are bounded by all alone', () => {
    const { said, come } = stage();
    for (const name of ['p1', 'p2', 'p3', 'p4']) come(name, true);
    expect(said).toEqual(['p1', 'p2', 'p3']);
  });

  test('count for a while only: who begins and never ends holds up nobody for long', () => {
    const { turns, said, come, pass } = stage();
    for (const name of ['a1', 'b1', 'c1', 'd1']) come(name);
    pass(1999);
    turns.look();
    expect(said).toEqual(['a1', 'b1', 'c1']);
    pass(1);
    turns.look();
    expect(said).toEqual(['a1', 'b1', 'c1', 'd1']);
  });

  test('count on while this side is busy: then it is slow, and not the other end', () => {
    const { turns, said, come, pass, busy } = stage();
    for (const name of ['a1', 'b1', 'c1', 'd1']) come(name);
    busy(true);
    pass(5000);
    turns.look();
    expect(said).toEqual(['a1', 'b1', 'c1']);
    busy(false);
    turns.look();
    expect(said).toEqual(['a1', 'b1', 'c1', 'd1']);
  });

  test.each([
    { tookMs: 40, crowd: 30, kept: 27 },
    { tookMs: 1000, crowd: 30, kept: 10 },
    // Who draws out his handshake shortens the others’ wait so far and no further.
    { tookMs: 5000, crowd: 30, kept: 1 },
  ])('of a crowd wait as many as have time where a handshake takes $tookMs ms', ({ tookMs, crowd, kept }) => {
    const { turns, said, come, pass } = stage();
    for (let past = 0; past < 100; past += 1) {
      const turn = come('p');
      pass(tookMs);
      turns.done(turn);
    }
    said.length = 0;
    for (let at = 0; at < crowd; at += 1) come(`${String.fromCharCode(200 + at)}1`);
    expect(said.filter((name) => !name.startsWith('-')).length).toBe(3);
    expect(turns.waiting).toBe(kept);
  });

  test('that do not come in time are sent away unbegun, and the others stay', () => {
    const { turns, said, come, pass } = stage({ holdMs: 60_000 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1']) come(name);
    pass(5999);
    turns.look();
    come('c1');
    pass(1);
    turns.look();
    expect(said).toEqual(['a1', 'a2', 'b1', '-a3', '-a4']);
    expect({ underWay: turns.underWay, waiting: turns.waiting }).toEqual({ underWay: 3, waiting: 1 });
  });

  test('of who has left do not come, and leaving twice frees one turn', () => {
    const { turns, said, come } = stage();
    const [a1, , a3] = ['a1', 'a2', 'a3', 'a4'].map((name) => come(name));
    turns.leave(a3 as Turn);
    turns.leave(a1 as Turn);
    turns.leave(a1 as Turn);
    expect(said).toEqual(['a1', 'a2', 'a4']);
    expect({ underWay: turns.underWay, waiting: turns.waiting }).toEqual({ underWay: 2, waiting: 0 });
  });
});

describe('on the agents’ port', () => {
  async function start(handshakes: AdmissionLimits['handshakes']): Promise<Fixture> {
    const fixture = await startFixture({ admission: { limits: { ...admissionLimits, handshakes } } });
    onTestFinished(() => fixture.stop());
    return fixture;
  }

  /** What a TLS client says first. */
  async function clientHello(): Promise<Buffer> {
    const [ours, theirs] = duplexPair();
    const client = connectTls({ socket: ours, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    client.on('error', () => undefined);
    const hello = await new Promise<Buffer>((resolve) => theirs.once('data', resolve));
    client.destroy();
    return hello;
  }

  /** Say hello and never go on. */
  async function begin(fixture: Fixture, addresses: readonly string[]) {
    const hello = await clientHello();
    const answered: number[] = [];
    const all: Awaited<ReturnType<typeof openTcp>>[] = [];
    for (const [at, localAddress] of addresses.entries()) {
      const one = await openTcp(fixture.server.address, { localAddress });
      onTestFinished(() => void one.socket.destroy());
      one.socket.once('data', () => answered.push(at));
      one.socket.write(hello);
      all.push(one);
    }
    return { answered, all };
  }

  test('of six that begin at once two are answered, and each of the others when one ends', async () => {
    const fixture = await start({ all: 2, ofSource: 2, ...endless });
    const { answered, all } = await begin(fixture, Array<string>(6).fill('127.0.0.1'));
    await eventually('all have said hello', () => fixture.server.counts().handshakesWaiting === 4);
    expect(answered).toEqual([0, 1]);
    for (let ended = 0; ended < 4; ended += 1) {
      all[ended]?.socket.destroy();
      await eventually('the next is answered', () => answered.length === 3 + ended);
      expect(fixture.server.counts().handshakes).toBe(2);
    }
    expect(answered).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('who has gone while he waited is not begun', async () => {
    const fixture = await start({ all: 1, ofSource: 1, ...endless });
    const { answered, all } = await begin(fixture, ['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    await eventually('both wait', () => fixture.server.counts().handshakesWaiting === 2);
    all[1]?.socket.destroy();
    await eventually('one is gone', () => fixture.server.counts().handshakesWaiting === 1);
    all[0]?.socket.destroy();
    await eventually('the other is answered', () => answered.length === 2);
    expect(answered).toEqual([0, 2]);
  });

  test('an address that begins and never ends keeps its own turns alone, and who says nothing has none', async () => {
    const fixture = await start({ all: 3, ofSource: 2, ...endless });
    for (let silent = 0; silent < 10; silent += 1) {
      const one = await openTcp(fixture.server.address, { localAddress: '127.0.0.3' });
      onTestFinished(() => void one.socket.destroy());
    }
    const { answered } = await begin(fixture, Array<string>(8).fill('127.0.0.2'));
    await eventually('they wait', () => fixture.server.counts().handshakesWaiting === 6);
    await fixture.enrolled('web-1');
    expect(answered).toEqual([0, 1]);
  });

  test('hosts that are sent away since their turn does not come, come again, and all get in', async () => {
    const fixture = await start({ all: 1, ofSource: 1, holdMs: 1000, patienceMs: 0 });
    await begin(fixture, ['127.0.0.1']);
    await eventually('it holds the one turn', () => fixture.server.counts().handshakes === 1);
    const { failures } = await enrolMany({
      ...{ directory: fixture.folder, from: 0, count: 6, patienceMs: 120_000 },
      ...{ controlPlaneOf: () => fixture.server.address, caFingerprint: fixture.pki.caFingerprint, tokens: ['good'] },
    });
    expect(failures).toEqual([]);
    expect(fixture.server.counts().refused['no-turn']).toBeGreaterThan(0);
  });

  test('who says more than a handshake begins with, while he waits, is shown out', async () => {
    const fixture = await start({ all: 1, ofSource: 1, ...endless });
    const { all } = await begin(fixture, ['127.0.0.1', '127.0.0.1']);
    await eventually('one waits', () => fixture.server.counts().handshakesWaiting === 1);
    all[1]?.socket.write(Buffer.alloc(64 * 1024));
    await all[1]?.closed;
    expect(fixture.server.counts().refused.handshake).toBe(1);
  });
});
