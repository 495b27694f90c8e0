// A stranger's hand in our table of which no notice came: the notices were lost, or no agent ran. What stands is compared with what a
// load of ours makes of it, so nothing of a stranger's is ever taken for ours, and nothing of ours for a stranger's.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nftIn } from '#test/support/inside.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type DrivenHost, driveHost } from './driven-host.ts';
import type { HostPolicy } from './rule-sets.ts';

let lab: Lab;
let host: LabHost;
let driven: DrivenHost;

const address = '10.77.1.1';
const policy: HostPolicy = {
  addresses: [address],
  peers: { web: ['10.77.1.2', '10.77.1.3'], nets: ['10.78.0.0/24', '10.79.0.0/24'] },
  allowIn: ['web: tcp/80', 'nets: tcp/443'],
};
let revision = 1;

beforeAll(async () => {
  lab = await createLab({ name: 'unheard' });
  host = await lab.addHost({ name: 'h1', ipv4: address });
  driven = driveHost(host);
  // The first load of all is told of at length; the tests are of small changes.
  await driven.ask({ do: 'start' });
  await driven.ask({ do: 'apply', policy });
});

afterAll(async () => {
  driven.stop();
  await lab.remove();
});

const nft = async (script: string) => {
  const result = await nftIn(host, ['-f', '-'], `${script}\n`);
  expect(result.stderr).toBe('');
};
const counts = () => driven.ask({ do: 'counts' });
const settled = () => waitFor(async () => (await counts())['settled'] === 'yes', { what: 'what stands is known' });
const incidents = async () => (await driven.ask({ do: 'incidents' })) as unknown as readonly Record<string, string>[];
/** All that stands but epochs, in an order of its own. */
async function shape(): Promise<string> {
  const { stdout } = await nftIn(host, ['-s', 'list', 'ruleset']);
  const lines = stdout.replaceAll(/epoch=\d+|0x[0-9a-f]+/g, '').split('\n');
  return lines.sort().join('\n');
}
const fingerprint = () => join(driven.directory, 'last-good', 'fingerprint');

/** A change of our own whose notices have no room. */
async function applyUnheard(): Promise<void> {
  driven.restart({ noticeBytes: 4096 });
  await driven.ask({ do: 'start' });
  revision += 1;
  const web = Array.from({ length: 1000 }, (_, index) => `10.${80 + revision}.${index >> 8}.${index & 255}`);
  await driven.ask({ do: 'apply', policy: { ...policy, revision, peers: { web, nets: [] } } });
  await settled();
  expect(Number((await counts())['overruns'])).toBeGreaterThan(0);
}

