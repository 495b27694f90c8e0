// Which peer maps answer with tags instead of chains, and that a packet which comes to no class is not let through.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preparationScript } from '#agent-core/change/preparation.ts';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { bootstrapScript, changeScript, removalScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault, tagText } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { startProbe } from '#test/support/probe.ts';

const addresses = (network: number, count: number) =>
  Array.from({ length: count }, (_, at) => `10.${network}.${at >> 8}.${at & 255}`);

function tableOf(
  policy: Partial<HostPolicy>,
  options: { readonly previous?: Table; readonly mostWalks?: number },
): Table {
  const ruleSet = hostRuleSet({ addresses: ['10.77.0.1', 'fd77::1'], outbound: 'off', ...policy });
  const { previous, mostWalks = 300 } = options;
  const table = buildTable({
    ruleSet,
    essentials: [],
    numbering: previous?.numbering ?? emptyNumbering,
    mostWalks,
    ...(previous === undefined ? {} : { previous }),
  });
  if (table === undefined) throw new Error('out of decision numbers');
  return table;
}

const mapsOf = (table: Table) => [...table.maps.keys()].filter((name) => /^(?:in|out)\d/.test(name)).sort();
const web = (count: number, more: readonly string[] = []): Partial<HostPolicy> => ({
  peers: { web: [...addresses(1, count), ...more] },
  allowIn: ['web: tcp/80'],
});

describe('of a host whose changes may walk through 300 elements, by three ways to each map', () => {
  test.each<[string, Partial<HostPolicy>, readonly string[]]>([
    ['a map of 100 holds chains', web(100), ['in0_4_192']],
    ['a map of 101 holds tags', web(101), ['in0_4t_192', 'in0_classes']],
    [
      'families count together, and the larger goes first',
      web(
        90,
        addresses(2, 11).map((_, at) => `fd02::${at + 1}`),
      ),
      ['in0_4t_96', 'in0_6_96', 'in0_classes'],
    ],
    [
      'prefixes count as addresses do',
      web(99, ['10.3.0.0/16', '10.5.0.0/16']),
      ['in0_4t_192', 'in0_4tp16_96', 'in0_classes'],
    ],
    [
      'intervals too',
      web(96, ['10.3.0.0/16', '10.5.0.0/17', '10.7.0.0/18', '10.9.0.0/19', '10.11.0.0/20']),
      ['in0_4t_96', expect.stringMatching(/^in0_4tn_/), 'in0_classes'],
    ],
    [
      'of two gates the larger goes first',
      {
        ...web(80),
        outbound: 'enforce',
        peers: { web: addresses(1, 80), db: addresses(2, 40) },
        allowOut: ['db: tcp/5432'],
      },
      ['in0_4t_96', 'in0_classes', 'out0_4_96'],
    ],
    [
      'a container’s map is reached by more ways',
      {
        peers: { web: addresses(1, 40) },
        containers: { c1: { addresses: ['172.17.0.2'], allowIn: ['web: tcp/80'] } },
      },
      ['in1_4t_96', 'in1_classes'],
    ],
  ])('%s', (_, policy, maps) => expect(mapsOf(tableOf(policy, {}))).toEqual(maps));

  test('tags stay until the map is much smaller', () => {
    const large = tableOf(web(101), {});
    const smaller = tableOf(web(40), { previous: large });
    expect(mapsOf(smaller)).toEqual(['in0_4t_192', 'in0_classes']);
    expect(mapsOf(tableOf(web(12), { previous: smaller }))).toEqual(['in0_4_96']);
  });
});

test('a host of 10,000 peers both ways holds chains, one of 100,000 tags', () => {
  const both = (count: number): Partial<HostPolicy> => ({
    ...web(count),
    outbound: 'enforce',
    allowOut: ['web: tcp/80'],
  });
  const maps = (count: number) => mapsOf(tableOf(both(count), { mostWalks: mostWalksDefault }));
  expect(maps(10_000)).toEqual(['in0_4_12288', 'out0_4_12288']);
  expect(maps(100_000)).toEqual(['in0_4t_196608', 'in0_classes', 'out0_4t_196608', 'out0_classes']);
});

test('every tag is another', () => {
  const numbers = [1, 2, 3, 4094, 4095, 4096, 4097, 8191, 8192, 131_071];
  expect(numbers.map(tagText)).toEqual([
    '0:10',
    '0:20',
    '0:30',
    '0:ffe0',
    '0:fff0',
    '7f01:0',
    '7f01:10',
    '7f01:fff0',
    '7f02:0',
    '7f1f:fff0',
  ]);
});

