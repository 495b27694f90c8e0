// Asks the kernel for its links and neighbours, and for the network namespaces of processes, in one go and without waiting: what a
// dump of the routing netlink holds is there when its request returns. Needs no power. A list that is not whole is none.

import { netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import {
  type Link,
  type Neighbour,
  parseRouteAnswer,
  type RouteAnswer,
  renderLinkDump,
  renderNamespaceQuestion,
  renderNeighbourDump,
} from '#agent-core/netlink/link-message.ts';

export interface LinkView {
  readonly links: readonly Link[];
  readonly neighbours: readonly Neighbour[];
  /** By process: the kernel's number for its network namespace, as links name it; absent for one that no link leads to. */
  readonly namespaces: ReadonlyMap<number, number>;
}

/** Undefined where the kernel does not answer. Cost: one small question a process, and one list each. */
export function readLinkView(pids: readonly number[]): LinkView | undefined {
  const opened = openNetlink({
    protocol: netlinkProtocols.route,
    groups: 0,
    receiveBufferBytes: 1 << 20,
    datagramBytes: 32_768,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return undefined;
  const socket = opened.value;
  const ask = (message: Uint8Array, isList: boolean): readonly RouteAnswer[] | undefined => {
    if (!socket.send(message).ok) return undefined;
    const answers: RouteAnswer[] = [];
    for (;;) {
      const outcome = socket.receive((bytes) => answers.push(parseRouteAnswer(bytes)));
      if (outcome.kind !== 'received' || outcome.cut > 0) return undefined;
      if (!isList) return answers;
      if (answers.some(({ errno }) => errno !== undefined && errno !== 0)) return undefined;
      if (answers.some(({ isDone }) => isDone)) return answers;
    }
  };
  try {
    // The kernel gives a namespace its number when it first lists a link into it: links come first.
    const links = ask(renderLinkDump(), true);
    const [addresses, bridges] = [
      ask(renderNeighbourDump('addresses'), true),
      ask(renderNeighbourDump('bridges'), true),
    ];
    if (links === undefined || addresses === undefined || bridges === undefined) return undefined;
    const namespaces = new Map<number, number>();
    for (const pid of pids) {
      const namespace = ask(renderNamespaceQuestion(pid), false)?.find((answer) => answer.namespace !== undefined);
      if (namespace?.namespace !== undefined) namespaces.set(pid, namespace.namespace);
    }
    return {
      links: links.flatMap((answer) => answer.links),
      neighbours: [...addresses, ...bridges].flatMap((answer) => answer.neighbours),
      namespaces,
    };
  } finally {
    socket.close();
  }
}
