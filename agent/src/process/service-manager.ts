// Tells the service manager how we are (sd_notify): ready, alive, about to stop. Where none waits for it (no NOTIFY_SOCKET), nothing happens.
// The protocol: one datagram of NAME=VALUE lines to the socket that the variable names; "@" begins an abstract name.

import { endianness } from 'node:os';
import { close, connect, send, socket } from '#agent/netlink/libc.ts';
import { systemClock } from '#clock/system-clock.ts';

export interface ServiceManager {
  /** What was started is in force; from now on the manager expects signs of life, where it asked for them. */
  ready(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  stopping(): void;
}

const unixFamily = 1;
const datagram = 2;
const closeOnExec = 0o2000000;

/** sockaddr_un of the path; undefined for what is none. */
export function unixAddress(path: string): Uint8Array | undefined {
  const isAbstract = path.startsWith('@');
  if (!isAbstract && !path.startsWith('/')) return undefined;
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > 108) return undefined;
  const family = endianness() === 'LE' ? [unixFamily, 0] : [0, unixFamily];
  return Buffer.concat([Buffer.from(family), name]);
}

/** Half of what the manager waits for, in milliseconds; undefined where it expects no signs of life of this process. */
export function signOfLifeMs(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: micros, WATCHDOG_PID: of } = environment;
  if (micros === undefined || !/^\d{1,15}$/.test(micros) || (of !== undefined && of !== String(pid))) return undefined;
  const ms = Math.floor(Number(micros) / 2000);
  return ms > 0 ? Math.min(ms, 2 ** 31 - 1) : undefined;
}

/** Takes the variables out of `environment`: they are not meant for programs that we start. */
export function openServiceManager(environment: NodeJS.ProcessEnv): ServiceManager {
  const path = environment['NOTIFY_SOCKET'];
  const aliveMs = signOfLifeMs(environment, process.pid);
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  const address = path === undefined ? undefined : unixAddress(path);
  const tell = (text: string): void => {
    if (address !== undefined) sendTo(address, Buffer.from(text));
  };
  return {
    ready() {
      tell('READY=1');
      // From the event loop: an agent whose loop hangs is no longer alive.
      if (aliveMs !== undefined) systemClock.every(aliveMs, () => tell('WATCHDOG=1')).unref();
    },
    status: (text) => tell(`STATUS=${text.replaceAll('\n', ' ')}`),
    stopping: () => tell('STOPPING=1'),
  };
}

/** A manager that does not listen is no reason to fail: it will say so itself. */
function sendTo(address: Uint8Array, message: Uint8Array): void {
  const descriptor = socket(unixFamily, datagram | closeOnExec, 0);
  if (descriptor < 0) return;
  if (connect(descriptor, address, address.length) === 0) send(descriptor, message, message.length, 0);
  close(descriptor);
}
