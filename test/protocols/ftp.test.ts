// Connections that a helper of conntrack expects: FTP's data, passive and active. The kernel calls their first packet related and
// gives it the mark of the control connection; they are judged as what they are all the same.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { families, neighbourOwn, own, type ProtocolStage, standUpProtocols } from './stage.ts';

const file = fileURLToPath(new URL('ftp-process.ts', import.meta.url));
let stage: ProtocolStage;

/** What an operator's own rules would say, and a counter that shows that the helper did its work. */
const helper = `table inet ftp_helper {
  counter expected { }
  ct helper ftp { type "ftp" protocol tcp; }
  chain output { type filter hook output priority -150; tcp dport 21 ct helper set "ftp"; ct state related tcp flags syn counter name expected; }
  chain input { type filter hook input priority -150; ct state related tcp flags syn counter name expected; }
}
`;

beforeAll(async () => {
  stage = await standUpProtocols('ftp');
  const loaded = await stage.host.exec(['nft', '-f', '-'], { input: helper });
  if (loaded.exitCode !== 0) throw new Error(`this kernel has no FTP helper: ${loaded.stderr}`);
  const server = stage.neighbour.spawn([process.execPath, file, 'server', neighbourOwn.ipv4, neighbourOwn.ipv6]);
  await new Promise((resolve, reject) => {
    server.stdout?.once('data', resolve);
    server.stderr?.once('data', (text) => reject(new Error(String(text))));
  });
});

afterAll(async () => {
  await stage?.remove();
});

async function expectedSoFar(): Promise<number> {
  const { stdout } = await stage.host.exec(['nft', 'list', 'counter', 'inet', 'ftp_helper', 'expected']);
  return Number(/packets (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
}

describe.each(families)('FTP over %s', (family) => {
  describe.each(['passive', 'active'] as const)('%s', (mode) => {
    const transfer = async (granted: 'data granted' | 'data not granted') => {
      const data = granted === 'data granted' ? ['any: tcp/40021'] : [];
      await stage.apply(
        hostRuleSet({
          addresses: [own.ipv4, own.ipv6],
          inbound: 'enforce',
          outbound: 'enforce',
          allowOut: ['any: tcp/21', ...(mode === 'passive' ? data : [])],
          allowIn: mode === 'active' ? data : [],
        }),
      );
      return run();
    };

    const run = async () => {
      const client = [process.execPath, file, 'client', neighbourOwn[family], own[family], mode];
      return (await stage.host.exec(client, { timeoutMs: 20_000 })).stdout;
    };

    test('data passes where a rule grants it, and only there', async () => {
      const before = await expectedSoFar();
      expect(await transfer('data not granted')).toBe('silent');
      expect(await expectedSoFar(), 'the kernel expected it').toBeGreaterThan(before);
      expect(await transfer('data granted')).toBe('open');
    });
  });

  test('a table that accepts whatever is related would let the data through (mutant)', async () => {
    await stage.apply(
      hostRuleSet({
        addresses: [own.ipv4, own.ipv6],
        inbound: 'enforce',
        outbound: 'enforce',
        allowOut: ['any: tcp/21'],
      }),
    );
    const client = [process.execPath, file, 'client', neighbourOwn[family], own[family], 'passive'];
    const insert = 'insert rule inet segwall output ct state related accept\n';
    expect((await stage.host.exec(['nft', '-f', '-'], { input: insert })).exitCode).toBe(0);
    expect((await stage.host.exec(client, { timeoutMs: 20_000 })).stdout).toBe('open');
    const remove = (await stage.host.exec(['nft', '-a', 'list', 'chain', 'inet', 'segwall', 'output'])).stdout;
    const handle = /ct state related accept # handle (\d+)/.exec(remove)?.[1] ?? '';
    await stage.host.exec(['nft', 'delete', 'rule', 'inet', 'segwall', 'output', 'handle', handle]);
  });
});
