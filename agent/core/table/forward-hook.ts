// The forward path. What begins or ends neither at a container nor under the host's own addresses passes untouched: this host only
// forwards it. Where both ends are ours both are judged: those of containers first, the client's before the server's, each of which names
// itself in the mark without an epoch and comes back (decision-chains.ts), then the host's, which stamps; where that is not asked, the last
// rule does.

import { containerEndRules, forgedRules, midContainerRules, oddContainerRules, selfRules } from './container-ends.ts';
import { acceptErrors, acceptEstablished } from './established.ts';
import { type GuestNetworks, oddGuestRules } from './guest-ends.ts';
import { accept, decided, ending, giveEpoch, jump, type Rule, rule } from './rule.ts';

/** `guests`: absent where the host answers for nothing that it forwards. */
export function forwardRules(given: {
  readonly isStrict: boolean;
  readonly cutsOff: boolean;
  readonly hasContainers: boolean;
  readonly guests?: GuestNetworks;
}): readonly Rule[] {
  const { isStrict, cutsOff, hasContainers, guests } = given;
  if (!hasContainers && guests === undefined) return [];
  const ofContainers = (make: () => readonly Rule[]) => (hasContainers ? make() : []);
  return [
    acceptEstablished,
    acceptErrors,
    ...ofContainers(() => oddContainerRules(cutsOff && !isStrict)),
    ...(guests !== undefined && isStrict ? oddGuestRules(guests) : []),
    ...ofContainers(() => [
      ...(isStrict ? midContainerRules() : []),
      ...(isStrict || cutsOff ? forgedRules() : []),
      ...selfRules(),
      ...containerEndRules('outbound'),
      ...containerEndRules('inbound'),
    ]),
    ...(guests === undefined ? [] : [rule([], jump('host_ends'))]),
    ...(hasContainers ? [rule([decided], ending([giveEpoch], accept))] : []),
  ];
}
