// The agent's half of the policy stream, as a pure machine: an event and a reading of what is outside give the next state and what is to
// be done about it. Its other half is control-plane/core/sync; policy-sync.ts is the shell that opens streams and sets the timer.
//
// Phases: `stream` (one is opened, or there and answered) → `ending` (it is over; an apply under way is awaited, for the next hello must
// tell what it left in force) → `waiting` (backing off) → `stream` … → `stopped`. A renewed certificate, an address that is gone and an
// announced move lead from `ending` to the next stream at once. The backoff starts over once a stream has been connected.
//
// A control plane that falls silent for three heartbeats is taken for gone; so is one whose words come so much later than they did at first.
// One rule set is applied at a time; of those that come meanwhile only the newest is kept. A refusal stands: the same revision with the
// same content, sent again, is refused again without trying, since the try may have cost the stream that would have carried the NACK.

import type { ConnectionStanding } from '#agent-core/host/host-problems.ts';
import { lagAfter, type MessageLag } from '#agent-core/time/message-lag.ts';
import { askedMs, backoffMs } from '#model/backoff.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';

export interface SyncTimes {
  /** Default 250 and 30,000. */
  readonly backoffLeastMs: number;
  readonly backoffMostMs: number;
  /** Default 10,000: from opening a stream to the first message; after tries in vain up to three times as long, or a control plane that is slow for all would be so for ever. */
  readonly connectMs: number;
  /** Default 35,000: three heartbeats and a little. As much later than at first may a word come. */
  readonly silenceMs: number;
  /** Default 5,000: how often status and a changed host report go up. The control plane takes a minute's silence for gone. */
  readonly statusMs: number;
}

export const defaultSyncTimes: SyncTimes = {
  backoffLeastMs: 250,
  backoffMostMs: 30_000,
  connectMs: 10_000,
  silenceMs: 35_000,
  statusMs: 5_000,
};

/** Pure functions of the wire, and times. `D`: a delta as it was read. */
export interface SyncParts<D> {
  readonly times: SyncTimes;
  readonly digestOf: (ruleSet: HostRuleSet) => string;
  readonly patched: (held: HostRuleSet | undefined, delta: D) => Result<HostRuleSet, string>;
}

/** What is outside, as it is when the event comes. */
export interface SyncReading {
  readonly elapsedMs: number;
  readonly wall: Millis;
  /** From 0 up to 1. */
  readonly chance: number;
  /** How many addresses the control plane has. */
  readonly ways: number;
  readonly held: HostRuleSet | undefined;
  /** Something that happened on the host waits to be told. */
  readonly hasEvents: boolean;
}

export type RuleSetMessage<D> =
  | { readonly kind: 'snapshot'; readonly ruleSet: HostRuleSet }
  | { readonly kind: 'delta'; readonly revision: number; readonly delta: D };

/** What came down, as far as the stream itself has to do with it. */
export type HeardMessage<D> =
  | RuleSetMessage<D>
  | { readonly kind: 'heartbeat'; readonly sentAt: Millis; readonly takesEvents: boolean }
  | { readonly kind: 'events-taken'; readonly ids: readonly string[] }
  | { readonly kind: 'unreadable'; readonly revision: number; readonly reason: string }
  /** For others on the host. */
  | { readonly kind: 'other' };

export interface LostStream {
  readonly reason: string;
  /** The control plane answered, and keeps this agent out. */
  readonly refusal?: 'refused' | 'unknown-here';
  /** The control plane's words, where another agent holds this identity. */
  readonly sharedWith?: string;
  /** The control plane has no room before. */
  readonly retryAfterMs?: number;
}

