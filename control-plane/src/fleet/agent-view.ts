// One enrolled host and its agent, as operators see them: what the store remembers, joined with the live stream if there is one.

import type { AddressView } from '#control-plane/inventory/address-view.ts';
import type { HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import type { HostHistory } from '#control-plane/inventory/host-entries.ts';
import type { HostPresence } from '#control-plane/inventory/host-presence.ts';
import type { LiveAgent, Nack } from '#control-plane/publish/agent-sessions.ts';
import { type HostModes, modesInForce, type Protection, protectionOf } from '#control-plane/publish/protection.ts';
import type { Panic } from '#model/host-event.ts';
import { type Millis, millis } from '#model/time.ts';
import { noneRefused, type RefusalTally } from './flow-intake.ts';

export interface AgentView extends AddressView, HostPresence {
  readonly host: string;
  /** Of its agent. Connected is not protected: see `protection`. */
  readonly state: 'connected' | 'offline' | 'never-connected';
  readonly protection: Protection;
  /** What is in force at the host's own workload; absent where nothing is, or that is not known. */
  readonly modes?: HostModes;
  readonly agentVersion: string;
  readonly enrolledAt: Millis;
  readonly lastConnectedAt?: Millis;
  /** The newest revision sent to it, 0 before the first. */
  readonly sent: number;
  readonly acked: number;
  /** A revision that it holds and this store does not know: the store was put back from an older copy, or the agent lies. */
  readonly ahead?: number;
  /** How much of its host report was beyond its bounds and left out. */
  readonly cut: number;
  /** Flow records that did not count since the start, by why: they named what is not the host's. */
  readonly refusedFlows: RefusalTally;
  /** Stored flow rows of it that went since the start, since it had more than its share of the room. */
  readonly prunedFlows: number;
  /** Audit entries that it caused beyond its number in an hour, since the start. */
  readonly skippedEntries: number;
  readonly nack?: Nack;
  readonly enforcing?: 'yes' | 'no';
  readonly lost: number;
  readonly spooledBatches: number;
  readonly repairs: number;
  readonly problem: string;
  /** Of the newest certificate that is known of it. */
  readonly certificateEndsAt?: Millis;
  /** How far its clock is ahead of ours, to a second, negative where it is behind; known only while it is connected. */
  readonly clockAheadSeconds?: number;
  /** What on the host may keep its rules from holding; known only while it is connected. */
  readonly warnings: readonly string[];
  /** Open because someone at its console said so; known only while it is connected. */
  readonly panic?: Panic;
}

export interface AgentParts {
  readonly host: HostEntry;
  readonly history: HostHistory | undefined;
  readonly live: LiveAgent | undefined;
  readonly refusedFlows?: RefusalTally;
  readonly prunedFlows?: number;
  readonly skippedEntries?: number;
  readonly presence?: HostPresence;
  readonly due: number;
  readonly addresses: AddressView;
  readonly certificateEndsAt?: Millis | undefined;
  readonly now: Millis;
}

export function agentViewOf({
  refusedFlows = noneRefused,
  prunedFlows = 0,
  skippedEntries = 0,
  presence = { recentConnects: 0 },
  host,
  history,
  live,
  due,
  addresses,
  certificateEndsAt,
  now,
}: AgentParts): AgentView {
  const status = live?.status;
  const clockAheadMs = status?.clockAheadMs;
  // An agent of this version says so itself, with what to do.
  const isTold = (what: string) => status?.warnings?.some((text) => text.includes(what)) === true;
  const lastConnectedAt = history?.lastConnectedAt;
  const modes = modesInForce(live);
  return {
    host: host.name,
    state: live !== undefined ? 'connected' : lastConnectedAt === undefined ? 'never-connected' : 'offline',
    protection: protectionOf({ live, due }),
    ...(modes === undefined ? {} : { modes }),
    agentVersion: history?.agentVersion ?? '',
    ...addresses,
    ...presence,
    enrolledAt: history?.enrolledAt ?? millis(0),
    ...(lastConnectedAt === undefined ? {} : { lastConnectedAt }),
    sent: live?.sent?.revision ?? 0,
    acked: live?.acked ?? 0,
    ...(live?.ahead === undefined || live.acked > 0 ? {} : { ahead: live.ahead }),
    cut: live?.cut ?? 0,
    refusedFlows,
    prunedFlows,
    skippedEntries,
    ...(live?.nacked === undefined ? {} : { nack: live.nacked }),
    ...(status === undefined ? {} : { enforcing: status.enforcing ? ('yes' as const) : ('no' as const) }),
    lost: status?.lost ?? 0,
    spooledBatches: status?.spooledBatches ?? 0,
    repairs: status?.repairs ?? 0,
    ...(certificateEndsAt === undefined ? {} : { certificateEndsAt }),
    ...(clockAheadMs === undefined ? {} : { clockAheadSeconds: Math.round(clockAheadMs / 1000) }),
    problem: [
      status?.problem ?? '',
      isTold('the clock') ? '' : clockTrouble(clockAheadMs),
      isTold('the certificate') ? '' : endingTrouble(certificateEndsAt, now),
    ]
      .filter((text) => text !== '')
      .join('; '),
    warnings: status?.warnings ?? [],
    ...(status?.panic === undefined ? {} : { panic: status.panic }),
  };
}

const dayMs = 86_400_000;
/** A certificate that ends so soon was not renewed in time, which is ten days before. */
export const certificateSoonMs = 10 * dayMs;
/** Rules follow our clock; a clock that is off by more tells the host's own log and certificates wrong. */
const skewMs = 60_000;

function clockTrouble(aheadMs = 0): string {
  if (Math.abs(aheadMs) < skewMs) return '';
  return `its clock is ${spanText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead' : 'behind'}`;
}

function endingTrouble(endsAt: Millis | undefined, now: Millis): string {
  if (endsAt === undefined || endsAt > now + certificateSoonMs) return '';
  return endsAt > now
    ? `its certificate ends in ${spanText(endsAt - now)}`
    : `its certificate ended ${spanText(now - endsAt)} ago`;
}

/** "3 days", "2 hours", "5 minutes": the largest unit, rounded down. */
export function spanText(ms: number): string {
  const units = [
    ['day', dayMs],
    ['hour', 3_600_000],
    ['minute', 60_000],
  ] as const;
  for (const [unit, unitMs] of units) {
    const number = Math.floor(ms / unitMs);
    if (number > 0) return `${number} ${unit}${number === 1 ? '' : 's'}`;
  }
  return 'less than a minute';
}
