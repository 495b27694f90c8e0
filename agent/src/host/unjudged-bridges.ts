// Bridges whose frames the kernel does not show to nftables: containers on them talk to each other unjudged, which is said.

import type { Logger } from 'pino';

export function warnOfBridges(bridges: readonly string[], log: Logger): void {
  for (const bridge of bridges) log.warn({ bridge }, bridgeText(bridge));
}

export function bridgeText(bridge: string): string {
  return `containers on bridge ${bridge} talk to each other unjudged: br_netfilter does not show their frames (load it; net.bridge.bridge-nf-call-iptables and bridge-nf-call-ip6tables must be 1)`;
}
