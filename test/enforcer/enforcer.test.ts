import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type DrivenHost, driveHost } from './driven-host.ts';
import type { HostPolicy } from './rule-sets.ts';

let lab: Lab;
let host: LabHost;
let driven: DrivenHost;

const address = '10.77.0.1';
const base: HostPolicy = { addresses: [address], peers: { web: ['10.77.0.2'] }, allowIn: ['web: tcp/80'] };

beforeAll(async () => {
  lab = await createLab({ name: 'enforcer' });
  host = await lab.addHost({ name: 'h1', ipv4: address });
  driven = driveHost(host);
});

afterAll(async () => {
  driven.stop();
  await lab.remove();
});

async function listing(): Promise<string> {
  const { stdout } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
  return stdout;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > 30_000) throw new Error(`waited 30 s until ${what}`);
  }
  return performance.now() - startedAt;
}

const epochOf = (text: string) => Number(/epoch=(\d+)/.exec(text)?.[1]);

test('a host that never had a policy is open and says so', async () => {
  expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'open' });
});

test('a rule set is loaded and named in the kernel', async () => {
  expect(await driven.ask({ do: 'apply', policy: { ...base, revision: 5 } })).toEqual({ kind: 'applied', revision: 5 });
  const text = await listing();
  expect(text).toContain('revision=5 epoch=1');
  const words = /comment "(revision=5 [^"]*)"/.exec(text)?.[1];
  expect(await driven.ask({ do: 'state-rule' }), 'as asked for without nft').toEqual({ ok: true, value: words });
});

test('a change that only widens keeps the epoch', async () => {
  const policy = { ...base, revision: 6, peers: { web: ['10.77.0.2', '10.77.0.3'] } };
  await driven.ask({ do: 'apply', policy });
  const text = await listing();
  expect(text).toContain('10.77.0.3');
  expect(epochOf(text)).toBe(1);
});

test('a change that takes away begins a new epoch', async () => {
  await driven.ask({ do: 'apply', policy: { ...base, revision: 7 } });
  const text = await listing();
  expect(text).not.toContain('10.77.0.3');
  expect(epochOf(text)).toBe(2);
});

test('a restart adopts what the kernel holds, without touching it', async () => {
  await until(
    'the agent has looked at what it loaded',
    async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes',
  );
  const before = await host.exec(['nft', '-a', 'list', 'table', 'inet', 'segwall']);
  driven.restart();
  expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'adopted', revision: 7 });
  const after = await host.exec(['nft', '-a', 'list', 'table', 'inet', 'segwall']);
  expect(after.stdout).toBe(before.stdout);
});

test('the revision that is in force already is acknowledged without a transaction', async () => {
  const before = await host.exec(['nft', '-a', 'list', 'table', 'inet', 'segwall']);
  expect(await driven.ask({ do: 'apply', policy: { ...base, revision: 7 } })).toEqual({ kind: 'applied', revision: 7 });
  const after = await host.exec(['nft', '-a', 'list', 'table', 'inet', 'segwall']);
  expect(after.stdout).toBe(before.stdout);
});

test('a table that was changed while no agent ran is put back at the start', async () => {
  driven.restart();
  await host.exec(['nft', 'insert', 'rule', 'inet', 'segwall', 'input', 'accept']);
  expect(await driven.ask({ do: 'start' })).toMatchObject({ kind: 'loaded', revision: 7 });
  expect(await listing()).not.toMatch(/chain input \{[^}]*;\n\t\taccept/);
});

test('a rule set that nft refuses leaves the last good one in force', async () => {
  const before = await listing();
  const outcome = await driven.ask({
    do: 'apply',
    policy: { ...base, revision: 9, peers: { web: ['not an address'] } },
  });
  expect(outcome).toMatchObject({ kind: 'refused', revision: 9 });
  expect(await listing()).toBe(before);
  expect(await driven.ask({ do: 'apply', policy: { ...base, revision: 10 } })).toEqual({
    kind: 'applied',
    revision: 10,
  });
});

test('the sweep clears every epoch but the current one and leaves numbers and strangers’ bits', async () => {
  const entry = async (port: number, mark: string, family: 'ipv4' | 'ipv6') => {
    const [from, to] = family === 'ipv4' ? ['10.77.0.8', address] : ['fd77::8', 'fd77::1'];
    const tuple = ['-p', 'udp', '-s', from, '-d', to, '--sport', String(port), '--dport', '53'];
    const made = await host.exec(['conntrack', '-I', ...tuple, '--timeout', '300', '--mark', mark]);
    expect(made.exitCode, made.stderr).toBe(0);
  };
  await entry(1, '0x50051001', 'ipv4');
  await entry(2, '0x00052fff', 'ipv4');
  await entry(3, '0x00053000', 'ipv4');
  await entry(4, '0x10054ffe', 'ipv6');
  expect(await driven.ask({ do: 'sweep', current: 0xfff })).toEqual({ ok: true, value: 2 });
  const marks = new Map<string, number>();
  for (const family of ['ipv4', 'ipv6']) {
    const { stdout } = await host.exec(['conntrack', '-L', '-f', family, '-p', 'udp']);
    for (const [, port = '', mark] of stdout.matchAll(/sport=(\d+) dport=53 .* mark=(\d+)/g))
      marks.set(port, Number(mark));
  }
  expect(Object.fromEntries([...marks].sort())).toEqual({ 1: 0x50051000, 2: 0x00052fff, 3: 0x00053000, 4: 0x10054000 });
});

test('a revoked range is another map, filled before any rule looks in it', async () => {
  const maps = async () => [...(await listing()).matchAll(/map (in0_4n_\S+)/g)].map(([, name]) => name);
  const ranged = (revision: number, cidrs: readonly string[]) =>
    driven.ask({ do: 'apply', policy: { ...base, revision, peers: { web: [...cidrs] } } });
  // Of too many lengths for hash maps.
  const ragged = ['10.79.0.0/16', '10.80.0.0/17', '10.81.0.0/18', '10.82.0.0/19', '10.83.0.0/20'];
  await ranged(20, ['10.78.0.0/24', ...ragged]);
  const [before] = await maps();
  expect(before).toBeDefined();
  expect(await ranged(21, ragged)).toEqual({ kind: 'applied', revision: 21 });
  const after = await maps();
  expect(after).toHaveLength(1);
  expect(after[0]).not.toBe(before);
  // The preparation is known as ours.
  expect(await driven.ask({ do: 'changes' })).toEqual([]);
});
