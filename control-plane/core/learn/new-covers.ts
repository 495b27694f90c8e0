// What the rules of one direction cover that none covered before, whether or not anybody was seen to use it: peers and services that a new or
// changed grant has and no grant of before had. A term that a wider one held already is not new. Bounded by the peers compared.

import { type Address, addressFromValue, addressValue, familyOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { Grant, HostRuleSet, Peers } from '#model/rule-set.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';

export interface NewCover {
  readonly grant: Grant;
  /** In words, in the rule's order. */
  readonly services: readonly string[];
  /** How many addresses, ranges and names; `any` counts as one. */
  readonly peers: number;
  readonly examples: readonly string[];
}

const mostExamples = 3;
/** Of those before, addresses are looked for in so many: what lies in the others may be told as new though it is not. */
const mostRanges = 256;

interface Held {
  readonly isAny: boolean;
  readonly addresses: ReadonlySet<Address>;
  readonly others: ReadonlySet<string>;
  readonly ranges: readonly AddressRange[];
}

export function newCovers(
  grants: readonly Grant[],
  given: {
    readonly before: readonly Grant[];
    readonly old: HostRuleSet | undefined;
    readonly next: HostRuleSet | undefined;
  },
): readonly NewCover[] {
  const before = given.before
    .filter(({ local }) => local.kind === 'any')
    .map((grant) => ({ grant, held: heldOf(grant.peers, given.old) }));
  return grants.flatMap((grant) => {
    const now = heldOf(grant.peers, given.next);
    const found = new Set<string>();
    const services: string[] = [];
    for (const term of grant.services) {
      const rivals = before.filter((one) => one.grant.services.some((wide) => isWithin(term, wide)));
      const fresh = newPeers(
        now,
        rivals.map(({ held }) => held),
      );
      if (fresh.length > 0) services.push(serviceTermText(term));
      for (const peer of fresh) found.add(peer);
    }
    if (found.size === 0) return [];
    return { grant, services, peers: found.size, examples: [...found].slice(0, mostExamples) };
  });
}

function heldOf(peers: Peers, ruleSet: HostRuleSet | undefined): Held {
  const addresses = new Set<Address>();
  const others = new Set<string>();
  const ranges: AddressRange[] = [];
  for (const id of peers.kind === 'any' ? [] : peers.ids) {
    const set = ruleSet?.peerSets.get(id);
    if (set?.fqdn !== undefined) others.add(set.fqdn);
    for (const address of set?.addresses ?? []) addresses.add(address);
    for (const range of set?.ranges ?? []) {
      ranges.push(range);
      others.add(rangeText(range));
    }
  }
  return { isAny: peers.kind === 'any', addresses, others, ranges };
}

function newPeers(now: Held, before: readonly Held[]): readonly string[] {
  if (before.some(({ isAny }) => isAny)) return [];
  if (now.isAny) return ['any'];
  const ranges = before.flatMap((one) => one.ranges).slice(0, mostRanges);
  const isHeld = (address: Address) =>
    before.some(({ addresses }) => addresses.has(address)) || ranges.some((range) => holds(range, address));
  return [
    ...[...now.addresses].filter((address) => !isHeld(address)),
    ...[...now.others].filter((text) => !before.some(({ others }) => others.has(text))),
  ];
}

function holds({ family, first, last }: AddressRange, address: Address): boolean {
  if (familyOf(address) !== family) return false;
  const value = addressValue(address);
  return first <= value && value <= last;
}

function rangeText({ family, first, last }: AddressRange): string {
  return `${addressFromValue(family, first)}-${addressFromValue(family, last)}`;
}

function isWithin(term: ServiceTerm, wide: ServiceTerm): boolean {
  if (wide.kind === 'any') return true;
  if (term.kind === 'ports' && wide.kind === 'ports')
    return term.protocol === wide.protocol && wide.low <= term.low && term.high <= wide.high;
  return serviceTermText(term) === serviceTermText(wide);
}
