// Whether a table would deny the agent its own way to the control plane: read from the table as it is to be loaded, exactly, and before
// anything is. Essential entries come first in every class, so this finds what went wrong with them: no address is known, settings lost
// one, the table was made from others. What other tables deny, or the network, is in no table of ours.

import type { Decision } from '#agent-core/judge/decision.ts';
import { classAt, type PeerClass } from '#agent-core/judge/peer-classes.ts';
import type { Address } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { pointOf } from '#model/service-map.ts';
import { changeOf } from './lock-out.ts';
import type { JudgedGate, Table } from './table.ts';

/** What the agent must reach, whatever policy says. */
export interface OwnWay {
  /** As it was enrolled; the proxy, where there is one. */
  readonly host: string;
  /** Of TCP. */
  readonly port: number;
  /** All that the name stands for. Empty while it was never found. */
  readonly addresses: readonly Address[];
  /** Who is asked for the name; nobody where an address was enrolled. */
  readonly resolvers: readonly Address[];
  /** The service that the agent's sockets belong to, where it is one. */
  readonly unit?: string;
}

const tcp = 6;
const udp = 17;
const dnsPort = 53;

/** What of the way the table denies, in words; empty where it denies nothing. */
export function deniedWay(table: Table, way: OwnWay): readonly string[] {
  const denied = new Set<string>();
  for (const { classes } of ownGates(table, way.unit)) {
    const ask = (peerClass: PeerClass, service: { readonly protocol: number; readonly port: number }, whom: string) => {
      const decision = decisionAt(peerClass, service);
      const name = service.protocol === tcp ? 'tcp' : 'udp';
      if (decision.action !== 'accept') denied.add(`${name}/${service.port} to ${whom} (${reasonText(decision)})`);
    };
    for (const address of way.addresses) ask(classAt(classes, address), { protocol: tcp, port: way.port }, address);
    if (way.addresses.length === 0)
      ask(classes.rest, { protocol: tcp, port: way.port }, `${way.host}, of which no address is known`);
    for (const resolver of way.resolvers) ask(classAt(classes, resolver), { protocol: udp, port: dnsPort }, resolver);
  }
  for (const { address, gate } of containersOnTheWay(table, way)) {
    for (const client of clientsOf(table)) {
      const peerClass = client === undefined ? gate.classes.rest : classAt(gate.classes, client);
      const [service, name] = way.resolvers.includes(address)
        ? [{ protocol: udp, port: dnsPort }, `udp/${dnsPort}`]
        : [{ protocol: tcp, port: way.port }, `tcp/${way.port}`];
      const decision = decisionAt(peerClass, service);
      if (decision.action !== 'accept')
        denied.add(`${name} to ${address}, which is the container ${gate.workload}’s (${reasonText(decision)})`);
    }
  }
  return [...denied];
}

/** What the way leads to that is judged as a container's as well: its rules are asked before the host's own. */
function containersOnTheWay(
  table: Table,
  way: OwnWay,
): readonly { readonly address: Address; readonly gate: JudgedGate }[] {
  return [...way.addresses, ...way.resolvers].flatMap((address) => {
    const names = table.containers.gates.inbound.get(address) ?? [];
    return table.gates.flatMap((gate) => (names.includes(gate.name) ? [{ address, gate }] : []));
  });
}

/** By which of its addresses the host would ask is not known; nor, of one that publishes none, by any. */
function clientsOf(table: Table): readonly (Address | undefined)[] {
  const own = table.source.ruleSet.workloads.flatMap(({ kind, addresses }) => (kind === 'host' ? addresses : []));
  return own.length === 0 ? [undefined] : own;
}

/** Why a change is not to be loaded; undefined where it may be. What contains a host is loaded even so: only operators take it back. */
export function refusalOfWay(given: {
  readonly previous: HostRuleSet | undefined;
  readonly next: HostRuleSet;
  readonly table: Table;
  readonly way: OwnWay;
}): string | undefined {
  const { previous, next, table, way } = given;
  if (changeOf(previous, next) === 'contains') return undefined;
  const denied = deniedWay(table, way);
  if (denied.length === 0) return undefined;
  return (
    `lock-out: it would deny this host the way to its control plane: ${denied.join('; ')}; nothing was loaded. ` +
    'Compare "essential" in segwall-agent status with where the control plane is, and see that this host can look up its name'
  );
}

function ownGates(table: Table, unit: string | undefined): readonly JudgedGate[] {
  const outbound = table.gates.filter(({ direction }) => direction === 'outbound');
  const own = table.units.find((targets) => targets.unit === unit)?.workload;
  return outbound.filter(({ kind, workload }) => (own === undefined ? kind === 'host' : workload === own));
}

function decisionAt({ services }: PeerClass, service: { readonly protocol: number; readonly port: number }): Decision {
  const { plane, at } = pointOf('ipv4', service);
  const span = services[plane].find(({ low, high }) => low <= at && at <= high);
  if (span === undefined) throw new Error(`a class of peers decides nothing for ${plane}/${at}`);
  return span.value;
}

function reasonText({ end: { reason, segment, guardrail, quarantine } }: Decision): string {
  return [reason, guardrail ?? quarantine ?? segment].filter((part) => part !== undefined).join(' of ');
}
