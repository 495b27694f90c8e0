// Clears old epochs, or all that is ours, from the marks of all connections: see conntrack-mark-sweep.ts for why. Measured by the design at 1 s for 100,000 entries. An entry that vanished meanwhile is no error.

import { constants } from 'node:os';
import { dumpNetfilter } from '#agent/netlink/dump.ts';
import { errnoName, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { eachMessage } from '#agent-core/netlink/attributes.ts';
import { renderDumpRequest } from '#agent-core/netlink/conntrack-entry.ts';
import { type MarkSweep, sweepRequests } from '#agent-core/netlink/conntrack-mark-sweep.ts';
import { err, ok, type Result } from '#model/result.ts';

const bufferBytes = 2 << 20;

/** How many marks were cleared. After an error some may remain: what they would be taken for must not begin. */
export async function sweepMarks(sweep: MarkSweep): Promise<Result<number>> {
  const opened = openNetlink({ protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: bufferBytes });
  if (!opened.ok) return opened;
  const socket = opened.value;
  let swept = 0;
  let failure: string | undefined;
  try {
    const listed = await dumpNetfilter({
      what: 'the list of connections',
      message: renderDumpRequest(1),
      take(bytes) {
        const updates = sweepRequests(bytes, sweep);
        for (const update of updates) {
          const sent = socket.send(update);
          if (!sent.ok) failure ??= sent.error;
        }
        swept += updates.length;
        // Only refusals come back, and they must not fill the buffer.
        socket.receive((answer) => {
          failure ??= refusalIn(answer);
        });
        return eachMessage(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), () => true);
      },
    });
    if (!listed.ok) return listed;
    if (failure !== undefined) return err(`a connection's mark could not be changed: ${failure}`);
    return ok(swept);
  } finally {
    socket.close();
  }
}

function refusalIn(answer: Uint8Array): string | undefined {
  const { errno = 0 } = eachMessage(new DataView(answer.buffer, answer.byteOffset, answer.byteLength), () => true);
  return errno === 0 || errno === constants.errno.ENOENT ? undefined : errnoName(errno);
}
