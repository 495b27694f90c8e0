// How a TCP connection was opened that the kernel took up in its midst, as after a flush: to conntrack its client is whoever spoke first. Ports
// tell who it was: one that only clients have, towards a service's, is a client's. So what is told of it keeps its direction.

import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';

/** The kernel gives clients ports from here on (net.ipv4.ip_local_port_range). */
const firstOfClients = 32_768;

export function isReversed({ begun, clientPort, targetPort }: ConntrackEntry): boolean {
  return begun !== 'here' && clientPort < firstOfClients && targetPort >= firstOfClients;
}

/** Marks are of the direction that was judged: a reversed one has none. */
export function reversed(entry: ConntrackEntry): ConntrackEntry {
  return {
    ...entry,
    client: entry.server,
    clientPort: entry.serverPort,
    target: entry.client,
    targetPort: entry.clientPort,
    server: entry.client,
    serverPort: entry.clientPort,
    mark: 0,
    packetsOriginal: entry.packetsReply,
    bytesOriginal: entry.bytesReply,
    packetsReply: entry.packetsOriginal,
    bytesReply: entry.bytesOriginal,
  };
}
