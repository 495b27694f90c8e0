// What systemd units under rules of their own cost: a new connection on a host that has some, and a unit's restart.

import type { Bench, BenchResult } from './bench-report.ts';
import { median, quantile } from './dataplane/new-connections.ts';
import { measureUnitCosts } from './units/new-connections.ts';
import { measureRestarts, type Restarts } from './units/restarts.ts';

const restartMs = 100;

function rowsOf(restarts: Restarts): readonly BenchResult[] {
  const { peers, load, tookMs, lateMs, stormMs, changeMs, agentCpuMs } = restarts;
  const where = `${peers.toLocaleString('en')} peers, ${load === 'busy' ? 'every core busy' : 'machine left alone'}`;
  const limit = { kind: 'at-most', value: restartMs } as const;
  return [
    { name: `restart to own rules, ${where}, median`, value: median(tookMs), unit: 'ms', limit },
    { name: `restart to own rules, ${where}, 99th percentile`, value: quantile(tookMs, 0.99), unit: 'ms', limit },
    {
      name: `the machine’s own lateness meanwhile, ${where}, 99th percentile`,
      value: quantile(lateMs, 0.99),
      unit: 'ms',
    },
    { name: `the last of 50 units that restart at once, ${where}, median`, value: median(stormMs), unit: 'ms' },
    {
      name: `a policy change while a unit crashes ten times a second, ${where}, median`,
      value: median(changeMs.crashing),
      unit: 'ms',
      reference: {
        name: `none crashes (${Math.round(median(changeMs.calm))} ms)`,
        value: median(changeMs.calm),
        ratio: median(changeMs.crashing) / median(changeMs.calm),
      },
    },
    { name: `restart to own rules, ${where}: CPU of the agent’s process`, value: agentCpuMs, unit: 'ms' },
  ];
}

export const run: Bench = async () => {
  const { costs, placementMs } = await measureUnitCosts();
  const restarts: Restarts[] = [];
  for (const peers of [100, 100_000])
    for (const load of ['quiet', 'busy'] as const) restarts.push(await measureRestarts(peers, load));
  const results: BenchResult[] = [
    ...costs.map(({ name, nanos, reference, ratio }) => ({
      name: `new connection, 10,000 peers: ${name}`,
      value: ratio,
      unit: '×',
      reference: {
        name: `no units (${Math.round(nanos)} against ${Math.round(reference)} ns)`,
        value: reference,
        ratio,
      },
    })),
    ...[...placementMs].map(([size, value]) => ({
      name: `placing through nft, as a load does, ${size.toLocaleString('en')} peers of it and its host each: start to end`,
      value,
      unit: 'ms',
    })),
    ...restarts.flatMap(rowsOf),
  ];
  return {
    method:
      'First packets of UDP connections to a listening socket, verdict and then drop, up to 300 interleaved rounds of 512-packet bursts from 64 peers: the factor ' +
      'is the median over the rounds of our nanoseconds a packet, sending included, over those of the same host without units. Restarts: 200 removals and creations ' +
      'of a unit’s cgroup, 50 to 250 ms apart, from the creation to the first datagram that only the unit’s own rules let pass, tried every 0.1 ms; busy: a process that ' +
      'never pauses for each core. The lateness of a process of normal priority that only sleeps, in the same seconds, says what the machine has to give.',
    results,
  };
};