export type SyncEvent<D> =
  | { readonly kind: 'heard'; readonly message: HeardMessage<D> }
  | ({ readonly kind: 'lost' } & LostStream)
  | { readonly kind: 'applied'; readonly revision: number }
  | { readonly kind: 'refused'; readonly revision: number; readonly reason: string }
  /** The identity has another certificate. */
  | { readonly kind: 'renewed' }
  /** The address that the stream goes out from is gone, so nothing sent on it arrives. */
  | { readonly kind: 'address-gone' }
  /** The control plane is somewhere else: to its first address. */
  | { readonly kind: 'leave' }
  /** There may be a way now where there was none. */
  | { readonly kind: 'try-now' }
  | { readonly kind: 'report' }
  /** What was told of is forgotten: more may wait. */
  | { readonly kind: 'events-forgotten' }
  /** `dueAtMs` has come. */
  | { readonly kind: 'time' }
  | { readonly kind: 'stop' };

export type SyncEffect =
  | { readonly kind: 'state'; readonly state: 'connecting' | 'connected' | 'disconnected' }
  /** A stream to the address that is next; hello goes out on it first. */
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | { readonly kind: 'way-lost'; readonly how: 'answered' | 'connected' | 'tried'; readonly reason: string }
  | { readonly kind: 'begin-anew' }
  /** The client waits by itself after a failure; a new one does not. */
  | { readonly kind: 'reset-client' }
  /** Answered by `applied` or `refused`. */
  | { readonly kind: 'enforce'; readonly ruleSet: HostRuleSet }
  | { readonly kind: 'ack'; readonly revision: number }
  | {
      readonly kind: 'nack';
      readonly revision: number;
      readonly reason: string;
      readonly nack: 'refused' | 'need-snapshot';
    }
  /** The host report where it changed, and status. */
  | { readonly kind: 'report' }
  | { readonly kind: 'status' }
  | { readonly kind: 'send-events' }
  | { readonly kind: 'events-taken'; readonly ids: readonly string[] }
  | { readonly kind: 'time-heard'; readonly sentAt: Millis }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: Readonly<Record<string, string | number>>;
      readonly text: string;
    };

/** Why a stream is over, and so what comes next. */
type Ending =
  | ({ readonly kind: 'lost'; readonly wasConnected: boolean } & LostStream)
  | { readonly kind: 'renewed' | 'moved' | 'left' };

interface StreamPhase<D> {
  readonly kind: 'stream';
  readonly isConnected: boolean;
  /** Silent until then, the control plane is gone. */
  readonly deafAtMs: number;
  readonly deafAfterMs: number;
  readonly reportAtMs: number;
  /** The last word is out, or there is none to say. Who has not heard it by then does not hear it. */
  readonly leavesAtMs: number | undefined;
  readonly takesEvents: boolean;
  readonly areEventsOnTheWay: boolean;
  readonly lag: MessageLag | undefined;
  readonly applying: Applying | undefined;
  readonly next: RuleSetMessage<D> | undefined;
}

interface Applying {
  readonly revision: number;
  readonly digest: string;
}

type Phase<D> =
  | StreamPhase<D>
  | { readonly kind: 'ending'; readonly ending: Ending; readonly applying: Applying }
  | {
      readonly kind: 'waiting';
      /** However often addresses change, tries are at least so far apart. */
      readonly soonestAtMs: number;
      readonly untilMs: number;
      /** Not where the control plane itself set the time. */
      readonly mayBeSooner: boolean;
    }
  | { readonly kind: 'stopped' };

export interface SharedIdentity {
  readonly since: Millis;
  /** The control plane's words. */
  readonly reason: string;
}

export interface AgentSync<D> {
  readonly phase: Phase<D>;
  readonly isStopping: boolean;
  /** Streams in vain since the last that was connected, that one's loss included. */
  readonly failures: number;
  readonly lastReason: string;
  readonly standing: ConnectionStanding;
  readonly shared: SharedIdentity | undefined;
  /** The last rule set that the enforcer refused. */
  readonly refusal: (Applying & { readonly reason: string; readonly atMs: number }) | undefined;
  readonly clockAheadMs: number | undefined;
}

