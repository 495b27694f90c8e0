// A stranger's hand in our table: whatever it does is put back and told once, with who and what; a storm of it is
// put back at a bounded rate and told as one; other tables are other people's. How soon is `npm run bench -- tampering`'s to say.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, insideNamespace, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type DrivenHost, driveHost } from './driven-host.ts';
import type { HostPolicy } from './rule-sets.ts';
import { stormOf } from './storm.ts';

interface Incident {
  readonly by: string;
  readonly what: string;
  readonly changes: string;
  readonly repairs: string;
  readonly slowestRepairMs: string;
}

let lab: Lab;
let host: LabHost;
let peer: LabHost;
let driven: DrivenHost;
let whole: string;

const address = '10.77.1.1';
const policy: HostPolicy = {
  addresses: [address],
  peers: { web: ['10.77.1.2', '10.77.1.3'], nets: ['10.78.0.0/24', '10.79.0.0/24'] },
  allowIn: ['web: tcp/80', 'nets: tcp/443'],
};

beforeAll(async () => {
  lab = await createLab({ name: 'tamper' });
  host = await lab.addHost({ name: 'h1', ipv4: address });
  peer = await lab.addHost({ name: 'h2', ipv4: '10.77.1.9' });
  driven = driveHost(host);
  await driven.ask({ do: 'start' });
  await driven.ask({ do: 'apply', policy: { ...policy, revision: 5 } });
  whole = await shape();
});

afterAll(async () => {
  driven.stop();
  await lab.remove();
});

/** All that the kernel shows of every table but epochs, in an order of its own. */
async function shape(): Promise<string> {
  const { stdout } = await host.exec(['nft', '-s', 'list', 'ruleset']);
  return stdout
    .replaceAll(/(\tset (?:den|seen|share)_\S+ \{[^}]*?)\n\t\telements = \{[^}]*\}/g, '$1')
    .replaceAll(/epoch=\d+|0x[0-9a-f]+/g, '')
    .split('\n')
    .sort()
    .join('\n');
}

const incidents = async () => (await driven.ask({ do: 'incidents' })) as unknown as readonly Incident[];
const repairs = async () => Number((await driven.ask({ do: 'counts' }))['repairs']);
/** Everything is in the words of a script: a row may need several commands in one transaction. */
async function nft(script: string): Promise<void> {
  const child = spawn('/bin/sh', ['-c', 'exec "$@"', 'sh', ...insideNamespace(host.namespace, ['nft', '-f', '-'])], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin?.end(script);
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
}

/** Denied, and so counted in a denied set. */
async function knock(): Promise<void> {
  await peer.exec(['bash', '-c', `echo x > /dev/udp/${address}/9`]);
  await waitFor(async () => (await copied()).includes('10.77.1.9'), { what: 'the denial is counted' });
}

/** Protocols by number: their names are in /etc/protocols, which a bare Debian lacks. */
const copied = async () => (await host.exec(['nft', '-p', 'list', 'table', 'inet', 'segwall'])).stdout;

const rows: readonly (readonly [string, string | (() => Promise<string>), RegExp])[] = [
  ['deletes the table', 'delete table inet segwall', /table deleted/],
  ['flushes the table', 'flush table inet segwall', /rule deleted in/],
  ['flushes the whole ruleset', 'flush ruleset', /table deleted/],
  ['flushes one chain', 'flush chain inet segwall input', /rule deleted in input/],
  ['lets everything in at the top', 'insert rule inet segwall input accept', /rule added in input/],
  ['adds an accept at the end', 'add rule inet segwall output accept', /rule added in output/],
  ['lets a base chain drop', 'chain inet segwall input { policy drop; }', /chain added or changed: input/],
  ['lets a peer in', 'add element inet segwall in0_4_96 { 10.77.1.9 : goto c_1 }', /element added in in0_4_96/],
  ['takes a peer away', 'delete element inet segwall in0_4_96 { 10.77.1.2 }', /element deleted in in0_4_96/],
  ['empties a map', 'flush map inet segwall in0_4_96', /element deleted in in0_4_96/],
  ['renames a chain', 'rename chain inet segwall c_1 c_other', /chain added or changed: c_/],
  [
    'adds a chain of its own',
    'add chain inet segwall mine { type filter hook input priority -5; }',
    /chain added or changed: mine/,
  ],
  ['adds a set of its own', 'add set inet segwall mine { type ipv4_addr; }', /set or map added: mine/],
  [
    'empties a denied set',
    async () => {
      await knock();
      return 'flush set inet segwall den_in4';
    },
    /element deleted in den_in4/,
  ],
  [
    'takes a denial away',
    async () => {
      await knock();
      return 'delete element inet segwall den_in4 { 10.77.1.9 . 10.77.1.1 . 17 . 9 . 0x00000000 }'.replace(
        '0x00000000',
        / 17 \. 9 \. (0x[0-9a-f]+)/.exec(await copied())?.[1] ?? 'no mark',
      );
    },
    /element deleted in den_in4/,
  ],
  [
    'counts denials no more',
    'flush chain inet segwall count_in4; delete set inet segwall den_in4',
    /set or map deleted: den_in4/,
  ],
  ['deletes a counter', async () => withoutCounter(await copied()), /object deleted: n_\d+/],
  ['adds an object of its own', 'add counter inet segwall mine', /object added: mine/],
  ['changes an inner chain before ours', 'insert rule inet segwall c_1 meta l4proto udp accept', /rule added in c_1/],
  ['changes the chain of the state rule', 'flush chain inet segwall state', /rule deleted in state/],
  ['deletes a base chain', 'flush chain inet segwall input; delete chain inet segwall input', /chain deleted: input/],
  ['renames a base chain', 'rename chain inet segwall input other', /chain added or changed: other/],
  [
    'hooks a base chain elsewhere',
    'flush chain inet segwall input; delete chain inet segwall input; add chain inet segwall input { type filter hook forward priority 300; }',
    /chain added or changed: input/,
  ],
  [
    'replaces a rule by a wider one',
    async () => {
      const { stdout } = await host.exec(['nft', '-a', 'list', 'chain', 'inet', 'segwall', 'mid']);
      return `replace rule inet segwall mid handle ${/drop # handle (\d+)/.exec(stdout)?.[1]} accept`;
    },
    /rule added in mid/,
  ],
  ['makes the table dormant', 'add table inet segwall { flags dormant; }', /table added/],
  [
    'loads a copy of the table with a hole, state and all',
    async () =>
      `delete table inet segwall\n${(await copied()).replace('chain input {', 'chain input_old {').replaceAll(/type filter hook input [^\n]*\n/g, '')}`,
    /table/,
  ],
];

/** In one transaction: what counts by it goes first. */
function withoutCounter(listing: string): string {
  const name = /counter name "?(n_\d+)"? drop/.exec(listing)?.[1];
  return `flush chain inet segwall r_${name?.slice(2)}; delete counter inet segwall ${name}`;
}

test.each(rows)('a stranger %s: it is put back, and told once', async (_, given, what) => {
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', {
    what: 'the last repair is over',
  });
  const before = { incidents: (await incidents()).length, repairs: await repairs() };
  await nft(`${typeof given === 'string' ? given : await given()}\n`);
  await waitFor(async () => (await repairs()) > before.repairs, { what: 'the repair' });
  expect(await shape()).toBe(whole);
  await waitFor(async () => (await incidents()).length > before.incidents, { what: 'the report' });
  const told = (await incidents()).slice(before.incidents);
  expect(told).toMatchObject([
    { by: expect.stringMatching(/^nft \(pid \d+\)$/), what: expect.stringMatching(what), changes: '1' },
  ]);
  expect(Number(told[0]?.slowestRepairMs)).toBeGreaterThan(0);
});

