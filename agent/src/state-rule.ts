// The words of our state rule as the kernel has them: 0.2 ms whatever the table holds.

import { decodeRuleComments, renderChainRequest } from '#agent-core/state-rule-message.ts';
import { tableName } from '#agent-core/table.ts';
import { stateChain } from '#agent-core/transaction.ts';
import { ok, type Result } from '#model/result.ts';
import { dumpNetfilter } from './netlink-dump.ts';

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