export interface SyncStep<D> {
  readonly state: AgentSync<D>;
  readonly effects: readonly SyncEffect[];
}

const mostStretch = 3;
const lastWordMs = 10_000;
/** So long a refusal stands without a new try: what was wrong with the host then may be over. */
const refusalStandsMs = 5 * 60_000;

/** The first stream is opened at once. */
export function startAgentSync<D>(parts: SyncParts<D>, reading: SyncReading): SyncStep<D> {
  return new Turn(parts, reading, {
    phase: { kind: 'stopped' },
    isStopping: false,
    failures: 0,
    lastReason: '',
    standing: { kind: 'not-connected', since: reading.wall, reason: '', cause: 'unreached' },
    shared: undefined,
    refusal: undefined,
    clockAheadMs: undefined,
  }).opened();
}

export function stepAgentSync<D>(
  parts: SyncParts<D>,
  state: AgentSync<D>,
  event: SyncEvent<D>,
  reading: SyncReading,
): SyncStep<D> {
  return new Turn(parts, reading, state).take(event);
}

/** When `time` is to come, by the monotonic clock. */
export function dueAtMs({ phase }: AgentSync<unknown>): number | undefined {
  if (phase.kind === 'waiting') return phase.untilMs;
  if (phase.kind !== 'stream') return undefined;
  return Math.min(phase.deafAtMs, phase.reportAtMs, phase.leavesAtMs ?? Infinity);
}

/** Since when another agent holds this identity, by what the control plane said last. */
export function sharedIdentity({ phase, shared }: AgentSync<unknown>): SharedIdentity | undefined {
  return phase.kind === 'stream' && phase.isConnected ? undefined : shared;
}

/** One step while it is made; nothing of it is seen before it is done. */
class Turn<D> {
  readonly #parts: SyncParts<D>;
  readonly #at: SyncReading;
  readonly #effects: SyncEffect[] = [];
  #state: AgentSync<D>;

  constructor(parts: SyncParts<D>, at: SyncReading, state: AgentSync<D>) {
    this.#parts = parts;
    this.#at = at;
    this.#state = state;
  }

  opened(): SyncStep<D> {
    this.#open();
    return this.#done();
  }

  take(event: SyncEvent<D>): SyncStep<D> {
    const { phase } = this.#state;
    if (phase.kind === 'stream') this.#inStream(phase, event);
    else if (phase.kind === 'ending') this.#inEnding(phase, event);
    else if (phase.kind === 'waiting') this.#inWaiting(phase, event);
    return this.#done();
  }

  #done(): SyncStep<D> {
    return { state: this.#state, effects: this.#effects };
  }

