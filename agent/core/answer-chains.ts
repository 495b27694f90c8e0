// The chains that show DNS answers to the agent, behind the table's own chains: only what those let pass comes here, and only
// answers to questions that were asked (conntrack calls them established replies) of resolvers this host is told to use. `held`:
// the kernel waits for the agent's word before anyone gets the answer, and lets it pass unasked where no agent listens (bypass).
// `copied`: the answer goes its way at once and the agent gets a copy.
//
// An agent that is stopped listens still, for all that the kernel knows, and would hold answers until it goes on. So the kernel holds
// only while it hears from the agent: a packet over loopback each second (heartbeat.ts) keeps an element in a set for three.

import { type Address, familyOf } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { namesOf } from './learnt-names.ts';
import type { Chain, ElementMap, Table } from './table.ts';

export type AnswerSource = 'held' | 'copied';

/** Of nfnetlink_queue, and of nfnetlink_log: one number, unlikely to be another program's. */
export const answerQueue = 21_061;

/** UDP, to loopback of either family; nobody listens there. Whoever else sends such a packet has answers held, no more. */
export const heartbeatPort = answerQueue;
/** How long the kernel holds answers after the last packet. Three packets may be late or lost. */
export const heardForMs = 3000;

const heardSetName = 'answers_heard';
/** By family, since an answer is of one. */
const heardSet: ElementMap = {
  kind: 'set',
  update: 'by-element',
  declaration: `{ type nf_proto; size 4; flags dynamic,timeout; timeout ${heardForMs / 1000}s; }`,
  elements: new Map(),
};
const heartbeatLine = `iif "lo" udp dport ${heartbeatPort} update @${heardSetName} { meta nfproto }`;

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
    const first = source === 'held' && hook === 'input' ? [heartbeatLine] : [];
    chains.set(`answers_${hook}`, {
      hook: `{ type filter hook ${hook} priority 10; policy accept; }`,
      lines: [...first, ...lines],
    });
  }
  const maps = source === 'held' ? new Map([...table.maps, [heardSetName, heardSet]]) : table.maps;
  return { ...table, chains, maps };
}

/** A table of one chain, for a kernel that is asked whether it can do this. */
export function trialScript(source: AnswerSource, resolvers: readonly Address[], table: string): string {
  const lines = [...(source === 'held' ? [heartbeatLine] : []), ...answerLines(source, resolvers)];
  return [
    `add table ${table}`,
    ...(source === 'held' ? [`add set ${table} ${heardSetName} ${heardSet.declaration}`] : []),
    `add chain ${table} answers { type filter hook input priority 10; }`,
    ...lines.map((line) => `add rule ${table} answers ${line}`),
    '',
  ].join('\n');
}

/** One line a family and protocol, each as the kernel lists it. */
export function answerLines(source: AnswerSource, resolvers: readonly Address[]): readonly string[] {
  const verdict =
    source === 'held' ? `meta nfproto @${heardSetName} queue num ${answerQueue} bypass` : `log group ${answerQueue}`;
  return families.flatMap(({ family, ip }) => {
    const own = resolvers.filter((resolver) => familyOf(resolver) === family).sort();
    if (own.length === 0) return [];
    const answers = `ct state established ct direction reply ${ip} saddr { ${own.join(', ')} }`;
    return ['udp', 'tcp'].map((protocol) => `${answers} ${protocol} sport 53 ${verdict}`);
  });
}
