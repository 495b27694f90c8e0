// What systemd units under rules of their own cost: a new connection on a host that has some, and a unit's restart.

import type { Bench, BenchResult } from './bench-report.ts';
import { median, quantile } from './dataplane/new-connections.ts';
import { measureUnitCosts } from './units/new-connections.ts';
import { measureRestarts } from './units/restarts.ts';

const restartMs = 100;

export const run: Bench = async () => {
  const { costs, placementMs } = await measureUnitCosts();
  const { quietMs, busyMs, agentCpuMs } = await measureRestarts();
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
      name: `placing a restarted unit, ${size.toLocaleString('en')} peers of it and its host each: nft, start to end`,
      value,
      unit: 'ms',
    })),
    {
      name: 'restart to own rules, median',
      value: median(quietMs),
      unit: 'ms',
      limit: { kind: 'at-most', value: restartMs },
    },
    { name: 'restart to own rules, 99th percentile', value: quantile(quietMs, 0.99), unit: 'ms' },
    { name: 'restart to own rules, every core busy, median', value: median(busyMs), unit: 'ms' },
    { name: 'restart to own rules, every core busy, 99th percentile', value: quantile(busyMs, 0.99), unit: 'ms' },
    { name: 'restart to own rules: CPU of the agent’s process', value: agentCpuMs, unit: 'ms' },
  ];
  return {
    method:
      'First packets of UDP connections to a listening socket, verdict and then drop, up to 300 interleaved rounds of 512-packet bursts from 64 peers: the factor ' +
      'is the median over the rounds of our nanoseconds a packet, sending included, over those of the same host without units. Restarts: 200 removals and creations ' +
      'of a unit’s cgroup, a tenth to half a second apart, from the creation to the first datagram that only the unit’s own rules let pass.',
    results,
  };
};
