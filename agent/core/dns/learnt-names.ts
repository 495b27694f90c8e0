// What the names of the policy stand for, as this host heard it: addresses with the time until which they hold. An address is kept
// for its TTL and a grace, and then for as long as a connection to it lives. Bounded for each name and in all; what did not fit is
// counted. Learning only adds to the peer sets that carry the name: what may be done there is the rules'.

import { type Address, addressValue, familyOf } from '#model/address.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import { patternsOf } from '#model/domain-name.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import type { AnsweredAddress } from './dns-answer.ts';

export interface NameBounds {
  /** Added to every TTL. */
  readonly graceMs: number;
  /** Until an overdue address with a living connection is looked at again. */
  readonly recheckMs: number;
  /** Addresses of one name, or of one "*." with all names below it. */
  readonly perNameMost: number;
  readonly addressesMost: number;
}

/** A TTL may say 68 years; the name is asked again long before. */
const ttlMostSeconds = 86_400;

/** As the state directory keeps it: name, address, and until when it holds, milliseconds since 1970. */
export type LearntAddress = readonly [name: string, address: Address, until: number];

export interface NameCounts {
  readonly addresses: number;
  /** Addresses that were heard of and did not fit. */
  readonly lost: number;
}

interface Known {
  readonly until: Map<Address, number>;
  lost: number;
}

export class LearntNames {
  readonly #bounds: NameBounds;
  readonly #known = new Map<string, Known>();
  #addresses = 0;
  #version = 0;
  #resolved: { readonly from: HostRuleSet; readonly version: number; readonly to: HostRuleSet } | undefined;

  constructor(bounds: NameBounds) {
    this.#bounds = bounds;
  }

  /** Grows with every address that comes or goes. */
  get version(): number {
    return this.#version;
  }

  /** From now on these names and no others: what was learnt for others is forgotten. */
  follow(names: ReadonlySet<string>): void {
    for (const [name, { until }] of this.#known) {
      if (names.has(name)) continue;
      this.#addresses -= until.size;
      if (until.size > 0) this.#version += 1;
      this.#known.delete(name);
    }
    for (const name of names) if (!this.#known.has(name)) this.#known.set(name, { until: new Map(), lost: 0 });
  }

  get names(): readonly string[] {
    return [...this.#known.keys()];
  }

  /** `wanted`: some name of the policy was answered, whether or not its addresses are new. */
  learn(answered: readonly AnsweredAddress[], nowMs: number): 'wanted' | 'not-wanted' {
    let isWanted = false;
    for (const { address, names, ttlSeconds } of answered) {
      const followed = new Set(names.flatMap(patternsOf).filter((pattern) => this.#known.has(pattern)));
      if (followed.size > 0) isWanted = true;
      if (!isPeer(address)) continue;
      const until = nowMs + Math.min(ttlSeconds, ttlMostSeconds) * 1000 + this.#bounds.graceMs;
      for (const name of followed) this.#keep(name, address, until);
    }
    return isWanted ? 'wanted' : 'not-wanted';
  }

  /** What was kept on disk; what has run out meanwhile stays out. */
  restore(learnt: readonly LearntAddress[], nowMs: number): void {
    for (const [name, address, until] of learnt) {
      const latest = nowMs + ttlMostSeconds * 1000 + this.#bounds.graceMs;
      if (until > nowMs && this.#known.has(name)) this.#keep(name, address, Math.min(until, latest));
    }
  }

  /** Addresses whose time is up: unless a connection to them lives, they go. */
  overdue(nowMs: number): ReadonlySet<Address> {
    const addresses = new Set<Address>();
    for (const { until } of this.#known.values()) {
      for (const [address, end] of until) if (end <= nowMs) addresses.add(address);
    }
    return addresses;
  }

  /** Takes out what is overdue and of which no connection lives. */
  expire(live: ReadonlySet<Address>, nowMs: number): void {
    for (const { until } of this.#known.values()) {
      for (const [address, end] of until) {
        if (end > nowMs) continue;
        if (live.has(address)) {
          until.set(address, nowMs + this.#bounds.recheckMs);
          continue;
        }
        until.delete(address);
        this.#addresses -= 1;
        this.#version += 1;
      }
    }
  }

  /** The rule set with what is known of its names in the sets that carry them. One object while nothing changed. */
  resolve(ruleSet: HostRuleSet): HostRuleSet {
    if (this.#resolved?.from === ruleSet && this.#resolved.version === this.#version) return this.#resolved.to;
    const peerSets = new Map(ruleSet.peerSets);
    for (const [id, set] of ruleSet.peerSets) {
      const until = set.fqdn === undefined ? undefined : this.#known.get(set.fqdn)?.until;
      if (until !== undefined && until.size > 0) peerSets.set(id, withAddresses(set, until.keys()));
    }
    const to = { ...ruleSet, peerSets };
    this.#resolved = { from: ruleSet, version: this.#version, to };
    return to;
  }

  entries(): readonly LearntAddress[] {
    return [...this.#known].flatMap(([name, { until }]) =>
      [...until].map(([address, end]): LearntAddress => [name, address, end]),
    );
  }

  counts(): ReadonlyMap<string, NameCounts> {
    return new Map([...this.#known].map(([name, { until, lost }]) => [name, { addresses: until.size, lost }]));
  }

  #keep(name: string, address: Address, until: number): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    const before = known.until.get(address);
    if (before !== undefined) {
      if (until > before) known.until.set(address, until);
      return;
    }
    if (known.until.size >= this.#bounds.perNameMost || this.#addresses >= this.#bounds.addressesMost) {
      known.lost += 1;
      return;
    }
    known.until.set(address, until);
    this.#addresses += 1;
    this.#version += 1;
  }
}

/** The names that a rule set asks its host to learn. */
export function namesOf(ruleSet: HostRuleSet): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { fqdn } of ruleSet.peerSets.values()) if (fqdn !== undefined) names.add(fqdn);
  return names;
}

function withAddresses(set: PeerSet, learnt: Iterable<Address>): PeerSet {
  return { ...set, addresses: sortedByCodeUnits(new Set([...set.addresses, ...learnt])) };
}

/** Not unspecified, loopback, link-local, multicast or broadcast: such an answer names no peer, and is a trick where it names any. */
function isPeer(address: Address): boolean {
  const value = addressValue(address);
  if (familyOf(address) === 'ipv4') {
    const first = value >> 24n;
    return first !== 0n && first !== 127n && first < 224n && value >> 16n !== 0xa9fen;
  }
  return value > 1n && value >> 120n !== 0xffn && value >> 118n !== 0x3fan;
}
