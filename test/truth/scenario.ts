// What a truth table is made of: hosts, named states of policy and inventory, and the order in which a fleet goes
// through them. Plain values, so that the same scenario runs on rendered rules, on the enforcer, and on a whole fleet.

import { type Address, type Family, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { allCells, type Cell } from '#test/support/probe.ts';
import type { Listener } from '#test/support/probe-protocol.ts';

/**
 * A host of the lab. Without `labels` it is an outsider that no inventory knows; `external` is known but has no agent.
 */
export interface ScenarioHost {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly kind?: 'host' | 'external';
}

/**
 * `labels` replace a host's own; `gone` hosts have left the inventory, and their machines run without rules; so do
 * `lost` ones, which the inventory still knows: whoever took them over let the rules go.
 */
export interface State {
  /** YAML documents in docs/reference/policy.md's language. */
  readonly policy: string;
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly gone?: readonly string[];
  readonly lost?: readonly string[];
  /** By host: the only addresses it may still talk to. */
  readonly quarantine?: Readonly<Record<string, readonly string[]>>;
}

export interface Scenario {
  readonly name: string;
  readonly tags: readonly string[];
  readonly hosts: Readonly<Record<string, ScenarioHost>>;
  /** Every host answers on all of them; none is left without a listener unless it is in `deaf`. */
  readonly services: readonly Listener[];
  readonly families?: readonly Family[];
  readonly states: Readonly<Record<string, State>>;
  /** Names of states, in the order in which they are brought about. */
  readonly steps: readonly string[];
}

/** Every cell of a scenario, in the order in which reports show them. */
export function cellsOf(scenario: Scenario): readonly Cell[] {
  const hosts = Object.entries(scenario.hosts).map(([name, { ipv4, ipv6 }]) => ({ name, ipv4, ipv6 }));
  return allCells(hosts, scenario.services, scenario.families);
}

/** Hosts that enforce what they are to. */
export function managedHosts(scenario: Scenario, { gone = [], lost = [] }: State): readonly string[] {
  return Object.entries(scenario.hosts)
    .filter(([, host]) => host.labels !== undefined && host.kind !== 'external')
    .map(([name]) => name)
    .filter((name) => !gone.includes(name) && !lost.includes(name));
}

export function addressOf(scenario: Scenario, host: string, { family }: Pick<Cell, 'family'>): Address {
  const found = scenario.hosts[host];
  if (found === undefined) throw new Error(`the scenario has no host ${host}`);
  return assertOk(parseAddress(found[family]));
}

export function stateOf(scenario: Scenario, name: string): State {
  const state = scenario.states[name];
  if (state === undefined) throw new Error(`the scenario "${scenario.name}" has no state "${name}"`);
  return state;
}

/** The inventory of a state as documents in docs/reference/policy.md's language; JSON is YAML. */
export function inventoryText(scenario: Scenario, state: State): string {
  return Object.keys(scenario.hosts)
    .flatMap((name) => inventoryDocument(scenario, state, name) ?? [])
    .join('\n---\n');
}

/** Undefined for a host that the inventory does not know in that state. */
export function inventoryDocument(scenario: Scenario, state: State, name: string): string | undefined {
  const host = scenario.hosts[name];
  const labels = state.labels?.[name] ?? host?.labels;
  if (host === undefined || labels === undefined || state.gone?.includes(name)) return undefined;
  const addresses = [host.ipv4, host.ipv6];
  const kind = host.kind ?? 'host';
  const spec = kind === 'external' ? { kind, addresses } : { kind, host: name, addresses };
  return JSON.stringify({ apiVersion: 'segwall/v1', kind: 'Workload', metadata: { name, labels }, spec });
}
