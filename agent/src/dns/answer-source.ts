// Where DNS questions and answers are seen: held in a queue of the kernel's until they are let go, or copied to us. Tells which of the two this
// kernel has, reads what comes, and lets go whatever it is told; a socket that closes lets all that it held go on unseen. The kernel holds
// while it hears from us (heartbeat.ts).

import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import { errnoName, type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { readHandedPackets, renderBinding, renderRelease } from '#agent-core/netlink/queued-packet.ts';
import { type AnswerSource, answerQueue, trialScript } from '#agent-core/table/dns-answer-chains.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Address } from '#model/address.ts';
import { err, ok, type Result } from '#model/result.ts';
import { startHeartbeat } from './heartbeat.ts';

export interface OpenAnswerSource {
  readonly kind: AnswerSource;
  readonly reader: NetlinkReader;
  close(): void;
}

export interface AnswerSourceOptions {
  /** The packet's bytes are valid only during the call; `release` does nothing for copies. */
  readonly take: (packet: Uint8Array, release: () => void) => void;
  /** The kernel threw packets away, or let them pass unseen. */
  readonly overrun: () => void;
}

const bufferBytes = 4 << 20;
/** A segment of TCP may be put together from many before it comes here. */
const datagramBytes = 66_560;
const acknowledgementMostMs = 1000;

/** What nft can load here: a kernel may lack either word. */
export async function chooseAnswerSource(nft: Nft): Promise<readonly AnswerSource[]> {
  const kinds: AnswerSource[] = [];
  for (const kind of ['held', 'copied'] as const) {
    const script = trialScript(kind, ['192.0.2.1' as Address], 'inet segwall_trial');
    if ((await nft.check(script)).ok) kinds.push(kind);
  }
  return kinds;
}

/** The error: another program has the number, or the kernel lacks the protocol. */
export function openAnswerSource(kind: AnswerSource, options: AnswerSourceOptions): Result<OpenAnswerSource> {
  const opened = openNetlink({
    protocol: netlinkProtocols.netfilter,
    groups: 0,
    receiveBufferBytes: bufferBytes,
    datagramBytes,
    datagramsPerCall: 8,
  });
  if (!opened.ok) return opened;
  const socket = opened.value;
  const bound = bind(socket, kind);
  if (!bound.ok) {
    socket.close();
    return bound;
  }
  let isOpen = true;
  const stopHeartbeat = kind === 'held' ? startHeartbeat() : () => undefined;
  const take = (datagram: Uint8Array) => {
    for (const { id, bytes } of readHandedPackets(kind, datagram).packets) {
      options.take(bytes, () => {
        if (isOpen && id !== undefined) socket.send(renderRelease(answerQueue, id));
      });
    }
  };
  return ok({
    kind,
    reader: {
      socket,
      read() {
        const outcome = socket.receive(take);
        switch (outcome.kind) {
          case 'received':
            return 'more';
          case 'overrun':
            options.overrun();
            return 'more';
          case 'empty':
            return 'empty';
          case 'failed':
            throw new Error(`reading DNS answers failed: ${errnoName(outcome.errno)}`);
        }
      },
    },
    close() {
      isOpen = false;
      stopHeartbeat();
      socket.close();
    },
  });
}

/** The kernel answers a configuration within the call that sends it. */
function bind(socket: NetlinkSocket, kind: AnswerSource): Result<void> {
  for (const message of renderBinding(kind, answerQueue)) {
    const sent = socket.send(message);
    if (!sent.ok) return err(`DNS answers are not to be had: ${sent.error}`);
    let errno: number | undefined;
    const deadline = systemClock.elapsedMs() + acknowledgementMostMs;
    while (errno === undefined) {
      socket.receive((bytes) => {
        errno ??= readHandedPackets(kind, bytes).errno;
      });
      if (systemClock.elapsedMs() > deadline) return err('DNS answers are not to be had: the kernel does not answer');
    }
    if (errno !== 0) return err(`DNS answers are not to be had: ${errnoName(errno)}`);
  }
  return ok(undefined);
}
