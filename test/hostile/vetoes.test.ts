// Nobody on the network or the host may undo a policy by keeping the agent from its control plane: every state of the judgement of
// a lock-out, and which denials count as our own.

import { expect, test } from 'vitest';
import type { DeniedCount } from '#agent-core/denied-sets.ts';
import { changeOf, denialsAmong, judgeLockOut } from '#agent-core/lock-out.ts';
import type { Address } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';

test.each([
  ['contains', 'reached', 'none', 'kept'],
  ['contains', 'reached', 'some', 'kept'],
  ['contains', 'failed', 'none', 'kept'],
  ['contains', 'failed', 'some', 'kept'],
  ['ordinary', 'reached', 'none', 'kept'],
  ['ordinary', 'reached', 'some', 'kept'],
  ['ordinary', 'failed', 'none', 'kept'],
  ['ordinary', 'failed', 'some', 'undone'],
] as const)('a change that is %s, tries that are %s, %s denied by us: %s', (change, tries, denials, expected) => {
  expect(judgeLockOut({ change, tries, denials })).toBe(expected);
});

const plain = hostRuleSet({ addresses: ['10.0.0.1'] });
const quarantined = (...exempt: string[]): HostRuleSet => ({
  ...plain,
  workloads: plain.workloads.map((rules) => ({
    ...rules,
    quarantine: { name: 'q', peers: { kind: 'sets', ids: exempt } },
  })),
});

const cutOff = (base: HostRuleSet, ...addresses: string[]): HostRuleSet => ({
  ...base,
  peerSets: new Map([
    ...base.peerSets,
    [
      'quarantine/lost',
      { id: 'quarantine/lost', quarantine: 'lost', addresses: addresses.map((text) => text as Address), ranges: [] },
    ],
  ]),
});
const one = cutOff(plain, '10.0.0.7');
const other = hostRuleSet({ addresses: ['10.0.0.4'] });

test.each([
  ['nobody cut off to one peer', plain, one, 'contains'],
  ['one peer cut off to two', one, cutOff(one, '10.0.0.7', '10.0.0.8'), 'contains'],
  ['one peer cut off to none', one, plain, 'ordinary'],
  ['one peer cut off to one and other rules', one, cutOff(other, '10.0.0.7', '10.0.0.8'), 'ordinary'],
  ['no policy to one peer cut off', undefined, one, 'ordinary'],
  ['no policy to none quarantined', undefined, plain, 'ordinary'],
  ['no policy to quarantined', undefined, quarantined(), 'contains'],
  ['free to quarantined', plain, quarantined(), 'contains'],
  ['quarantined as before', quarantined('admins'), quarantined('admins'), 'ordinary'],
  ['quarantined with fewer exempt', quarantined('admins'), quarantined(), 'contains'],
  ['quarantined to free', quarantined(), plain, 'ordinary'],
] as const)('a change from %s', (_name, previous, next, expected) => {
  expect(changeOf(previous, next)).toBe(expected);
});

const own = '10.0.0.1' as Address;
const controlPlane = '10.0.0.2' as Address;
const stranger = '10.0.0.3' as Address;
const way = {
  clients: new Set([own]),
  entries: [
    {
      name: 'control-plane',
      direction: 'outbound',
      peers: { kind: 'ranges', ranges: [rangeOf(controlPlane)] },
      services: [{ kind: 'ports', protocol: 'tcp', low: 8443, high: 8443 }],
    },
  ] satisfies EssentialEntry[],
};
const denied: DeniedCount = {
  direction: 'outbound',
  client: own,
  server: controlPlane,
  protocol: 6,
  port: 8443,
  decision: 1,
  packets: 3,
  bytes: 180,
};

test.each([
  ['our own try', denied, 3],
  ['an answer to our own try', { ...denied, direction: 'inbound' }, 3],
  ['a container of this host', { ...denied, client: stranger }, 0],
  ['a stranger who sends from the control plane', { ...denied, client: controlPlane, server: own }, 0],
  ['another port', { ...denied, port: 8444 }, 0],
  ['another protocol', { ...denied, protocol: 17 }, 0],
  ['another server', { ...denied, server: stranger }, 0],
] as const)('of what our table denied, %s counts %#', (_name, count, expected) => {
  expect(denialsAmong([count], way)).toBe(expected);
});
