// What passes by the mark of its connection alone: what today's epoch let in, and the errors about it.

import { accept, type Rule, rule, todaysEpoch } from './rule.ts';

/**
 * Of what conntrack calls related, only errors are part of a connection that was judged. A connection that a helper expects (FTP's
 * data) is one of its own, though it begins with the mark of the one that announced it.
 */
export const acceptEstablished: Rule = rule(['ct state established', todaysEpoch], accept);
export const acceptErrors: Rule = rule(['ct state related', 'meta l4proto { icmp, icmpv6 }', todaysEpoch], accept);
