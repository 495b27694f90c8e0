// DHCP of one host: whose decisions let it through, and which of its workloads may answer clients.

import type { Decision, Interner } from '#agent-core/judge/decision.ts';
import { type NamedGate, usedClasses } from '#agent-core/judge/peer-classes.ts';
import type { Direction } from '#model/verdict.ts';
import { type DhcpServerPort, type DhcpWays, dhcpServerPorts } from './denial-chains.ts';

export type DhcpRole = 'dhcp-client' | 'dhcp-server';

/** `serving`: workloads that are granted to hear DHCP clients. */
export interface HostDhcp {
  readonly ways: DhcpWays;
  readonly serving: ReadonlySet<string>;
}

export function dhcpWays(given: {
  readonly gates: readonly NamedGate[];
  readonly users: readonly number[];
  /** Of the decision by which the host has that role. */
  readonly numberFor: (role: DhcpRole, direction: Direction) => number;
}): HostDhcp {
  const { gates, users, numberFor } = given;
  const serving = dhcpServers(gates);
  const client = {
    inbound: numberFor('dhcp-client', 'inbound'),
    outbound: numberFor('dhcp-client', 'outbound'),
  };
  const heardAt = (port: DhcpServerPort) => [...serving.values()].some((ports) => ports.has(port));
  const ways: DhcpWays = {
    users,
    client,
    ...(serving.size > 0 && {
      server: { number: numberFor('dhcp-server', 'outbound'), ports: dhcpServerPorts.filter(heardAt) },
    }),
  };
  return { ways, serving: new Set(serving.keys()) };
}

export function dhcpDecision(request: {
  readonly intern: Interner;
  readonly role: DhcpRole;
  readonly direction: Direction;
  readonly workload: string;
}): Decision {
  const { role, direction, workload } = request;
  return request.intern({
    workload,
    direction,
    action: 'accept',
    end: { verdict: 'allow', reason: 'essential', essential: role, workload },
  });
}

/** The host and its units that some rule lets hear DHCP clients, and at which ports: whom they may hear they may answer. */
function dhcpServers(gates: readonly NamedGate[]): ReadonlyMap<string, ReadonlySet<DhcpServerPort>> {
  const serving = new Map<string, Set<DhcpServerPort>>();
  for (const { gate, classes } of gates) {
    const { workload, kind } = gate.workload;
    if (gate.direction !== 'inbound' || kind === 'container') continue;
    for (const { services } of usedClasses(classes)) {
      for (const port of dhcpServerPorts) {
        const end = services.udp.find(({ low, high }) => low <= port && port <= high)?.value.end;
        if (end?.verdict !== 'allow' || end.reason === 'off') continue;
        serving.set(workload, (serving.get(workload) ?? new Set()).add(port));
      }
    }
  }
  return serving;
}
