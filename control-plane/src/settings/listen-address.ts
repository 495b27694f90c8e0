// ADDR:PORT as people write it, what of it to listen on, and the address to give to others for it.

import { networkInterfaces } from 'node:os';
import { type Address, parseAddress } from '#model/address.ts';
import { err, ok, type Result } from '#model/result.ts';

/** `port` 0 lets the kernel choose one. */
export interface ListenAddress {
  readonly address: Address;
  readonly port: number;
}

/** Reads "127.0.0.1:7443" and "[::1]:7443"; the error says what is allowed. */
export function parseListenAddress(text: string): Result<ListenAddress> {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const allowed = 'ADDRESS:PORT with an IP address and a port from 0 to 65535, as in 0.0.0.0:7443 or [::]:7443';
  if (match === null) return err(allowed);
  const address = parseAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  return address.ok && port <= 65535 ? ok({ address: address.value, port }) : err(allowed);
}

export function listenAddressText(listen: ListenAddress): string {
  return `${bracketed(listen.address)}:${listen.port}`;
}

export function isLoopback(address: Address): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** An address others can reach: the one listened on, or, where that is every address, one of this machine's that is not loopback. */
export function reachableAddress(address: Address): Address {
  if (address !== '0.0.0.0' && address !== '::') return address;
  const candidates: Address[] = [];
  for (const entries of Object.values(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (entry.internal || entry.address.startsWith('fe80:') || entry.address.startsWith('169.254.')) continue;
      if (address === '0.0.0.0' && entry.family !== 'IPv4') continue;
      const parsed = parseAddress(entry.address);
      if (parsed.ok) candidates.push(parsed.value);
    }
  }
  const ipv4 = candidates.find((candidate) => !candidate.includes(':'));
  return ipv4 ?? candidates[0] ?? (address === '::' ? ('::1' as Address) : ('127.0.0.1' as Address));
}

function bracketed(address: Address): string {
  return address.includes(':') ? `[${address}]` : address;
}
