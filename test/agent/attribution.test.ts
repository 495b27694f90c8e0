// Whose a connection is, where there is no policy to ask yet.

import { expect, test } from 'vitest';
import { attributionOf } from '#agent/attribution.ts';
import type { LocalEnd } from '#agent-core/flow-aggregation.ts';
import { parseAddress } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { EssentialEntry } from '#model/rule-set.ts';

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
  hostAddresses: new Set([address('10.0.0.1')]),
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
