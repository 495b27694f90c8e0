// Which end opened each TCP connection of this host that conntrack saw begin: what tells the direction of one whose entry is lost, or was
// made anew by whoever spoke first. Bounded: what no socket has any more makes room; beyond that, what opens is not remembered.

import type { Address } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';
import type { OpenSocket } from './open-tcp-connections.ts';

/** As conntrack has it: `target` is what the client addressed, `server` where the connection ends. */
export interface SeenConnection {
  readonly client: Address;
  readonly clientPort: number;
  readonly target: Address;
  readonly targetPort: number;
  readonly server: Address;
  readonly serverPort: number;
}

type Ends = readonly [from: Address, fromPort: number, to: Address, toPort: number];

export interface SeenOpenings {
  /** A SYN began it. */
  saw(connection: SeenConnection): void;
  /** Which end of a socket's connection opened it. */
  openedBy(socket: Pick<OpenSocket, 'local' | 'localPort' | 'remote' | 'remotePort'>): Direction | undefined;
  /** Whether conntrack saw it begin, and at which end. */
  of(connection: SeenConnection): 'as-told' | 'reversed' | undefined;
  /** Whether it is time to keep only what has a socket. */
  isCrowded(): boolean;
  /** Call it before the sockets are read; what is seen until they are given is kept whatever they say. */
  keepOnly(): (sockets: readonly OpenSocket[]) => void;
}

/** About 5 MB. */
const openingsMost = 32_768;

export function createSeenOpenings(most: number = openingsMost): SeenOpenings {
  // `unsure`: seen to begin at either end; one of them may have been forged.
  let openings = new Map<string, 'sure' | 'unsure'>();
  let before: ReadonlyMap<string, 'sure' | 'unsure'> = new Map();
  const known = (key: string) => openings.get(key) ?? before.get(key);

  const remember = (...[from, fromPort, to, toPort]: Ends): void => {
    const [key, turned] = [keyOf(from, fromPort, to, toPort), keyOf(to, toPort, from, fromPort)];
    const sureness = known(turned) === undefined ? (known(key) ?? 'sure') : 'unsure';
    if (sureness === 'unsure' && known(turned) !== undefined) openings.set(turned, 'unsure');
    if (openings.size + before.size < most || known(key) !== undefined) openings.set(key, sureness);
  };
  const isSure = (...ends: Ends) => known(keyOf(...ends)) === 'sure';

  return {
    saw({ client, clientPort, target, targetPort, server, serverPort }) {
      remember(client, clientPort, target, targetPort);
      if (target !== server || targetPort !== serverPort) remember(client, clientPort, server, serverPort);
    },
    openedBy({ local, localPort, remote, remotePort }) {
      if (isSure(local, localPort, remote, remotePort)) return 'outbound';
      return isSure(remote, remotePort, local, localPort) ? 'inbound' : undefined;
    },
    of({ client, clientPort, server, serverPort }) {
      if (isSure(client, clientPort, server, serverPort)) return 'as-told';
      return isSure(server, serverPort, client, clientPort) ? 'reversed' : undefined;
    },
    isCrowded: () => openings.size >= most * 0.75,
    keepOnly() {
      const aside = openings;
      before = new Map([...before, ...aside]);
      openings = new Map();
      return (sockets) => {
        const kept = new Map<string, 'sure' | 'unsure'>();
        for (const { state, local, localPort, remote, remotePort } of sockets) {
          if (state === 'listening') continue;
          for (const key of [
            keyOf(local, localPort, remote, remotePort),
            keyOf(remote, remotePort, local, localPort),
          ]) {
            const sureness = before.get(key);
            if (sureness !== undefined) kept.set(key, sureness);
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