describe('notices that are lost', () => {
  /** Far more than the driver's room for notices, and nobody's business. Elements: as many tables take the kernel ten seconds. */
  const elements = Array.from({ length: 4000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const noise = `table inet noise { set s { type ipv4_addr; elements = { ${elements.join(', ')} }; }; }`;

  beforeEach(async () => {
    // Room for what the agent does, not for the noise.
    driven.restart({ noticeBytes: 32 << 10 });
    await driven.ask({ do: 'start' });
    revision += 1;
    await driven.ask({ do: 'apply', policy: { ...policy, revision } });
  });

  const lose = async (script: string) => {
    // What is done between the look of a repair that is under way and its load is put back, and not told.
    await waitFor(async () => (await counts())['guard'] === 'whole', { what: 'no repair is due' });
    const before = Number((await counts())['overruns']);
    driven.pause();
    await nft(script);
    await nft(noise);
    await nft('delete table inet noise');
    driven.resume();
    await waitFor(async () => Number((await counts())['overruns']) > before, { what: 'notices are lost' });
  };

  const moments: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['within a moment of a change of our own', async () => undefined],
    ['long after a change of our own', settled],
  ];
  const deeds: readonly (readonly [string, string, RegExp])[] = [
    ['lets everything in', 'insert rule inet segwall input accept', /^chain changed: input$/],
    ['lets a peer in', 'add element inet segwall in0_4_96 { 10.77.1.9 : goto c_1 }', /^map changed: in0_4_96$/],
    [
      'hooks a chain of its own',
      'add chain inet segwall mine { type filter hook input priority -5; }',
      /^chain added: mine$/,
    ],
    ['deletes the table', 'delete table inet segwall', /^table deleted$/],
  ];
  type Row = readonly [deed: string, when: string, wait: () => Promise<unknown>, script: string, what: RegExp];
  const rows = moments.flatMap(([when, wait], index) =>
    deeds.slice(index * 3).map(([deed, script, what]): Row => [deed, when, wait, script, what]),
  );

  test.each<Row>(rows)(
    'a stranger %s %s: it is put back and told, though not by whom',
    async (_, __, wait, script, what) => {
      await wait();
      const whole = await shape();
      await lose(script);
      await waitFor(async () => (await shape()) === whole, { what: 'it is put back' });
      await waitFor(async () => (await incidents()).length > 0, { what: 'it is told' });
      expect(await incidents()).toMatchObject([
        { by: 'unknown: the notices were lost', what: expect.stringMatching(what), repairs: '1' },
      ]);
    },
  );

  test.each(moments)('nobody touched the table, %s: nothing is told', async (_, wait) => {
    await wait();
    const whole = await shape();
    await lose('');
    await settled();
    expect(await shape()).toBe(whole);
    expect(await incidents()).toEqual([]);
    expect((await counts())['repairs']).toBe(0);
  });

  test('a copy of the words of a change whose notice was lost is a stranger’s', async () => {
    await applyUnheard();
    const { stdout } = await nftIn(host, ['list', 'chain', 'inet', 'segwall', 'state']);
    const words = /comment "([^"]+)"/.exec(stdout)?.[1];
    await nft(
      `flush chain inet segwall state; add rule inet segwall state counter comment "${words}"; insert rule inet segwall input accept`,
    );
    await waitFor(async () => (await incidents()).some(({ what }) => /input/.test(String(what))), {
      what: 'it is told',
    });
    const input = (await nftIn(host, ['list', 'chain', 'inet', 'segwall', 'input'])).stdout;
    expect(input).not.toMatch(/;\n\t\taccept/);
  });
});

test('a load whose own notices are lost leads to no other without end', async () => {
  await applyUnheard();
  const { epoch } = await counts();
  // Longer than repairs are ever apart.
  await expect(
    waitFor(async () => (await counts())['epoch'] !== epoch, { what: 'another load', timeoutMs: 1500 }),
  ).rejects.toThrow('in vain');
});

describe('while no agent runs', () => {
  beforeEach(async () => {
    driven.restart();
    await driven.ask({ do: 'start' });
    revision += 1;
    await driven.ask({ do: 'apply', policy: { ...policy, revision } });
    await settled();
  });

  test.each([
    ['lets everything in', 'insert rule inet segwall input accept', ['chain changed: input']],
    ['adds a set of its own', 'add set inet segwall mine { type ipv4_addr; }', ['set added: mine']],
    ['makes the table dormant', 'add table inet segwall { flags dormant; }', ['table changed']],
    ['takes our words out', 'flush chain inet segwall state', ['chain changed: state']],
    ['deletes the table', 'delete table inet segwall', ['table deleted']],
  ])('a stranger %s: the start puts it back and names it', async (_, script, tampering) => {
    const whole = await shape();
    driven.restart();
    await nft(script);
    expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'loaded', revision, tampering });
    expect(await shape()).toBe(whole);
  });

  test('a start that only does not know what stands names nothing', async () => {
    rmSync(fingerprint());
    driven.restart();
    expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'loaded', revision });
  });

  test('a kill between a change and its listing is nobody’s tampering, and hides none', async () => {
    for (const script of [undefined, 'insert rule inet segwall input accept']) {
      revision += 1;
      await driven.ask({
        do: 'apply',
        policy: { ...policy, revision, peers: { web: [`10.77.1.${revision}`], nets: [] } },
      });
      driven.restart();
      if (script !== undefined) await nft(script);
      const outcome = await driven.ask({ do: 'start' });
      expect(outcome).toEqual({
        kind: 'loaded',
        revision,
        ...(script !== undefined && { tampering: ['chain changed: input'] }),
      });
    }
  });

  test('a table that is missing after a boot, or in another network, is nobody’s tampering', async () => {
    const { stdout } = await host.exec(['cat', fingerprint()]);
    const record = JSON.parse(stdout) as { place: string };
    writeFileSync(fingerprint(), JSON.stringify({ ...record, place: `other${record.place}` }));
    driven.restart();
    await nft('delete table inet segwall');
    expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'loaded', revision });
  });

  test('an untouched table is adopted', async () => {
    driven.restart();
    expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'adopted', revision });
  });
});
