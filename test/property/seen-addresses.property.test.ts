// Who shares an address, known from the last two that were heard there, is who shares it by comparing everybody with everybody.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { SeenAddresses } from '#policy/claims/seen-addresses.ts';

const addresses: readonly Address[] = ['10.0.0.1', 'fd00::1'].map((text) => assertOk(parseAddress(text)));
const hosts = ['a', 'b', 'c', 'd'] as const;

/** Compares all pairs, each time that somebody is heard. */
class EverybodyWithEverybody {
  readonly #at = new Map<string, { readonly address: Address; readonly since: number; heard: number }>();
  readonly #shared = new Set<Address>();

  connected(host: string, address: Address, at: number): void {
    if (this.#at.get(host)?.address !== address) this.forget(host);
    this.#at.set(host, { address, since: at, heard: at });
  }

  heard(host: string, at: number): void {
    const seen = this.#at.get(host);
    if (seen === undefined) return;
    seen.heard = at;
    for (const [name, other] of this.#at) {
      if (name === host || other.address !== seen.address) continue;
      if (seen.heard > other.since && other.heard > seen.since) this.#shared.add(seen.address);
    }
  }

  forget(host: string): void {
    const seen = this.#at.get(host);
    this.#at.delete(host);
    if (seen !== undefined && this.talkers(seen.address).length < 2) this.#shared.delete(seen.address);
  }

  talkers(address: Address): readonly string[] {
    return [...this.#at].filter(([, seen]) => seen.address === address).map(([host]) => host);
  }

  isShared(address: Address): boolean {
    return this.#shared.has(address);
  }
}

const step = fc.record({
  host: fc.constantFrom(...hosts),
  does: fc.constantFrom('connected', 'heard', 'heard', 'forget'),
  address: fc.constantFrom(...addresses),
});

test('an address is shared as comparing everybody says, at once or when its talkers were heard again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const [seen, plain] = [new SeenAddresses([]), new EverybodyWithEverybody()];
      let at = 0;
      const agree = (compare: (ours: boolean, theirs: boolean) => boolean) =>
        addresses.every((address) => compare(seen.isShared(address), plain.isShared(address)));
      for (const { host, does, address } of steps) {
        at += 1;
        for (const one of [seen, plain]) {
          if (does === 'connected') one.connected(host, address, at);
          else if (does === 'heard') one.heard(host, at);
          else one.forget(host);
        }
        expect(agree((ours, theirs) => theirs || !ours)).toBe(true);
      }
      for (const host of [...hosts, ...hosts]) {
        at += 1;
        for (const one of [seen, plain]) one.heard(host, at);
      }
      expect(agree((ours, theirs) => ours === theirs)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
