// Nobody on the network or the host may undo a policy by keeping the agent from its control plane: every state of the judgement of
// a lock-out, what a table would deny the agent before it is loaded, and which denials count as our own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { createSignOfLife } from '#agent/link/sign-of-life.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { DeniedCount } from '#agent-core/table/denied-listing.ts';
import { changeOf, denialsAmong, denialsSince, judgeLockOut } from '#agent-core/table/lock-out.ts';
import { deniedWay, type OwnWay, refusalOfWay } from '#agent-core/table/own-way.ts';
import { witnessScript } from '#agent-core/table/try-witness.ts';
import { deathsBetween } from '#agent-core/table/witness-listing.ts';
import type { Address } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import { assertOk, ok } from '#model/result.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { parseServiceTerm } from '#model/service.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createFakeNft } from '#test/support/fake-nft.ts';

test('of all that can be seen of a change, one combination undoes it', () => {
  const all = (['contains', 'ordinary'] as const).flatMap((change) =>
    (['reached', 'failed'] as const).flatMap((baseline) =>
      (['lives', 'silent'] as const).flatMap((stream) =>
        (['reached', 'failed'] as const).flatMap((tries) =>
          (['none', 'some'] as const).map((denials) => ({ change, baseline, stream, tries, denials })),
        ),
      ),
    ),
  );
  expect(all).toHaveLength(32);
  expect(all.filter((evidence) => judgeLockOut(evidence) === 'undone')).toEqual([
    { change: 'ordinary', baseline: 'reached', stream: 'silent', tries: 'failed', denials: 'some' },
  ]);
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
const way = { clients: new Set([own]), addresses: [controlPlane], port: 8443 };
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
  ['a try of a source that used up its share', { ...denied, port: 0 }, 3],
  ['what comes in', { ...denied, direction: 'inbound' }, undefined],
  ['a container of this host', { ...denied, client: stranger }, undefined],
  ['a stranger who sends from the control plane', { ...denied, client: controlPlane, server: own }, undefined],
  ['another port', { ...denied, port: 8444 }, undefined],
  ['another protocol', { ...denied, protocol: 17 }, undefined],
  ['another server', { ...denied, server: stranger }, undefined],
] as const)('of what our table denied, %s counts %#', (_name, count, expected) => {
  expect([...denialsAmong([count], way).values()]).toEqual(expected === undefined ? [] : [expected]);
});

const seen = (unrecorded: number, ...elements: readonly (readonly [string, number])[]) => ({
  unrecorded,
  elements: new Map(elements),
});

test.each([
  ['nothing new', seen(2, ['a', 3]), seen(2, ['a', 3]), 0],
  ['one that grew', seen(0, ['a', 3]), seen(0, ['a', 5]), 2],
  ['one that is new', seen(0, ['a', 3]), seen(0, ['a', 3], ['b', 4]), 4],
  ['one that went, and one that grew by less', seen(0, ['a', 9]), seen(0, ['b', 1]), 1],
  ['one that went and came back', seen(0, ['a', 9]), seen(0, ['a', 2]), 2],
  ['what found no room', seen(5), seen(7), 2],
  ['a counter of another table', seen(5), seen(1), 1],
] as const)('denials since: %s', (_name, before, after, expected) => {
  expect(denialsSince(before, after)).toBe(expected);
});

const byName: OwnWay = {
  host: 'cp.test',
  port: 8443,
  addresses: [controlPlane, 'fd00::2' as Address],
  resolvers: ['10.0.0.53' as Address],
};
const essential = (name: string, term: string, ...addresses: readonly string[]): EssentialEntry => ({
  name,
  direction: 'outbound',
  peers: { kind: 'ranges', ranges: normaliseRanges(addresses.map((address) => rangeOf(address as Address))) },
  services: [assertOk(parseServiceTerm(term))],
});
const toAll = essential('control-plane', 'tcp/8443', '10.0.0.2', 'fd00::2');
const toDns = essential('control-plane-dns', 'udp/53', '10.0.0.53');
const closed = { addresses: ['10.0.0.1'], outbound: 'enforce' } as const;
const unnamed = { ...byName, addresses: [] };

