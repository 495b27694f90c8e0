// From asking the agent's enforcement for a revocation to the last datagram that still came through.

import { driveHost } from '#test/enforcer/driven-host.ts';
import { createLab } from '#test/support/lab.ts';
import { startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { crowdPolicy } from './peers.ts';

/** As many as fit into `mostMs`. */
const revocations = 100;
const mostMs = 30_000;
const peer = '10.68.0.2';

/** Milliseconds of each; both ends send every millisecond. */
export async function measureRevocations(): Promise<readonly number[]> {
  const lab = await createLab({ name: 'revocations' });
  const host = await lab.addHost({ name: 'host', ipv4: '10.68.0.1' });
  const other = await lab.addHost({ name: 'peer', ipv4: peer });
  const driven = driveHost(host);
  try {
    const [server, client] = [await startProbe(host), await startProbe(other)];
    await server.listen([{ transport: 'udp', port: 7001 }]);
    let revision = 0;
    const apply = async (allowed: 'yes' | 'no') => {
      revision += 1;
      const crowd = crowdPolicy({ size: 1000 });
      const policy = {
        ...crowd,
        revision,
        addresses: ['10.68.0.1'],
        peers: { ...crowd.peers, it: [peer] },
        allowIn: [...(crowd.allowIn ?? []), ...(allowed === 'yes' ? ['it: udp/7001'] : [])],
      };
      const outcome = await driven.ask({ do: 'apply', policy });
      if (outcome['kind'] !== 'applied') throw new Error(JSON.stringify(outcome));
    };
    const ends = async () => {
      const [a, b] = [(await client.held('client'))['it'], (await server.held('server'))['it']];
      return {
        received: Math.min(a?.received ?? 0, b?.received ?? 0),
        at: Math.max(a?.lastReceivedAt ?? 0, b?.lastReceivedAt ?? 0),
      };
    };
    await apply('yes');
    await client.hold({ id: 'it', transport: 'udp', address: '10.68.0.1', port: 7001, intervalMs: 1 });
    const took: number[] = [];
    const until = performance.now() + mostMs;
    for (let index = 0; index < revocations && performance.now() < until; index += 1) {
      await apply('yes');
      const before = (await ends()).received;
      await waitFor(async () => (await ends()).received > before + 2, {
        what: 'datagrams come through',
        intervalMs: 2,
      });
      const askedAt = performance.timeOrigin + performance.now();
      await apply('no');
      // Quiet for twenty periods is silence.
      let last = (await ends()).at;
      await waitFor(
        async () => {
          const now = (await ends()).at;
          const isSame = now === last;
          last = now;
          return isSame;
        },
        { what: 'silence', intervalMs: 20 },
      );
      took.push(Math.max(0, last - askedAt));
    }
    return took;
  } finally {
    driven.stop();
    await lab.remove();
  }
}
