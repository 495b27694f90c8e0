// What the kernel and engines say of a process's network and of cgroups, in files that may go at any moment. Takes no power over the process.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ownIpv4, ownIpv6 } from '#agent-core/host/container-identity.ts';
import type { Address } from '#model/address.ts';
import { isLinkLocal } from './addresses.ts';

/**
 * A number for the network namespace of a process. The kernel makes these files once for a namespace, so that theirs tells it apart;
 * unlike /proc/PID/ns/net it may be looked at without power over the process.
 */
export function networkOf(proc: string, pid: string): bigint | undefined {
  return statSync(join(proc, pid, 'net/dev'), { bigint: true, throwIfNoEntry: false })?.ino;
}

/** Of the network that the process is in: neither loopback's nor link-local ones. */
export function addressesOf(proc: string, pid: string, read = textOf): readonly Address[] {
  const ipv4 = ownIpv4(read(join(proc, pid, 'net/fib_trie')) ?? '');
  const ipv6 = ownIpv6(read(join(proc, pid, 'net/if_inet6')) ?? '');
  return [...ipv4, ...ipv6].filter((address) => !isLinkLocal(address));
}

export function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // It went between the listing of its parent and ours.
    return [];
  }
}

/** Undefined where it is not there or may not be read: engines differ in what they keep. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
