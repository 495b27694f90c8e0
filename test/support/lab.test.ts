// The instruments themselves: hosts that see each other, outcomes that are told apart, and nothing left behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forgetConnections, nftIn, sweepMarksIn } from '#test/support/inside.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { allCells, cellText, type HostProbe, probeMatrix, startProbe } from '#test/support/probe.ts';
import type { Listener } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';

const namespacesOf = (prefix: string) => readdirSync('/run/netns').filter((name) => name.startsWith(`${prefix}.`));

async function standUp(name: string, hosts: readonly string[], services: readonly Listener[]) {
  const lab = await createLab({ name });
  const made = await Promise.all(
    hosts.map((host, at) => lab.addHost({ name: host, ipv4: `10.7.0.${at + 1}`, ipv6: `fd07::${at + 1}` })),
  );
  const probes = new Map(
    (await Promise.all(made.map((host) => startProbe(host)))).map((probe) => [probe.host.name, probe]),
  );
  await Promise.all([...probes.values()].map((probe) => probe.listen(services)));
  return { lab, probes };
}

describe('a lab', () => {
  test('may stand beside another with the same addresses, and neither reaches the other', async () => {
    const service = { transport: 'tcp', port: 7000 } as const;
    const [one, two] = await Promise.all([
      standUp('one', ['a', 'b'], [service]),
      standUp('two', ['a', 'b'], [service]),
    ]);
    try {
      await two.probes.get('b')?.unlisten([service]);
      const cells = (lab: Lab) => allCells([...lab.hosts.values()], [service]).filter((cell) => cell.to === 'b');
      const outcomes = async (side: typeof one) =>
        (await probeMatrix({ probes: side.probes, cells: cells(side.lab) })).map((cell) => cell.outcome.kind);
      expect(await outcomes(one)).toEqual(['allowed', 'allowed']);
      expect(await outcomes(two)).toEqual(['refused', 'refused']);
    } finally {
      await Promise.all([one.lab.remove(), two.lab.remove()]);
    }
    expect([...namespacesOf(one.lab.name), ...namespacesOf(two.lab.name)]).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing when its process is ended by %s',
    async (signal) => {
      const child = spawn(process.execPath, [fileURLToPath(new URL('./abandoned-lab.ts', import.meta.url))], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(child.stdout, 'data');
      const name = String(line).trim();
      expect(namespacesOf(name)).toEqual([`${name}.a`, `${name}.net`]);
      child.kill(signal);
      await waitFor(() => namespacesOf(name).length === 0, { what: `the namespaces of ${name} are gone` });
    },
  );
});

describe('what works inside a host without a process', () => {
  const script = `table inet held {
  set s { type ipv4_addr; flags interval; elements = { 10.0.0.1 comment "one" }; };
  chain i { type filter hook input priority filter; tcp dport ssh counter packets 3 bytes 7 accept comment "\u00e9"; ip protocol icmp ct mark 0x10 drop; };
}\n`;
  let lab: Lab;
  let a: LabHost;
  let b: LabHost;
  beforeAll(async () => {
    lab = await createLab({ name: 'inside' });
    a = await lab.addHost({ name: 'a' });
    b = await lab.addHost({ name: 'b' });
  });
  afterAll(() => lab.remove());

  test('nft says and does what its program does', async () => {
    const both = async (args: readonly string[], input = '') => {
      const byProgram = await a.exec(['nft', ...args], { input });
      return [await nftIn(a, args, input), byProgram].map(({ exitCode, stdout, stderr }) => ({
        exitCode,
        stdout,
        stderr: stderr.replace(/^\/dev\/stdin:[\d:-]+ /, ''),
      }));
    };
    expect(await nftIn(a, ['-c', '-f', '-'], script)).toMatchObject({ exitCode: 0 });
    expect((await nftIn(a, ['list', 'ruleset'])).stdout).toBe('');
    expect(await nftIn(a, ['-f', '-'], script)).toMatchObject({ exitCode: 0 });
    for (const options of [[], ['-n'], ['-s', '-p'], ['-t'], ['-a'], ['-j']]) {
      const [here, there] = await both([...options, 'list', 'table', 'inet', 'held']);
      expect(here?.stdout).toContain('held');
      expect(here).toEqual(there);
    }
    for (const [args, input] of [
      [['list', 'table', 'inet', 'nobody'], ''],
      [['-f', '-'], 'add rule inet held nowhere accept\n'],
      [['-f', '-'], 'add rool\n'],
    ] as const) {
      const [here, there] = await both(args, input);
      expect(here).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Error') });
      expect(here).toEqual(there);
    }
    // Hosts asked at once are kept apart, and a host that is gone is an error.
    const rulesets = await Promise.all([b, a, b].map((host) => nftIn(host, ['list', 'ruleset'])));
    expect(rulesets.map(({ stdout }) => stdout.includes('held'))).toEqual([false, true, false]);
    await expect(nftIn({ namespace: `${lab.name}.gone` }, ['list', 'ruleset'])).rejects.toThrow('ENOENT');
  });

  test("connections are forgotten, and their marks swept, in that host's conntrack alone", async () => {
    const entries = async (host: LabHost) => (await host.exec(['conntrack', '-L'])).stdout.trim().split('\n');
    for (const host of [a, b])
      await host.exec([
        'conntrack',
        '-I',
        '-p',
        'udp',
        '-s',
        '192.0.2.1',
        '-d',
        '192.0.2.2',
        '--sport',
        '7',
        '--dport',
        '9',
        '-t',
        '600',
        '-m',
        '16',
      ]);
    expect(await sweepMarksIn(a, { bits: 16, but: 0 })).toEqual({ ok: true, value: 1 });
    expect([await entries(a), await entries(b)].map(([entry = '']) => /mark=(\d+)/.exec(entry)?.[1])).toEqual([
      '0',
      '16',
    ]);
    await forgetConnections(a);
    expect([await entries(a), await entries(b)].map(([entry = '']) => entry.includes('192.0.2.1'))).toEqual([
      false,
      true,
    ]);
  });
});

describe('a probe', () => {
  const services = [7000, 7001, 7002, 7003, 7004].flatMap((port) =>
    (['tcp', 'udp'] as const).map((transport) => ({ transport, port })),
  );
  const rules = `table inet sieve {
  chain input { type filter hook input priority 0; th dport 7001 drop; th dport 7002 reject with icmpx type admin-prohibited; };
  chain output { type filter hook output priority 0; th dport 7003 drop; th dport 7004 reject with icmpx type admin-prohibited; };
}`;
  const expected: Readonly<Record<number, 'allowed' | 'dropped' | 'rejected'>> = {
    7000: 'allowed',
    7001: 'dropped',
    7002: 'rejected',
    7003: 'dropped',
    7004: 'rejected',
  };
  let lab: Lab;
  let probes: ReadonlyMap<string, HostProbe>;

  beforeAll(async () => {
    ({ lab, probes } = await standUp('probe', ['a', 'b'], services));
    for (const host of lab.hosts.values()) {
      expect(await host.exec(['nft', '-f', '-'], { input: rules })).toMatchObject({ exitCode: 0 });
    }
  });
  afterAll(() => lab.remove());

  test('tells allowed, dropped, rejected and refused apart, over both families and transports', async () => {
    const cells = allCells([...lab.hosts.values()], [...services, { transport: 'tcp', port: 7009 }]);
    const probed = await probeMatrix({ probes, cells }, (cell) => expected[cell.port] ?? 'allowed');
    expect(probed.map((cell) => `${cellText(cell)}: ${cell.outcome.kind}`)).toEqual(
      cells.map((cell) => `${cellText(cell)}: ${expected[cell.port] ?? 'refused'}`),
    );
  });

  test('that cannot run is broken, not blocked', async () => {
    const stopped = await startProbe(await lab.addHost({ name: 'c', ipv4: '10.7.0.3' }));
    await stopped.stop();
    const cells = [{ from: 'c', to: 'a', family: 'ipv4', transport: 'tcp', port: 7000 } as const];
    const probed = await probeMatrix({ probes: new Map([...probes, ['c', stopped]]), cells });
    expect(probed.map((cell) => cell.outcome.kind)).toEqual(['broken']);
  });

  test.each(['tcp', 'udp'] as const)(
    'sees on both ends when a held %s connection stops and goes on',
    async (transport) => {
      const [client, server] = [probes.get('a'), probes.get('b')];
      if (client === undefined || server === undefined) throw new Error('no probes');
      const id = `held-${transport}`;
      await client.hold({ id, transport, address: 'fd07::2', port: 7000, intervalMs: 10 });
      const progress = async () => [(await client.held('client'))[id], (await server.held('server'))[id]] as const;
      const moves = async () => {
        const before = await progress();
        await waitFor(
          async () => (await progress()).every((end, at) => (end?.received ?? 0) > (before[at]?.received ?? 0)),
          {
            what: 'both ends have received more',
          },
        );
      };
      await moves();
      const barrier =
        'table inet barrier { chain i { type filter hook input priority 0; th dport 7000 drop; th sport 7000 drop; }; }';
      expect(await server.host.exec(['nft', '-f', '-'], { input: barrier })).toMatchObject({ exitCode: 0 });
      await waitFor(async () => Date.now() - ((await progress())[1]?.lastReceivedAt ?? 0) > 300, {
        what: 'the server hears nothing',
      });
      expect(await server.host.exec(['nft', 'delete', 'table', 'inet', 'barrier'])).toMatchObject({ exitCode: 0 });
      await moves();
      await client.release(id);
    },
  );
});
