// Asks the kernel for its links, for the network namespaces of processes, and by whom some addresses were answered for, in one go and
// without waiting: what the routing netlink answers is there when its request returns. Needs no power. A list that is not whole is none.
// Of neighbours and of what bridges heard no list is ever asked for: how long those are is up to whoever sends on a bridge.

import { type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import {
  type Link,
  type Neighbour,
  type Place,
  parseRouteAnswer,
  type RouteAnswer,
  renderLinkDump,
  renderNamespaceQuestion,
  renderNeighbourQuestion,
  renderPortQuestion,
} from '#agent-core/netlink/link-message.ts';

export interface LinkView {
  readonly links: readonly Link[];
  /** Of the places that were asked for. */
  readonly neighbours: readonly Neighbour[];
  /** By process: the kernel's number for its network namespace, as links name it; absent for one that no link leads to. */
  readonly namespaces: ReadonlyMap<number, number>;
}

/** Some 20 µs each, so that a look takes 0.2 s at most. */
export const mostPlaces = 8192;
/** Of a bridge that tells VLANs apart: what its own addresses are in, unless it was told otherwise. */
const bridgeVlans = [0, 1] as const;

/** `places`: of which addresses the neighbours are wanted. Undefined where the kernel does not answer. Cost: a small question each. */
export function readLinkView(
  pids: readonly number[],
  places: (links: readonly Link[]) => readonly Place[] = () => [],
): LinkView | undefined {
  const opened = openNetlink({
    protocol: netlinkProtocols.route,
    groups: 0,
    receiveBufferBytes: 1 << 20,
    datagramBytes: 32_768,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return undefined;
  const socket = opened.value;
  try {
    // The kernel gives a namespace its number when it first lists a link into it: links come first.
    const links = readLinks(socket);
    if (links === undefined) return undefined;
    const namespaces = new Map<number, number>();
    for (const pid of pids) {
      const namespace = ask(socket, renderNamespaceQuestion(pid))?.namespace;
      if (namespace !== undefined) namespaces.set(pid, namespace);
    }
    const neighbours = places(links)
      .slice(0, mostPlaces)
      .flatMap((place) => readNeighbour(socket, place));
    return { links, neighbours, namespaces };
  } finally {
    socket.close();
  }
}

function readLinks(socket: NetlinkSocket): readonly Link[] | undefined {
  if (!socket.send(renderLinkDump()).ok) return undefined;
  const links: Link[] = [];
  for (let ending: 'whole' | 'failed' | undefined; ending !== 'whole'; ) {
    const outcome = socket.receive((bytes) => {
      const answer = parseRouteAnswer(bytes);
      links.push(...answer.links);
      if (answer.errno !== undefined && answer.errno !== 0) ending = 'failed';
      else if (answer.isDone) ending ??= 'whole';
    });
    if (ending === 'failed' || outcome.kind !== 'received' || outcome.cut > 0) return undefined;
  }
  return links;
}

/** The address with its hardware address, and that with its port where the link is a bridge that heard it. */
function readNeighbour(socket: NetlinkSocket, place: Place): readonly Neighbour[] {
  const [neighbour] = ask(socket, renderNeighbourQuestion(place))?.neighbours ?? [];
  if (neighbour === undefined) return [];
  for (const vlan of bridgeVlans) {
    const question = renderPortQuestion({ bridge: place.device, hardware: neighbour.hardware, vlan });
    const [port] = ask(socket, question)?.neighbours ?? [];
    if (port !== undefined) return [neighbour, port];
  }
  return [neighbour];
}

/** One question, one answer. */
function ask(socket: NetlinkSocket, message: Uint8Array): RouteAnswer | undefined {
  if (!socket.send(message).ok) return undefined;
  let answer: RouteAnswer | undefined;
  const outcome = socket.receive((bytes) => {
    answer ??= parseRouteAnswer(bytes);
  });
  return outcome.kind === 'received' && outcome.cut === 0 ? answer : undefined;
}