// What it costs, and how soon a hole is closed, is measured by `npm run bench -- tampering`.
test('a storm of tampering is put back at a bounded rate, and told as one with its count', async () => {
  const before = { incidents: (await incidents()).length, repairs: await repairs() };
  const startedAt = performance.now();
  const storm = 500;
  await stormOf(host, storm, (at) =>
    at % 2 === 0 ? 'insert rule inet segwall input accept' : 'add element inet segwall in0_4_96 { 10.77.1.9 : drop }',
  );
  await waitFor(async () => (await shape()) === whole, { what: 'all is put back' });
  await waitFor(async () => (await incidents()).length > before.incidents, { what: 'the report' });
  const told = (await incidents()).slice(before.incidents);
  expect(told).toHaveLength(1);
  expect(Number(told[0]?.changes)).toBeGreaterThanOrEqual(storm / 2);
  // At most one each tenth of a second; a busy machine has had more of these for as many.
  const made = (await repairs()) - before.repairs;
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThanOrEqual((performance.now() - startedAt) / 100 + 1);
});

test('a storm of changes in other tables leads to no transaction of ours, and is not told', async () => {
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', {
    what: 'the storm before is over',
  });
  const before = { incidents: (await incidents()).length, repairs: await repairs(), listing: await copied() };
  await stormOf(host, 300, (at) =>
    at % 3 === 2
      ? 'delete table inet other'
      : `add table inet other; add chain inet other input { type filter hook input priority ${at % 7}; }`,
  );
  expect(await repairs()).toBe(before.repairs);
  const after = (await host.exec(['nft', '-p', '-a', 'list', 'table', 'inet', 'segwall'])).stdout;
  expect(after.replaceAll(/ # handle \d+/g, '')).toBe(before.listing);
  expect((await incidents()).length).toBe(before.incidents);
  await host.exec(['nft', 'add', 'table', 'inet', 'other']);
  await host.exec(['nft', 'delete', 'table', 'inet', 'other']);
});

test('a table of somebody’s that accepts before ours opens nothing, and is left alone', async () => {
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', { what: 'all is quiet' });
  const before = { incidents: (await incidents()).length, repairs: await repairs() };
  await nft('add table inet other; add chain inet other first { type filter hook input priority -300; }\n');
  await nft('add rule inet other first accept\n');
  await host.exec(['nft', 'reset', 'counters', 'table', 'inet', 'segwall']);
  await knock();
  expect((await copied()).match(/counter n_\d+ \{\n\t\tpackets [1-9]/g)).not.toBeNull();
  await nft('delete table inet other\n');
  expect({ incidents: (await incidents()).length, repairs: await repairs() }).toEqual(before);
});

test('a storm during which the policy changes and notices are lost ends with the newest policy, whole', async () => {
  driven.restart({ noticeBytes: 4096 });
  await driven.ask({ do: 'start' });
  const storm = stormOf(host, 400, (at) =>
    at % 3 === 0 ? 'delete table inet segwall' : 'insert rule inet segwall input accept',
  );
  for (const revision of [6, 7, 8]) {
    const next = { ...policy, revision, allowIn: [...(policy.allowIn ?? []), `any: tcp/${8000 + revision}`] };
    await driven.ask({ do: 'apply', policy: next });
    driven.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    driven.resume();
  }
  await storm;
  await driven.ask({ do: 'apply', policy: { ...policy, revision: 9 } });
  await waitFor(async () => (await shape()) === whole.replace('revision=5', 'revision=9'), {
    what: 'all is put back',
  });
  expect(Number((await driven.ask({ do: 'counts' }))['overruns'])).toBeGreaterThan(0);
});
