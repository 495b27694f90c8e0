// Which hosts this server answers for, by the Host header or the target's own. A page of a stranger whose name was made to stand for
// this machine's address (DNS rebinding) sends that name: it is refused, before anything else is looked at.

import { hostname } from 'node:os';
import { parseAddress } from '#model/address.ts';

export type HostCheck = (request: AskedHosts) => HostVerdict;

export interface AskedHosts {
  /** The values of all Host headers. */
  readonly hosts: readonly string[];
  /** As on the request line. */
  readonly target: string;
  /** The address at which the connection arrived. */
  readonly localAddress: string | undefined;
}

export type HostVerdict = { readonly kind: 'answered' } | { readonly kind: 'refused'; readonly host: string };

/** Of a name that is told back. */
const toldMost = 100;

/**
 * An address counts when the connection arrived at it; loopback's names when it arrived over loopback, the machine's own when it did not;
 * `names` always. Ports do not count: a forwarded one is another.
 */
export function createHostCheck(names: readonly string[]): HostCheck {
  const always = new Set(names.map((name) => canonical(name) ?? name));
  const ofMachine = new Set([hostname(), hostname().split('.')[0] ?? ''].map((name) => name.toLowerCase()));
  const isAnswered = (authority: string, localAddress: string): boolean => {
    const host = hostOf(authority);
    if (host === undefined) return false;
    const isLocal = localAddress === '::1' || localAddress.startsWith('127.');
    return (
      always.has(host) ||
      host === localAddress ||
      (isLocal ? host === 'localhost' || host === '127.0.0.1' || host === '::1' : ofMachine.has(host))
    );
  };
  return ({ hosts, target, localAddress }) => {
    const [host = ''] = hosts;
    const local = canonical(localAddress ?? '') ?? '';
    const asked = target.startsWith('/') || target === '*' ? [host] : [host, authorityOf(target)];
    const refused = hosts.length === 1 ? asked.find((authority) => !isAnswered(authority, local)) : hosts.join(', ');
    return refused === undefined ? { kind: 'answered' } : { kind: 'refused', host: refused.slice(0, toldMost) };
  };
}

/** "example.com:80" of "http://example.com:80/path"; what has no such part gives what no host is. */
function authorityOf(target: string): string {
  return /^https?:\/\/([^/?#]*)/i.exec(target)?.[1] ?? target;
}

/** Without the port; undefined where it is no HOST, HOST:PORT or [ADDRESS]:PORT. */
function hostOf(authority: string): string | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(authority);
  return canonical(match?.[1] ?? match?.[2] ?? '');
}

function canonical(text: string): string | undefined {
  const plain = text.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (plain === '') return undefined;
  const address = parseAddress(plain);
  return address.ok ? address.value : plain.replace(/\.$/, '');
}
