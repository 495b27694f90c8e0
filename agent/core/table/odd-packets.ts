// Packets that begin no connection and belong to none: what the link itself needs, TCP that the kernel takes up in its midst, and what
// conntrack calls invalid.

import { accept, count, drop, ending, goto, inSet, type Rule, rule } from './rule.ts';

/** Counts dropped TCP that has no conntrack entry and does not begin with a SYN. */
export const midCounter = 'n_mid';
/** What conntrack calls invalid: where it takes nothing up in its midst, what has lost its entry too. */
export const oddCounter = 'n_odd';

export const notSyn = 'tcp flags & (fin|syn|rst|ack) != syn';
/** TCP that the kernel takes up in its midst: its connection has no entry. */
export const midMatch: readonly string[] = ['ct state new', notSyn];
/** What conntrack has no connection for, or has lost it. */
export const oddMatch = 'ct state invalid,untracked';

export const toMid = goto('mid');
export const toOdd = goto('odd');
export const dropOdd = ending([count(oddCounter)], drop);

/** What talks of the link stays on it: neighbour discovery with a hop limit that no router has lowered (RFC 4861), MLD with one that none lets past (RFC 2710). */
export const neighbourDiscovery: readonly Rule[] = [
  rule(
    [
      'ip6 hoplimit 255',
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert }',
      'icmpv6 code 0',
    ],
    accept,
  ),
  rule(
    [
      'ip6 hoplimit 1',
      'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }',
    ],
    accept,
  ),
];

/** An end of a connection without an entry takes nothing up: it is invalid, and counted with what tells that entries are lost. */
export const endOfLost = rule(['tcp flags & (fin|syn|rst) == fin'], toMid);

export const midRules: readonly Rule[] = [rule([], ending([count(midCounter)], drop))];

/**
 * Of such a packet a connected socket may be the end (0), so that only who reads sockets knows whose client it is. Where there is none, or
 * one that listens at every address (1, Linux 6.18), the host's own answer is a reset: the packet is judged by what it addresses and, let in,
 * opens nothing. What listens at one address reads 0 as well, and is silent.
 */
export const midInRules: readonly Rule[] = [rule(['socket wildcard 0'], toMid)];

/** The chain `odd`. */
export function oddRules(isStrict: boolean): readonly Rule[] {
  return isStrict ? [...neighbourDiscovery, endOfLost, nowhere(isStrict)] : [nowhere(isStrict)];
}

/**
 * Every way ends in a decision; only a packet on its way while rules change could find none, where a map's new answer meets old rules.
 * It must not fall through to a base chain's policy.
 */
export function nowhere(isStrict: boolean, match: readonly string[] = []): Rule {
  return rule(match, isStrict ? dropOdd : ending([count(oddCounter)], accept));
}

/** Odd packets of whom a set holds. */
export function oddIn(key: string, set: string, more: readonly string[] = []): Rule {
  return rule([oddMatch, ...more, inSet(key, set)], toOdd);
}
