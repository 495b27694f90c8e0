// Rule sets whose peer sets carry names.

import type { HostRuleSet } from '#model/rule-set.ts';

/** Peer set id to name. */
export function withNames(ruleSet: HostRuleSet, names: Readonly<Record<string, string>>): HostRuleSet {
  const peerSets = new Map(ruleSet.peerSets);
  for (const [id, fqdn] of Object.entries(names)) {
    peerSets.set(id, { ...(peerSets.get(id) ?? { addresses: [], ranges: [] }), id, fqdn });
  }
  return { ...ruleSet, peerSets };
}
