// Changes elements of the table over a netlink socket of its own: 25 µs where starting nft takes 15 ms and more, so it is done at once, in
// the caller's time. Whoever hears of the transaction knows it as ours by the socket's port. Opens the socket when first needed.

import { errnoName, type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { decodeBatchAnswer, renderElementBatch } from '#agent-core/netlink/element-message.ts';
import type { ElementChange } from '#agent-core/table/element-change.ts';
import { tableName } from '#agent-core/table/table.ts';
import { err, ok, type Result } from '#model/result.ts';

export interface ElementSocket {
  /**
   * One transaction; with `state`, the state rule's words change in it. Where the kernel refuses, nothing has changed; waits for whatever
   * transaction is under way in the kernel.
   */
  apply(changes: readonly ElementChange[], state?: string): Result<void>;
  /** Whether a transaction made on this port was made here. */
  isOwnPort(port: number): boolean;
  close(): void;
}

const bufferBytes = 256 << 10;

export function createElementSocket(): ElementSocket {
  let socket: NetlinkSocket | undefined;

  const opened = (): Result<NetlinkSocket> => {
    if (socket !== undefined) return ok(socket);
    const result = openNetlink({ protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: bufferBytes });
    if (result.ok) socket = result.value;
    return result;
  };

  return {
    apply(changes, state) {
      const open = opened();
      if (!open.ok) return open;
      const { bytes: batch, answers } = renderElementBatch(tableName.split(' ')[1] ?? '', changes, state);
      const sent = open.value.send(batch);
      if (!sent.ok) return err(`elements could not be sent: ${sent.error}`);
      let taken = 0;
      let refusal: string | undefined;
      // The kernel has answered before the call returns.
      for (let outcome = 'received'; outcome === 'received'; ) {
        outcome = open.value.receive((bytes) => {
          const answer = decodeBatchAnswer(bytes);
          taken += answer.taken;
          refusal ??= answer.refusal === undefined ? undefined : errnoName(answer.refusal);
        }).kind;
      }
      if (refusal !== undefined) return err(`the kernel refuses elements: ${refusal}`);
      return taken === answers ? ok(undefined) : err(`the kernel took ${taken} of ${answers} messages`);
    },
    isOwnPort: (port) => socket?.port === port,
    close() {
      socket?.close();
      socket = undefined;
    },
  };
}
