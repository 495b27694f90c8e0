// Bridges whose frames the kernel does not show to nftables. Traffic between containers on them bypasses our rules; the agent warns about it.

import type { Logger } from 'pino';

export function warnOfBridges(bridges: readonly string[], log: Logger): void {
  for (const bridge of bridges) log.warn({ bridge }, bridgeText(bridge));
}

export function bridgeText(bridge: string): string {
  return `traffic between containers on bridge ${bridge} bypasses the rules: load br_netfilter, and set net.bridge.bridge-nf-call-iptables and bridge-nf-call-ip6tables to 1`;
}
