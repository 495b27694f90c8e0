// Which end opened each TCP connection of this host that conntrack saw begin: what tells the direction of one whose entry is lost, or was
// made anew by whoever spoke first, and what address translation had made of it. Bounded: what no socket has any more makes room; beyond that, what opens is not remembered.

import type { Address } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';
import type { OpenedBy, OpenSocket, SeenConnection } from './open-tcp-connections.ts';

type Ends = readonly [from: Address, fromPort: number, to: Address, toPort: number];

export interface SeenOpenings {
  /** A SYN began it. */
  saw(connection: SeenConnection): void;
  /** Which end of a socket's connection opened it, at whichever end the socket is. */
  openedBy(socket: Pick<OpenSocket, 'local' | 'localPort' | 'remote' | 'remotePort'>): ReturnType<OpenedBy>;
  /** Whether conntrack saw it begin, and at which end. */
  of(connection: SeenConnection): 'as-told' | 'reversed' | undefined;
  /** Whether it is time to keep only what has a socket. */
  isCrowded(): boolean;
  /** Call it before the sockets are read; what is seen until they are given is kept whatever they say. */
  keepOnly(): (sockets: readonly OpenSocket[]) => void;
}

/** About 5 MB; 10 MB where each is translated. */
const openingsMost = 32_768;

/** `unsure`: seen to begin at either end; one of them may have been forged. Translated: as it was seen. */
type Opening = 'sure' | 'unsure' | SeenConnection;

export function createSeenOpenings(most: number = openingsMost): SeenOpenings {
  let openings = new Map<string, Opening>();
  let before: ReadonlyMap<string, Opening> = new Map();
  const known = (key: string) => openings.get(key) ?? before.get(key);

  const remember = (opening: Exclude<Opening, 'unsure'>, ...[from, fromPort, to, toPort]: Ends): void => {
    const [key, turned] = [keyOf(from, fromPort, to, toPort), keyOf(to, toPort, from, fromPort)];
    const isUnsure = known(turned) !== undefined || known(key) === 'unsure';
    if (known(turned) !== undefined) openings.set(turned, 'unsure');
    if (openings.size + before.size < most || known(key) !== undefined)
      openings.set(key, isUnsure ? 'unsure' : opening);
  };
  const sure = (...ends: Ends) => {
    const opening = known(keyOf(...ends));
    return opening === 'unsure' ? undefined : opening;
  };
  const told = (direction: Direction, opening: Exclude<Opening, 'unsure'>) =>
    opening === 'sure' ? { direction } : { direction, translated: opening };

  return {
    saw({ client, clientPort, target, targetPort, server, serverPort, seenAs }) {
      const isPlain = target === server && targetPort === serverPort && seenAs === undefined;
      const opening = isPlain
        ? 'sure'
        : {
            ...{ client, clientPort, target, targetPort, server, serverPort },
            ...(seenAs === undefined ? {} : { seenAs }),
          };
      remember(opening, client, clientPort, target, targetPort);
      if (isPlain) return;
      if (target !== server || targetPort !== serverPort) remember(opening, client, clientPort, server, serverPort);
      if (seenAs !== undefined) remember(opening, seenAs.address, seenAs.port, server, serverPort);
    },
    openedBy({ local, localPort, remote, remotePort }) {
      const outbound = sure(local, localPort, remote, remotePort);
      if (outbound !== undefined) return told('outbound', outbound);
      const inbound = sure(remote, remotePort, local, localPort);
      return inbound === undefined ? undefined : told('inbound', inbound);
    },
    of({ client, clientPort, server, serverPort }) {
      if (sure(client, clientPort, server, serverPort) !== undefined) return 'as-told';
      return sure(server, serverPort, client, clientPort) === undefined ? undefined : 'reversed';
    },
    isCrowded: () => openings.size >= most * 0.75,
    keepOnly() {
      const aside = openings;
      before = new Map([...before, ...aside]);
      openings = new Map();
      return (sockets) => {
        const kept = new Map<string, Opening>();
        for (const { state, local, localPort, remote, remotePort } of sockets) {
          if (state === 'listening') continue;
          for (const key of [
            keyOf(local, localPort, remote, remotePort),
            keyOf(remote, remotePort, local, localPort),
          ]) {
            const opening = before.get(key);
            if (opening !== undefined) kept.set(key, opening);
          }
        }
        openings = new Map([...kept, ...openings]);
        before = new Map();
      };
    },
  };
}

function keyOf(...ends: Ends): string {
  return ends.join(' ');
}
