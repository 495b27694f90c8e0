// The requests that give a TCP connection the conntrack entry it would have if conntrack had seen it open: as far as it has come,
// answered, mark 0, so that its next packet is judged by its true direction, and translated as it was. Without one, whoever sends first
// counts as client.

import type { SeenConnection, TcpConnection, TcpPhase } from '#agent-core/host/open-tcp-connections.ts';
import { type Address, addressValue, bitsOf, familyOf } from '#model/address.ts';
import { attribute, joined, nested, number, renderNetfilterRequest } from './request.ts';

const conntrackSubsystem = 1;
const messageNew = 0;
const messageDelete = 2;
/** REQUEST, EXCL, CREATE: an entry that is there already, and so knows more than we do, is left alone (EEXIST). */
const flags = 0x01 | 0x200 | 0x400;
const protocolTcp = 6;
/** SEEN_REPLY, ASSURED (not thrown out when the table is full) and CONFIRMED. */
const status = 0x02 | 0x04 | 0x08;
/** The window scale was agreed before anyone listened, so the kernel must not check windows; as it does for its own pick-ups. */
const tcpFlags = 0x02 | 0x08;
/** The kernel's states, and its own limits for silence in each: an entry outlives its socket no longer than one that it made. */
const phases: Readonly<Record<TcpPhase, { readonly state: number; readonly timeoutSeconds: number }>> = {
  established: { state: 3, timeoutSeconds: 432_000 },
  'fin-wait': { state: 4, timeoutSeconds: 120 },
  'close-wait': { state: 5, timeoutSeconds: 60 },
  'last-ack': { state: 6, timeoutSeconds: 30 },
};
const familyNumbers = { ipv4: 2, ipv6: 10 } as const;

/**
 * The reply's tuple is the plain one: the kernel (6.18) makes its own of what is said of translation, and refuses to be told that there is
 * one. Where something else has what it would make (EEXIST), nothing is entered.
 */
export function insertRequest(
  connection: TcpConnection & { readonly phase: TcpPhase; readonly translated?: SeenConnection },
): Uint8Array {
  const { translated } = connection;
  const { client, clientPort } = translated ?? connection;
  const [target, targetPort] =
    translated === undefined ? [connection.server, connection.serverPort] : [translated.target, translated.targetPort];
  const { state, timeoutSeconds } = phases[connection.phase];
  const attributes = [
    attribute(1 | nested, tuple({ from: client, fromPort: clientPort, to: target, toPort: targetPort })),
    attribute(2 | nested, tuple({ from: target, fromPort: targetPort, to: client, toPort: clientPort })),
    attribute(3, number(status, 4)),
    attribute(
      4 | nested,
      attribute(
        1 | nested,
        joined([
          attribute(1, number(state, 1)),
          attribute(4, Uint8Array.of(tcpFlags, tcpFlags)),
          attribute(5, Uint8Array.of(tcpFlags, tcpFlags)),
        ]),
      ),
    ),
    attribute(7, number(timeoutSeconds, 4)),
    attribute(8, number(0, 4)),
    ...(translated === undefined ? [] : translations(translated)),
  ];
  const family = familyNumbers[familyOf(client)];
  return renderNetfilterRequest({ subsystem: conntrackSubsystem, message: messageNew, flags, family, attributes });
}

/** CTA_NAT_DST and CTA_NAT_SRC, each of one address and one port. */
function translations({ target, targetPort, server, serverPort, seenAs }: SeenConnection): readonly Uint8Array[] {
  const isSentOn = server !== target || serverPort !== targetPort;
  return [
    ...(isSentOn ? [attribute(13 | nested, translation(server, serverPort))] : []),
    ...(seenAs === undefined ? [] : [attribute(6 | nested, translation(seenAs.address, seenAs.port))]),
  ];
}

function translation(address: Address, port: number): Uint8Array {
  const first = familyOf(address) === 'ipv4' ? 1 : 4;
  const ports = joined([attribute(1, number(port, 2)), attribute(2, number(port, 2))]);
  return joined([
    attribute(first, addressBytes(address)),
    attribute(first + 1, addressBytes(address)),
    attribute(3 | nested, ports),
  ]);
}

/** Takes away the entry that has this connection in the wrong direction, server to client; that one, by its id, and no later one. */
export function deleteReversedRequest(
  { client, clientPort, server, serverPort }: TcpConnection,
  id: number,
): Uint8Array {
  return renderNetfilterRequest({
    subsystem: conntrackSubsystem,
    message: messageDelete,
    flags: 0x01,
    family: familyNumbers[familyOf(client)],
    attributes: [
      attribute(1 | nested, tuple({ from: server, fromPort: serverPort, to: client, toPort: clientPort })),
      attribute(12, number(id, 4)),
    ],
  });
}

function tuple(ends: {
  readonly from: Address;
  readonly fromPort: number;
  readonly to: Address;
  readonly toPort: number;
}): Uint8Array {
  const { from, fromPort, to, toPort } = ends;
  const first = familyOf(from) === 'ipv4' ? 1 : 3;
  return joined([
    attribute(1 | nested, joined([attribute(first, addressBytes(from)), attribute(first + 1, addressBytes(to))])),
    attribute(
      2 | nested,
      joined([
        attribute(1, number(protocolTcp, 1)),
        attribute(2, number(fromPort, 2)),
        attribute(3, number(toPort, 2)),
      ]),
    ),
  ]);
}

function addressBytes(address: Address): Uint8Array {
  const length = bitsOf(familyOf(address)) / 8;
  const hex = addressValue(address)
    .toString(16)
    .padStart(length * 2, '0');
  return Uint8Array.from({ length }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
}
