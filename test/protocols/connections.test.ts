// What belongs to a connection and what does not: ICMP errors, fragments, TCP that did not begin here or began on both sides,
// packets that conntrack calls invalid or was told not to track. Real packets, both families; observing lets all of them pass.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Address, Family } from '#model/address.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import {
  aboutPacket,
  type Ends,
  fragments,
  icmp,
  type Packet,
  type Payload,
  packet,
  tcp,
  tcpFlags,
  udp,
} from './packets.ts';
import { families, own, type ProtocolStage, remoteAddress, remoteRanges, standUpProtocols } from './stage.ts';

const { syn, ack, fin } = tcpFlags;
const good = 1;
const bad = 2;
let stage: ProtocolStage;
let last = 0;

beforeAll(async () => {
  stage = await standUpProtocols('connections');
  await stage.host.exec(['ip', 'link', 'set', 'eth0', 'arp', 'off']);
});

afterAll(async () => {
  await stage?.remove();
});

beforeEach(async () => {
  await stage.host.exec(['conntrack', '-F']);
  await stage.forget();
});

const services = ['udp/53', 'tcp/80', 'udp/7777', 'icmp/8', 'icmpv6/128'].join(', ');

async function enter(policy: Partial<HostPolicy> = {}): Promise<void> {
  await stage.apply(
    hostRuleSet({
      addresses: [own.ipv4, own.ipv6],
      inbound: 'enforce',
      outbound: 'enforce',
      allowIn: [`good: ${services}`],
      allowOut: [`good: ${services}`],
      peers: { good: remoteRanges(good) },
      ...policy,
    }),
  );
}

const observing = { inbound: 'observe', outbound: 'observe' } as const;

/** Nobody was there before. */
function stranger(family: Family, group: number): Address {
  last = (last % 250) + 1;
  return remoteAddress(family, group, last);
}

type Way = 'arrive' | 'leave';

function endsOf(way: Way, family: Family, far: Address): Ends {
  return way === 'arrive' ? { source: far, target: own[family] } : { source: own[family], target: far };
}

const opposite = { arrive: 'leave', leave: 'arrive' } as const;

async function passes(way: Way, ends: Ends, payload: Payload): Promise<boolean> {
  return stage.hasPassed(way, stage.inject(way, ends, payload));
}

describe.each(families)('ICMP errors in %s', (family) => {
  const errors =
    family === 'ipv4'
      ? ([
          ['host unreachable', 3, 1],
          ['port unreachable', 3, 3],
          ['fragmentation needed', 3, 4],
          ['source quench', 4, 0],
          ['redirect', 5, 1],
          ['time exceeded', 11, 0],
          ['parameter problem', 12, 0],
        ] as const)
      : ([
          ['no route', 1, 0],
          ['port unreachable', 1, 4],
          ['packet too big', 2, 0],
          ['time exceeded', 3, 0],
          ['parameter problem', 4, 0],
        ] as const);
  const word = family === 'ipv4' ? 576 : 1280;
  const router = remoteAddress(family, 9, 9);

  test.each(['arrive', 'leave'] as const)('about a connection whose first packet did %s', async (way) => {
    const far = stranger(family, good);
    const first = packet(endsOf(way, family, far), udp(4000, 53), { tag: stage.tag() });
    const answer = packet(endsOf(opposite[way], family, far), udp(53, 4000), { tag: stage.tag() });
    const denied = packet(endsOf(way, family, stranger(family, bad)), udp(4000, 53), { tag: stage.tag() });
    /** An error goes to whoever sent the packet it is about. */
    const errorWay = (about: Packet): Way => (about.source === own[family] ? 'arrive' : 'leave');
    const report = async (about: Packet) => {
      const sent = errors.map(([name, type, code]) => {
        const source = errorWay(about) === 'arrive' ? router : own[family];
        const ends = { source, target: about.source };
        const tag = stage.inject(errorWay(about), ends, icmp(family, type, code, aboutPacket(about, word)));
        return [name, tag] as const;
      });
      const { inbound, outbound } = await stage.passed();
      const passed = errorWay(about) === 'arrive' ? inbound : outbound;
      return sent.flatMap(([name, tag]) => (passed.has(tag) ? [name] : []));
    };
    const all = errors.map(([name]) => name);

    await enter();
    stage[way](first);
    stage[opposite[way]](answer);
    stage[way](denied);
    expect(await report(first), 'of an allowed connection').toEqual(all);
    expect(await report(answer), 'about its answer').toEqual(all);
    expect(await report(denied), 'of a denied connection').toEqual([]);
    await enter({ allowIn: [], allowOut: [] });
    expect(await report(first), 'of a revoked connection').toEqual([]);
    expect(await report(answer), 'about the answer of a revoked connection').toEqual([]);
    await enter();
    expect(await report(first), 'of a connection granted again').toEqual(all);
    await enter(observing);
    expect(await report(first), 'observing').toEqual(all);
    expect(await report(denied), 'observing, about what was denied').toEqual(all);
  });

  test('about nothing known are judged by their type, as from whoever sends them', async () => {
    const [, type, code] = errors[0] ?? ['', 0, 0];
    const protocol = family === 'ipv4' ? 'icmp' : 'icmpv6';
    const about = packet({ source: own[family], target: router }, udp(1, 1), { tag: stage.tag() });
    const send = (far: Address) =>
      passes('arrive', { source: far, target: own[family] }, icmp(family, type, code, aboutPacket(about)));
    await enter({ allowIn: [`good: ${protocol}/${type}`] });
    expect(await send(stranger(family, good))).toBe(true);
    expect(await send(stranger(family, bad))).toBe(false);
    await enter({ allowIn: [`good: ${protocol}/200`] });
    expect(await send(stranger(family, good))).toBe(false);
    await enter({ inbound: 'observe', outbound: 'enforce' });
    expect(await send(stranger(family, bad)), 'observed inbound, whatever outbound is').toBe(true);
  });

  test('an answer to an echo request passes, one that nobody asked for does not', async () => {
    const [asks, answers] = family === 'ipv4' ? [8, 0] : [128, 129];
    const far = stranger(family, good);
    await enter();
    expect(await passes('leave', endsOf('leave', family, far), icmp(family, asks))).toBe(true);
    expect(await passes('arrive', endsOf('arrive', family, far), icmp(family, answers))).toBe(true);
    expect(await passes('arrive', endsOf('arrive', family, stranger(family, good)), icmp(family, answers))).toBe(false);
    await enter({ allowOut: [] });
    expect(await passes('arrive', endsOf('arrive', family, far), icmp(family, answers)), 'revoked').toBe(false);
  });
});

