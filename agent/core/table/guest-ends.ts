// The host's own end of what it forwards for its guests: virtual machines and unmanaged containers that only it leads to, which talk to the
// world, and to the host, with its address. Which end of such a connection is the host's is told by where its packets go.

import { type Address, familyOf } from '#model/address.ts';
import { setOf } from './container-ends.ts';
import { eachFamily } from './families.ts';
import { midMatch, oddMatch, toMid, toOdd } from './odd-packets.ts';
import { back, goto, inSet, jump, notInSet, type Rule, rule, type Way } from './rule.ts';
import type { ElementMap } from './table.ts';

/**
 * What of the forward path is the host's own to answer for. `interfaces`: bridges and interfaces of the host that only guests of it are
 * behind; `inDoubt`: those of them that may lead outside after all, absent for none; `own`: every address that it has.
 */
export interface GuestNetworks {
  readonly interfaces: readonly string[];
  readonly inDoubt?: readonly string[];
  readonly own: readonly Address[];
}

const fromGuests = inSet('iifname', 'guests');
const toGuests = inSet('oifname', 'guests');

/** The set of interfaces that lead to guests for certain: only between two of those is the host talking to itself. */
function surelyGuests({ inDoubt }: GuestNetworks): 'guests' | 'sure_guests' {
  return inDoubt === undefined ? 'guests' : 'sure_guests';
}

/** What conntrack has no connection for, or has lost it, and that would be judged as the host's if it had: between guests it is let be. */
export function oddGuestRules(guests: GuestNetworks): readonly Rule[] {
  const [notFromSure, notToSure] = [
    notInSet('iifname', surelyGuests(guests)),
    notInSet('oifname', surelyGuests(guests)),
  ];
  return [
    rule([oddMatch, fromGuests, notToSure], toOdd),
    rule([oddMatch, notFromSure, toGuests], toOdd),
    rule([...midMatch, fromGuests, notToSure], toMid),
    rule([...midMatch, notFromSure, toGuests], toMid),
    ...eachFamily(({ ip, digit }) => [
      rule([...midMatch, 'ct status dnat', inSet(`ct original ${ip} daddr`, `own${digit}`)], toMid),
    ]),
  ];
}

/** Which end of a forwarded connection is the host's, by where its packets go and by what destination and source NAT made of it. */
export function hostEndChains(
  containerRules: readonly Rule[],
  guests: GuestNetworks,
): readonly (readonly [name: string, rules: readonly Rule[]])[] {
  const natted = (status: readonly string[], of: 'original' | 'reply', way: Way) =>
    eachFamily(({ ip, digit }) => [rule([...status, inSet(`ct ${of} ${ip} daddr`, `own${digit}`)], way)]);
  const [toIn, toOut] = [goto('guests_in'), goto('guests_out')];
  return [
    [
      'host_ends',
      [
        ...containerRules,
        // From the host to itself.
        rule([inSet('iifname', surelyGuests(guests)), inSet('oifname', surelyGuests(guests))], back),
        ...(guests.inDoubt === undefined ? [] : outOfGuestsRules),
        rule([], jump('host_end_in')),
        rule([], goto('host_end_out')),
      ],
    ],
    [
      'host_end_in',
      [
        rule(['ct direction original', toGuests], toIn),
        rule(['ct direction reply', fromGuests], toIn),
        ...natted(['ct status dnat'], 'original', toIn),
      ],
    ],
    [
      'host_end_out',
      [
        rule(['ct direction original', fromGuests], toOut),
        rule(['ct direction reply', toGuests], toOut),
        // Source NAT comes behind this hook: of whom it is not a guest's, from the first answer on.
        ...natted(['ct status snat', 'ct status ! dnat'], 'reply', toOut),
      ],
    ],
  ];
}

/** From a guest to what may be one: it is taken for leaving. The way back is that of what comes in, above. */
const outOfGuestsRules: readonly Rule[] = [
  rule(['ct direction original', fromGuests, notInSet('oifname', 'sure_guests'), toGuests], goto('guests_out')),
  rule(['ct direction reply', notInSet('iifname', 'sure_guests'), fromGuests, toGuests], goto('guests_out')),
];

export function guestSets({ interfaces, inDoubt, own }: GuestNetworks): ReadonlyMap<string, ElementMap> {
  const named = (names: readonly string[]) =>
    setOf(
      'ifname',
      names.map((name) => `"${name}"`),
    );
  return new Map([
    ['guests', named(interfaces)],
    ...(inDoubt === undefined
      ? []
      : [['sure_guests', named(interfaces.filter((name) => !inDoubt.includes(name)))] as const]),
    ...eachFamily(({ family, digit, type }) => [
      [
        `own${digit}`,
        setOf(
          type,
          own.filter((address) => familyOf(address) === family),
        ),
      ] as const,
    ]),
  ]);
}