test.each<[string, HostPolicy, readonly EssentialEntry[], OwnWay, readonly string[]]>([
  ['all of the way is essential', closed, [toAll, toDns], byName, []],
  ['nothing is, and outbound only observes', { ...closed, outbound: 'observe' }, [], byName, []],
  ['nothing is, and outbound is off', { ...closed, outbound: 'off' }, [], byName, []],
  [
    'nothing is',
    closed,
    [],
    byName,
    ['tcp/8443 to 10.0.0.2 (default of s)', 'tcp/8443 to fd00::2 (default of s)', 'udp/53 to 10.0.0.53 (default of s)'],
  ],
  [
    'one of its addresses is not',
    closed,
    [essential('control-plane', 'tcp/8443', '10.0.0.2'), toDns],
    byName,
    ['tcp/8443 to fd00::2 (default of s)'],
  ],
  [
    'its port is another',
    closed,
    [essential('control-plane', 'tcp/8444', '10.0.0.2', 'fd00::2'), toDns],
    byName,
    ['tcp/8443 to 10.0.0.2 (default of s)', 'tcp/8443 to fd00::2 (default of s)'],
  ],
  ['its resolver is not', closed, [toAll], byName, ['udp/53 to 10.0.0.53 (default of s)']],
  [
    'a rule grants what is not essential',
    { ...closed, peers: { cp: ['10.0.0.2', 'fd00::2'] }, allowOut: ['cp: tcp/8443', 'any: udp/53'] },
    [],
    byName,
    [],
  ],
  [
    'no address is known',
    closed,
    [toDns],
    unnamed,
    ['tcp/8443 to cp.test, of which no address is known (default of s)'],
  ],
  ['no address is known, and outbound only observes', { ...closed, outbound: 'observe' }, [], unnamed, []],
  [
    'another service of the host is denied it',
    { ...closed, outbound: 'observe', units: { web: { unit: 'web.service', outbound: 'enforce' } } },
    [],
    byName,
    [],
  ],
  [
    'the agent’s own service is denied it',
    { ...closed, outbound: 'observe', units: { seg: { unit: 'segwall-agent.service', outbound: 'enforce' } } },
    [toDns],
    { ...byName, unit: 'segwall-agent.service', addresses: [controlPlane] },
    ['tcp/8443 to 10.0.0.2 (default of s)'],
  ],
])('a table where %s', (_name, policy, essentials, ownWay, expected) => {
  const ruleSet = hostRuleSet(policy);
  const table = buildTable({ ruleSet, essentials, numbering: emptyNumbering });
  if (table === undefined) throw new Error('the numbers do not fit');
  expect(deniedWay(table, ownWay)).toEqual(expected);
  const refusal = refusalOfWay({ previous: undefined, next: ruleSet, table, way: ownWay });
  if (expected.length === 0) expect(refusal).toBeUndefined();
  else expect(refusal).toMatch(/^lock-out: .*nothing was loaded\. Compare "essential"/);
});

test('a quarantine is loaded whatever it denies the agent', () => {
  const next = quarantined();
  const table = buildTable({ ruleSet: next, essentials: [], numbering: emptyNumbering });
  if (table === undefined) throw new Error('the numbers do not fit');
  const own = { ...byName, resolvers: [], addresses: [controlPlane] };
  expect(deniedWay(table, own)).toEqual(['tcp/8443 to 10.0.0.2 (quarantine of q)']);
  expect(refusalOfWay({ previous: plain, next, table, way: own })).toBeUndefined();
  // What follows it is a change like any other.
  expect(refusalOfWay({ previous: next, next, table, way: own })).toContain('lock-out');
});

/** As nft lists them. */
const counted = (sent: number, left: number, arrived: number, taken: number): string =>
  Object.entries({ sent, left, arrived, taken })
    .map(([name, packets]) => `\tcounter ${name} {\n\t\tpackets ${packets} bytes ${packets * 60}\n\t}\n`)
    .join('');

test.each([
  ['no port was free: nothing was sent', counted(0, 0, 0, 0), 0],
  ['the network dropped it: it left, and nothing came', counted(3, 3, 0, 0), 0],
  ['it was answered', counted(1, 1, 1, 1), 0],
  ['answers to nobody came after our hook alone', counted(1, 1, 0, 9), 0],
  ['our table denied it on its way out', counted(3, 0, 0, 0), 3],
  ['our table denied one of its packets on the way out', counted(3, 2, 0, 0), 1],
  ['our table denied the answer', counted(3, 3, 3, 0), 3],
  ['nothing could be read', '', 0],
])('a watched try: %s', (_name, listing, expected) => {
  expect(deathsBetween(listing)).toBe(expected);
});

