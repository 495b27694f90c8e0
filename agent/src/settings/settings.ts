// The host's own settings: what passes before any policy, which interfaces count, how flows are kept. What a file may say is declared in
// declared-settings.ts; it is read by settings-reader.ts, and which files by settings-files.ts, once, at the start.

import type { InterfacePatterns } from '#agent-core/addresses/published-addresses.ts';
import type { NameBounds } from '#agent-core/dns/learnt-names.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Address } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { EssentialEntry } from '#model/rule-set.ts';

export type InterfaceSettings = InterfacePatterns;

export interface FactSettings {
  readonly region?: string;
  readonly cloud?: string;
}

export interface FlowSettings {
  readonly windowMs: number;
  readonly recordsMost: number;
  readonly spoolBytesMost: number;
}

/** How the domain names of the policy are learnt (names.ts). `resolvers`: empty for those of resolv.conf. */
export interface NameSettings {
  readonly resolvers: readonly Address[];
  readonly bounds: NameBounds;
  /** How long an answer waits for the table to have it. */
  readonly holdMs: number;
}

/** Names of services to discover, `*` for any characters; empty: none. */
export type UnitSettings = readonly string[];

/** `reachable`: ranges of containers' addresses that other hosts can reach as they are, without address translation. */
export type ContainerSettings =
  | { readonly kind: 'off' }
  | { readonly kind: 'discover'; readonly reachable: readonly AddressRange[] };

/** `unless-used`: by what is found of others. `never`: for users of the mark that are not found, such as tc or eBPF. */
export type StampSetting = 'unless-used' | 'never' | 'always';
export const stampSettings = ['unless-used', 'never', 'always'] as const satisfies readonly StampSetting[];

/** `marks`: which bits of the connection mark are ours; other programs have the rest. `stamps`: whether they are written where nothing is denied. */
export interface ConnectionSettings {
  readonly marks: MarkLayout;
  readonly stamps: StampSetting;
}

export interface AgentSettings {
  readonly essentials: readonly EssentialEntry[];
  readonly interfaces: InterfaceSettings;
  readonly facts: FactSettings;
  readonly flows: FlowSettings;
  readonly names: NameSettings;
  readonly units: UnitSettings;
  readonly containers: ContainerSettings;
  readonly connections: ConnectionSettings;
}

/** How often addresses that are past their grace are looked for; no setting. */
export const recheckMs = 60_000;

/** The most that settings allow, of one name and in all. */
export const namesMost = { perNameMost: 4096, addressesMost: 65_536 } as const;
