// What is kept of what was heard: which names a pattern follows, until when, how many; what a rule set becomes by it, and that its
// services stay what they were.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeLearntNames, encodeLearntNames } from '#agent/dns/names-file.ts';
import { readResolvers } from '#agent/dns/resolvers.ts';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { LearntNames, type NameBounds, namesOf } from '#agent-core/dns/learnt-names.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { answerRules, withAnswerChains } from '#agent-core/table/dns-answer-chains.ts';
import type { Address } from '#model/address.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { ruleLines } from '#test/support/rule-lines.ts';
import { withNames } from './rule-sets.ts';

const at = (text: string) => text as Address;
const bounds: NameBounds = { graceMs: 10_000, recheckMs: 60_000, perNameMost: 3, addressesMost: 5 };
const none = new Set<Address>();

function heard(name: string, addresses: readonly string[], ttlSeconds = 60) {
  return addresses.map((address) => ({ address: at(address), names: [name], ttlSeconds }));
}

function following(names: readonly string[], own: Partial<NameBounds> = {}): LearntNames {
  const learnt = new LearntNames({ ...bounds, ...own });
  learnt.follow(new Set(names));
  return learnt;
}

const known = (learnt: LearntNames) => learnt.entries().map(([name, address]) => `${name} ${address}`);

describe('a pattern follows', () => {
  const rows: readonly (readonly [string, string, 'yes' | 'no'])[] = [
    ['api.example.com', 'api.example.com', 'yes'],
    ['api.example.com', 'x.api.example.com', 'no'],
    ['api.example.com', 'notapi.example.com', 'no'],
    ['*.example.com', 'api.example.com', 'yes'],
    ['*.example.com', 'a.b.c.example.com', 'yes'],
    ['*.example.com', 'example.com', 'no'],
    ['*.example.com', 'badexample.com', 'no'],
    ['*.example.com', 'example.com.evil.net', 'no'],
  ];
  test.each(rows)('%s: %s, %s', (pattern, name, outcome) => {
    const learnt = following([pattern]);
    expect(learnt.learn(heard(name, ['192.0.2.1']), 0)).toBe(outcome === 'yes' ? 'wanted' : 'not-wanted');
    expect(known(learnt)).toEqual(outcome === 'yes' ? [`${pattern} 192.0.2.1`] : []);
  });

  test('an alias on the way, and the exact name beside the pattern', () => {
    const learnt = following(['www.example.com', '*.cdn.net']);
    learnt.learn([{ address: at('192.0.2.1'), names: ['www.example.com', 'e7.cdn.net'], ttlSeconds: 1 }], 0);
    expect(known(learnt)).toEqual(['www.example.com 192.0.2.1', '*.cdn.net 192.0.2.1']);
  });
});

describe('an address', () => {
  test('is kept for its TTL and the grace, and again each time it is heard', () => {
    const learnt = following(['a.b']);
    learnt.learn(heard('a.b', ['192.0.2.1'], 60), 0);
    expect([...learnt.overdue(69_999)]).toEqual([]);
    learnt.learn(heard('a.b', ['192.0.2.1'], 60), 50_000);
    expect([...learnt.overdue(119_999)]).toEqual([]);
    expect([...learnt.overdue(120_000)]).toEqual(['192.0.2.1']);
    learnt.expire(none, 120_000);
    expect(known(learnt)).toEqual([]);
  });

  test('is kept while a connection to it lives, and looked at again after a while', () => {
    const learnt = following(['a.b']);
    learnt.learn(heard('a.b', ['192.0.2.1', '192.0.2.2'], 0), 0);
    learnt.expire(new Set([at('192.0.2.1')]), 10_000);
    expect(known(learnt)).toEqual(['a.b 192.0.2.1']);
    expect([...learnt.overdue(69_999)]).toEqual([]);
    learnt.expire(none, 70_000);
    expect(known(learnt)).toEqual([]);
  });

  test('of no peer is never learnt', () => {
    const learnt = following(['a.b'], { perNameMost: 100, addressesMost: 100 });
    const tricks = [
      '0.0.0.0',
      '127.0.0.1',
      '169.254.169.254',
      '224.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      'fe80::1',
      'ff02::1',
    ];
    expect(learnt.learn(heard('a.b', tricks), 0)).toBe('wanted');
    expect(known(learnt)).toEqual([]);
    expect(learnt.counts().get('a.b')).toEqual({ addresses: 0, lost: 0 });
  });

  test('that lives for 68 years is kept for a day', () => {
    const learnt = following(['a.b']);
    learnt.learn(heard('a.b', ['192.0.2.1'], 0x7fffffff), 0);
    expect([...learnt.overdue(86_400_000 + 10_000)]).toEqual(['192.0.2.1']);
  });
});

