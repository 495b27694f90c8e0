// What the kernel's denied sets hold, read only when something was denied since the last time: the table's counters are asked
// over netlink (0.1 ms), and nft is started (10 ms of CPU) only if one of a denying decision moved.

import { decodeCounters, renderCountersRequest } from '#agent-core/counter-message.ts';
import { type DeniedCount, deniedSets, parseDeniedSets } from '#agent-core/denied-sets.ts';
import { tableName } from '#agent-core/table.ts';
import type { Result } from '#model/result.ts';
import { ok } from '#model/result.ts';
import { dumpNetfilter } from './netlink-dump.ts';
import type { Nft } from './nft.ts';

export interface DeniedSource {
  /** Every element of every denied set, or undefined where nothing was denied since the last successful call. */
  readMoved(): Promise<Result<readonly DeniedCount[] | undefined>>;
}

const counterPrefix = 'n_';

export function createDeniedSource(options: {
  readonly nft: Nft;
  /** Whether the decision of this number denies. */
  readonly denies: (number: number) => boolean;
}): DeniedSource {
  const { nft, denies } = options;
  const [, table = ''] = tableName.split(' ');
  const request = renderCountersRequest(table);
  const listing = [...deniedSets.keys()].map((name) => `list set ${tableName} ${name}`).join('; ');
  let before = '';

  /** Equal texts: nothing was denied in between. Undefined: could not be told. */
  async function denialsSoFar(): Promise<string | undefined> {
    const moved: string[] = [];
    const dumped = await dumpNetfilter({
      what: 'the list of counters',
      message: request,
      take: (bytes) =>
        decodeCounters(bytes, (name, packets) => {
          const number = Number(name.slice(counterPrefix.length));
          if (packets > 0 && Number.isSafeInteger(number) && denies(number)) moved.push(`${number}=${packets}`);
        }),
    });
    return dumped.ok ? moved.sort().join(' ') : undefined;
  }

  return {
    async readMoved() {
      const now = await denialsSoFar();
      if (now === before) return ok(undefined);
      const listed = await nft.list(['-n', listing]);
      if (!listed.ok) return listed;
      if (now !== undefined) before = now;
      return ok(parseDeniedSets(listed.value));
    },
  };
}
