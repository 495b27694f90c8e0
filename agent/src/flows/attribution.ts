// Whose connection is it and what decided: joins the rule set in force, the kernel's decision numbers and this host's
// addresses into what flow aggregation asks.

import type { Attribution, LocalEnd } from '#agent-core/flows/flow-window.ts';
import { endTowards } from '#agent-core/judge/decision.ts';
import { type Address, familyOf, isShareable } from '#model/address.ts';
import { essentialFor, evaluateEnd } from '#model/evaluate.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import type { End } from '#model/verdict.ts';

export interface AttributionRequest {
  readonly host: string;
  readonly ruleSet: HostRuleSet | undefined;
  readonly hostAddresses: ReadonlySet<Address>;
  /** Those of them that others can reach it by. */
  readonly published: readonly Address[];
  readonly essentials: readonly EssentialEntry[];
  readonly stamps?: NonNullable<Attribution['stamps']>;
  readonly decisionOf: Attribution['decisionOf'];
}

export function attributionOf({
  host,
  ruleSet,
  hostAddresses,
  published,
  essentials,
  stamps = 'written',
  decisionOf,
}: AttributionRequest): Attribution {
  const holders = new Map<Address, string>();
  for (const { kind, workload, addresses } of ruleSet?.workloads ?? []) {
    if (kind === 'container') for (const address of addresses) holders.set(address, workload);
  }
  const units = new Map(
    (ruleSet?.workloads ?? []).flatMap(({ workload, unit }) => (unit === undefined ? [] : [[workload, unit] as const])),
  );
  const hostWorkload = ruleSet?.workloads.find(({ kind }) => kind === 'host')?.workload ?? host;

  function judge({ direction, local, peer, service }: LocalEnd): End {
    const workload = holders.get(local) ?? hostWorkload;
    if (ruleSet === undefined) {
      const essential = essentialFor(essentials, { direction, peerAddress: peer, service });
      if (essential !== undefined)
        return { verdict: 'allow', reason: 'essential', workload, essential: essential.name };
      // No policy yet: what docs/reference/policy.md says of a workload that no segment selects.
      return { verdict: 'would-deny', reason: 'default', workload };
    }
    return evaluateEnd({
      ruleSet,
      workload,
      direction,
      localAddress: local,
      peerAddress: peer,
      service,
      essentials,
    });
  }

  const localAddresses = new Set([...hostAddresses, ...holders.keys()]);
  const known = {
    ipv4: published.find((address) => familyOf(address) === 'ipv4'),
    ipv6: published.find((address) => familyOf(address) === 'ipv6'),
  };
  return {
    revision: ruleSet?.revision ?? 0,
    localAddresses,
    // Groups and broadcasts are not replaced: the host reports the address that it listens to.
    standsFor: (local) =>
      localAddresses.has(local) || !isShareable(local) ? local : (known[familyOf(local)] ?? local),
    stamps,
    decisionOf,
    ...(ruleSet === undefined
      ? {}
      : { endTowards: (end: End, peer: Address) => endTowards(end, peer, ruleSet.peerSets) }),
    unitOf: (workload) => units.get(workload),
    judge,
  };
}
