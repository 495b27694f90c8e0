// A process of its own inside a host's namespace: prints, for each nftables transaction, when the kernel told that it is in force
// (milliseconds of the wall clock, to a millisecond's poll). "listening" comes first.

import { netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { decodeNftablesNotices } from '#agent-core/netlink/nftables-notice.ts';

const opened = openNetlink({
  protocol: netlinkProtocols.netfilter,
  groups: 1 << 6,
  receiveBufferBytes: 64 << 20,
  datagramBytes: 65_536,
  datagramsPerCall: 4,
});
if (!opened.ok) throw new Error(opened.error);
const socket = opened.value;
const take = (bytes: Uint8Array) => {
  for (const { kind } of decodeNftablesNotices(bytes)) {
    if (kind === 'committed') process.stdout.write(`${performance.timeOrigin + performance.now()}\n`);
  }
};
const poll = () => {
  while (socket.receive(take).kind === 'received');
  setTimeout(poll, 1);
};
process.stdout.write('listening\n');
poll();
