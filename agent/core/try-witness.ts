// Whether a try to reach the control plane died in our own table: counters in a table of their own, one hook priority before ours and
// one after it, that see that connection alone, by its addresses and ports. What was counted before and not after is denied
// between: by our table, or by another program's chain of the very same priority, which is why the denied sets are asked too.
// Nothing else can bring such a count about: what never left (no port was free) and what never came back (dropped on its way) is equal on both.

import { type Address, familyOf } from '#model/address.ts';

/** Stands for as long as a try takes. */
export const witnessTable = 'inet segwall_try';

const places = [
  { chain: 'out_before', hook: 'output', priority: -1, counter: 'sent' },
  { chain: 'out_after', hook: 'output', priority: 1, counter: 'left' },
  { chain: 'in_before', hook: 'input', priority: -1, counter: 'arrived' },
  { chain: 'in_after', hook: 'input', priority: 1, counter: 'taken' },
] as const;

/** Where tries go to, all from one port. */
export interface WatchedTries {
  readonly localPort: number;
  readonly port: number;
  readonly addresses: readonly Address[];
}

/** Idempotent, from whatever an earlier one left. */
export function witnessScript({ localPort, port, addresses }: WatchedTries): string {
  const lines = [`add table ${witnessTable}`, `delete table ${witnessTable}`, `add table ${witnessTable}`];
  for (const { counter } of places) lines.push(`add counter ${witnessTable} ${counter}`);
  for (const { chain, hook, priority, counter } of places) {
    lines.push(
      `add chain ${witnessTable} ${chain} { type filter hook ${hook} priority ${priority}; policy accept; }`,
      ...addresses.map((address) => {
        const [far, theirs, own] = hook === 'output' ? ['daddr', 'dport', 'sport'] : ['saddr', 'sport', 'dport'];
        const ip = familyOf(address) === 'ipv4' ? 'ip' : 'ip6';
        const match = `${ip} ${far} ${address} tcp ${theirs} ${port} tcp ${own} ${localPort}`;
        return `add rule ${witnessTable} ${chain} ${match} counter name ${counter}`;
      }),
    );
  }
  return `${lines.join('\n')}\n`;
}

export const witnessRemoval = `add table ${witnessTable}\ndelete table ${witnessTable}\n`;

/** `listing`: of `nft list counters table inet segwall_try`. */
export function diedBetween(listing: string): 'died' | 'passed' {
  const counts = new Map<string, number>();
  for (const [, name = '', packets] of listing.matchAll(/counter (\w+) \{\s+packets (\d+)/g))
    counts.set(name, Number(packets));
  const of = (name: (typeof places)[number]['counter']) => counts.get(name) ?? 0;
  return of('sent') > of('left') || of('arrived') > of('taken') ? 'died' : 'passed';
}
