// The layers of one end, one row a case: which decides, and what it names.

import { describe, expect, test } from 'vitest';
import { parseCidr } from '#model/address-range.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import { assertOk } from '#model/result.ts';
import type {
  DirectionRules,
  EssentialEntry,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  Peers,
  WorkloadRules,
} from '#model/rule-set.ts';
import { parseServiceTerm, type Service } from '#model/service.ts';
import type { End } from '#model/verdict.ts';
import { address } from './fleet.ts';

const term = (text: string) => assertOk(parseServiceTerm(text));
const range = (cidr: string) => assertOk(parseCidr(cidr));
const web: Peers = { kind: 'sets', ids: ['web'] };
const any: Peers = { kind: 'any' };
const here = { kind: 'any' } as const;

const peerSets = new Map([
  ['office', { id: 'office', addresses: [], ranges: [range('192.0.2.0/24')] }],
  ['web', { id: 'web', addresses: [address('10.0.0.1'), address('fd00::1')], ranges: [] }],
]);

const webToApi: Grant = { segment: 'shop', rule: 'web-to-api', peers: web, local: here, services: [term('tcp/8080')] };
const twice: Grant = { ...webToApi, segment: 'zone', combination: 'app=shop', rule: 'also' };
const guardrail: GuardrailDeny = {
  guardrail: 'no-web',
  mode: 'enforce',
  peers: web,
  local: here,
  services: [term('tcp/8080-8090')],
};
const watching: GuardrailDeny = { ...guardrail, guardrail: 'a-watcher', mode: 'observe' };

const enforced: DirectionRules = {
  mode: 'enforce',
  defaultSegment: { segment: 'shop', combination: 'app=shop' },
  onDeny: 'drop',
  selective: [],
  guardrails: [],
  grants: [webToApi, twice],
};
const selective: DirectionRules = {
  ...enforced,
  mode: 'selective',
  selective: [
    { segment: 'ops', services: [term('udp/53')] },
    { segment: 'shop', combination: 'app=shop', services: [term('tcp/22'), term('tcp/8080')] },
  ],
};

function ruleSet(inbound: DirectionRules, rest: Partial<WorkloadRules> = {}): HostRuleSet {
  const addresses = [address('10.0.0.3'), address('fd00::3')];
  const rules: WorkloadRules = { workload: 'api-1', kind: 'host', addresses, inbound, outbound: enforced, ...rest };
  return { revision: 1, host: 'api-1', workloads: [rules], peerSets };
}

interface Packet {
  readonly peer?: string;
  readonly local?: string;
  readonly service?: Service;
}

function inbound(
  rules: HostRuleSet,
  { peer = '10.0.0.1', local, service = tcp(8080) }: Packet,
  essentials: readonly EssentialEntry[] = [],
): End {
  return evaluateEnd({
    ruleSet: rules,
    workload: 'api-1',
    direction: 'inbound',
    localAddress: address(local ?? (peer.includes(':') ? 'fd00::3' : '10.0.0.3')),
    peerAddress: address(peer),
    service,
    essentials,
  });
}

const tcp = (port: number): Service => ({ protocol: 6, port });
const granted = { verdict: 'allow', reason: 'rule', workload: 'api-1', segment: 'shop', rule: 'web-to-api' } as const;
const denied = {
  verdict: 'deny',
  reason: 'default',
  workload: 'api-1',
  segment: 'shop',
  combination: 'app=shop',
} as const;
const passed = { ...denied, verdict: 'would-deny' } as const;

