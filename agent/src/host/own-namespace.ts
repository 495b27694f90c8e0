// Whether this host's network namespace is the machine's own, which no other is around: then every other one is a guest's. Inside a system
// container there are interfaces that lead out to the machine it runs on, and the kernel does not tell which way is out.

import { readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** PROC_PID_INIT_INO (linux/proc_ns.h): the number of the first process namespace, the same on every machine. */
const firstProcesses = 'pid:[4026531836]';

/** `inner` too where /proc does not tell. */
export function ownNamespace(proc = '/proc'): 'outermost' | 'inner' {
  // The kernel makes these files once for a network namespace, and shows them without power over the process.
  const networkOf = (process: string) =>
    statSync(join(proc, process, 'net/dev'), { bigint: true, throwIfNoEntry: false })?.ino;
  try {
    const own = networkOf('self');
    if (own === undefined || own !== networkOf('1')) return 'inner';
    return readlinkSync(join(proc, 'self/ns/pid')) === firstProcesses ? 'outermost' : 'inner';
  } catch {
    return 'inner';
  }
}
