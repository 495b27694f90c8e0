// Finds, for each rule of a segment, another that covers it, without comparing every rule with every other: what covers a rule must
// have something for each of its peers and terms, so only those are compared that have something for its rarest one.

import type { AddressRange } from '#model/address-range.ts';
import { rangeCidrs } from '#model/address-range.ts';
import { protocolNumbers, type ServiceTerm } from '#model/service.ts';
import type { Peer, Rule } from '#policy/policy/policy.ts';
import { isRuleCovered, peerKey } from './covered-rule.ts';

export interface Coverings {
  /** Covered rules, each with the first that covers it; of two that cover each other, the later is covered. */
  readonly covered: ReadonlyMap<Rule, Rule>;
  /** Rules that were not compared any more, because of `mostComparisons`. */
  readonly skipped: number;
}

/** `rules` are those that may cover, too; `mostComparisons` bounds the work on rules that are all nearly alike. */
export function findCoverings(
  rules: readonly Rule[],
  { mayCover, mostComparisons }: { readonly mayCover: (rule: Rule) => boolean; readonly mostComparisons: number },
): Coverings {
  const index = new RuleIndex(rules, mayCover);
  const covered = new Map<Rule, Rule>();
  let comparisons = 0;
  for (const [at, rule] of rules.entries()) {
    if (comparisons > mostComparisons) return { covered, skipped: rules.length - at };
    for (const otherAt of index.candidates(rule)) {
      const other = rules[otherAt];
      comparisons += 1;
      if (other === undefined || otherAt === at || !isRuleCovered(rule, other)) continue;
      if (otherAt > at && isRuleCovered(other, rule)) continue;
      covered.set(rule, other);
      break;
    }
    if (comparisons > mostComparisons && at + 1 < rules.length) return { covered, skipped: rules.length - at - 1 };
  }
  return { covered, skipped: 0 };
}

/** Places of rules by what they have, in order. */
class RuleIndex {
  readonly #from = new PeerIndex();
  readonly #to = new PeerIndex();
  readonly #services = new Places();

  constructor(rules: readonly Rule[], mayCover: (rule: Rule) => boolean) {
    for (const [at, rule] of rules.entries()) {
      if (!mayCover(rule)) continue;
      for (const peer of rule.from) this.#from.add(peer, at);
      for (const peer of rule.to) this.#to.add(peer, at);
      for (const term of rule.services) this.#services.add(termKey(term), at);
    }
  }

  /** In order, every rule that may cover this one among others. */
  candidates(rule: Rule): readonly number[] {
    const lists = [
      ...rule.from.map((peer) => this.#from.keysFor(peer)),
      ...rule.to.map((peer) => this.#to.keysFor(peer)),
    ].map(({ places, keys }) => ({ places, keys, size: places.count(keys) }));
    for (const term of rule.services) {
      const keys = keysCovering(term);
      lists.push({ places: this.#services, keys, size: this.#services.count(keys) });
    }
    const rarest = lists.reduce((best, list) => (list.size < best.size ? list : best));
    return rarest.places.all(rarest.keys);
  }
}

class Places {
  readonly #places = new Map<string, number[]>();

  add(key: string, at: number): void {
    const found = this.#places.get(key);
    if (found === undefined) this.#places.set(key, [at]);
    else if (found.at(-1) !== at) found.push(at);
  }

  count(keys: readonly string[]): number {
    return keys.reduce((sum, key) => sum + (this.#places.get(key)?.length ?? 0), 0);
  }

  all(keys: readonly string[]): readonly number[] {
    const lists = keys.map((key) => this.#places.get(key) ?? []).filter((list) => list.length > 0);
    const [only, second] = lists;
    return only !== undefined && second === undefined ? only : [...new Set(lists.flat())].sort((a, b) => a - b);
  }
}

/** Ranges are found by the CIDRs they are made of: those around one address are few, however many ranges there are. */
class PeerIndex {
  readonly #places = new Places();
  readonly #prefixes = { ipv4: new Set<number>(), ipv6: new Set<number>() };

  add(peer: Peer, at: number): void {
    this.#places.add(peerKey(peer), at);
    if (peer.kind !== 'ranges') return;
    this.#places.add('some range', at);
    for (const range of peer.ranges) {
      for (const { first, length } of blocksOf(range)) {
        this.#prefixes[range.family].add(length);
        this.#places.add(blockKey(range.family, length, first), at);
      }
    }
  }

  keysFor(peer: Peer): { readonly places: Places; readonly keys: readonly string[] } {
    const keys = ['any', ...(peer.kind === 'any' ? [] : [peerKey(peer)])];
    const range = peer.kind === 'ranges' ? peer.ranges[0] : undefined;
    // A range whose exceptions leave nothing of it is within every other.
    if (peer.kind === 'ranges' && range === undefined) keys.push('some range');
    if (range !== undefined) {
      for (const length of this.#prefixes[range.family]) keys.push(blockKey(range.family, length, range.first));
    }
    return { places: this.#places, keys };
  }
}

function blocksOf(range: AddressRange): readonly { readonly first: bigint; readonly length: number }[] {
  const bits = range.family === 'ipv4' ? 32 : 128;
  let first = range.first;
  return rangeCidrs(range).map((cidr) => {
    const length = Number(cidr.slice(cidr.lastIndexOf('/') + 1));
    const block = { first, length };
    first += 1n << BigInt(bits - length);
    return block;
  });
}

function blockKey(family: AddressRange['family'], length: number, address: bigint): string {
  const bits = family === 'ipv4' ? 32 : 128;
  return `${family} ${length} ${address >> BigInt(bits - length)}`;
}

/** Terms of more ports than one are few, and found together. */
function termKey(term: ServiceTerm): string {
  switch (term.kind) {
    case 'ports':
      return term.low === term.high ? `${term.protocol} ${term.low}` : `${term.protocol} range`;
    case 'protocol':
      return `proto ${term.number}`;
    case 'icmp':
    case 'icmpv6':
      return `${term.kind} ${term.type}`;
    case 'any':
      return 'any';
  }
}

/** The keys of the terms that can cover this one. */
function keysCovering(term: ServiceTerm): readonly string[] {
  switch (term.kind) {
    case 'any':
      return ['any'];
    case 'protocol':
      return ['any', termKey(term)];
    case 'ports': {
      const keys = ['any', `proto ${protocolNumbers[term.protocol]}`, `${term.protocol} range`];
      return term.low === term.high ? [...keys, termKey(term)] : keys;
    }
    case 'icmp':
    case 'icmpv6':
      return [...new Set(['any', `proto ${protocolNumbers[term.kind]}`, `${term.kind} any`, termKey(term)])];
  }
}
