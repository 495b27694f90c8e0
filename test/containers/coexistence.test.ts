// Beside the rules of others, in the shapes that container engines, firewalls and cluster proxies leave: ours hold, theirs are as they
// were to the byte, and what of theirs could override ours is found and named.

import { readFileSync } from 'node:fs';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createForeignWatch } from '#agent/enforce/other-tables-watch.ts';
import { createNft } from '#agent/nft/nft.ts';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { findForeignRules } from '#agent-core/host/other-tables.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import type { Address } from '#model/address.ts';
import type { HostRuleSet, WorkloadRules } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, insideNamespace, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { addContainers } from './container-lab.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}.nft`, import.meta.url), 'utf8');
const shapes = ['docker', 'firewalld', 'ufw', 'kube-proxy-iptables', 'kube-proxy-nftables'] as const;

/** The host and its container let the peer use tcp/8080 only. */
function ruleSet(revision: number, allowed: readonly string[]): HostRuleSet {
  const base = hostRuleSet({
    revision,
    addresses: ['10.84.0.1', 'fd84::1'],
    inbound: 'enforce',
    outbound: 'observe',
    allowIn: allowed.map((service) => `peer: ${service}`),
    peers: { peer: ['10.84.0.2', 'fd84::2'] },
  });
  const [host] = base.workloads;
  if (host === undefined) throw new Error('no host');
  const web: WorkloadRules = {
    ...host,
    workload: 'web',
    kind: 'container',
    addresses: ['172.17.0.2', 'fd84:17::2'] as readonly string[] as readonly Address[],
  };
  return { ...base, workloads: [host, web] };
}

/** What the peer tries: the host itself, and the container through a published port or by its routed address. */
const tries = [
  ['10.84.0.1', 8080],
  ['10.84.0.1', 5432],
  ['fd84::1', 8080],
  ['fd84::1', 5432],
  ['10.84.0.1', 18080],
  ['10.84.0.1', 15432],
] as const;

