// What a change of a large table takes in the kernel: one peer, or a thousand, that come and go among 100,000. The time of one nft
// transaction, its process included; what the agent computes before it is not.

import { buildTable } from '#agent-core/build-table.ts';
import { emptyNumbering } from '#agent-core/numbering.ts';
import type { Table } from '#agent-core/table.ts';
import { bootstrapScript, changeScript, nothingStanding } from '#agent-core/transaction.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { median } from './new-connections.ts';
import { crowdPolicy, ipv4Peer } from './peers.ts';

export interface ChangeTime {
  readonly name: string;
  readonly elements: number;
  readonly milliseconds: number;
}

export interface ChangeTimes {
  readonly changes: readonly ChangeTime[];
  /** An nft transaction that changes nothing in the large table. */
  readonly emptyMs: number;
}

const size = 100_000;
const repeats = 8;

export async function measureChanges(): Promise<ChangeTimes> {
  const lab = await createLab({ name: 'changes' });
  try {
    const host = await lab.addHost({ name: 'host', ipv4: '10.66.0.1' });
    const [before, one, thousand] = [crowd(0), crowd(1), crowd(1000)];
    await timed(host, bootstrapScript(before, state(0), nothingStanding));
    const times = new Map<string, number[]>();
    let revision = 0;
    const go = async (name: string, previous: Table, next: Table, isNewEpoch: boolean) => {
      revision += 1;
      const took = await timed(host, changeScript({ previous, next, isNewEpoch, state: state(revision) }));
      times.set(name, [...(times.get(name) ?? []), took]);
    };
    const empty: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      empty.push(await timed(host, 'add table inet segwall\n'));
      await go('1 peer comes', before, one, false);
      await go('1 peer goes', one, before, true);
      await go('1,000 peers come', before, thousand, false);
      await go('1,000 peers go', thousand, before, true);
    }
    return {
      changes: [...times].map(([name, took]) => ({
        name,
        elements: name.startsWith('1,000') ? 1000 : 1,
        milliseconds: median(took),
      })),
      emptyMs: median(empty),
    };
  } finally {
    await lab.remove();
  }

  function crowd(more: number): Table {
    // One map of 100,000 elements: IPv4, inbound.
    const { allowOut: _, peers = {}, ...policy } = crowdPolicy({ size });
    const ipv4 = Object.entries(peers).map(([set, all], index) => [
      set,
      [
        ...all.filter((address) => !address.includes(':')),
        ...(index === 0 ? Array.from({ length: more }, (_, at) => ipv4Peer(size + at)) : []),
      ],
    ]);
    const ruleSet = hostRuleSet({ ...policy, outbound: 'observe', peers: Object.fromEntries(ipv4) });
    const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('the crowd needs too many decisions');
    return table;
  }
}

function state(revision: number) {
  return { revision, epoch: 1 + (revision % 4000), digest: 'bench' };
}

async function timed(host: LabHost, input: string): Promise<number> {
  const result = await host.exec(['nft', '-f', '-'], { input, timeoutMs: 60_000 });
  if (result.exitCode !== 0) throw new Error(result.stderr.slice(0, 500));
  return result.durationMs;
}
