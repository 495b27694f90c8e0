// What was observed: one record is all connections of one window that share local workload, direction, peer, service and
// verdict. Ephemeral ports are folded away. Every loss is a number in the batch, never silence.

import type { Address } from './address.ts';
import type { Millis } from './time.ts';
import type { Direction, End } from './verdict.ts';

/**
 * `port` is the server's port, the ICMP type, or 0: for other protocols, and for denied flows of which the kernel kept no service. `original` is client to server. `end` is this end's verdict and reason
 * (its `workload` is the record's). `revision` is the policy revision that decided. `connections` counts new ones in the window,
 * for denied flows the attempts the kernel counted as packets.
 */
export interface FlowRecord {
  readonly direction: Direction;
  readonly local: Address;
  readonly peer: Address;
  readonly protocol: number;
  readonly port: number;
  readonly end: End;
  readonly revision: number;
  readonly connections: number;
  readonly packetsOriginal: number;
  readonly packetsReply: number;
  readonly bytesOriginal: number;
  readonly bytesReply: number;
  readonly firstSeenAt: Millis;
  readonly lastSeenAt: Millis;
  readonly answered: boolean;
  /** The port that a client asked for, where destination NAT on this host made `port` of it (a published port, REDIRECT). One of them, if there were several. */
  readonly askedPort?: number;
  readonly unit?: string;
  readonly process?: string;
}

/** What was lost since the last batch, by where it was lost. */
export interface FlowLoss {
  /** Kernel events that overran the netlink buffer (resyncs), */
  readonly overruns: number;
  /** records not kept because the window held its most, */
  readonly records: number;
  /** connections in windows that the full spool let go, */
  readonly spooled: number;
  /** denied packets that found no room in the kernel's sets, by direction. */
  readonly deniedInbound: number;
  readonly deniedOutbound: number;
}

/**
 * `sequence` counts up within one life of an agent, `run` (32 hex digits). A state directory that is put back from a snapshot goes back in its
 * numbers, and not in its run. Absent: of an agent whose sequences are its host's.
 */
export interface FlowBatch {
  readonly sequence: number;
  readonly run?: string;
  readonly startedAt: Millis;
  readonly endedAt: Millis;
  readonly records: readonly FlowRecord[];
  readonly lost: FlowLoss;
}

/** What a control plane answers to a batch: taken, or known already; either way the agent may forget it. */
export interface FlowReceipt {
  readonly sequence: number;
  readonly kind: 'taken' | 'duplicate';
  /** Records that did not count, by why; absent from a control plane that does not say. */
  readonly refused?: { readonly workload: number; readonly address: number; readonly time: number };
}