describe('beside the rules of others', () => {
  let lab: Lab;
  let host: LabHost;
  let peer: HostProbe;
  beforeAll(async () => {
    lab = await createLab({ name: 'beside' });
    host = await lab.addHost({ name: 'h1', ipv4: '10.84.0.1', ipv6: 'fd84::1' });
    const outside = await lab.addHost({ name: 'peer', ipv4: '10.84.0.2', ipv6: 'fd84::2' });
    const boxed = await addContainers({
      lab,
      host,
      bridges: [
        { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
        { name: 'br-app', ipv4: '172.18.0.1', ipv6: 'fd84:18::1' },
      ],
      containers: [{ name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' }],
      published: [
        { port: 18080, container: 'web', containerPort: 8080 },
        { port: 15432, container: 'web', containerPort: 5432 },
      ],
    });
    for (const place of [host, ...boxed.values()]) {
      const probe = await startProbe(place);
      await probe.listen([
        { transport: 'tcp', port: 8080 },
        { transport: 'tcp', port: 5432 },
      ]);
    }
    peer = await startProbe(outside);
  });
  afterAll(() => lab.remove());

  const nft = async (script: string) => {
    const result = await host.exec(['nft', '-f', '-'], { input: script });
    if (result.exitCode !== 0) throw new Error(result.stderr);
  };
  const tablesOf = (script: string) => [...script.matchAll(/^table (\S+ \S+)/gm)].map(([, name = '']) => name);
  const listing = async (tables: readonly string[]) => {
    const parts: string[] = [];
    for (const table of tables) {
      const { stdout, exitCode } = await host.exec(['nft', '-s', '-a', 'list', 'table', ...table.split(' ')]);
      expect(exitCode).toBe(0);
      parts.push(stdout);
    }
    return parts.join('');
  };
  const probe = async () => {
    const targets = tries.map(([address, port]) => ({ transport: 'tcp' as const, address, port }));
    return (await peer.probe(targets)).map(({ kind }) => kind);
  };
  const load = async (revision: number, allowed: readonly string[]) => {
    const script = renderFromNothing(ruleSet(revision, allowed), { essentials: [] });
    await nft(`add table inet segwall\ndelete table inet segwall\n${script}`);
    await host.exec(['conntrack', '-F']);
  };

  test.each(shapes)('of the shape of %s', async (shape) => {
    const script = fixture(shape);
    await nft(script);
    const tables = tablesOf(script);
    const before = await listing(tables);
    try {
      await load(1, ['tcp/8080']);
      expect(await probe()).toEqual(['allowed', 'dropped', 'allowed', 'dropped', 'allowed', 'dropped']);
      await load(2, ['tcp/5432']);
      expect(await probe()).toEqual(['dropped', 'allowed', 'dropped', 'allowed', 'dropped', 'allowed']);
      await nft('delete table inet segwall\n');
      expect(await listing(tables)).toBe(before);
      const found = findForeignRules(await listing(tables));
      expect(found.filter(({ effect }) => effect === 'weakens')).toEqual([]);
    } finally {
      await nft(tables.map((table) => `delete table ${table}\n`).join(''));
    }
  });

  test('what can override ours is found, with its place and its words', async () => {
    const script = fixture('overriding');
    await nft(script);
    const told: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void told.push(JSON.parse(line).msg) });
    const [program = '', ...leading] = insideNamespace(host.namespace, ['nft']);
    const watch = createForeignWatch({
      nft: createNft([program, ...leading]),
      marks: defaultMarks,
      log,
      root: '/nowhere/',
    });
    await watch.look();
    await nft('delete table inet overriding\n');
    const found = watch.findings().map(({ effect, kind, table, chain, rule }) => [effect, kind, table, chain, rule]);
    expect(found).toEqual([
      ['weakens', 'notrack', 'inet overriding', 'early', 'udp dport 53 notrack'],
      ['weakens', 'rewrite', 'inet overriding', 'early', 'tcp dport 9999 ip daddr set 10.84.0.9'],
      ['weakens', 'mark', 'inet overriding', 'whole', 'tcp dport 1001 ct mark set 0x00000007'],
      ['weakens', 'mark', 'inet overriding', 'whole', 'tcp dport 1002 ct mark set meta mark'],
      ['weakens', 'mark', 'inet overriding', 'some', 'tcp dport 1003 ct mark set ct mark | 0x00000100'],
      ['weakens', 'mark', 'inet overriding', 'some', 'tcp dport 1004 ct mark set ct mark & 0xffff0000'],
      ['misled', 'mark-read', 'inet overriding', 'others', 'tcp dport 1006 meta mark set ct mark'],
      ['denies', 'denial', 'inet overriding', 'before', 'tcp dport 1007 drop'],
      ['denies', 'denial', 'inet overriding', 'after', ''],
    ]);
    expect(told).toHaveLength(9);
    expect(told[0]).toMatch(/^may override ours: inet overriding, chain early: udp dport 53 notrack \(/);
    // Told once; gone when it is gone.
    await watch.look();
    expect([told.length, watch.findings()]).toEqual([9, []]);
    watch.close();
  });
});

describe('in what iptables-nft and flowtables make of a listing', () => {
  const chain = (...rules: readonly string[]) =>
    `table ip mangle {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority -150; policy accept;\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n}\n`;
  test.each([
    ['meta l4proto tcp counter xt target "CONNMARK"', 'mark'],
    ['counter packets 0 bytes 0 CONNMARK xset 0x1/0xffffffff', 'mark'],
    ['# -j CONNMARK --set-xmark 0x1/0xffff', 'mark'],
    ['# -j CONNMARK --set-xmark 0x10000000/0xf0000000', undefined],
    ['# -j CONNMARK --restore-mark', 'mark-read'],
    ['udp dport 53 counter xt target "CT"', 'notrack'],
    ['ip protocol tcp flow add @fast', 'offload'],
    ['tcp dport 443 ct mark set ct mark & 0x0fffffff | 0x20000000 accept', undefined],
    ['tcp dport 443 ct mark set ct mark and 0x0fffffff', undefined],
    ['tcp dport 443 ct mark set mark accept', 'mark'],
    ['tcp dport 443 meta mark set 0x1', undefined],
    ['ct mark 0x7 accept', 'mark-read'],
  ])('%s', (rule, kind) => {
    expect(findForeignRules(chain(rule))[0]?.kind).toBe(kind);
  });

  test('what a chain that is jumped to denies, its base chain denies', () => {
    const text = `table ip filter {\n\tchain USER {\n\t\tip saddr 203.0.113.0/24 counter drop\n\t}\n\tchain FORWARD {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tcounter jump USER\n\t}\n\tchain unused {\n\t\tdrop\n\t}\n}\n`;
    expect(
      findForeignRules(text).map(({ chain: name, rule, text: says }) => [name, rule, says.split(' at ')[0]]),
    ).toEqual([['FORWARD', 'ip saddr 203.0.113.0/24 counter drop', '1 of its rules deny']]);
  });

  test('nothing is found in nothing', () => expect(findForeignRules('')).toEqual([]));
});
