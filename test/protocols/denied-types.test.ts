// A denied ICMP packet is counted under its own type: what flows show, what plan judges and suggest proposes is that type.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { deniedSets } from '#agent-core/table/denied-sets.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { icmp, other, udp } from './packets.ts';
import { families, own, type ProtocolStage, remoteAddress, standUpProtocols } from './stage.ts';

/** Requests, of which conntrack makes connections; what it makes none of is denied without an element. */
const types = { ipv4: [8, 13, 17], ipv6: [128, 139] } as const;

let stage: ProtocolStage;

beforeAll(async () => {
  stage = await standUpProtocols('denied-types');
  await stage.host.exec(['ip', 'link', 'set', 'eth0', 'arp', 'off']);
  const ruleSet = hostRuleSet({ addresses: [own.ipv4, own.ipv6], inbound: 'enforce', outbound: 'enforce' });
  await stage.apply(ruleSet);
});

afterAll(async () => {
  await stage?.remove();
});

describe.each(['inbound', 'outbound'] as const)('%s', (direction) => {
  test('each type is an element of its own, and what has none is told as before', async () => {
    const way = direction === 'inbound' ? 'arrive' : 'leave';
    const expected: string[] = [];
    for (const family of families) {
      const far = remoteAddress(family, direction === 'inbound' ? 1 : 2, 1);
      const [client, server] = direction === 'inbound' ? [far, own[family]] : [own[family], far];
      const ends = { source: client, target: server };
      const protocol = family === 'ipv4' ? 1 : 58;
      const inject = (service: string, payload: Parameters<ProtocolStage['inject']>[2]) => {
        stage.inject(way, ends, payload);
        expected.push(`${client} ${server} ${service}`);
      };
      for (const type of types[family]) inject(`${protocol}/${type}`, icmp(family, type));
      inject('17/53', udp(3000, 53));
      inject('47/0', other(47));
    }
    await stage.passed();
    const seen: string[] = [];
    for (const name of deniedSets.keys()) {
      const { stdout } = await stage.host.exec(['nft', '-n', 'list', 'set', 'inet', 'segwall', name]);
      for (const one of parseDeniedSets(stdout))
        if (one.direction === direction) seen.push(`${one.client} ${one.server} ${one.protocol}/${one.port}`);
    }
    expect([...new Set(seen)].sort()).toEqual(expected.sort());
  });
});

describe('an answer that is denied', () => {
  test.each([
    ['den_in4i', '10.0.0.1 . 10.0.0.2 . 1 . 0', 8],
    ['den_in4i', '10.0.0.1 . 10.0.0.2 . 1 . 14', 13],
    ['den_in6i', 'fd00::1 . fd00::2 . 58 . 129', 128],
    ['den_in4', '10.0.0.1 . 10.0.0.2 . 6 . 14', 14],
  ])('in %s, %s, belongs to %i', (set, key, port) => {
    const listing = `table inet segwall {\n\tset ${set} {\n\t\telements = { ${key} . 0x00003000 counter packets 1 bytes 28 timeout 5m expires 4m }\n\t}\n}\n`;
    expect(parseDeniedSets(listing)).toMatchObject([{ port, packets: 1 }]);
    expect(parseDeniedSets(listing, undefined, 1000)).toMatchObject([{ expiresAt: 241_000 }]);
  });
});
