// What the operator's command needs of the wire, which it does not import itself: a rule set as the bytes that
// `segwall-agent render --rule-set -` reads, and the check of a control plane's certificate authority by fingerprint.

import type { HostRuleSet } from '#model/rule-set.ts';
import { encodeSnapshot } from '#wire/snapshot.ts';

export { fetchPinnedCa, type PinnedCa, type PinnedTlsError } from '#wire/pinned-tls.ts';

/** A Snapshot message: what the host's agent would receive. */
export function encodeRuleSetForRender(ruleSet: HostRuleSet): Uint8Array {
  return encodeSnapshot(ruleSet);
}
