// Connections that stay open through the story, both ends sending: who still hears the other, and until when the cut ones did.

import type { Family } from '#model/address.ts';
import type { HostProbe } from '#test/support/probe.ts';
import type { HoldProgress } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';

export interface HeldConnection {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly family: Family;
}

type Probes = ReadonlyMap<string, HostProbe>;

/** Ticks of both ends; more often than this would only cost time. */
const intervalMs = 25;

export async function openConnections(probes: Probes, connections: readonly HeldConnection[]): Promise<void> {
  await Promise.all(
    connections.map(async ({ id, from, to, port, family }) => {
      const address = family === 'ipv4' ? probeOf(probes, to).host.ipv4 : probeOf(probes, to).host.ipv6;
      if (address === undefined) throw new Error(`${to} has no ${family} address`);
      await probeOf(probes, from).hold({ id, transport: 'tcp', address, port, intervalMs });
    }),
  );
}

/** What each end has received so far, client first. */
export async function progressOf(
  probes: Probes,
  { id, from, to }: HeldConnection,
): Promise<readonly [HoldProgress, HoldProgress]> {
  const [client, server] = await Promise.all([
    probeOf(probes, from).held('client'),
    probeOf(probes, to).held('server'),
  ]);
  const [atClient, atServer] = [client[id], server[id]];
  if (atClient === undefined || atServer === undefined) throw new Error(`nothing is known of the connection ${id}`);
  return [atClient, atServer];
}

/** A dead connection is given so long to show that it is not; a busy machine may let a live one wait for much longer. */
const deadAfterMs = 2000;

/** Those on which, from now on, both ends keep hearing each other. Those that are to go on get `patienceMs` to show it. */
export async function stillAlive(
  probes: Probes,
  connections: readonly HeldConnection[],
  patienceMs = deadAfterMs,
): Promise<readonly string[]> {
  const alive = await Promise.all(
    connections.map(async (connection) => {
      const before = await progressOf(probes, connection);
      try {
        await waitFor(
          async () =>
            (await progressOf(probes, connection)).every((end, at) => end.received > (before[at]?.received ?? 0)),
          { what: `${connection.id} moves on`, timeoutMs: patienceMs },
        );
        return [connection.id];
      } catch {
        return [];
      }
    }),
  );
  return alive.flat();
}

/** How long the slowest end of living connections went without a tick: so late, on this machine, is what was sent on time. */
export async function longestGapMs(probes: Probes, connections: readonly HeldConnection[]): Promise<number> {
  const ends = (await Promise.all(connections.map((connection) => progressOf(probes, connection)))).flat();
  return Math.max(0, ...ends.map((end) => end.longestGapMs));
}

/** Milliseconds from `since` to the last byte that either end of any of them received; 0 if none came after it. */
export async function lastByteAfter(
  probes: Probes,
  connections: readonly HeldConnection[],
  since: number,
): Promise<number> {
  const ends = (await Promise.all(connections.map((connection) => progressOf(probes, connection)))).flat();
  return Math.max(0, ...ends.map((end) => end.lastReceivedAt - since));
}

function probeOf(probes: Probes, name: string): HostProbe {
  const probe = probes.get(name);
  if (probe === undefined) throw new Error(`no probe runs on ${name}`);
  return probe;
}
