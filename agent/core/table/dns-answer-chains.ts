// The chains that show DNS to the agent, behind the table's own chains: only what those let pass comes here, questions to resolvers
// that this host is told to use and what conntrack calls their replies. By the questions the agent tells an answer from a forged one
// (asked-questions.ts). `held`: the kernel waits for the agent's word before anyone gets the packet, and lets it pass unasked where no
// agent listens (bypass). `copied`: the packet goes its way at once and the agent gets a copy. One queue for both: a question is seen
// before its answer.
//
// An agent that is stopped listens still, for all that the kernel knows, and would hold answers until it goes on. So the kernel holds
// only while it hears from the agent: a packet over loopback each second (heartbeat.ts) keeps an element in a set for three.

import { namesOf } from '#agent-core/dns/learnt-names.ts';
import { defaultMarks, firstEpoch } from '#agent-core/marks/mark-layout.ts';
import { type Address, familyOf } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { renderRule } from './render-rule.ts';
import { back, type Ending, ending, goOn, inSet, type Rule, rule } from './rule.ts';
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
const heartbeatRule = rule(
  ['iif "lo"', `udp dport ${heartbeatPort}`],
  ending([{ kind: 'update', set: heardSetName, key: 'meta nfproto' }], goOn),
);

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
  const questions = questionRules(source, resolvers);
  const answers = answerRules(source, resolvers);
  const chains = new Map<string, Chain>(table.chains);
  const add = (name: string, hook: string, rules: readonly Rule[]) =>
    chains.set(name, { hook: `{ type filter hook ${hook} priority 10; policy accept; }`, rules });
  add('questions_output', 'output', [othersPass('dport'), ...questions]);
  add('answers_input', 'input', [...(source === 'held' ? [heartbeatRule] : []), othersPass('sport'), ...answers]);
  // Containers on bridges ask through this host.
  if (ruleSet.workloads.some(({ kind }) => kind === 'container'))
    add('answers_forward', 'forward', [...questions, ...answers]);
  const maps = source === 'held' ? new Map([...table.maps, [heardSetName, heardSet]]) : table.maps;
  return { ...table, chains, maps };
}

/** All other traffic has one comparison and no more; what of it has no ports is let go by the rules behind. */
function othersPass(port: 'sport' | 'dport'): Rule {
  return rule([`th ${port} != 53`], back);
}

/** A table of one chain, for a kernel that is asked whether it can do this. */
export function trialScript(source: AnswerSource, resolvers: readonly Address[], table: string): string {
  const shown = [...questionRules(source, resolvers), ...answerRules(source, resolvers)];
  const rules = [...(source === 'held' ? [heartbeatRule] : []), othersPass('dport'), ...shown];
  return [
    `add table ${table}`,
    ...(source === 'held' ? [`add set ${table} ${heardSetName} ${heardSet.declaration}`] : []),
    `add chain ${table} answers { type filter hook input priority 10; }`,
    ...rules.map((one) => `add rule ${table} answers ${renderRule(one, { marks: defaultMarks, epoch: firstEpoch })}`),
    '',
  ].join('\n');
}

/** What the host asks. */
export function questionRules(source: AnswerSource, resolvers: readonly Address[]): readonly Rule[] {
  return shownRules({ source, resolvers, port: 'dport', end: 'daddr', state: ['ct direction original'] });
}

export function answerRules(source: AnswerSource, resolvers: readonly Address[]): readonly Rule[] {
  return shownRules({
    source,
    resolvers,
    port: 'sport',
    end: 'saddr',
    state: ['ct state established', 'ct direction reply'],
  });
}

/** One rule a family and protocol, each as the kernel lists it. */
function shownRules(request: {
  readonly source: AnswerSource;
  readonly resolvers: readonly Address[];
  readonly port: 'sport' | 'dport';
  readonly end: 'saddr' | 'daddr';
  readonly state: readonly string[];
}): readonly Rule[] {
  const { source, resolvers, port, end, state } = request;
  const asked = source === 'held' ? [inSet('meta nfproto', heardSetName)] : [];
  const shown: Ending =
    source === 'held'
      ? ending([], { kind: 'queue', number: answerQueue })
      : ending([{ kind: 'log', group: answerQueue }], goOn);
  return families.flatMap(({ family, ip }) => {
    const own = resolvers.filter((resolver) => familyOf(resolver) === family).sort();
    if (own.length === 0) return [];
    return ['udp', 'tcp'].map((protocol) =>
      rule([`${protocol} ${port} 53`, `${ip} ${end} { ${own.join(', ')} }`, ...state, ...asked], shown),
    );
  });
}
