// What a host is known to enforce, told apart from whether its agent is connected. Judged by what the agent acknowledged of what it was
// sent and by its own status, never by the stream alone. An agent can say what it likes of its host: this is its word, not proof.

import type { EnforcementMode } from '#model/verdict.ts';
import type { LiveAgent } from './agent-sessions.ts';

/**
 * `in-force`: the newest revision that concerns the host. `behind`: an older one; the newest is on its way, or was refused. `none`: no policy at
 * all. `open`: policy is held and not enforced, since someone at its console opened the host. `unknown`: its agent is away, or has not
 * said yet.
 */
export const protections = ['in-force', 'behind', 'none', 'open', 'unknown'] as const;
export type Protection = (typeof protections)[number];

/** Of the host's own workload. */
export interface HostModes {
  readonly inbound: EnforcementMode;
  readonly outbound: EnforcementMode;
}

/** One enrolled host. `due` is the newest revision that changed something for it. */
export interface HostStanding {
  readonly host: string;
  readonly live: LiveAgent | undefined;
  readonly due: number;
}

export function protectionOf({ live, due }: Pick<HostStanding, 'live' | 'due'>): Protection {
  const status = live?.status;
  if (live === undefined || status === undefined) return 'unknown';
  if (isOpen(live)) return 'open';
  if (!status.enforcing) return 'none';
  const { sent, acked } = live;
  return sent !== undefined && sent.revision >= due && acked >= sent.revision ? 'in-force' : 'behind';
}

/** It keeps what policy it is sent, and acknowledges it, and enforces none. */
export function isOpen({ status }: Pick<LiveAgent, 'status'>): boolean {
  return status !== undefined && (status.panic !== undefined || (status.revision > 0 && !status.enforcing));
}

/** What it acknowledged last, as far as that is at hand; undefined where it enforces nothing. */
export function modesInForce(live: LiveAgent | undefined): HostModes | undefined {
  if (live === undefined || live.status?.enforcing !== true || isOpen(live)) return undefined;
  const rules = live.inForce?.workloads.find(({ kind }) => kind === 'host');
  return rules === undefined ? undefined : { inbound: rules.inbound.mode, outbound: rules.outbound.mode };
}
