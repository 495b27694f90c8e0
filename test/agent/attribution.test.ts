// Whose a connection is, where there is no policy to ask yet, and whose quarantine cut one off.

import { expect, test } from 'vitest';
import { attributionOf } from '#agent/flows/attribution.ts';
import type { LocalEnd } from '#agent-core/flows/flow-window.ts';
import { parseAddress } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import type { End } from '#model/verdict.ts';

const address = (text: string) => assertOk(parseAddress(text));
const controlPlane: EssentialEntry = {
  name: 'control-plane',
  direction: 'outbound',
  peers: { kind: 'ranges', ranges: [rangeOf(address('10.0.0.9'))] },
  services: [{ kind: 'ports', protocol: 'tcp', low: 7443, high: 7443 }],
};
const attribution = attributionOf({
  host: 'web-1',
  ruleSet: undefined,
  hostAddresses: new Set([address('10.0.0.1'), address('172.17.0.1')]),
  published: [address('10.0.0.1')],
  essentials: [controlPlane],
  decisionOf: () => undefined,
});

test.each([
  [
    'outbound',
    '10.0.0.9',
    7443,
    { verdict: 'allow', reason: 'essential', workload: 'web-1', essential: 'control-plane' },
  ],
  ['outbound', '10.0.0.9', 443, { verdict: 'would-deny', reason: 'default', workload: 'web-1' }],
  ['outbound', '10.0.0.8', 7443, { verdict: 'would-deny', reason: 'default', workload: 'web-1' }],
  ['inbound', '10.0.0.9', 7443, { verdict: 'would-deny', reason: 'default', workload: 'web-1' }],
] as const)('before the first policy, %s %s tcp/%i', (direction, peer, port, expected) => {
  const end: LocalEnd = { direction, local: address('10.0.0.1'), peer: address(peer), service: { protocol: 6, port } };
  expect(attribution.judge(end)).toEqual(expected);
});

test.each([
  ['10.0.0.1', '10.0.0.1', 'its own'],
  ['172.17.0.1', '172.17.0.1', 'its bridge’s'],
  ['172.17.0.2', '10.0.0.1', 'a guest’s, which others know by the host'],
  ['fd84::2', 'fd84::2', 'a guest’s, of a family in which the host is not known'],
  ['224.0.0.251', '224.0.0.251', 'a group’s'],
  ['255.255.255.255', '255.255.255.255', 'everybody’s'],
])('what ends at %s is told with %s: %s', (local, told) => {
  expect(attribution.standsFor?.(address(local))).toBe(told);
});

test('a connection that was cut off names the quarantine of the peer that it is with', () => {
  const quarantine = (name: string, ...addresses: string[]) =>
    [
      `quarantine/${name}`,
      { id: `quarantine/${name}`, quarantine: name, addresses: addresses.map(address), ranges: [] },
    ] as const;
  const cutOff: End = { verdict: 'deny', reason: 'quarantine', workload: 'web-1' };
  const { endTowards } = attributionOf({
    host: 'web-1',
    ruleSet: {
      revision: 1,
      host: 'web-1',
      workloads: [],
      peerSets: new Map([quarantine('lost', '10.0.0.7', 'fd00::7'), quarantine('worm', '10.0.0.8')]),
    },
    hostAddresses: new Set(),
    published: [],
    essentials: [],
    decisionOf: () => undefined,
  });
  expect(endTowards?.(cutOff, address('fd00::7'))).toEqual({ ...cutOff, quarantine: 'lost' });
  expect(endTowards?.(cutOff, address('10.0.0.8'))).toEqual({ ...cutOff, quarantine: 'worm' });
  // it was released meanwhile
  expect(endTowards?.(cutOff, address('10.0.0.9'))).toEqual(cutOff);
  const own = { ...cutOff, quarantine: 'web-1' };
  expect(endTowards?.(own, address('10.0.0.8'))).toBe(own);
});
