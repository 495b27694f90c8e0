// Elements that the agent gives to the kernel itself leave what nft would have left, word for word, and the state with them; what
// the kernel refuses changes nothing.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { elementChanges } from '#agent-core/change/element-changes.ts';
import { bootstrapScript, changeScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { ElementChange } from '#agent-core/table/element-change.ts';
import { tagNumber, tagText } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { stateText } from '#agent-core/table/table-state.ts';
import { type LineProcess, startLineProcess } from '#test/resilience/line-process.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { hostRuleSet } from './rule-sets.ts';

let lab: Lab;
let byNft: LabHost;
let byElements: LabHost;
let elements: LineProcess;

beforeAll(async () => {
  lab = await createLab({ name: 'elements' });
  byNft = await lab.addHost({ name: 'nft' });
  byElements = await lab.addHost({ name: 'own' });
  elements = startLineProcess(
    byElements,
    [process.execPath, '--disable-warning=ExperimentalWarning', `${import.meta.dirname}/element-process.ts`],
    'silent',
  );
});
afterAll(async () => {
  elements.stop();
  await lab.remove();
});

interface Peers {
  readonly web: readonly string[];
  readonly db?: readonly string[];
}

function tableOf({ web, db = [] }: Peers, mostWalks: number, previous?: Table): Table {
  const table = buildTable({
    ruleSet: hostRuleSet({
      addresses: ['10.78.0.1', 'fd78::1'],
      outbound: 'enforce',
      peers: { db, web },
      allowIn: ['web: tcp/80, udp/53', 'db: tcp/5432'],
      allowOut: ['web: tcp/443'],
    }),
    essentials: [],
    mostWalks,
    numbering: previous?.numbering ?? emptyNumbering,
    ...(previous === undefined ? {} : { previous }),
  });
  if (table === undefined) throw new Error('out of decision numbers');
  return table;
}

const state = (revision: number) => ({ revision, epoch: 1, digest: 'ab' });

async function load(host: LabHost, input: string): Promise<void> {
  const { exitCode, stderr } = await host.exec(['nft', '-f', '-'], { input });
  expect(exitCode, stderr.slice(0, 500)).toBe(0);
}

/** In which order a hash table shows its elements is its own affair. */
async function listed(host: LabHost): Promise<string> {
  const { stdout } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
  return stdout.replaceAll(/elements = \{([^}]*)\}/g, (_, list: string) =>
    list
      .split(',')
      .map((part) => part.trim())
      .sort()
      .join(', '),
  );
}

const give = (changes: readonly ElementChange[], words?: string) =>
  elements.ask<{ ok: boolean; error?: string }>({
    changes: changes.map((change) => ({
      ...change,
      key: typeof change.key === 'bigint' ? `${change.key}n` : change.key,
    })),
    ...(words === undefined ? {} : { state: words }),
  });

const some: Peers = {
  web: ['10.1.0.1', '10.1.0.2', '10.2.0.0/16', 'fd01::1', 'fd02::/64'],
  db: ['10.1.0.2', '10.1.0.9', 'fd01::9'],
};
const many = Array.from({ length: 1000 }, (_, at) => `10.9.${at >> 8}.${at & 255}`);

test.each([
  ['chains', 1_000_000],
  ['tags', 0],
] as const)('peers that come, go and change their class in maps of %s', async (_, mostWalks) => {
  const first = tableOf({ ...some, web: [...some.web, ...many.slice(0, 900)] }, mostWalks);
  const bootstrap = `add table inet segwall\ndelete table inet segwall\n${bootstrapScript(first, state(1), nothingStanding)}`;
  await load(byNft, bootstrap);
  await load(byElements, bootstrap);
  let previous = first;
  const steps: readonly Peers[] = [
    { ...some, web: [...some.web, ...many] },
    { ...some, web: [...some.web, ...many.slice(7), 'fd01::2', 'fd01::abcd:0:1', '255.1.2.3'] },
    { web: [...some.web, ...many], db: ['10.1.0.1', '10.1.0.9', 'fd01::1', '10.9.0.3'] },
    {
      web: ['10.3.0.0/16', 'fd03::/64', '10.1.0.1', '10.1.0.2', 'fd01::1', 'fd01::5', ...many],
      db: ['10.1.0.1', '10.1.0.9', 'fd01::1'],
    },
  ];
  for (const [at, peers] of steps.entries()) {
    const next = tableOf(peers, mostWalks, previous);
    const changes = elementChanges(previous, next);
    expect(changes?.length, `step ${at}`).toBeGreaterThan(3);
    await load(byNft, changeScript({ previous, next, isNewEpoch: false, state: state(at + 2) }));
    expect(await give(changes ?? [], stateText(state(at + 2)))).toEqual({ ok: true });
    expect(await listed(byElements)).toBe(await listed(byNft));
    previous = next;
  }
});

test('a change of more than peers is none of elements', () => {
  const before = tableOf(some, 0);
  for (const peers of [
    { web: many.slice(0, 200) },
    { web: some.web.filter((peer) => !peer.includes(':')) },
    { web: [...some.web, '10.4.0.0/17'] },
    { web: some.web, db: [] },
  ])
    expect(elementChanges(before, tableOf(peers, 0, before))).toBeUndefined();
  expect(elementChanges(before, tableOf(some, 1_000_000, before))).toBeUndefined();
  expect(elementChanges(before, tableOf(some, 0, before))).toEqual([]);
});

test('what the kernel refuses changes nothing, whatever else was in it', async () => {
  const table = tableOf(some, 1_000_000);
  await load(
    byElements,
    `add table inet segwall\ndelete table inet segwall\n${bootstrapScript(table, state(1), nothingStanding)}`,
  );
  const before = await listed(byElements);
  const good = { kind: 'add', map: 'in0_4_96', key: '10.1.0.77', answer: { chain: 'c_1' } } as const;
  const bad: readonly (readonly [string, ElementChange])[] = [
    ['ENOENT', { ...good, key: '10.1.0.78', answer: { chain: 'nowhere' } } as ElementChange],
    ['ENOENT', { ...good, map: 'no_map' } as ElementChange],
    ['ENOENT', { kind: 'delete', map: 'in0_4_96', key: '10.1.0.79' } as ElementChange],
    ['EEXIST', { ...good, key: '10.1.0.1', answer: { chain: 'r_1' } } as ElementChange],
  ];
  for (const [code, change] of bad) {
    const answer = await give([good as ElementChange, change], stateText(state(9)));
    expect(answer.ok, JSON.stringify(change)).toBe(false);
    expect(answer.error).toContain(code);
    expect(await listed(byElements)).toBe(before);
  }
});

test('a tag is the number that nft makes of it', () => {
  expect([1, 131_071].map((number) => [tagText(number), tagNumber(number)])).toEqual([
    ['0:10', 0x10],
    ['7f1f:fff0', 0x7f1f_fff0],
  ]);
});
