// One enrolled host and its agent, as operators see them: what the store remembers, joined with the live stream if there is one.

import type { Panic } from '#model/host-event.ts';
import { type Millis, millis } from '#model/time.ts';
import type { AddressView } from './address-view.ts';
import type { LiveAgent, Nack } from './agent-sessions.ts';
import type { HostEntry } from './fleet-inventory.ts';
import { noneRefused, type RefusalTally } from './flow-intake.ts';
import type { HostPresence } from './host-presence.ts';
import { type HostModes, modesInForce, type Protection, protectionOf } from './protection.ts';

export interface HostHistory {
  readonly enrolledAt: Millis;
  readonly agentVersion: string;
  readonly lastConnectedAt?: Millis;
}

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
}: AgentParts): AgentView {
  const status = live?.status;
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
    problem: status?.problem ?? '',
    warnings: status?.warnings ?? [],
    ...(status?.panic === undefined ? {} : { panic: status.panic }),
  };
}
