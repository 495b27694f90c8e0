// Small rule sets in a hand's turn, for tests of what the kernel does with them.

import type { Address } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { DirectionRules, Grant, HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { parseServiceTerm } from '#model/service.ts';
import type { EnforcementMode } from '#model/verdict.ts';

/** "web: tcp/80, icmp" lets the peer set web use these; "any: udp/53" everyone. The rule is named after the text's order. */
export interface HostPolicy {
  readonly revision?: number;
  /** The segment that grants and denies by default; "s" where it is not said. */
  readonly segment?: string;
  readonly addresses: readonly string[];
  /** Of the host: nothing but these peer sets. */
  readonly quarantine?: readonly string[];
  readonly inbound?: EnforcementMode;
  readonly outbound?: EnforcementMode;
  readonly allowIn?: readonly string[];
  readonly allowOut?: readonly string[];
  readonly peers?: Readonly<Record<string, readonly string[]>>;
  /** By workload name. */
  readonly units?: Readonly<Record<string, UnitPolicy>>;
  /** By workload name. */
  readonly containers?: Readonly<Record<string, Omit<UnitPolicy, 'unit'> & { readonly addresses: readonly string[] }>>;
}

/** Modes as of the host where they are not said. */
export interface UnitPolicy {
  readonly unit: string;
  readonly inbound?: EnforcementMode;
  readonly outbound?: EnforcementMode;
  readonly allowIn?: readonly string[];
  readonly allowOut?: readonly string[];
}

export function hostRuleSet(policy: HostPolicy): HostRuleSet {
  const { revision = 1, segment = 's', addresses, inbound = 'enforce', outbound = 'observe', peers = {} } = policy;
  const peerSets = new Map<string, PeerSet>();
  for (const [id, texts] of Object.entries(peers)) {
    const cidrs = texts.filter((text) => text.includes('/'));
    const exact = texts.filter((text) => !text.includes('/')) as Address[];
    peerSets.set(id, { id, addresses: exact.sort(), ranges: cidrs.map((text) => assertOk(parseCidr(text))) });
  }
  return {
    revision,
    host: 'h1',
    workloads: [
      {
        workload: 'h1',
        kind: 'host',
        addresses: addresses as Address[],
        ...(policy.quarantine !== undefined && {
          quarantine: { name: 'h1', peers: { kind: 'sets' as const, ids: policy.quarantine } },
        }),
        inbound: directionRules(segment, inbound, policy.allowIn ?? []),
        outbound: directionRules(segment, outbound, policy.allowOut ?? []),
      },
      ...Object.entries(policy.units ?? {}).map(([workload, own]) => ({
        workload,
        kind: 'unit' as const,
        unit: own.unit,
        addresses: addresses as Address[],
        inbound: directionRules(segment, own.inbound ?? inbound, own.allowIn ?? []),
        outbound: directionRules(segment, own.outbound ?? outbound, own.allowOut ?? []),
      })),
      ...Object.entries(policy.containers ?? {}).map(([workload, own]) => ({
        workload,
        kind: 'container' as const,
        addresses: [...own.addresses].sort() as Address[],
        inbound: directionRules(segment, own.inbound ?? inbound, own.allowIn ?? []),
        outbound: directionRules(segment, own.outbound ?? outbound, own.allowOut ?? []),
      })),
    ],
    peerSets,
  };
}

function directionRules(segment: string, mode: EnforcementMode, allowed: readonly string[]): DirectionRules {
  return {
    mode,
    defaultSegment: { segment },
    onDeny: 'drop',
    selective: [],
    guardrails: [],
    grants: allowed.map((text, index): Grant => {
      const [peer = '', services = ''] = text.split(': ');
      return {
        segment,
        rule: `rule-${index}`,
        peers: peer === 'any' ? { kind: 'any' } : { kind: 'sets', ids: [peer] },
        local: { kind: 'any' },
        services: services.split(', ').map((service) => assertOk(parseServiceTerm(service))),
      };
    }),
  };
}
