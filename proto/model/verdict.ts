// A verdict is a value with its reason: what one end of a connection decides, and which layer of
// docs/reference/policy.md decided it.

export type Direction = 'inbound' | 'outbound';
export type EnforcementMode = 'off' | 'observe' | 'selective' | 'enforce';
export type DenyAction = 'drop' | 'reject';

/** From weakest to strictest; the strictest of a workload's segments holds. */
export const enforcementModes: readonly EnforcementMode[] = ['off', 'observe', 'selective', 'enforce'];

export type EndVerdict = 'allow' | 'deny' | 'would-deny' | 'unmanaged';
export type Reason = 'essential' | 'off' | 'quarantine' | 'guardrail' | 'rule' | 'default' | 'unmanaged';

/**
 * What one end decides. `segment` with `rule` is the rule's address; `segment` alone the segment whose default denies
 * (or would); `combination` the `each` labels of that segment, as "app=shop,env=prod"; `guardrail` the guardrail that
 * denies, or that was remembered in observe; `essential` and `quarantine` the name of that layer's entry.
 */
export interface End {
  readonly verdict: EndVerdict;
  readonly reason: Reason;
  readonly workload?: string;
  readonly segment?: string;
  readonly combination?: string;
  readonly rule?: string;
  readonly guardrail?: string;
  readonly essential?: string;
  readonly quarantine?: string;
}

/** A connection is denied if either end denies. */
export interface Verdict {
  readonly verdict: 'allow' | 'deny';
  readonly outbound: End;
  readonly inbound: End;
}

export function joinEnds(outbound: End, inbound: End): Verdict {
  const denied = outbound.verdict === 'deny' || inbound.verdict === 'deny';
  return { verdict: denied ? 'deny' : 'allow', outbound, inbound };
}
