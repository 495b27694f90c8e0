// How a TCP connection was opened that the kernel took up in its midst, as after a flush: to conntrack its client is whoever spoke first, and
// anybody may send one packet from the port of a service. So it is read the other way round only where it was seen to be opened so; where
// its ports say that its client is the server, and nothing else does, its direction is unknown.

import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';

/** Whether a connection was seen to open, and at the end that conntrack has for its client. */
export type OpenedAs = (entry: ConntrackEntry) => 'as-told' | 'reversed' | undefined;

/** The kernel gives clients ports from here on (net.ipv4.ip_local_port_range). */
const firstOfClients = 32_768;

export function directionOf(entry: ConntrackEntry, openedAs: OpenedAs): 'as-told' | 'reversed' | 'unknown' {
  const { event, begun, clientPort, targetPort } = entry;
  // One that the agent entered has its direction from more than its ports.
  if (begun === 'here' || (begun === 'entered' && event === 'opened')) return 'as-told';
  const looksReversed = clientPort < firstOfClients && targetPort >= firstOfClients;
  return openedAs(entry) ?? (looksReversed ? 'unknown' : 'as-told');
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
