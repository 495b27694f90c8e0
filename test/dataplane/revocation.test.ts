// What is revoked while it is being used stops, whichever shape its peers have in the kernel: the flow goes on sending all the
// time, and after every single revocation nothing of it arrives any more. Interval sets show a transaction's content later than
// its rules, which once let one revoked CIDR in six go on.

import { expect, test } from 'vitest';
import { driveHost } from '#test/enforcer/driven-host.ts';
import { createLab } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { startTraffic } from './traffic.ts';

const revocations = 6;
const stopsWithinMs = 1000;
const staysSilentMs = 60;
const port = 7001;

/** Many peers beside the one that matters, so that content takes its time to show. */
const crowd = Array.from({ length: 2000 }, (_, index) => `10.100.${index >> 7}.${(index * 2) & 255}`);

test.each([
  ['an exact address', ['10.87.0.2'], crowd],
  ['a CIDR', ['10.87.0.0/24'], crowd.map((address) => `${address}/31`)],
  ['a CIDR among exact addresses', ['10.87.0.0/24'], crowd],
] as const)(
  'a peer that is %s is silent after each time it is revoked',
  { timeout: 90_000 },
  async (_, peer, others) => {
    const lab = await createLab({ name: 'revoke' });
    try {
      const host = await lab.addHost({ name: 'h1', ipv4: '10.87.0.1' });
      const client = await lab.addHost({ name: 'peer', ipv4: '10.87.0.2' });
      const driven = driveHost(host);
      const [server, sender] = [startTraffic(host), startTraffic(client)];
      const apply = async (revision: number, rule: 'granted' | 'revoked') => {
        const outcome = await driven.ask({
          do: 'apply',
          policy: {
            revision,
            addresses: ['10.87.0.1'],
            inbound: 'enforce',
            peers: { peer, stranger: ['10.5.0.1'], crowd: revision % 2 === 0 ? others : others.slice(1) },
            allowIn: [`${rule === 'granted' ? 'peer' : 'stranger'}: udp/${port}`, 'crowd: tcp/1'],
          },
        });
        if (outcome['kind'] !== 'applied') throw new Error(`a change was refused: ${JSON.stringify(outcome)}`);
      };
      await apply(1, 'granted');
      await server.listen('udp', port);
      for (const id of ['a', 'b', 'c', 'd'])
        await sender.start({ id, kind: 'udp-flood', address: '10.87.0.1', port, intervalMs: 1 });
      const arrived = async () => (await server.reached())[`udp/${port}`] ?? 0;
      for (let round = 1; round <= revocations; round += 1) {
        const before = await arrived();
        await waitFor(async () => (await arrived()) > before, { what: 'the granted flow arrives' });
        await apply(2 * round, 'revoked');
        const deadline = performance.now() + stopsWithinMs;
        let seen = await arrived();
        let silentSince = performance.now();
        while (performance.now() - silentSince < staysSilentMs) {
          const now = await arrived();
          if (now === seen) continue;
          expect(performance.now(), `revocation ${round}: still arriving`).toBeLessThan(deadline);
          seen = now;
          silentSince = performance.now();
        }
        await apply(2 * round + 1, 'granted');
      }
      driven.stop();
      server.stop();
      sender.stop();
    } finally {
      await lab.remove();
    }
  },
);