describe('bounds', () => {
  test('hold for one name and for all, and the loss is counted where it was', () => {
    const learnt = following(['a.b', 'c.d']);
    learnt.learn(heard('a.b', ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']), 0);
    learnt.learn(heard('c.d', ['192.0.2.11', '192.0.2.12', '192.0.2.13']), 0);
    expect([...learnt.counts()]).toEqual([
      ['a.b', { addresses: 3, lost: 1 }],
      ['c.d', { addresses: 2, lost: 1 }],
    ]);
    learnt.expire(none, 1_000_000);
    learnt.learn(heard('c.d', ['192.0.2.21', '192.0.2.22', '192.0.2.23']), 1_000_000);
    expect(learnt.counts().get('c.d')).toEqual({ addresses: 3, lost: 1 });
  });

  test('what is heard again takes no more room', () => {
    const learnt = following(['a.b']);
    for (let round = 0; round < 5; round += 1)
      learnt.learn(heard('a.b', ['192.0.2.1', '192.0.2.2', '192.0.2.3']), round);
    expect(learnt.counts().get('a.b')).toEqual({ addresses: 3, lost: 0 });
  });

  test('names that no policy names any more are forgotten, and their room is free', () => {
    const learnt = following(['a.b']);
    learnt.learn(heard('a.b', ['192.0.2.1', '192.0.2.2', '192.0.2.3']), 0);
    const { version } = learnt;
    learnt.follow(new Set(['c.d']));
    expect(learnt.version).toBeGreaterThan(version);
    learnt.learn(heard('c.d', ['192.0.2.4', '192.0.2.5', '192.0.2.6']), 0);
    expect(known(learnt)).toEqual(['c.d 192.0.2.4', 'c.d 192.0.2.5', 'c.d 192.0.2.6']);
  });
});

describe('a rule set', () => {
  const base = withNames(
    hostRuleSet({
      addresses: ['10.0.0.1'],
      inbound: 'observe',
      outbound: 'enforce',
      allowOut: ['api: tcp/443', 'db: tcp/5432'],
      peers: { api: [], db: ['10.0.0.9'] },
    }),
    { api: 'api.example.com' },
  );
  const ask = (ruleSet: typeof base, peer: string, port: number) =>
    evaluateEnd({
      ruleSet,
      workload: 'h1',
      direction: 'outbound',
      localAddress: at('10.0.0.1'),
      peerAddress: at(peer),
      service: { protocol: 6, port },
    });

  test('is what it was until something is known, and then grants the rule’s service alone', () => {
    const learnt = following([...namesOf(base)]);
    expect(ask(learnt.resolve(base), '192.0.2.1', 443).verdict).toBe('deny');
    learnt.learn(heard('api.example.com', ['192.0.2.1', '10.0.0.9']), 0);
    const resolved = learnt.resolve(base);
    expect(ask(resolved, '192.0.2.1', 443)).toMatchObject({ verdict: 'allow', rule: 'rule-0' });
    expect(ask(resolved, '192.0.2.1', 5432).verdict).toBe('deny');
    expect(ask(resolved, '10.0.0.9', 443).rule).toBe('rule-0');
    expect(ask(resolved, '10.0.0.9', 5432).rule).toBe('rule-1');
    expect(learnt.resolve(base)).toBe(resolved);
    expect(base.peerSets.get('api')?.addresses).toEqual([]);
  });

  test('that learns only widens; that forgets revokes', () => {
    const learnt = following([...namesOf(base)]);
    const table = (numbering = emptyNumbering) => {
      const built = buildTable({ ruleSet: learnt.resolve(base), essentials: [], numbering });
      if (built === undefined) throw new Error('no table');
      return built;
    };
    const before = table();
    learnt.learn(heard('api.example.com', ['192.0.2.1'], 0), 0);
    const after = table(before.numbering);
    expect(revokesAnything(before, after)).toBe(false);
    learnt.expire(none, 1_000_000);
    expect(revokesAnything(after, table(after.numbering))).toBe(true);
  });

  test('shows questions to its resolvers and their answers alone, behind its own chains, and only where it names names', () => {
    const table = buildTable({ ruleSet: base, essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('no table');
    const resolvers = [at('10.0.0.53'), at('fd00::53')];
    const shown = withAnswerChains(table, { ruleSet: base, source: 'held', resolvers });
    const shownBy = (name: string) => {
      const { hook, rules = [] } = shown.chains.get(name) ?? {};
      return { hook, lines: ruleLines(rules) };
    };
    expect(shownBy('answers_input')).toEqual({
      hook: '{ type filter hook input priority 10; policy accept; }',
      lines: [
        'iif "lo" udp dport 21061 update @answers_heard { meta nfproto }',
        'th sport != 53 return',
        'udp sport 53 ip saddr { 10.0.0.53 } ct state established ct direction reply meta nfproto @answers_heard queue num 21061 bypass',
        'tcp sport 53 ip saddr { 10.0.0.53 } ct state established ct direction reply meta nfproto @answers_heard queue num 21061 bypass',
        'udp sport 53 ip6 saddr { fd00::53 } ct state established ct direction reply meta nfproto @answers_heard queue num 21061 bypass',
        'tcp sport 53 ip6 saddr { fd00::53 } ct state established ct direction reply meta nfproto @answers_heard queue num 21061 bypass',
      ],
    });
    expect(shownBy('questions_output')).toEqual({
      hook: '{ type filter hook output priority 10; policy accept; }',
      lines: [
        'th dport != 53 return',
        'udp dport 53 ip daddr { 10.0.0.53 } ct direction original meta nfproto @answers_heard queue num 21061 bypass',
        'tcp dport 53 ip daddr { 10.0.0.53 } ct direction original meta nfproto @answers_heard queue num 21061 bypass',
        'udp dport 53 ip6 daddr { fd00::53 } ct direction original meta nfproto @answers_heard queue num 21061 bypass',
        'tcp dport 53 ip6 daddr { fd00::53 } ct direction original meta nfproto @answers_heard queue num 21061 bypass',
      ],
    });
    expect(shown.chains.has('answers_forward')).toBe(false);
    expect(shown.maps.get('answers_heard')?.declaration).toBe(
      '{ type nf_proto; size 4; flags dynamic,timeout; timeout 3s; }',
    );
    expect(withAnswerChains(table, { ruleSet: base, source: 'copied', resolvers }).maps).toBe(table.maps);
    expect(withAnswerChains(table, { ruleSet: base, source: 'held', resolvers: [] })).toBe(table);
    expect(ruleLines(answerRules('copied', [at('10.0.0.53')]))[0]).toContain('log group 21061');
    const { peerSets: _, ...rest } = base;
    const nameless = { ...rest, peerSets: new Map() };
    expect(withAnswerChains(table, { ruleSet: nameless, source: 'held', resolvers })).toBe(table);
  });
});

describe('on disk', () => {
  test('what was known comes back, but for what ran out, and nothing for longer than a day', () => {
    const learnt = following(['a.b']);
    learnt.learn(heard('a.b', ['192.0.2.1'], 5), 0);
    learnt.learn(heard('a.b', ['192.0.2.2'], 500), 0);
    const again = following(['a.b']);
    again.restore(decodeLearntNames(encodeLearntNames(learnt.entries())), 20_000);
    expect(known(again)).toEqual(['a.b 192.0.2.2']);
    const later = following(['a.b']);
    later.restore([['a.b', at('192.0.2.3'), Number.MAX_SAFE_INTEGER]], 0);
    expect([...later.overdue(86_410_000)]).toEqual(['192.0.2.3']);
  });

  test.each([
    '',
    '{',
    '{}',
    '[1]',
    '[["a.b","nonsense",5]]',
    '[["A.B","192.0.2.1",5]]',
    '[["a.b","192.0.2.1","x"]]',
    '[["a b","192.0.2.1",5]]',
  ])('a bad file is as good as none: %s', (text) => {
    expect(decodeLearntNames(Buffer.from(text))).toEqual([]);
  });
});

describe('resolvers are', () => {
  test('those of the settings, else those of resolv.conf and of systemd-resolved', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'segwall-names-'));
    const [first, second] = [join(directory, 'first'), join(directory, 'second')];
    await writeFile(first, 'search x\n# nameserver 10.0.0.9\nnameserver 127.0.0.53\noptions edns0\n');
    await writeFile(second, 'nameserver 10.0.0.53\n  nameserver FD00::53\nnameserver nonsense\n');
    expect(readResolvers([], [first, second, join(directory, 'missing')])).toEqual([
      '10.0.0.53',
      '127.0.0.53',
      'fd00::53',
    ]);
    expect(readResolvers([at('10.9.9.9')], [first])).toEqual(['10.9.9.9']);
    await rm(directory, { recursive: true });
  });
});
