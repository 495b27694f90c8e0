// What an agent says of its host, reduced to what the fleet may believe: addresses by which others could reach it, and the facts
// that the policy language knows.

import type { AgentStatus } from '#control-plane/agents/agent-backend.ts';
import { type Address, isShareable, parseAddress } from '#model/address.ts';
import { factKeys, type Labels, labelValuePattern } from '#model/label.ts';
import { type Millis, millis } from '#model/time.ts';

/** More addresses than any host has, and few enough to hold for every host. */
const mostAddresses = 4096;

/** Canonical, each once, in code-unit order. What is no address that other hosts could reach it by is left out. */
export function reportedAddresses(texts: readonly string[]): readonly Address[] {
  const addresses = new Set<Address>();
  for (const text of texts.slice(0, mostAddresses)) {
    const address = parseAddress(text);
    if (address.ok && isShareable(address.value)) addresses.add(address.value);
  }
  return [...addresses].sort();
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

/** A host's clock may be ahead: what it says happened, happened by now. */
export function believedStatus(status: AgentStatus, now: Millis): AgentStatus {
  const { panic, clock } = status;
  return {
    ...status,
    ...(clock === undefined ? {} : { clockAheadMs: clock - now }),
    ...(panic === undefined ? {} : { panic: { ...panic, since: millis(Math.min(panic.since, now)) } }),
  };
}
