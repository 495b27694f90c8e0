// Makes a host forget the connections that are over, so that nothing is told of them later: once all of them have come to their end, since what
// is deleted on its way there would begin anew with its next packet.

import type { LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

interface Kept {
  /** Of the services that connections are looked for at. */
  readonly ports: readonly number[];
  /** These stay open. */
  readonly held: readonly { readonly from: string; readonly to: string }[];
}

const families = ['ipv4', 'ipv6'] as const;

export async function forgetClosed(host: LabHost, { ports, held }: Kept): Promise<void> {
  const open = held.filter(({ from, to }) => from === host.name || to === host.name).length;
  await waitFor(async () => (await unfinished(host, ports)).length <= open, {
    what: `the connections of ${host.name} are over but for the ${open} that are held`,
    timeoutMs: 180_000,
    intervalMs: 100,
    explain: async () => (await unfinished(host, ports)).join('\n'),
  });
  for (const family of families)
    for (const state of ['TIME_WAIT', 'CLOSE'])
      await host.exec(['conntrack', '-D', '-f', family, '-p', 'tcp', '--state', state]);
}

/** Lines of conntrack, each of a connection to one of the ports. */
async function unfinished(host: LabHost, ports: readonly number[]): Promise<readonly string[]> {
  const listings = await Promise.all(
    families.map((family) => host.exec(['conntrack', '-L', '-f', family, '-p', 'tcp'])),
  );
  const ours = new Set(ports.map(String));
  return listings
    .flatMap(({ stdout }) => stdout.split('\n'))
    .filter((line) => ours.has(/\bdport=(\d+)/.exec(line)?.[1] ?? ''))
    .filter((line) => !/ (TIME_WAIT|CLOSE) /.test(line));
}
