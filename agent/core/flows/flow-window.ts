// Turns the kernel's connections and denied sets into the flow records of one window: attributed, ephemeral ports
// folded away, bounded, every loss counted. Time comes in as a value; whoever calls closes the windows.
//
// A connection is counted where it opens, and its packets where they are seen: when it closes, and whenever it was
// asked for or a list of all connections shows how far it came. What was shown is remembered per connection: nothing is
// counted twice.

import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { ConntrackEntry } from '#agent-core/netlink/conntrack-entry.ts';
import { isQueryable } from '#agent-core/netlink/conntrack-query.ts';
import type { DeniedCount } from '#agent-core/table/denied-listing.ts';
import { deniedTimeoutMinutes } from '#agent-core/table/denied-sets.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { Address } from '#model/address.ts';
import type { FlowRecord } from '#model/flow.ts';
import type { Service } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import type { Direction, End } from '#model/verdict.ts';
import { directionOf, type OpenedAs, reversed } from './connection-direction.ts';

/** One end of one connection, as it is judged. */
export interface LocalEnd {
  readonly direction: Direction;
  readonly local: Address;
  readonly peer: Address;
  readonly service: Service;
}

/** What tells whose a connection is and what decided it; of the rule set in force at this moment. */
export interface Attribution {
  readonly revision: number;
  /** Every address of this host, loopback and bridges included, and those of its containers. */
  readonly localAddresses: ReadonlySet<Address>;
  /**
   * By which address of this host others know what ends at an address that is not its own: a guest's, which it answers
   * for.
   */
  readonly standsFor?: (local: Address) => Address;
  /** Whether marks are stamped; `withheld`: they say nothing but that a connection was denied. Default: they are. */
  readonly stamps?: Table['stamps'];
  /** The decision that a connection's mark names; undefined for a number no longer known. */
  readonly decisionOf: (number: number) => { readonly direction: Direction; readonly end: End } | undefined;
  /**
   * What a decision says to this peer: one that cuts off from quarantined peers is one for all of them. As it stands by
   * default.
   */
  readonly endTowards?: (end: End, peer: Address) => End;
  /** The systemd unit that a workload of this host is; undefined for what is none. */
  readonly unitOf?: (workload: string) => string | undefined;
  /** For connections the kernel never judged. */
  readonly judge: (end: LocalEnd) => End;
}

export interface FlowWindow {
  readonly startedAt: Millis;
  readonly endedAt: Millis;
  readonly records: readonly FlowRecord[];
  /** Observations that found the window full. */
  readonly lostRecords: number;
}

/**
 * How a list of connections is read. `first`: the agent has just started; what opened before `knownUntil` was counted
 * by an earlier run (undefined: there was none, and every connection is new to us). `progress`: what moved since the
 * last list.
 */
export type ListPurpose =
  | { readonly kind: 'first'; readonly knownUntil: Millis | undefined }
  | { readonly kind: 'progress' };

export interface FlowLimits {
  /** Records of one window. Default 20,000, about 8 MB. */
  readonly recordsMost?: number;
  /** Connections whose progress is followed; the others are counted when they close. Default 16,384, about 6 MB. */
  readonly progressMost?: number;
  /** How a mark is read. Default: the default mask's layout. */
  readonly marks?: MarkLayout;
  /** What was seen of how connections were opened. Default: nothing. */
  readonly openedAs?: OpenedAs;
}

interface OpenRecord {
  readonly direction: Direction;
  readonly local: Address;
  readonly peer: Address;
  readonly protocol: number;
  readonly port: number;
  readonly end: End;
  readonly revision: number;
  connections: number;
  packetsOriginal: number;
  packetsReply: number;
  bytesOriginal: number;
  bytesReply: number;
  readonly unit?: string;
  askedPort?: number;
  firstSeenAt: Millis;
  lastSeenAt: Millis;
  answered: boolean;
}

/** `shown` has the counters that are counted already. */
interface Progress {
  shown: ConntrackEntry;
  list: number;
}

type Counters = Pick<ConntrackEntry, 'packetsOriginal' | 'bytesOriginal' | 'packetsReply' | 'bytesReply'>;

/** The name of the essential entry for the control plane: agent/src/link/control-plane-reach.ts. */
const ownEssential = 'control-plane';
const deniedLifeMs = deniedTimeoutMinutes * 60_000;
const noCounters: Counters = { packetsOriginal: 0, bytesOriginal: 0, packetsReply: 0, bytesReply: 0 };

