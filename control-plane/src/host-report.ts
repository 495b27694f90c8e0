// What an agent says of its host, reduced to what the fleet may believe: addresses by which others could reach it, and the facts
// that the policy language knows.

import { type Address, parseAddress } from '#model/address.ts';
import { factKeys, type Labels, labelValuePattern } from '#model/label.ts';

/** More addresses than any host has, and few enough to hold for every host. */
const mostAddresses = 4096;

/** Canonical, each once, in code-unit order. What is no address that other hosts could reach it by is left out. */
export function reportedAddresses(texts: readonly string[]): readonly Address[] {
  const addresses = new Set<Address>();
  for (const text of texts.slice(0, mostAddresses)) {
    const address = parseAddress(text);
    if (address.ok && !isUnshareable(address.value)) addresses.add(address.value);
  }
  return [...addresses].sort();
}

/** Loopback, link-local, unspecified, multicast and broadcast addresses name another host on every host. */
function isUnshareable(address: Address): boolean {
  return /^(127\.|0\.|169\.254\.|2(2[4-9]|3\d|4\d|5\d)\.|::1?$|fe[89ab][0-9a-f]:|ff)/.test(address);
}

/** Only facts the policy language knows, and only values a label may have. */
export function reportedFacts(facts: ReadonlyMap<string, string>, agentVersion: string): Labels {
  const known = new Map<string, string>();
  for (const key of factKeys) {
    const value = key === 'agent-version' ? (facts.get(key) ?? agentVersion) : facts.get(key);
    if (value !== undefined && value !== '' && labelValuePattern.test(value)) known.set(key, value);
  }
  return known;
}
