// The host's own hooks, `input` and `output`: what passes at once, and whose chain judges the rest.

import type { Direction } from '#model/verdict.ts';
import { acceptErrors, acceptEstablished } from './established.ts';
import { opposite, sideOf } from './families.ts';
import { nowhere, oddMatch } from './odd-packets.ts';
import { accept, jump, type Rule, rule, unjudged } from './rule.ts';

/**
 * What destination NAT sends to somewhere else keeps the interface that it was first meant for (Linux 6.18), so that a process of the host
 * would reach a container's published port as if over loopback; what it sends to the host itself is loopback, whatever the interface.
 */
const sentOverLoopback: readonly Rule[] = [
  rule(['oif "lo"', 'ct status ! dnat'], accept),
  rule(['ct status dnat', 'fib daddr type local'], accept),
];

/** What this host tells the ends of connections that it forwards for others and nobody judges: without it, large packets vanish. */
const errorsOfForwarded: Rule = rule(['ct state related', unjudged, 'meta l4proto { icmp, icmpv6 }'], accept);

/** The answer our own reject sends belongs to the connection it denies, and would be denied with it. */
const ownRejections: readonly Rule[] = [
  ['icmp type destination-unreachable', 'icmp code admin-prohibited'],
  ['icmpv6 type destination-unreachable', 'icmpv6 code admin-prohibited'],
].map((answer) => rule(['ct state related', 'ct direction reply', ...answer], accept));

/** Reply packets belong to the other direction's connection: an answer we send is part of what came in. */
export function localHook(
  own: Direction,
  { isStrict, rejects }: { readonly isStrict: boolean; readonly rejects: 'some' | 'none' },
): readonly Rule[] {
  return [
    acceptEstablished,
    ...(own === 'inbound' ? [rule(['iif "lo"'], accept)] : sentOverLoopback),
    rule(['ct state new'], jump(`new_${sideOf[own]}`)),
    nowhere(isStrict, ['ct state new']),
    acceptErrors,
    ...(own === 'outbound' ? [errorsOfForwarded] : []),
    ...(own === 'outbound' && rejects === 'some' ? ownRejections : []),
    rule([oddMatch], jump(`odd_${sideOf[own]}`)),
    nowhere(isStrict, [oddMatch]),
    rule(['ct direction reply'], jump(`judge_${sideOf[opposite[own]]}`)),
    rule(['ct direction original'], jump(`judge_${sideOf[own]}`)),
    nowhere(isStrict),
  ];
}
