// Tells when an interface or an address came or went, over the kernel's routing netlink: no polling, no process.

import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import { errnoName, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { err, ok, type Result } from '#model/result.ts';

export interface AddressWatch {
  readonly reader: NetlinkReader;
  close(): void;
}

/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR. */
const groups = 0x1 | 0x10 | 0x100;
const bufferBytes = 256 << 10;

/** `changed` means "look again": what changed is not read, so a lost message is no harm. */
export function openAddressWatch(changed: () => void): Result<AddressWatch> {
  const opened = openNetlink({
    protocol: netlinkProtocols.route,
    groups,
    receiveBufferBytes: bufferBytes,
    datagramBytes: 8192,
    datagramsPerCall: 8,
  });
  if (!opened.ok) return err(`changes of addresses cannot be heard: ${opened.error}`);
  const socket = opened.value;
  return ok({
    reader: {
      socket,
      read() {
        const outcome = socket.receive(() => undefined);
        if (outcome.kind === 'empty') return 'empty';
        if (outcome.kind === 'failed') {
          throw new Error(`reading changes of addresses failed: ${errnoName(outcome.errno)}`);
        }
        changed();
        return 'more';
      },
    },
    close: () => socket.close(),
  });
}
