// Whether policy allows a connection of this host in both directions. Required before a connection whose direction is a guess is
// entered into conntrack: otherwise a revoked connection could come back with its direction reversed.

import { evaluateEnd } from '#model/evaluate.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { protocolNumbers } from '#model/service.ts';
import type { DirectedConnection } from './open-tcp-connections.ts';

/** For every workload that the socket may be of: the host, and each of its units. */
export function allowsBothDirections(
  { client, clientPort, server, serverPort, direction }: DirectedConnection,
  {
    ruleSet,
    essentials,
  }: { readonly ruleSet: HostRuleSet | undefined; readonly essentials: readonly EssentialEntry[] },
): boolean {
  if (ruleSet === undefined) return true;
  const [local, localPort, peer, peerPort] =
    direction === 'inbound' ? [server, serverPort, client, clientPort] : [client, clientPort, server, serverPort];
  const readings = [
    { direction: 'inbound', port: localPort },
    { direction: 'outbound', port: peerPort },
  ] as const;
  return ruleSet.workloads
    .filter(({ kind }) => kind !== 'container')
    .every(({ workload }) =>
      readings.every(
        (reading) =>
          evaluateEnd({
            ...{ ruleSet, workload, essentials, direction: reading.direction },
            ...{ localAddress: local, peerAddress: peer },
            service: { protocol: protocolNumbers.tcp, port: reading.port },
          }).verdict !== 'deny',
      ),
    );
}
