// Which end opened a connection, as far as it was seen; and whether policy lets one pass whichever end did.

import { describe, expect, test } from 'vitest';
import { allowsBothDirections } from '#agent-core/host/both-directions.ts';
import type { DirectedConnection, OpenSocket, SeenConnection } from '#agent-core/host/open-tcp-connections.ts';
import { createSeenOpenings } from '#agent-core/host/seen-openings.ts';
import type { Address } from '#model/address.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';

const [me, peer, service] = ['10.0.0.1' as Address, '10.0.0.9' as Address, '10.96.0.1' as Address];
type End = readonly [Address, number];
const seen = (client: End, server: End, target: End = server): SeenConnection => ({
  ...{ client: client[0], clientPort: client[1], target: target[0], targetPort: target[1] },
  ...{ server: server[0], serverPort: server[1] },
});
const socket = (local: End, remote: End): OpenSocket => ({
  ...{
    state: 'open',
    phase: 'established',
    uid: 0,
    local: local[0],
    localPort: local[1],
    remote: remote[0],
    remotePort: remote[1],
  },
});

describe('which end opened it', () => {
  test.each([
    ['this host', [seen([me, 800], [peer, 443])], socket([me, 800], [peer, 443]), 'outbound'],
    ['the peer', [seen([peer, 443], [me, 40_000])], socket([me, 40_000], [peer, 443]), 'inbound'],
    ['nobody that was seen', [seen([peer, 443], [me, 40_000])], socket([me, 40_001], [peer, 443]), undefined],
    [
      'the peer, redirected to another port',
      [seen([peer, 5000], [me, 8080], [me, 80])],
      socket([me, 8080], [peer, 5000]),
      'inbound',
    ],
    [
      'this host, to a service’s address',
      [seen([me, 800], [peer, 6443], [service, 443])],
      socket([me, 800], [service, 443]),
      'outbound',
    ],
    [
      'both, of which one may be forged',
      [seen([me, 800], [peer, 443]), seen([peer, 443], [me, 800]), seen([peer, 443], [me, 800])],
      socket([me, 800], [peer, 443]),
      undefined,
    ],
  ] as const)('%s', (_, connections, of, expected) => {
    const openings = createSeenOpenings();
    for (const one of connections) openings.saw(one);
    expect(openings.openedBy(of)?.direction).toBe(expected);
    // Whether or not what has no socket was forgotten.
    const keep = openings.keepOnly();
    expect(openings.openedBy(of)?.direction).toBe(expected);
    keep([of]);
    expect(openings.openedBy(of)?.direction).toBe(expected);
    openings.keepOnly()([]);
    expect(openings.openedBy(of)).toBeUndefined();
  });

  test.each([
    ['not at all', seen([me, 800], [peer, 443]), socket([me, 800], [peer, 443]), 'plain'],
    ['to another end', seen([me, 800], [peer, 6443], [service, 443]), socket([me, 800], [service, 443]), 'translated'],
    ['to another port here', seen([peer, 5000], [me, 8080], [me, 80]), socket([me, 8080], [peer, 5000]), 'translated'],
    [
      'as from another port',
      { ...seen([me, 800], [peer, 443]), seenAs: { address: me, port: 50_001 } },
      socket([me, 800], [peer, 443]),
      'translated',
    ],
    [
      'as from somebody else, at its server',
      { ...seen([peer, 5000], [me, 8080], [me, 80]), seenAs: { address: service, port: 7 } },
      socket([me, 8080], [service, 7]),
      'translated',
    ],
  ] as const)('and how it was translated: %s', (_, connection, of, expected) => {
    const openings = createSeenOpenings();
    openings.saw(connection);
    openings.keepOnly()([of]);
    expect(openings.openedBy(of)?.translated).toEqual(expected === 'plain' ? undefined : connection);
    // The same ends again, without.
    openings.saw(seen([of.local, of.localPort], [of.remote, of.remotePort]));
    expect(openings.openedBy(of)?.translated).toBeUndefined();
  });

  test('no more than there is room for, until what has no socket is forgotten; what comes meanwhile is kept', () => {
    const openings = createSeenOpenings(4);
    const of = (port: number) => socket([me, port], [peer, 443]);
    const saw = (port: number) => openings.saw(seen([me, port], [peer, 443]));
    for (const port of [1, 2, 3, 4, 5]) saw(port);
    expect(openings.isCrowded()).toBe(true);
    expect([1, 4, 5].map((port) => openings.openedBy(of(port))?.direction)).toEqual([
      'outbound',
      'outbound',
      undefined,
    ]);
    openings.keepOnly()([of(2)]);
    const keep = openings.keepOnly();
    saw(6);
    keep([of(2)]);
    expect([1, 2, 6].map((port) => openings.openedBy(of(port))?.direction)).toEqual([
      undefined,
      'outbound',
      'outbound',
    ]);
  });
});

describe('a connection from port 443 of the peer to port 40000 here passes whichever end opened it', () => {
  const policy: HostPolicy = { addresses: [me], peers: { peer: [peer] } };
  const granted = { allowIn: ['peer: tcp/40000'], allowOut: ['peer: tcp/443'] };
  const unit = { inbound: 'enforce', allowIn: granted.allowIn, allowOut: granted.allowOut } as const;
  test.each<readonly [string, HostPolicy, boolean]>([
    ['observed', { ...policy, inbound: 'observe' }, true],
    ['both granted', { ...policy, ...granted, outbound: 'enforce' }, true],
    ['inbound denied', { ...policy, ...granted, allowIn: [] }, false],
    ['outbound denied', { ...policy, ...granted, outbound: 'enforce', allowOut: [] }, false],
    ['quarantined', { ...policy, inbound: 'observe', quarantine: [] }, false],
    ['of any unit', { ...policy, ...granted, units: { app: { ...unit, unit: 'app.service' } } }, true],
    [
      'but not of one unit',
      { ...policy, ...granted, units: { app: { ...unit, unit: 'app.service', allowIn: [] } } },
      false,
    ],
  ])('%s', (_, given, expected) => {
    const connection: DirectedConnection = {
      ...{ direction: 'outbound', evidence: 'ports', phase: 'established' },
      ...{ client: me, clientPort: 40_000, server: peer, serverPort: 443 },
    };
    const turned: DirectedConnection = {
      ...{ direction: 'inbound', evidence: 'ports', phase: 'established' },
      ...{ client: peer, clientPort: 443, server: me, serverPort: 40_000 },
    };
    const ruleSet = hostRuleSet(given);
    expect(allowsBothDirections(connection, { ruleSet, essentials: [] })).toBe(expected);
    expect(allowsBothDirections(turned, { ruleSet, essentials: [] })).toBe(expected);
  });
});