describe.each(families)('fragments in %s', (family) => {
  const data = Buffer.alloc(2992, 'x');
  const whole = [
    [0, 1000, 'more'],
    [1000, 1000, 'more'],
    [2000, 1000, 'last'],
  ] as const;
  const send = async (way: Way, far: Address, port: number, parts: Parameters<typeof fragments>[2]['parts']) => {
    const tag = stage.tag();
    for (const part of fragments(endsOf(way, family, far), udp(4000, port, data), { tag, parts })) stage[way](part);
    return stage.hasPassed(way, tag);
  };

  test.each(['arrive', 'leave'] as const)('that %s are judged as the packet they make', async (way) => {
    await enter();
    expect(await send(way, stranger(family, good), 53, whole), 'in order').toBe(true);
    expect(await send(way, stranger(family, good), 53, whole.toReversed()), 'last first').toBe(true);
    expect(await send(way, stranger(family, good), 54, whole), 'to a port that is not granted').toBe(false);
    expect(await send(way, stranger(family, bad), 53, whole), 'of a peer that is not granted').toBe(false);
    expect(await send(way, stranger(family, good), 53, whole.slice(0, 1)), 'the first alone').toBe(false);
    expect(await send(way, stranger(family, good), 53, whole.slice(1)), 'all but the first').toBe(false);
    await enter(observing);
    expect(await send(way, stranger(family, bad), 54, whole), 'observing').toBe(true);
  });

  test('that overlap never make a packet', async () => {
    const overlapping = [
      [0, 1000, 'more'],
      [992, 1008, 'more'],
      [2000, 1000, 'last'],
    ] as const;
    for (const policy of [{}, observing]) {
      await enter(policy);
      expect(await send('arrive', stranger(family, good), 53, overlapping)).toBe(false);
    }
  });

  // Only IPv6 has a header that says "fragment" where nothing is missing.
  if (family === 'ipv4') return;
  test('that are the whole packet (atomic) are judged as it', async () => {
    const small = async (far: Address, port: number) => {
      const tag = stage.tag();
      const [one] = fragments(endsOf('arrive', family, far), udp(4000, port), { tag, parts: [[0, 13, 'last']] });
      if (one === undefined) throw new Error('no fragment was made');
      stage.arrive(one);
      return stage.hasPassed('arrive', tag);
    };
    await enter();
    expect(await small(stranger(family, good), 53)).toBe(true);
    expect(await small(stranger(family, good), 54)).toBe(false);
    expect(await small(stranger(family, bad), 53)).toBe(false);
  });
});

