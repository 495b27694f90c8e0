// Which addresses are this host's, for two questions: by which others can reach it (reported to the control plane: not loopback,
// not link-local, not the bridges it hosts for containers, whose ranges repeat from host to host), and which are local at all.

import { networkInterfaces } from 'node:os';
import { type Address, parseAddress } from '#model/address.ts';
import type { InterfaceSettings } from './settings.ts';

export interface HostAddresses {
  /** In code-unit order. */
  readonly published: readonly Address[];
  readonly all: ReadonlySet<Address>;
}

/** Interfaces that engines and hypervisors make for what they host; `*` stands for any characters. */
export const bridgePatterns: readonly string[] = [
  'docker*',
  'br-*',
  'cni*',
  'cbr*',
  'virbr*',
  'podman*',
  'lxcbr*',
  'lxdbr*',
  'incusbr*',
  'veth*',
  'cali*',
  'flannel*',
  'cilium_*',
  'weave',
  'kube-bridge',
  'kube-ipvs*',
  'nodelocaldns',
  'antrea-gw*',
  'vxlan.calico',
  'tunl*',
  've-*',
  'vb-*',
];

/** About 0.1 ms. `include` wins over `exclude` and over the list of bridges. */
export function readHostAddresses(settings: InterfaceSettings): HostAddresses {
  const published = new Set<Address>();
  const all = new Set<Address>();
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    const isPublished = publishes(name, settings);
    for (const entry of entries ?? []) {
      const address = parseAddress(entry.address.split('%')[0] ?? '');
      if (!address.ok) continue;
      all.add(address.value);
      if (isPublished && !entry.internal && !isLinkLocal(address.value)) published.add(address.value);
    }
  }
  return { published: [...published].sort(), all };
}

/** Every address but link-local ones, which are another's on every link. In code-unit order. */
export function ownAddresses(settings: InterfaceSettings): readonly Address[] {
  return [...readHostAddresses(settings).all].filter((address) => !isLinkLocal(address)).sort();
}

export function publishes(interfaceName: string, { include, exclude }: InterfaceSettings): boolean {
  const matches = (patterns: readonly string[]) => patterns.some((pattern) => matchesPattern(pattern, interfaceName));
  if (matches(include)) return true;
  return !matches(exclude) && !matches(bridgePatterns);
}

export function isLinkLocal(address: Address): boolean {
  return address.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(address);
}

function matchesPattern(pattern: string, text: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[^A-Za-z0-9]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`).test(text);
}
