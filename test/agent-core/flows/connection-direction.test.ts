// Which way round a connection is read that the kernel took up in its midst.

import { expect, test } from 'vitest';
import { directionOf, reversed } from '#agent-core/flows/connection-direction.ts';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import type { Address } from '#model/address.ts';

const plain: ConntrackEntry = {
  event: 'listed',
  family: 'ipv4',
  protocol: 6,
  client: '10.0.0.1' as Address,
  clientPort: 40_000,
  target: '10.0.0.100' as Address,
  targetPort: 443,
  server: '10.0.0.2' as Address,
  serverPort: 8443,
  icmpType: -1,
  id: 7,
  zone: 0,
  mark: 0x123,
  answered: 'yes',
  begun: 'in-the-midst',
  packetsOriginal: 1,
  bytesOriginal: 10,
  packetsReply: 2,
  bytesReply: 20,
  startedAtNanos: 0,
  stoppedAtNanos: 0,
};

const [client, service] = [40_000, 443];
const rows: readonly (readonly [
  name: string,
  entry: Partial<ConntrackEntry>,
  openedAs: 'as-told' | 'reversed' | undefined,
  direction: 'as-told' | 'reversed' | 'unknown',
])[] = [
  // Whose beginning the kernel saw is as the kernel has it, whatever its ports look like and whatever was seen.
  ['begun here', { begun: 'here' }, undefined, 'as-told'],
  [
    'begun here, from the port of a service',
    { begun: 'here', clientPort: service, targetPort: client },
    undefined,
    'as-told',
  ],
  ['begun here, seen the other way', { begun: 'here' }, 'reversed', 'as-told'],
  // What the agent entered it entered the right way round; a listing may show what has come of it since.
  ['entered, and told as it is', { begun: 'entered', event: 'opened' }, 'reversed', 'as-told'],
  ['entered, and listed later', { begun: 'entered' }, 'reversed', 'reversed'],
  [
    'entered, listed, ports of a reversed one',
    { begun: 'entered', clientPort: service, targetPort: client },
    undefined,
    'unknown',
  ],
  // In the midst: what was seen goes before what the ports say.
  ['seen as told', { clientPort: service, targetPort: client }, 'as-told', 'as-told'],
  ['seen reversed', {}, 'reversed', 'reversed'],
  ['to a service', {}, undefined, 'as-told'],
  ['from the port of a service', { clientPort: service, targetPort: client }, undefined, 'unknown'],
  // Both of clients, or both of services: the ports say nothing.
  ['between ports of clients', { clientPort: client, targetPort: 50_000 }, undefined, 'as-told'],
  ['between ports of services', { clientPort: service, targetPort: 22 }, undefined, 'as-told'],
  // The kernel gives clients 32768 and above.
  ['from the first port of clients', { clientPort: 32_768, targetPort: 32_768 }, undefined, 'as-told'],
  ['from the last below it', { clientPort: 32_767, targetPort: 32_768 }, undefined, 'unknown'],
  ['to the last below it', { clientPort: 32_767, targetPort: 32_767 }, undefined, 'as-told'],
];

test.each(rows)('%s', (_name, entry, openedAs, direction) => {
  expect(directionOf({ ...plain, ...entry }, () => openedAs)).toBe(direction);
});

test('the other way round it is a connection from its server to its client, with no mark and each end’s own counts', () => {
  expect(reversed(plain)).toEqual({
    ...plain,
    client: '10.0.0.2',
    clientPort: 8443,
    target: '10.0.0.1',
    targetPort: 40_000,
    server: '10.0.0.1',
    serverPort: 40_000,
    mark: 0,
    packetsOriginal: 2,
    bytesOriginal: 20,
    packetsReply: 1,
    bytesReply: 10,
  });
});