export interface FlowAggregation {
  /** From now on connections are attributed by this. */
  attributeBy(attribution: Attribution): void;
  /** An `opened` or `closed` event. */
  observe(entry: ConntrackEntry, at: Millis): void;
  beginList(purpose: ListPurpose): void;
  observeListed(entry: ConntrackEntry, at: Millis): void;
  /** Connections to ask the kernel for: at most `most`, those never asked for first, then those asked longest ago. */
  toAskFor(most: number): readonly ConntrackEntry[];
  /** The answer for one of them. */
  observeProgress(entry: ConntrackEntry, at: Millis): void;
  /** `whole`: every connection was in the list, so what was not is gone. */
  endList(extent: 'whole' | 'broken-off'): void;
  /** The elements of all denied sets; those seen before count only by their difference. */
  observeDenied(counts: readonly DeniedCount[], at: Millis): void;
  closeWindow(endedAt: Millis): FlowWindow;
}

export function createFlowAggregation(startedAt: Millis, limits: FlowLimits = {}): FlowAggregation {
  const { recordsMost = 20_000, progressMost = 16_384, marks = defaultMarks, openedAs = () => undefined } = limits;
  let attribution: Attribution | undefined;
  let windowStart = startedAt;
  let records = new Map<string, OpenRecord>();
  let lostRecords = 0;
  // In the order of asking: who was asked for last stands last.
  const progress = new Map<number, Progress>();
  let neverAsked: number[] = [];
  /** Connections taken up in their midst, perhaps by their server's packet: an end does not say so. */
  const takenUp = new Map<number, 'reversed' | 'unknown'>();
  let listNumber = 0;
  let purpose: ListPurpose = { kind: 'progress' };
  let denied = new Map<string, { readonly packets: number; readonly expiresAt: number }>();

  const areStamped = () => attribution?.stamps !== 'withheld';
  /** A number with epoch 0: the decision it names denies. Where marks are others', theirs may look so. */
  const isDenied = (mark: number) => {
    const number = marks.numberOf(mark);
    if (marks.epochOf(mark) !== 0 || number === 0) return false;
    return areStamped() || attribution?.decisionOf(number)?.end.verdict === 'deny';
  };
  const numberIn = (mark: number) => (areStamped() ? marks.numberOf(mark) : 0);

  function place(request: {
    readonly end: LocalEnd;
    readonly number: number;
    readonly decided: End | undefined;
    readonly at: Millis;
  }): OpenRecord | undefined {
    if (attribution === undefined) return undefined;
    const { direction, peer, service } = request.end;
    const local = attribution.standsFor?.(request.end.local) ?? request.end.local;
    const port = service.port ?? service.icmpType ?? 0;
    const key = `${attribution.revision} ${request.decided === undefined ? 0 : request.number} ${direction} ${local} ${peer} ${service.protocol} ${port}`;
    const open = records.get(key);
    if (open !== undefined) {
      open.lastSeenAt = request.at;
      return open;
    }
    if (records.size >= recordsMost) {
      lostRecords += 1;
      return undefined;
    }
    const { decided } = request;
    const end =
      decided === undefined ? attribution.judge(request.end) : (attribution.endTowards?.(decided, peer) ?? decided);
    const unit = end.workload === undefined ? undefined : attribution.unitOf?.(end.workload);
    const made: OpenRecord = {
      direction,
      local,
      peer,
      protocol: service.protocol,
      port,
      end,
      ...(unit === undefined ? {} : { unit }),
      revision: attribution.revision,
      ...noCounters,
      connections: 0,
      firstSeenAt: request.at,
      lastSeenAt: request.at,
      answered: false,
    };
    records.set(key, made);
    return made;
  }

  /** The record of a connection, or undefined where it is none of ours or nothing is to be counted for it. */
  function recordOf(entry: ConntrackEntry, at: Millis): OpenRecord | undefined {
    if (attribution === undefined) return undefined;
    const number = numberIn(entry.mark);
    const decided = number === 0 ? undefined : attribution.decisionOf(number);
    if (decided !== undefined) {
      return place({ end: localEnd(entry, decided.direction), number, decided: decided.end, at });
    }
    const isClientOurs = attribution.localAddresses.has(entry.client);
    const isServerOurs = attribution.localAddresses.has(entry.server);
    if (isClientOurs && isServerOurs) return undefined;
    // A published port of a guest: its client addressed this host.
    const isInbound = isServerOurs || (!isClientOurs && attribution.localAddresses.has(entry.target));
    if (!isInbound && !isClientOurs) return undefined;
    return place({ end: localEnd(entry, isInbound ? 'inbound' : 'outbound'), number: 0, decided: undefined, at });
  }

  function count(entry: ConntrackEntry, before: Counters, connections: number, at: Millis): OpenRecord | undefined {
    const packetsOriginal = difference(entry.packetsOriginal, before.packetsOriginal);
    const packetsReply = difference(entry.packetsReply, before.packetsReply);
    if (connections === 0 && packetsOriginal === 0 && packetsReply === 0) return undefined;
    const record = recordOf(entry, at);
    if (record === undefined) return undefined;
    const otherEnd = otherRecordOf(entry, at);
    for (const one of otherEnd === undefined ? [record] : [record, otherEnd]) {
      one.connections += connections;
      one.packetsOriginal += packetsOriginal;
      one.packetsReply += packetsReply;
      one.bytesOriginal += difference(entry.bytesOriginal, before.bytesOriginal);
      one.bytesReply += difference(entry.bytesReply, before.bytesReply);
      if (entry.answered === 'yes') one.answered = true;
      // Of ICMP and of protocols without ports both are 0.
      if (entry.targetPort !== entry.serverPort && one.port === entry.serverPort) one.askedPort = entry.targetPort;
    }
    return record;
  }

  /** Where a container's other end is of this host too, both were judged and the mark names one. */
  function otherRecordOf(entry: ConntrackEntry, at: Millis): OpenRecord | undefined {
    const decided = attribution?.decisionOf(numberIn(entry.mark));
    if (attribution === undefined || decided === undefined || entry.client === entry.server) return undefined;
    const other = decided.direction === 'inbound' ? 'outbound' : 'inbound';
    const end = localEnd(entry, other);
    return attribution.localAddresses.has(end.local) ? place({ end, number: 0, decided: undefined, at }) : undefined;
  }

  /** In the direction in which it was opened; undefined where nobody knows that. */
  function opened(entry: ConntrackEntry): ConntrackEntry | undefined {
    const key = connectionKey(entry);
    const direction = takenUp.get(key) ?? directionOf(entry, openedAs);
    if (direction === 'as-told') return entry;
    if (takenUp.size < progressMost) takenUp.set(key, direction);
    return direction === 'reversed' ? reversed(entry) : undefined;
  }

  function remember(key: number, entry: ConntrackEntry): void {
    const known = progress.get(key);
    if (known !== undefined) {
      known.shown = entry;
      known.list = listNumber;
    } else if (progress.size < progressMost) {
      progress.set(key, { shown: entry, list: listNumber });
      neverAsked.push(key);
    }
  }

  /** The counters of a cut connection grow with every dropped packet; the denied sets report those. */
  function countProgress(entry: ConntrackEntry, before: Counters, at: Millis): void {
    if (!isDenied(entry.mark)) count(entry, before, 0, at);
    remember(connectionKey(entry), entry);
  }

  return {
    attributeBy(next) {
      attribution = next;
    },

    observe(seen, at) {
      const entry = opened(seen);
      if (seen.event === 'closed') takenUp.delete(connectionKey(seen));
      if (entry === undefined) return;
      if (entry.event === 'opened') {
        if (isDenied(entry.mark) || count(entry, entry, 1, at) === undefined) return;
        const key = connectionKey(entry);
        // A list may have shown it before its event came.
        if (!progress.has(key)) remember(key, entry);
        return;
      }
      if (entry.event !== 'closed') return;
      const key = connectionKey(entry);
      const before = progress.get(key)?.shown ?? noCounters;
      progress.delete(key);
      if (!isDenied(entry.mark)) count(entry, before, 0, at);
    },

    beginList(next) {
      listNumber += 1;
      purpose = next;
    },

    observeListed(seen, at) {
      const entry = opened(seen);
      if (entry === undefined) return;
      const known = progress.get(connectionKey(entry))?.shown;
      // What opened since we listen has its event; it may still be on the way.
      const isOurs = purpose.kind === 'progress' || known !== undefined || entry.startedAtNanos / 1e6 >= startedAt;
      if (!isOurs && isNewToUs(entry, purpose) && !isDenied(entry.mark)) {
        count(entry, noCounters, 1, at);
        remember(connectionKey(entry), entry);
      } else {
        countProgress(entry, known ?? (isOurs ? noCounters : entry), at);
      }
    },

    toAskFor(most) {
      const chosen: ConntrackEntry[] = [];
      const take = (key: number) => {
        const known = progress.get(key);
        if (known === undefined) return;
        progress.delete(key);
        progress.set(key, known);
        if (isQueryable(known.shown)) chosen.push(known.shown);
      };
      // New ones have half, so that under a flood of them the long ones still have their turn.
      for (const key of neverAsked.slice(0, most / 2)) take(key);
      neverAsked = neverAsked.slice(most / 2).filter((key) => progress.has(key));
      const asked = new Set(chosen);
      let left = progress.size;
      for (const [key, { shown }] of progress) {
        if (chosen.length >= most || left === 0) break;
        left -= 1;
        if (!asked.has(shown)) take(key);
      }
      return chosen;
    },

    observeProgress(seen, at) {
      const entry = opened(seen);
      if (entry === undefined) return;
      const known = progress.get(connectionKey(entry))?.shown;
      if (known !== undefined) countProgress(entry, known, at);
    },

    endList(extent) {
      if (extent === 'broken-off') return;
      for (const [key, known] of progress) {
        if (known.list !== listNumber) progress.delete(key);
      }
    },

    observeDenied(counts, at) {
      const seen = new Map<string, { readonly item: DeniedCount; packets: number; expiresAt: number }>();
      for (const item of counts) {
        const key = `${item.decision} ${item.direction} ${item.client} ${item.server} ${item.protocol} ${item.port}`;
        // Elements that differ only in the mark bits of others are one connection to us.
        const same = seen.get(key);
        const expiresAt = item.expiresAt ?? Number.POSITIVE_INFINITY;
        if (same === undefined) seen.set(key, { item, packets: item.packets, expiresAt });
        else {
          same.packets += item.packets;
          same.expiresAt = Math.max(same.expiresAt, expiresAt);
        }
      }
      for (const [key, { item, packets, expiresAt }] of seen) {
        // An element that timed out and came back counts from nothing again, maybe as far as before. Had anything come
        // while it stood, a listing would have shown it within a window.
        const known = denied.get(key);
        const isAnother = known !== undefined && known.expiresAt < expiresAt - deniedLifeMs;
        const attempts = difference(packets, known === undefined || isAnother ? 0 : known.packets);
        if (attempts === 0) continue;
        const decided = attribution?.decisionOf(item.decision);
        const end: LocalEnd = {
          direction: item.direction,
          local: item.direction === 'inbound' ? item.server : item.client,
          peer: item.direction === 'inbound' ? item.client : item.server,
          service: serviceOf(item.protocol, item.port),
        };
        const record = place({ end, number: item.decision, decided: decided?.end, at });
        if (record !== undefined) record.connections += attempts;
      }
      denied = new Map([...seen].map(([key, { packets, expiresAt }]) => [key, { packets, expiresAt }]));
    },

    closeWindow(endedAt) {
      const kept = [...records.values()].filter((record) => !isOwnProgress(record));
      const window: FlowWindow = { startedAt: windowStart, endedAt, records: kept, lostRecords };
      windowStart = endedAt;
      records = new Map();
      lostRecords = 0;
      return window;
    },
  };
}