test('a try is watched by whose socket it is, and its answers by what left, around our hooks', () => {
  const script = witnessScript({ uid: 7, port: 8443, addresses: [controlPlane, 'fd00::2' as Address] });
  const syn = (at: string) => `${at} tcp dport 8443 tcp flags & (fin|syn|rst|ack) == syn meta skuid 7 counter name`;
  const answer = (at: string) => `${at} tcp sport 8443 tcp flags & (fin|syn|rst|ack) == syn|ack`;
  const known = 'ct state established ct direction reply counter name arrived';
  expect(script.split('\n').filter((line) => /^add (?:rule|chain)/.test(line))).toEqual([
    'add chain inet segwall_try out_before { type filter hook output priority -1; policy accept; }',
    `add rule inet segwall_try out_before ${syn('ip daddr 10.0.0.2')} sent`,
    `add rule inet segwall_try out_before ${syn('ip6 daddr fd00::2')} sent`,
    'add chain inet segwall_try out_after { type filter hook output priority 1; policy accept; }',
    `add rule inet segwall_try out_after ${syn('ip daddr 10.0.0.2')} left add @tried4 { ip saddr . tcp sport }`,
    `add rule inet segwall_try out_after ${syn('ip6 daddr fd00::2')} left add @tried6 { ip6 saddr . tcp sport }`,
    'add chain inet segwall_try in_before { type filter hook input priority -1; policy accept; }',
    `add rule inet segwall_try in_before ${answer('ip saddr 10.0.0.2')} ip daddr . tcp dport @tried4 ${known}`,
    `add rule inet segwall_try in_before ${answer('ip6 saddr fd00::2')} ip6 daddr . tcp dport @tried6 ${known}`,
    'add chain inet segwall_try in_after { type filter hook input priority 1; policy accept; }',
    `add rule inet segwall_try in_after ${answer('ip saddr 10.0.0.2')} counter name taken`,
    `add rule inet segwall_try in_after ${answer('ip6 saddr fd00::2')} counter name taken`,
  ]);
});

test('a table that bars the way is refused, nothing is loaded and nobody asked; once the way is known it is loaded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'segwall-vetoes-'));
  try {
    const nft = createFakeNft();
    let essentials: readonly EssentialEntry[] = [];
    const enforcer = createEnforcer({
      nft,
      stateDirectory: openStateDirectory(directory),
      essentials: () => essentials,
      way: () => ({ ...byName, addresses: [controlPlane], resolvers: [] }),
      log: pino({ level: 'silent' }),
      sweepMarks: async () => ok(0),
    });
    await enforcer.start();
    let asked = 0;
    const apply = (policy: HostPolicy) =>
      enforcer.apply(hostRuleSet(policy), async () => {
        asked += 1;
      });
    await apply({ ...closed, outbound: 'observe', revision: 1 });
    const before = nft.table();
    expect(await apply({ ...closed, revision: 2 })).toMatchObject({
      kind: 'refused',
      revision: 2,
      reason: expect.stringContaining('tcp/8443 to 10.0.0.2 (default of s)'),
    });
    expect({ same: nft.table() === before, held: enforcer.held()?.revision, asked }).toEqual({
      same: true,
      held: 1,
      asked: 1,
    });
    essentials = [toAll];
    expect(await apply({ ...closed, revision: 3 })).toEqual({ kind: 'applied', revision: 3 });
    expect(asked).toBe(2);
    await enforcer.open();
    expect(nft.table()).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('an address that is found while a table is made refuses it nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'segwall-vetoes-'));
  try {
    let found: readonly Address[] = [controlPlane];
    const enforcer = createEnforcer({
      nft: createFakeNft(),
      stateDirectory: openStateDirectory(directory),
      essentials: () => [essential('control-plane', 'tcp/8443', ...found)],
      way: () => ({ ...byName, addresses: found, resolvers: [] }),
      names: {
        prepare: async () => {
          found = [controlPlane, '10.0.0.9' as Address];
        },
        resolve: (ruleSet) => ruleSet,
        complete: (table) => table,
      },
      log: pino({ level: 'silent' }),
      sweepMarks: async () => ok(0),
    });
    await enforcer.start();
    expect(await enforcer.apply(hostRuleSet(closed))).toEqual({ kind: 'applied', revision: 1 });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('a sign of life is a message that comes once the change is in force, not one that lay in a buffer', async () => {
  const life = createSignOfLife();
  const heard: string[] = [];
  const over = new AbortController();
  const [kept, given] = [new AbortController(), over].map(({ signal }) => life.next(signal));
  void kept?.then(() => heard.push('kept'));
  void given?.then(() => heard.push('given up'));
  life.heard();
  await setImmediate();
  life.heard();
  await setImmediate();
  await setImmediate();
  expect(heard).toEqual([]);
  over.abort();
  life.heard();
  await kept;
  expect(heard).toEqual(['kept']);
});
