// The chains that show DNS answers to the agent, behind the table's own chains: only what those let pass comes here, and only
// answers to questions that were asked (conntrack calls them established replies) of resolvers this host is told to use. `held`:
// the kernel waits for the agent's word before anyone gets the answer, and lets it pass unasked where no agent listens (bypass).
// `copied`: the answer goes its way at once and the agent gets a copy.

import { type Address, familyOf } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { namesOf } from './learnt-names.ts';
import type { Chain, Table } from './table.ts';

export type AnswerSource = 'held' | 'copied';

/** Of nfnetlink_queue, and of nfnetlink_log: one number, unlikely to be another program's. */
export const answerQueue = 21_061;

const hooks = ['input', 'forward'] as const;
const families = [
  { family: 'ipv4', ip: 'ip' },
  { family: 'ipv6', ip: 'ip6' },
] as const;

/** The table as it is where the rule set names no names. */
export function withAnswerChains(
  table: Table,
  request: { readonly ruleSet: HostRuleSet; readonly source: AnswerSource; readonly resolvers: readonly Address[] },
): Table {
  const { ruleSet, source, resolvers } = request;
  if (namesOf(ruleSet).size === 0 || resolvers.length === 0) return table;
  const lines = answerLines(source, resolvers);
  const chains = new Map<string, Chain>(table.chains);
  // Containers on bridges ask through this host.
  const hasContainers = ruleSet.workloads.some(({ kind }) => kind === 'container');
  for (const hook of hooks) {
    if (hook === 'forward' && !hasContainers) continue;
    chains.set(`answers_${hook}`, { hook: `{ type filter hook ${hook} priority 10; policy accept; }`, lines });
  }
  return { ...table, chains };
}

/** One line a family and protocol, each as the kernel lists it. */
export function answerLines(source: AnswerSource, resolvers: readonly Address[]): readonly string[] {
  const verdict = source === 'held' ? `queue num ${answerQueue} bypass` : `log group ${answerQueue}`;
  return families.flatMap(({ family, ip }) => {
    const own = resolvers.filter((resolver) => familyOf(resolver) === family).sort();
    if (own.length === 0) return [];
    const answers = `ct state established ct direction reply ${ip} saddr { ${own.join(', ')} }`;
    return ['udp', 'tcp'].map((protocol) => `${answers} ${protocol} sport 53 ${verdict}`);
  });
}