describe.each(families)('TCP in %s', (family) => {
  test('without a connection that began with SYN is dropped while anything is denied, but what no socket has and its sender may use', async () => {
    const send = (way: Way, group = good) =>
      passes(way, endsOf(way, family, stranger(family, group)), tcp(4000, 80, { flags: ack, acknowledgement: 5 }));
    await enter();
    // The stack answers with a reset, as without Segwall.
    expect([await send('arrive'), await send('arrive', bad), await send('leave')]).toEqual([true, false, false]);
    await enter({ inbound: 'observe' });
    expect([await send('arrive', bad), await send('leave')], 'one direction enforced').toEqual([true, false]);
    await enter(observing);
    expect([await send('arrive'), await send('leave')]).toEqual([true, true]);
  });

  test('that both ends open at once is the connection of whoever this host saw first', async () => {
    const ours = async (group: number) => {
      const far = stranger(family, group);
      const left = await passes('leave', endsOf('leave', family, far), tcp(80, 80, { flags: syn, sequence: 1 }));
      const came = await passes('arrive', endsOf('arrive', family, far), tcp(80, 80, { flags: syn, sequence: 9 }));
      const answer = tcp(80, 80, { flags: syn | ack, sequence: 1, acknowledgement: 10 });
      return [left, came, await passes('leave', endsOf('leave', family, far), answer)];
    };
    await enter({ allowIn: [] });
    expect(await ours(good), 'ours is allowed, theirs alone is not').toEqual([true, true, true]);
    await enter({ allowOut: [] });
    expect((await ours(good)).slice(0, 2), 'theirs is allowed, and came when ours was denied').toEqual([false, true]);
    await enter({ allowIn: [], allowOut: [] });
    expect((await ours(good)).slice(0, 2)).toEqual([false, false]);
  });

  test('that conntrack calls invalid is dropped while anything is denied, and passes while all observes', async () => {
    const broken = (): readonly [string, Packet][] => {
      const ends = () => endsOf('arrive', family, stranger(family, good));
      const wrong = packet(ends(), tcp(4000, 80, { flags: syn }), { tag: stage.tag() });
      const at = wrong.bytes.length - 4;
      wrong.bytes.writeUInt16BE(wrong.bytes.readUInt16BE(at) ^ 0x5555, at);
      return [
        ['SYN and FIN', packet(ends(), tcp(4000, 80, { flags: syn | fin }), { tag: stage.tag() })],
        ['no flags', packet(ends(), tcp(4000, 80, { flags: 0 }), { tag: stage.tag() })],
        ['a wrong checksum', wrong],
      ];
    };
    const send = async () => {
      const sent = broken();
      for (const [, made] of sent) stage.arrive(made);
      const { inbound } = await stage.passed();
      return sent.flatMap(([name, { bytes }]) =>
        inbound.has(family === 'ipv4' ? bytes.readUInt16BE(4) : bytes.readUInt32BE(0) & 0xfffff) ? [name] : [],
      );
    };
    await enter();
    expect(await send()).toEqual([]);
    await enter(observing);
    expect(await send()).toEqual(['SYN and FIN', 'no flags', 'a wrong checksum']);
  });

  test('outside its connection’s window is dropped while anything is denied', async () => {
    await enter();
    const far = stranger(family, good);
    const [came, left] = [endsOf('arrive', family, far), endsOf('leave', family, far)];
    expect(await passes('arrive', came, tcp(4000, 80, { flags: syn, sequence: 100 }))).toBe(true);
    const answer = tcp(80, 4000, { flags: syn | ack, sequence: 500, acknowledgement: 101 });
    expect(await passes('leave', left, answer)).toBe(true);
    const third = { flags: ack, sequence: 101, acknowledgement: 501 };
    expect(await passes('arrive', came, tcp(4000, 80, third))).toBe(true);
    const astray = { ...third, sequence: 0x70000000, data: Buffer.from('x') };
    expect(await passes('arrive', came, tcp(4000, 80, astray))).toBe(false);
    expect(await passes('arrive', came, tcp(4000, 80, { ...third, data: Buffer.from('x') }))).toBe(true);
  });
});

describe.each(families)('untracked in %s', (family) => {
  const ours = 'table inet others_notrack';
  beforeAll(async () => {
    const input = `${ours} {
  chain pre { type filter hook prerouting priority -300; udp dport 7777 notrack; icmp type 40 notrack; }
  chain out { type filter hook output priority -300; udp dport 7777 notrack; }
}`;
    const loaded = await stage.host.exec(['nft', '-f', '-'], { input });
    if (loaded.exitCode !== 0) throw new Error(loaded.stderr);
  });
  afterAll(async () => {
    await stage.host.exec(['nft', 'delete', ...ours.split(' ')]);
  });

  test('traffic is dropped while anything is denied, also where a rule grants it', async () => {
    const send = (way: Way) => passes(way, endsOf(way, family, stranger(family, good)), udp(4000, 7777));
    await enter();
    expect([await send('arrive'), await send('leave')]).toEqual([false, false]);
    await enter(observing);
    expect([await send('arrive'), await send('leave')]).toEqual([true, true]);
  });

  if (family === 'ipv6') return;
  test('ICMP is judged by its header', async () => {
    const send = (group: number) =>
      passes('arrive', endsOf('arrive', family, stranger(family, group)), icmp('ipv4', 40));
    await enter({ allowIn: ['good: icmp/40'] });
    expect([await send(good), await send(bad)]).toEqual([true, false]);
  });
});
