// From which addresses this process has connections open, or is opening them. The kernel keeps a socket whose own address has gone:
// nothing it sends arrives anywhere, and nothing tells it so but its own patience.

import { readdir, readFile, readlink } from 'node:fs/promises';
import { parseOwnSocket } from '#agent-core/host/open-tcp-connections.ts';
import type { Address } from '#model/address.ts';

/** Local addresses of this process' TCP connections to that port. Empty where /proc does not tell. Costs a walk over the host's sockets. */
export async function ownConnectionsTo(port: number): Promise<ReadonlySet<Address>> {
  const mine = await ownInodes();
  const found = new Set<Address>();
  for (const family of ['tcp', 'tcp6']) {
    const text = await readFile(`/proc/self/net/${family}`, 'latin1').catch(() => '');
    for (const line of text.split('\n')) {
      const socket = parseOwnSocket(line);
      if (socket !== undefined && socket.remotePort === port && mine.has(socket.inode)) found.add(socket.local);
    }
  }
  return found;
}

async function ownInodes(): Promise<ReadonlySet<string>> {
  const names = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}
