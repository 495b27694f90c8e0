// A shared address changes hands: from what takes it from its holder to the first connection that the other one accepts. In order, by a
// power cut, and where both have it and the network turns (anycast, direct server return), under policy and without Segwall in turn.

import type { LabHost } from '#test/support/lab.ts';
import type { Bench, BenchResult } from './bench-report.ts';
import { median, quantile } from './dataplane/new-connections.ts';
import { type FailoverFleet, type Pair, type Side, startFailoverFleet } from './failover/fleet.ts';
import { advertisementSeconds, findKeepalived, Holder } from './failover/vrrp.ts';

const rounds = 20;
const limitMs = 2000;
const ways = ['in order', 'power cut', 'anycast'] as const;
type Way = (typeof ways)[number];

const names: Readonly<Record<Way, string>> = {
  'in order': 'failover in order (keepalived stopped)',
  'power cut': 'failover by power cut (cable, keepalived and agent at once)',
  anycast: 'both have it: the one that is routed to loses its power, the network turns to the other',
};

class Failover {
  readonly #fleet: FailoverFleet;
  readonly #holders = new Map<string, Holder>();

  constructor(fleet: FailoverFleet, keepalived: string | undefined) {
    this.#fleet = fleet;
    if (keepalived === undefined) return;
    for (const [at, { shared, holders }] of fleet.pairs.entries()) {
      for (const [index, host] of holders.entries()) {
        const options = {
          host,
          address: shared,
          directory: fleet.directory,
          priority: 150 - 50 * index,
          router: 51 + at,
        };
        this.#holders.set(host.name, new Holder(keepalived, options));
      }
    }
  }

  async start(): Promise<void> {
    for (const { holders, shared } of this.#fleet.pairs) {
      for (const host of holders) await this.#holders.get(host.name)?.start();
      if (this.#holders.size > 0) await Promise.any(holders.map((host) => this.#fleet.answeredBy(host, shared)));
    }
  }

  /** Milliseconds. */
  async measure(way: Way, pair: Pair): Promise<number> {
    return way === 'anycast' ? this.#turn(pair) : this.#move(way, pair);
  }

  async #move(way: 'in order' | 'power cut', pair: Pair): Promise<number> {
    const [from, to] = await this.#holdersNow(pair);
    const processes = await from.processes();
    const answered = this.#fleet.answeredBy(to.host, pair.shared);
    const beganAt = now();
    const gone = way === 'in order' ? from.stop() : Promise.all([this.#fleet.cut(from.host), from.kill(processes)]);
    const took = (await answered) - beganAt;
    await gone;
    if (way === 'power cut') {
      await from.letGo();
      await this.#fleet.restore(from.host);
    }
    await from.start();
    return took;
  }

  async #turn(pair: Pair): Promise<number> {
    const [from, to] = pair.holders;
    await this.#turnTo(pair, from);
    const answered = this.#fleet.answeredBy(to, pair.anycast);
    const beganAt = now();
    const gone = this.#fleet.cut(from);
    this.#fleet.route(pair, to);
    const took = (await answered) - beganAt;
    await gone;
    await this.#fleet.restore(from);
    return took;
  }

  async #turnTo(pair: Pair, holder: LabHost): Promise<void> {
    const answered = this.#fleet.answeredBy(holder, pair.anycast);
    this.#fleet.route(pair, holder);
    await answered;
  }

  async #holdersNow({ holders }: Pair): Promise<readonly [from: Holder, to: Holder]> {
    const [first, second] = holders.map(({ name }) => this.#holders.get(name));
    if (first === undefined || second === undefined) throw new Error('there is no keepalived');
    return (await first.holds()) ? [first, second] : [second, first];
  }
}

const now = () => Number(process.hrtime.bigint()) / 1e6;

function resultOf(way: Way, took: Readonly<Record<Side, readonly number[]>>): readonly BenchResult[] {
  const ours = took['under policy'];
  const value = median(ours);
  const plain = median(took['without Segwall']);
  return [
    {
      name: names[way],
      value,
      unit: 'ms',
      spread: { low: quantile(ours, 0.25), high: quantile(ours, 0.75) },
      limit: { kind: 'at-most', value: limitMs },
      reference: { name: `without Segwall (${Math.round(plain)} ms)`, value: plain, ratio: value / plain },
    },
    {
      name: `${names[way]}: the longest`,
      value: Math.max(...ours),
      unit: 'ms',
      limit: { kind: 'at-most', value: limitMs },
    },
  ];
}

export const run: Bench = async () => {
  const keepalived = await findKeepalived();
  const tried = keepalived === undefined ? (['anycast'] as const) : ways;
  const took = new Map(
    tried.map((way) => [way, { 'under policy': [] as number[], 'without Segwall': [] as number[] }]),
  );
  const fleet = await startFailoverFleet();
  try {
    const failover = new Failover(fleet, keepalived);
    await failover.start();
    for (let round = 0; round < rounds; round += 1) {
      for (const way of tried)
        for (const pair of fleet.pairs) took.get(way)?.[pair.side].push(await failover.measure(way, pair));
    }
  } finally {
    await fleet.remove();
  }
  return {
    method:
      `Two pairs of hosts in one network, one under policy (both directions enforced, agents and control plane running, the address a virtual workload), one ` +
      `without Segwall; ${rounds} failovers of each kind, in turn. From the event to the first new connection that the other holder answers, tried every 5 ms by ` +
      `a client. VRRP is ${keepalived === undefined ? 'missing: keepalived is not installed' : `Debian’s keepalived, version 3, to the group, an advertisement every ${advertisementSeconds} s`}. ` +
      'Medians with their quarters.',
    results: [...took].flatMap(([way, values]) => resultOf(way, values)),
  };
};
