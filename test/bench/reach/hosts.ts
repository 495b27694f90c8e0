// A process of many hosts, under orders: a line of JSON in, a line of JSON out. See ../reach.ts.

import { createInterface } from 'node:readline';
import { enrolMany, type RunningMany, runMany } from '#test/support/many-hosts.ts';
import { type HostsAnswer, type HostsOrder, ownAddress } from './orders.ts';

let running: RunningMany | undefined;
let all: Promise<number> | undefined;

async function obey(order: HostsOrder): Promise<HostsAnswer> {
  switch (order.kind) {
    case 'enrol': {
      const { port, from: where, ...given } = order;
      const controlPlaneOf = (n: number) => `${where.kind === 'own' ? ownAddress(n) : where.address}:${port}`;
      return { kind: 'enrolled', ...(await enrolMany({ ...given, from: order.first, controlPlaneOf })) };
    }
    case 'run':
      running = await runMany({ ...order, from: order.first, addressOf: ownAddress });
      return { kind: 'connected', tookMs: await running.allAnew() };
    case 'mark':
      all = running?.allAnew();
      return { kind: 'marked' };
    case 'ready':
      running?.countAnew();
      return { kind: 'marked' };
    case 'all-back': {
      await all;
      return { kind: 'back', ...(running?.counted() ?? { tries: Number.NaN, firstMs: Number.NaN }) };
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await obey(JSON.parse(line) as HostsOrder);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await running?.stop();
process.exit();
