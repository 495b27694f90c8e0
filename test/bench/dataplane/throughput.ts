// What a long TCP stream through established connections carries, with our table and with the plain one, in turn.

import { createLab, type LabHost } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';
import { median } from './new-connections.ts';
import { crowdPolicy, referenceTable, render } from './peers.ts';

export interface Throughput {
  /** Gigabits a second, medians; `ratio` is the median over the rounds. */
  readonly ours: number;
  readonly reference: number;
  readonly ratio: number;
}

/** As many as fit into `mostMs`. */
const rounds = 20;
const mostMs = 25_000;
const client = '10.67.0.9';
const bytesEach = '200M';

/** Undefined where iperf3 is not installed. */
export async function measureThroughput(): Promise<Throughput | undefined> {
  if ((await run(['iperf3', '--version'])).exitCode !== 0) return undefined;
  const lab = await createLab({ name: 'throughput' });
  try {
    const from = await lab.addHost({ name: 'client', ipv4: client });
    const reference = await lab.addHost({ name: 'reference', ipv4: '10.67.0.1' });
    const ours = await lab.addHost({ name: 'ours', ipv4: '10.67.0.2' });
    const crowd = crowdPolicy({ size: 10_000 });
    const policy = {
      ...crowd,
      peers: { ...crowd.peers, iperf: [client] },
      allowIn: [...(crowd.allowIn ?? []), 'iperf: tcp/5201'],
    };
    for (const [host, script] of [
      [reference, referenceTable],
      [ours, render(policy)],
    ] as const) {
      const loaded = await host.exec(['nft', '-f', '-'], { input: script });
      if (loaded.exitCode !== 0) throw new Error(loaded.stderr);
      host.spawn(['iperf3', '-s'], { stdio: 'ignore' });
      await waitFor(async () => (await stream(from, host, '1M')) !== undefined, { what: 'iperf3 answers' });
    }
    const rates = { ours: [] as number[], reference: [] as number[] };
    const until = performance.now() + mostMs;
    for (let round = 0; round < rounds && performance.now() < until; round += 1) {
      const order = [
        ['ours', ours],
        ['reference', reference],
      ] as const;
      for (const [name, host] of round % 2 === 0 ? order : order.toReversed()) {
        // Its server answers one at a time, and turns away whoever comes before it has put the last one away.
        rates[name].push(await waitFor(() => stream(from, host, bytesEach), { what: 'a stream' }));
      }
    }
    return {
      ours: median(rates.ours),
      reference: median(rates.reference),
      ratio: median(rates.ours.map((rate, at) => rate / (rates.reference[at] ?? Number.NaN))),
    };
  } finally {
    await lab.remove();
  }
}

/** Gigabits a second, or undefined if there was no stream. */
async function stream(from: LabHost, to: LabHost, bytes: string): Promise<number | undefined> {
  const { exitCode, stdout } = await from.exec(['iperf3', '-c', to.ipv4 ?? '', '-n', bytes, '-J']);
  const { end } = JSON.parse(stdout === '' ? '{}' : stdout) as {
    readonly end?: { readonly sum_received?: { readonly bits_per_second: number } };
  };
  const rate = end?.sum_received?.bits_per_second;
  return exitCode === 0 && rate !== undefined ? rate / 1e9 : undefined;
}
