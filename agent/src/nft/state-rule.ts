// The words of our state rule as the kernel has them, and the number of its last transaction: 0.2 ms whatever the table holds.

import { dumpNetfilter } from '#agent/netlink/dump.ts';
import { decodeNftablesNotices, renderGenerationRequest } from '#agent-core/netlink/nftables-notice.ts';
import { decodeRuleComments, renderChainRequest } from '#agent-core/netlink/state-rule-message.ts';
import { tableName } from '#agent-core/table/table.ts';
import { stateChain } from '#agent-core/table/table-state.ts';
import { err, ok, type Result } from '#model/result.ts';

/** Undefined where there is no such rule; an error where the kernel could not be asked. */
export async function readStateRule(): Promise<Result<string | undefined>> {
  const comments: string[] = [];
  const [, table = ''] = tableName.split(' ');
  const dumped = await dumpNetfilter({
    what: 'the state of the table',
    message: renderChainRequest(table, stateChain),
    take: (bytes) => decodeRuleComments(bytes, (comment) => comments.push(comment)),
  });
  return dumped.ok ? ok(comments.at(-1)) : dumped;
}

/** Goes up by one with every transaction of anyone's in this network namespace, whatever table it is about. */
export async function readGeneration(): Promise<Result<number>> {
  const what = 'the number of the last transaction';
  let generation: number | undefined;
  const asked = await dumpNetfilter({
    what,
    message: renderGenerationRequest(),
    take(bytes) {
      for (const notice of decodeNftablesNotices(bytes)) {
        if (notice.kind === 'committed') generation = notice.generation;
      }
      return { dump: 'done' };
    },
  });
  if (!asked.ok) return asked;
  return generation === undefined ? err(`${what} was not told`) : ok(generation);
}