  #do(...effects: readonly SyncEffect[]): void {
    this.#effects.push(...effects);
  }

  #set(more: Partial<AgentSync<D>>): void {
    this.#state = { ...this.#state, ...more };
  }

  /** Returns the phase as it is from now on. */
  #stay(phase: StreamPhase<D>, more: Partial<StreamPhase<D>>): StreamPhase<D> {
    const next = { ...phase, ...more };
    this.#set({ phase: next });
    return next;
  }

  // ---- between streams

  #open(): void {
    const { times } = this.#parts;
    const { elapsedMs, ways } = this.#at;
    this.#tellState('connecting');
    const inVain = Math.floor(this.#state.failures / ways);
    const deafAfterMs = times.connectMs * Math.min(mostStretch, 1.5 ** inVain);
    const phase: StreamPhase<D> = {
      kind: 'stream',
      isConnected: false,
      deafAtMs: elapsedMs + deafAfterMs,
      deafAfterMs,
      reportAtMs: elapsedMs + times.statusMs,
      leavesAtMs: undefined,
      takesEvents: false,
      areEventsOnTheWay: false,
      lag: undefined,
      applying: undefined,
      next: undefined,
    };
    this.#set({ phase });
    this.#do({ kind: 'open' });
  }

  #tellState(state: 'connecting' | 'connected' | 'disconnected'): void {
    const since = this.#at.wall;
    if (state === 'connected') this.#set({ standing: { kind: 'connected', since } });
    else if (this.#state.standing.kind === 'connected')
      this.#set({ standing: { kind: 'not-connected', since, reason: '', cause: 'unreached' } });
    this.#do({ kind: 'state', state });
  }

  #stop(): void {
    this.#set({ phase: { kind: 'stopped' } });
    this.#tellState('disconnected');
  }

  #inWaiting(phase: Extract<Phase<D>, { kind: 'waiting' }>, event: SyncEvent<D>): void {
    if (event.kind === 'stop') this.#stop();
    else if (event.kind === 'leave') this.#do({ kind: 'begin-anew' });
    else if (event.kind === 'time' && this.#at.elapsedMs >= phase.untilMs) this.#open();
    else if (event.kind === 'try-now' && phase.mayBeSooner) {
      if (this.#at.elapsedMs >= phase.soonestAtMs) this.#open();
      else this.#set({ phase: { ...phase, untilMs: phase.soonestAtMs } });
    }
  }

  #inEnding({ ending, applying }: Extract<Phase<D>, { kind: 'ending' }>, event: SyncEvent<D>): void {
    if (event.kind === 'stop') this.#set({ isStopping: true });
    if (event.kind !== 'applied' && event.kind !== 'refused') return;
    this.#remember(applying, event);
    this.#goOn(ending);
  }

  #goOn(ending: Ending): void {
    if (this.#state.isStopping) {
      this.#stop();
      return;
    }
    if (ending.kind === 'lost') {
      this.#backOff(ending);
      return;
    }
    if (ending.kind === 'renewed') this.#set({ shared: undefined });
    else {
      if (ending.kind === 'left') this.#do({ kind: 'begin-anew' });
      else {
        const text = 'the address of the policy stream is gone from this host; opening another stream';
        this.#do({ kind: 'log', level: 'info', fields: {}, text });
      }
      this.#do({ kind: 'reset-client' });
      this.#set({ failures: 0 });
    }
    this.#open();
  }

  #backOff(ending: Extract<Ending, { kind: 'lost' }>): void {
    const { reason, wasConnected, sharedWith, retryAfterMs } = ending;
    const { wall, elapsedMs, ways, chance } = this.#at;
    const { backoffLeastMs: leastMs, backoffMostMs: mostMs } = this.#parts.times;
    if (sharedWith !== undefined)
      this.#set({ shared: { since: this.#state.shared?.since ?? wall, reason: sharedWith } });
    else if (wasConnected) this.#set({ shared: undefined });
    this.#tellState('disconnected');
    // Who says when to come back, or that another is there, has answered: that is where this agent comes back to.
    const hasAnswered = retryAfterMs !== undefined || sharedWith !== undefined;
    this.#do({ kind: 'way-lost', how: hasAnswered ? 'answered' : wasConnected ? 'connected' : 'tried', reason });
    const cause = sharedWith === undefined ? (ending.refusal ?? 'unreached') : 'shared';
    this.#set({ standing: { kind: 'not-connected', since: this.#state.standing.since, reason, cause } });
    this.#do({ kind: 'reset-client' });
    const failures = wasConnected ? 1 : this.#state.failures + 1;
    // A round over all addresses is one failure.
    const ownMs = backoffMs({ leastMs, mostMs }, Math.ceil(failures / ways), chance);
    const delayMs = Math.max(ownMs, askedMs(retryAfterMs ?? 0, chance));
    // News once: a control plane that is back may say no for another reason than the one it was missed for.
    const level = failures === 1 || reason !== this.#state.lastReason ? 'warn' : 'debug';
    const fields = { reason, delayMs: Math.round(delayMs) };
    this.#do({ kind: 'log', level, fields, text: 'no policy stream; what is in force stays' });
    this.#set({
      failures,
      lastReason: reason,
      phase: {
        kind: 'waiting',
        soonestAtMs: elapsedMs + Math.min(delayMs, leastMs),
        untilMs: elapsedMs + delayMs,
        mayBeSooner: retryAfterMs === undefined,
      },
    });
  }

  // ---- one stream

  #inStream(phase: StreamPhase<D>, event: SyncEvent<D>): void {
    switch (event.kind) {
      case 'heard':
        this.#heard(phase, event.message);
        return;
      case 'lost':
        this.#lost(phase, event);
        return;
      case 'applied':
      case 'refused':
        this.#answered(phase, event);
        return;
      case 'renewed':
        this.#end(phase, { kind: 'renewed' });
        return;
      case 'address-gone':
        this.#end(phase, { kind: 'moved' });
        return;
      case 'leave':
        this.#leave(phase);
        return;
      case 'report':
        this.#report(phase);
        return;
      case 'events-forgotten':
        this.#sendEvents(phase);
        return;
      case 'time':
        this.#timeCame(phase);
        return;
      case 'stop':
        this.#set({ isStopping: true });
        this.#lost(phase, { reason: 'stopped' });
        return;
      case 'try-now':
        return;
    }
  }

  #timeCame(phase: StreamPhase<D>): void {
    const { elapsedMs } = this.#at;
    if (phase.leavesAtMs !== undefined && elapsedMs >= phase.leavesAtMs) this.#end(phase, { kind: 'left' });
    else if (elapsedMs >= phase.deafAtMs)
      this.#lost(phase, { reason: `nothing heard from the control plane in ${phase.deafAfterMs} ms` });
    else if (elapsedMs >= phase.reportAtMs)
      this.#report(this.#stay(phase, { reportAtMs: elapsedMs + this.#parts.times.statusMs }));
  }

  /** Whoever hears the last word ends the stream: cancelled here, it would take with it what was not sent yet. */
  #leave(phase: StreamPhase<D>): void {
    if (!phase.isConnected) {
      this.#end(phase, { kind: 'left' });
      return;
    }
    this.#stay(phase, { leavesAtMs: this.#at.elapsedMs + lastWordMs });
    this.#do({ kind: 'status' });
  }

  /** Nothing before the control plane has answered. */
  #report(phase: StreamPhase<D>): void {
    if (!phase.isConnected) return;
    this.#do({ kind: 'report' });
    this.#sendEvents(phase);
  }

  /** A control plane of an earlier version would take events for an error; a later one says in its heartbeat that it takes them. */
  #sendEvents(phase: StreamPhase<D>): void {
    if (!phase.takesEvents || phase.areEventsOnTheWay || !this.#at.hasEvents) return;
    this.#stay(phase, { areEventsOnTheWay: true });
    this.#do({ kind: 'send-events' });
  }

  #heard(before: StreamPhase<D>, message: HeardMessage<D>): void {
    const { silenceMs } = this.#parts.times;
    const { elapsedMs } = this.#at;
    const phase = this.#stay(before, {
      isConnected: true,
      deafAtMs: elapsedMs + silenceMs,
      deafAfterMs: silenceMs,
    });
    if (!before.isConnected) {
      this.#tellState('connected');
      this.#report(phase);
    }
    if (message.kind === 'unreadable') {
      const { revision, reason } = message;
      const text = 'message from the control plane refused';
      this.#do({ kind: 'log', level: 'error', fields: { revision, reason }, text });
      this.#do({ kind: 'nack', revision, reason, nack: 'refused' });
    } else if (message.kind === 'heartbeat') {
      const lag = lagAfter(phase.lag, { sentAt: message.sentAt, atMs: elapsedMs });
      if (lag.lateMs > silenceMs) {
        const lateSeconds = Math.round(lag.lateMs / 1000);
        const reason = `what the control plane sends comes ${lateSeconds} s late: something on the way holds it back`;
        this.#lost(phase, { reason });
        return;
      }
      this.#do({ kind: 'time-heard', sentAt: message.sentAt });
      this.#set({ clockAheadMs: this.#at.wall - message.sentAt });
      this.#sendEvents(this.#stay(phase, { lag, takesEvents: message.takesEvents }));
    } else if (message.kind === 'events-taken') {
      this.#do({ kind: 'events-taken', ids: message.ids });
      this.#stay(phase, { areEventsOnTheWay: false });
    } else if (message.kind !== 'other') {
      // Newest wins: what has not begun is not worth applying once something newer is here.
      const next = this.#stay(phase, { next: message });
      if (next.applying === undefined) this.#takeNext(next);
    }
  }

  #takeNext(before: StreamPhase<D>): void {
    const message = before.next;
    if (message === undefined) return;
    const phase = this.#stay(before, { next: undefined });
    const read =
      message.kind === 'snapshot'
        ? ({ ok: true, value: message.ruleSet } as const)
        : this.#parts.patched(this.#at.held, message.delta);
    if (!read.ok) {
      const revision = message.kind === 'delta' ? message.revision : message.ruleSet.revision;
      const text = 'delta does not fit; asking for a snapshot';
      this.#do({ kind: 'log', level: 'warn', fields: { revision, reason: read.error }, text });
      this.#do({ kind: 'nack', revision, reason: read.error, nack: 'need-snapshot' });
      return;
    }
    const applying = { revision: read.value.revision, digest: this.#parts.digestOf(read.value) };
    const reason = this.#standingRefusal(applying);
    if (reason === undefined) {
      this.#stay(phase, { applying });
      this.#do({ kind: 'enforce', ruleSet: read.value });
      return;
    }
    this.#do({ kind: 'nack', revision: applying.revision, reason, nack: 'refused' });
    this.#report(phase);
  }

  #standingRefusal({ revision, digest }: Applying): string | undefined {
    const { refusal } = this.#state;
    if (refusal?.revision !== revision || refusal.digest !== digest) return undefined;
    return this.#at.elapsedMs - refusal.atMs > refusalStandsMs ? undefined : refusal.reason;
  }

  #remember(applying: Applying, event: Extract<SyncEvent<D>, { kind: 'applied' | 'refused' }>): void {
    if (event.kind === 'applied') this.#set({ refusal: undefined });
    else this.#set({ refusal: { ...applying, reason: event.reason, atMs: this.#at.elapsedMs } });
  }

  #answered(before: StreamPhase<D>, event: Extract<SyncEvent<D>, { kind: 'applied' | 'refused' }>): void {
    if (before.applying === undefined) return;
    this.#remember(before.applying, event);
    const phase = this.#stay(before, { applying: undefined });
    const { revision } = event;
    if (event.kind === 'applied') {
      // Status first: whoever waits for the ACK must then know what it does not promise (not on disk, opened at the console).
      this.#report(phase);
      this.#do({ kind: 'ack', revision });
    } else {
      this.#do({ kind: 'nack', revision, reason: event.reason, nack: 'refused' });
      this.#report(phase);
    }
    if (this.#state.phase.kind === 'stream') this.#takeNext(this.#state.phase);
  }

  #lost(phase: StreamPhase<D>, lost: LostStream): void {
    if (phase.leavesAtMs !== undefined) this.#end(phase, { kind: 'left' });
    else {
      const { reason, refusal, sharedWith, retryAfterMs } = lost;
      this.#end(phase, {
        ...{ kind: 'lost', reason, wasConnected: phase.isConnected },
        ...(refusal === undefined ? {} : { refusal }),
        ...(sharedWith === undefined ? {} : { sharedWith }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
  }

  #end({ applying }: StreamPhase<D>, ending: Ending): void {
    this.#do({ kind: 'close' });
    if (applying === undefined) this.#goOn(ending);
    else this.#set({ phase: { kind: 'ending', ending, applying } });
  }
}
