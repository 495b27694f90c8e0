// Names for suggested rules that say what the rule does: `web-to-api-tcp-8080`. Unique in the segment, and the same whenever the
// suggestion is the same.

import { type Address, addressFromValue } from '#model/address.ts';
import type { Selector } from '#model/selector.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import type { Peer } from '#policy/policy/policy.ts';

const longestName = 63;
/** More services than this are left out of the name. */
const mostServices = 2;

interface Nameless {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  readonly services: readonly ServiceTerm[];
}

interface NamingRequest<T> {
  readonly rules: readonly T[];
  /** Names the segment's rules have already. */
  readonly taken: readonly string[];
  /** Who holds an address, so that its CIDR need not stand in the name; undefined where nobody known does. */
  readonly holderName: (address: Address) => string | undefined;
}

export function nameRules<T extends Nameless>(request: NamingRequest<T>): readonly (T & { readonly name: string })[] {
  const names = new Set(request.taken);
  return request.rules.map((rule) => {
    const base = baseName(rule, request.holderName);
    let name = base;
    for (let count = 2; names.has(name); count += 1) {
      name = `${shorten(base, longestName - String(count).length - 1)}-${count}`;
    }
    names.add(name);
    return { ...rule, name };
  });
}

function baseName({ from, to, services }: Nameless, holderName: NamingRequest<Nameless>['holderName']): string {
  const side = (peers: readonly Peer[]) => sideName(peers.map((peer) => peerName(peer, holderName)));
  const sides = `${side(from)}-to-${side(to)}`;
  const texts = services.map(serviceTermText);
  return shorten(plain(services.length > mostServices ? sides : `${sides}-${texts.join('-')}`), longestName);
}

/** The addresses of one workload are several peers with one name. */
function sideName(names: readonly string[]): string {
  const [first, second, ...rest] = new Set(names);
  if (first === undefined) return 'none';
  if (second === undefined) return first;
  return rest.length === 0 ? `${first}-${second}` : `${first}-and-${rest.length + 1}-more`;
}

function peerName(peer: Peer, holderName: NamingRequest<Nameless>['holderName']): string {
  switch (peer.kind) {
    case 'workloads':
    case 'tenant':
      return selectorName(peer.selector);
    case 'segment':
      return peer.segment;
    case 'ranges': {
      const [range] = peer.ranges;
      const holder = range === undefined ? undefined : holderName(addressFromValue(range.family, range.first));
      return holder ?? peer.source.replace(/^ipList |\/(32|128)$/g, '');
    }
    case 'fqdn':
      return peer.name;
    case 'any':
      return 'any';
  }
}

function selectorName(selector: Selector): string {
  switch (selector.kind) {
    case 'all':
      return 'all';
    case 'in':
      return [...selector.values].sort().join('-');
    case 'and':
      return selector.terms.map(selectorName).join('-');
    default:
      return 'some';
  }
}

function plain(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'rule' : name;
}

function shorten(name: string, length: number): string {
  return name.slice(0, length).replace(/-+$/, '');
}
