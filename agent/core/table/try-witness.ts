// Whether a try to reach the control plane died in our own table: counters in a table of their own, one hook priority before ours and
// one after it. They see what only the agent's user can make: the SYNs of its sockets to the control plane, and answers to SYNs of its that
// left. What was counted before and not after is denied between: by our table, or by another program's chain of the very same priority,
// which is why the denied sets are asked too. No other user's packet counts, and none that the network makes up: conntrack has to
// know it as the answer, and such an answer passes wherever our table lets the connection pass. What was never sent died nowhere.

import { type Address, familyOf } from '#model/address.ts';

/** Stands for as long as a try takes. */
export const witnessTable = 'inet segwall_try';

/** Where tries go to, and whose sockets make them. */
export interface WatchedTries {
  readonly uid: number;
  readonly port: number;
  readonly addresses: readonly Address[];
}

/** Sources of SYNs that left, by 4 or 6; more than one user's ports are none of a try. */
const tried = (digit: string) => `tried${digit}`;
const triedMost = 1024;

const flags = 'tcp flags & (fin|syn|rst|ack) ==';
const places = [
  { chain: 'out_before', hook: 'output', priority: -1, counter: 'sent' },
  { chain: 'out_after', hook: 'output', priority: 1, counter: 'left' },
  { chain: 'in_before', hook: 'input', priority: -1, counter: 'arrived' },
  { chain: 'in_after', hook: 'input', priority: 1, counter: 'taken' },
] as const;
type Place = (typeof places)[number];
export type WitnessCounter = Place['counter'];

/** Idempotent, from whatever an earlier one left. */
export function witnessScript(tries: WatchedTries): string {
  const lines = [`add table ${witnessTable}`, `delete table ${witnessTable}`, `add table ${witnessTable}`];
  for (const { counter } of places) lines.push(`add counter ${witnessTable} ${counter}`);
  for (const [digit, type] of [
    ['4', 'ipv4_addr'],
    ['6', 'ipv6_addr'],
  ] as const) {
    const declaration = `{ type ${type} . inet_service; size ${triedMost}; flags dynamic; }`;
    lines.push(`add set ${witnessTable} ${tried(digit)} ${declaration}`);
  }
  for (const place of places) {
    const { chain, hook, priority } = place;
    lines.push(
      `add chain ${witnessTable} ${chain} { type filter hook ${hook} priority ${priority}; policy accept; }`,
      ...tries.addresses.map((address) => `add rule ${witnessTable} ${chain} ${wordsAt(place, tries, address)}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

function wordsAt({ counter }: Place, { uid, port }: WatchedTries, address: Address): string {
  const [ip, digit] = familyOf(address) === 'ipv4' ? ['ip', '4'] : ['ip6', '6'];
  const syn = `${ip} daddr ${address} tcp dport ${port} ${flags} syn meta skuid ${uid} counter name ${counter}`;
  const answer = `${ip} saddr ${address} tcp sport ${port} ${flags} syn|ack`;
  switch (counter) {
    case 'sent':
      return syn;
    case 'left':
      return `${syn} add @${tried(digit)} { ${ip} saddr . tcp sport }`;
    case 'arrived': {
      const known = `${ip} daddr . tcp dport @${tried(digit)} ct state established ct direction reply`;
      return `${answer} ${known} counter name ${counter}`;
    }
    case 'taken':
      return `${answer} counter name ${counter}`;
  }
}

/** Once a try is over: what is on its way between the hooks is still counted after them, and nothing more before them. */
export const witnessPause = `flush chain ${witnessTable} out_before\nflush chain ${witnessTable} in_before\n`;

export const witnessRemoval = `add table ${witnessTable}\ndelete table ${witnessTable}\n`;