describe('a change', () => {
  const state = { revision: 2, epoch: 1, digest: '-' };
  const classes = (ports: readonly number[]): Partial<HostPolicy> => ({
    peers: Object.fromEntries(ports.map((port) => [`p${port}`, addresses(port, 120)])),
    allowIn: ports.map((port) => `p${port}: tcp/${port}, udp/${port}`),
  });
  const wordsOf = (script: string | undefined, about: RegExp) => script?.split('\n').filter((line) => about.test(line));

  test('prepares the classes that come, and takes those that go away after it', () => {
    const before = tableOf(classes([10, 20]), {});
    const come = tableOf(classes([10, 20, 30]), { previous: before });
    const script = preparationScript(come, new Set(before.maps.keys()), state, before);
    const prepared = wordsOf(script, /^add (?:chain|rule)/);
    expect(prepared).toContain('add chain inet segwall c_3');
    expect(script).toMatch(/add counter inet segwall n_\d+\n/);
    expect(prepared).toContainEqual(expect.stringMatching(/^add rule inet segwall c_3 .*th dport 30/));
    expect(preparationScript(come, new Set(come.maps.keys()), state, come)).toBeUndefined();
    const gone = tableOf(classes([20]), { previous: before });
    const change = changeScript({ previous: before, next: gone, isNewEpoch: true, state, goneMaps: 'kept' });
    expect(wordsOf(change, /^delete (?:chain|element inet segwall in0_classes)/)).toEqual([]);
    expect(wordsOf(removalScript(before, gone, state), /^delete (?:chain|element)/)).toEqual([
      'delete element inet segwall in0_classes { 0:50 }',
      'delete chain inet segwall r_3',
      'delete chain inet segwall c_2',
      'delete chain inet segwall t_2',
    ]);
  });
});

describe('in the kernel', () => {
  let lab: Lab;
  let host: LabHost;
  let peer: LabHost;

  beforeAll(async () => {
    lab = await createLab({ name: 'tags' });
    host = await lab.addHost({ name: 'host', ipv4: '10.77.0.1', ipv6: 'fd77::1' });
    peer = await lab.addHost({ name: 'peer', ipv4: '10.77.0.2', ipv6: 'fd77::2' });
  });
  afterAll(() => lab.remove());

  test('a tag that leads nowhere ends a packet’s way, and is counted', async () => {
    const policy = {
      ...hostRuleSet({ addresses: ['10.77.0.1'], peers: { web: ['10.77.0.2'] }, allowIn: ['web: tcp/80'] }),
    };
    const script = renderFromNothing(policy, { essentials: [], mostWalks: 0 });
    const [server, client] = [await startProbe(host), await startProbe(peer)];
    try {
      await server.listen([{ transport: 'tcp', port: 80 }]);
      const target = { transport: 'tcp', address: '10.77.0.1', port: 80 } as const;
      const load = async (input: string) =>
        expect((await host.exec(['nft', '-f', '-'], { input })).stderr, input.slice(0, 200)).toBe('');
      await load(script);
      expect((await client.probe([target]))[0]?.kind).toBe('allowed');
      await load('flush map inet segwall in0_classes\n');
      expect((await client.probe([target]))[0]?.kind).toBe('dropped');
      const { stdout } = await host.exec(['nft', 'list', 'counter', 'inet', 'segwall', 'n_odd']);
      expect(Number(/packets (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(0);
    } finally {
      await Promise.all([server.stop(), client.stop()]);
    }
  });

  test('tags of every size are taken, and listed as they were given', async () => {
    const numbers = [1, 4095, 4096, 131_071].map(tagText);
    const elements = numbers.map((tag, at) => `10.0.0.${at} : ${tag}`).join(', ');
    const input = `add table inet tags\nadd map inet tags m { type ipv4_addr : classid; }\nadd element inet tags m { ${elements} }\n`;
    const loaded = await host.exec(['nft', '-f', '-'], { input });
    expect(loaded.stderr).toBe('');
    const { stdout } = await host.exec(['nft', 'list', 'map', 'inet', 'tags', 'm']);
    for (const tag of numbers) expect(stdout).toContain(` : ${tag}`);
  });

  test('a table of chains becomes one of tags under the same names, and back', async () => {
    const few = tableOf(web(20), {});
    const state = (revision: number) => ({ revision, epoch: revision, digest: '-' });
    const scripts = [
      `add table inet segwall\ndelete table inet segwall\n${bootstrapScript(few, state(1), nothingStanding)}`,
    ];
    let previous = few;
    for (const [at, count] of [200, 30, 5, 300].entries()) {
      const next = tableOf(web(count), { previous });
      const parts = { previous, next, isNewEpoch: true, state: state(at + 2) };
      scripts.push(
        preparationScript(next, new Set(previous.maps.keys()), state(at + 2), previous) ?? '',
        changeScript({ ...parts, goneMaps: 'kept' }),
        removalScript(previous, next, state(at + 2)) ?? '',
      );
      previous = next;
    }
    for (const [at, input] of scripts.entries())
      expect((await host.exec(['nft', '-f', '-'], { input })).stderr, `script ${at}`).toBe('');
    const { stdout } = await host.exec(['nft', '-t', 'list', 'table', 'inet', 'segwall']);
    expect([...stdout.matchAll(/\tmap (in0_\S+) \{/g)].map(([, name]) => name).sort()).toEqual(mapsOf(previous));
  });
});
