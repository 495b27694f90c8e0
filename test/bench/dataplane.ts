// The kernel's share of the cost: what our table adds to a packet, to a stream and to a change, against the plainest stateful table
// there is and against iptables with ipsets, all in turn in one run. Needs root; packets stay between namespaces of its own.

import type { Bench, BenchResult } from './bench-report.ts';
import { measureAgentChanges, measureChanges } from './dataplane/changes.ts';
import { measureNewConnections, median, type PacketCost, quantile } from './dataplane/new-connections.ts';
import { measureRevocations } from './dataplane/revocations.ts';
import { measureThroughput } from './dataplane/throughput.ts';

const perStream = 0.98;
const perChangeMs = { 1: 10, 1000: 20 } as const;
const silenceMs = 300;

export const run: Bench = async () => {
  const { costs, withoutIpset } = await measureNewConnections();
  const throughput = await measureThroughput();
  const { changes, epochMs } = await measureChanges();
  const agentChanges = await measureAgentChanges();
  const revocations = await measureRevocations();
  const results: BenchResult[] = [
    ...costs.map(packetResult),
    ...(throughput === undefined
      ? []
      : [
          {
            name: 'established TCP stream (iperf3), share of the plain table’s rate',
            value: throughput.ratio,
            unit: '×',
            limit: { kind: 'at-least', value: perStream } as const,
            reference: { name: 'plain, Gbit/s', value: throughput.reference, ratio: throughput.ratio },
          },
        ]),
    ...changes.map(
      ({ name, elements, milliseconds, byNftMs }): BenchResult => ({
        name: `change among 100,000: ${name}, in force`,
        value: milliseconds,
        unit: 'ms',
        limit: { kind: 'at-most', value: elements === 1 ? perChangeMs[1] : perChangeMs[1000] },
        reference: { name: 'the same by nft', value: byNftMs, ratio: milliseconds / byNftMs },
      }),
    ),
    { name: 'change among 100,000: open connections are judged again, by nft', value: epochMs, unit: 'ms' },
    ...(['comes', 'goes'] as const).map((change): BenchResult => {
      const own = agentChanges.filter((one) => one.change === change);
      const milliseconds = median(own.map((one) => one.milliseconds));
      return {
        name: `agent: 1 peer ${change} among 100,000, from the delta to the acknowledgement`,
        value: milliseconds,
        unit: 'ms',
        reference: {
          name: 'nft and the kernel',
          value: median(own.map((one) => one.milliseconds - one.ownMs)),
          ratio: median(own.map((one) => one.milliseconds / (one.milliseconds - one.ownMs))),
        },
      };
    }),
    {
      name: 'revoke to silence, 99th percentile',
      value: quantile(revocations, 0.99),
      unit: 'ms',
      limit: { kind: 'at-most', value: silenceMs },
    },
    { name: 'revoke to silence, median', value: median(revocations), unit: 'ms' },
  ];
  const absent = [
    ...(withoutIpset === undefined ? [] : [`no iptables-nft reference: ${withoutIpset}`]),
    ...(throughput === undefined ? ['no stream: iperf3 is not installed'] : []),
  ];
  return {
    method:
      'First packets of UDP connections, verdict and then drop, up to 300 interleaved rounds of 512-packet bursts: ' +
      'the factor is the median over the rounds of our nanoseconds a packet, sending included, over those of the ' +
      'reference in the same round; outbound one call a packet. The plain set is the least table that knows the same ' +
      'peers (`ct state established accept; ip saddr @set accept`; for CIDRs and ranges an interval set). A table ' +
      'without peers is `ct state established accept; accept`. "64 met" keeps the peers in the CPU’s cache, "all met" ' +
      'does not. Changes are until the kernel tells that they are in force; who revokes has open connections judged ' +
      'again after. Streams, changes and revocations (datagrams every millisecond, both ways) are medians but where a ' +
      `percentile is named.${absent.map((text) => ` (${text})`).join('')}`,
    results,
  };
};

function packetResult({ name, value, against, reference, ratio, spread, limit }: PacketCost): BenchResult {
  return {
    name,
    value: ratio,
    unit: '×',
    spread,
    ...(limit === undefined ? {} : { limit: { kind: 'at-most', value: limit } as const }),
    reference: {
      name: `${against} (${Math.round(value)} against ${Math.round(reference)} ns)`,
      value: reference,
      ratio,
    },
  };
}