/**
 * Of its connection to the control plane the agent reports that it was opened, not what flows: or each report would be
 * the next one's reason, and no window of an idle host would be empty.
 */
function isOwnProgress({ end, connections }: OpenRecord): boolean {
  return connections === 0 && end.essential === ownEssential;
}

function isNewToUs(entry: ConntrackEntry, purpose: ListPurpose): boolean {
  if (purpose.kind !== 'first') return false;
  return purpose.knownUntil === undefined || entry.startedAtNanos / 1e6 > purpose.knownUntil;
}

function localEnd(entry: ConntrackEntry, direction: Direction): LocalEnd {
  return {
    direction,
    local: direction === 'inbound' ? entry.server : entry.client,
    peer: direction === 'inbound' ? entry.client : entry.server,
    service: entry.icmpType >= 0 ? { protocol: entry.protocol, icmpType: entry.icmpType } : portService(entry),
  };
}

function portService({ protocol, serverPort }: ConntrackEntry): Service {
  return { protocol, port: serverPort };
}

function serviceOf(protocol: number, port: number): Service {
  return protocol === 1 || protocol === 58 ? { protocol, icmpType: port } : { protocol, port };
}

/** Conntrack's ids repeat among 100,000 connections now and then; with the client's port they do not. */
function connectionKey({ id, clientPort }: ConntrackEntry): number {
  return id * 65_536 + clientPort;
}

/** A counter that went back is of another connection with the same key: all of it is new. */
function difference(now: number, before: number): number {
  return now >= before ? now - before : now;
}
