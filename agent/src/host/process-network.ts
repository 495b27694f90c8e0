// What the kernel and engines say of a process's network and of cgroups, in files that may go at any moment. Takes no power over the process.

import { closeSync, opendirSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
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

/** Of the network that the process is in: neither loopback's nor link-local ones. How many there are is up to who is root in that network. */
export function addressesOf(
  proc: string,
  pid: string,
  read: (path: string) => string | undefined = headOf,
): readonly Address[] {
  const ipv4 = ownIpv4(read(join(proc, pid, 'net/fib_trie')) ?? '');
  const ipv6 = ownIpv6(read(join(proc, pid, 'net/if_inet6')) ?? '');
  return [...ipv4, ...ipv6].filter((address) => !isLinkLocal(address));
}

/** The first `most`: a folder that somebody else fills may have any number. */
export function foldersIn(path: string, most = Number.POSITIVE_INFINITY): readonly string[] {
  const names: string[] = [];
  try {
    const folder = opendirSync(path);
    try {
      for (let entry = folder.readSync(); entry !== null && names.length < most; entry = folder.readSync())
        if (entry.isDirectory()) names.push(entry.name);
    } finally {
      folder.closeSync();
    }
  } catch {
    // It went between the listing of its parent and ours.
  }
  return names;
}

/** Processes that are looked for within one cgroup: what a container or unit makes below its own is its own. */
export interface ProcessSearch {
  /** Of processes, and of cgroups that are opened to find them. */
  readonly mostProcesses: number;
  readonly mostFolders: number;
  readonly deepest: number;
}

/** The processes of a cgroup and of those below it, those of the upper ones first. */
export function processesIn(cgroup: string, search: ProcessSearch): readonly string[] {
  const found: string[] = [];
  const waiting = [{ path: cgroup, depth: 0 }];
  for (let opened = 0; opened < search.mostFolders && found.length < search.mostProcesses; opened += 1) {
    const next = waiting.shift();
    if (next === undefined) break;
    const { path, depth } = next;
    // A number is at most seven digits and its line's end; behind the last line's end stands nothing, or, cut, half of one.
    const text = headOf(join(path, 'cgroup.procs'), 8 * (search.mostProcesses + 1)) ?? '';
    found.push(...text.split('\n').slice(0, -1));
    if (depth < search.deepest && waiting.length < search.mostFolders)
      for (const name of foldersIn(path, search.mostFolders))
        waiting.push({ path: join(path, name), depth: depth + 1 });
  }
  return found.slice(0, search.mostProcesses);
}

/** One for all looks. */
const scratch = Buffer.alloc(256 * 1024);

/** Its first 256 KiB, or fewer. */
export function headOf(path: string, mostBytes = scratch.length): string | undefined {
  const most = Math.min(mostBytes, scratch.length);
  try {
    const file = openSync(path, 'r');
    try {
      let length = 0;
      // The kernel gives such files a page or so at a time.
      for (let read = -1; read !== 0 && length < most; length += read)
        read = readSync(file, scratch, { offset: length, length: most - length });
      return scratch.toString('utf8', 0, length);
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
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