describe('one end decides by the first layer that does', () => {
  const ssh: EssentialEntry = {
    name: 'ssh',
    direction: 'inbound',
    peers: { kind: 'ranges', ranges: [range('192.0.2.0/24')] },
    services: [term('tcp/22')],
  };
  const quarantined = ruleSet(enforced, { quarantine: { name: 'incident-7', peers: web } });

  const table: readonly (readonly [title: string, rules: HostRuleSet, packet: Packet, end: End])[] = [
    // 1. essential
    [
      'an own address is loopback',
      ruleSet(enforced),
      { peer: 'fd00::3' },
      { verdict: 'allow', reason: 'essential', workload: 'api-1', essential: 'loopback' },
    ],
    [
      'a local setting comes before quarantine',
      quarantined,
      { peer: '192.0.2.1', service: tcp(22) },
      { verdict: 'allow', reason: 'essential', workload: 'api-1', essential: 'ssh' },
    ],
    ['a local setting holds in its range only', ruleSet(enforced), { peer: '198.51.100.1', service: tcp(22) }, denied],
    // 2. quarantine
    [
      'quarantine denies whom it does not name',
      quarantined,
      { peer: '10.0.0.9' },
      { verdict: 'deny', reason: 'quarantine', workload: 'api-1', quarantine: 'incident-7' },
    ],
    ['quarantine lets its peers on to the rules', quarantined, {}, granted],
    ['and no further', quarantined, { service: tcp(9) }, denied],
    // 3. guardrail
    [
      'a guardrail denies what a rule grants',
      ruleSet({ ...enforced, guardrails: [guardrail] }),
      {},
      { verdict: 'deny', reason: 'guardrail', workload: 'api-1', guardrail: 'no-web' },
    ],
    [
      'one that enforces decides though one that observes comes first',
      ruleSet({ ...enforced, guardrails: [watching, guardrail] }),
      {},
      { verdict: 'deny', reason: 'guardrail', workload: 'api-1', guardrail: 'no-web' },
    ],
    [
      'one that observes leaves the rule as the reason',
      ruleSet({ ...enforced, guardrails: [watching] }),
      {},
      { ...granted, verdict: 'would-deny', guardrail: 'a-watcher' },
    ],
    [
      'and is not named where the default decides',
      ruleSet({ ...enforced, guardrails: [watching] }),
      { service: tcp(8081) },
      denied,
    ],
    [
      'one for other services is silent',
      ruleSet({ ...enforced, guardrails: [{ ...guardrail, services: [term('udp/1-65535')] }] }),
      {},
      granted,
    ],
    // 4. mode
    [
      'off allows',
      ruleSet({ ...enforced, mode: 'off', grants: [] }),
      {},
      { verdict: 'allow', reason: 'off', workload: 'api-1' },
    ],
    [
      'off does not stop a guardrail',
      ruleSet({ ...enforced, mode: 'off', guardrails: [guardrail] }),
      {},
      { verdict: 'deny', reason: 'guardrail', workload: 'api-1', guardrail: 'no-web' },
    ],
    // 5. rule
    ['the first rule that grants is named', ruleSet(enforced), {}, granted],
    ['by IPv6 as well', ruleSet(enforced), { peer: 'fd00::1' }, granted],
    ['not from another peer', ruleSet(enforced), { peer: '10.0.0.2' }, denied],
    ['not for another service', ruleSet(enforced), { service: { protocol: 17, port: 8080 } }, denied],
    [
      'its combination is named',
      ruleSet({ ...enforced, grants: [twice] }),
      {},
      { ...granted, segment: 'zone', combination: 'app=shop', rule: 'also' },
    ],
    ['any peer', ruleSet({ ...enforced, grants: [{ ...webToApi, peers: any }] }), { peer: '203.0.113.1' }, granted],
    [
      'no peer at all',
      ruleSet({ ...enforced, grants: [{ ...webToApi, peers: { kind: 'sets', ids: [] } }] }),
      {},
      denied,
    ],
    [
      'a peer in a range',
      ruleSet({ ...enforced, grants: [{ ...webToApi, peers: { kind: 'sets', ids: ['office'] } }] }),
      { peer: '192.0.2.255' },
      granted,
    ],
    [
      'a peer just outside it',
      ruleSet({ ...enforced, grants: [{ ...webToApi, peers: { kind: 'sets', ids: ['office'] } }] }),
      { peer: '192.0.3.0' },
      denied,
    ],
    [
      'its own range holds the local address',
      ruleSet({ ...enforced, grants: [{ ...webToApi, local: { kind: 'ranges', ranges: [range('10.0.0.3/32')] } }] }),
      {},
      granted,
    ],
    [
      'its own range does not',
      ruleSet({ ...enforced, grants: [{ ...webToApi, local: { kind: 'ranges', ranges: [range('10.0.0.3/32')] } }] }),
      { peer: 'fd00::1' },
      denied,
    ],
    // 6. default
    ['enforce denies', ruleSet({ ...enforced, grants: [] }), {}, denied],
    ['observe would deny', ruleSet({ ...enforced, mode: 'observe', grants: [] }), {}, passed],
    [
      'without a segment nobody is named',
      ruleSet({ mode: 'observe', onDeny: 'drop', selective: [], guardrails: [], grants: [] }),
      {},
      { verdict: 'would-deny', reason: 'default', workload: 'api-1' },
    ],
    [
      'selective denies its services, and names whose they are',
      ruleSet(selective),
      { service: { protocol: 17, port: 53 } },
      { verdict: 'deny', reason: 'default', workload: 'api-1', segment: 'ops' },
    ],
    ['selective lets a rule grant first', ruleSet(selective), {}, granted],
    ['selective lets other services pass', ruleSet(selective), { service: tcp(9) }, passed],
  ];

  test.each(table)('%s', (_title, rules, packet, end) => {
    expect(inbound(rules, packet, [ssh])).toEqual(end);
  });

  test('a workload that the rule set does not hold is unmanaged', () => {
    const query = { workload: 'nobody', direction: 'inbound', service: tcp(1), essentials: [] } as const;
    const addresses = { localAddress: address('10.0.0.3'), peerAddress: address('10.0.0.1') };
    expect(evaluateEnd({ ruleSet: ruleSet(enforced), ...query, ...addresses })).toEqual({
      verdict: 'unmanaged',
      reason: 'unmanaged',
      workload: 'nobody',
    });
  });

  test('a rule that names a set nobody holds is a broken rule set, not a miss', () => {
    const broken = ruleSet({ ...enforced, grants: [{ ...webToApi, peers: { kind: 'sets', ids: ['gone'] } }] });
    expect(() => inbound(broken, {})).toThrow('lacks peer set "gone"');
  });
});
