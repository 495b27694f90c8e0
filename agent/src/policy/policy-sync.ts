// Keeps the policy stream: hello with what is held, then every rule set that comes goes to the enforcer, one at a time, and is
// answered with ACK or NACK. Whatever cannot be read, does not fit or is refused is a NACK, and the last good rule set stays.
//
// States: `connecting` (a stream is being opened) → `connected` (the control plane has answered) → `disconnected` (waiting with
// jittered exponential backoff) → `connecting` … The backoff starts over once a stream has been connected. A control plane
// that falls silent for three heartbeats is taken for gone; so is one whose words come so much later than they did at first.
//
// A rule set that cut the host off, and was put back for it, may take its NACK down with the stream. So the last refusal is
// remembered, and the same revision with the same content, sent again, is refused again without trying.
//
// A stream whose own address went from the host is given up at once: the kernel would go on sending from it until somebody's patience ends.
//
// A control plane that keeps this agent out since another is connected with its identity says so until it lets it in.

import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Identity } from '#agent/link/identity.ts';
import { pushbackOf } from '#agent/link/pushback.ts';
import type { ApplyOutcome, Enforcer, SyncState } from '#agent/table/apply-outcome.ts';
import type { ConnectionStanding } from '#agent-core/host/host-problems.ts';
import { lagAfter, type MessageLag } from '#agent-core/time/message-lag.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { askedMs, backoffMs } from '#model/backoff.ts';
import type { HostEvent } from '#model/host-event.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';
import { applyWireDelta } from '#wire/delta.ts';
import { limits } from '#wire/limits.ts';
import {
  type AddressStanding,
  type Announcement,
  type DownMessage,
  decodeDownMessage,
  encodeUpMessage,
  heldOf,
  type ReportedHost,
  type ReportedStatus,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import { policySyncService } from '#wire/services.ts';
import type { RevisionProof } from './revision-proof.ts';

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

export interface PolicySyncOptions {
  readonly identity: Pick<Identity, 'client' | 'resetClient' | 'onRenewed' | 'refused' | 'takeNextCa' | 'addresses'>;
  readonly enforcer: Enforcer;
  readonly agentVersion: string;
  /** Called at every status interval: must be cheap. Addresses in canonical text. */
  readonly hostReport: () => ReportedHost;
  readonly status: () => ReportedStatus;
  /** What happened on the host and waits to be written down by the control plane. */
  readonly events?: {
    /** Oldest first. */
    waiting(): readonly HostEvent[];
    taken(ids: readonly string[]): void;
  };
  /** What the host's claims to addresses have come to, whenever that changes. */
  readonly standing?: (standing: AddressStanding) => void;
  /** Where the control plane says that it is from now on. Absent: this agent follows it nowhere. */
  readonly announced?: (announcement: Announcement) => void;
  /** Absent: this agent shows nobody what it was told. */
  readonly proof?: RevisionProof;
  /** What its heartbeats say the control plane's clock shows. Given, grants come with their schedules. */
  readonly heardTime?: (sentAt: Millis) => void;
  /** Ends the sync. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Something came from the control plane. */
  readonly onHeard?: () => void;
  /** `peer`, once connected: address and port of the other side, which may be a proxy. */
  readonly onState: (state: SyncState, peer?: string) => void;
  readonly times?: Partial<SyncTimes>;
}

export interface PolicySync {
  /** Resolves after the signal aborted and the last apply ended; rejects only if the enforcer threw. */
  readonly done: Promise<void>;
  /** Sends status and, where it differs, the host report now. */
  reportNow(): void;
  /** The address that the stream goes out from is gone, so nothing sent on it arrives: another is opened at once. */
  ownAddressGone(): void;
  /** Sends status, and opens the next stream to the first address. */
  leave(): void;
  /** There may be a way now where there was none: the wait for the next try is over, unless the control plane itself set it. */
  tryNow(): void;
  /** Whether there is a stream, since when, and why not. */
  connection(): ConnectionStanding;
  /** How far this host's clock is ahead of the control plane's, by the last heartbeat. */
  clockAheadMs(): number | undefined;
  /** Since when another agent holds this identity, by what the control plane said last. */
  identityShared(): SharedIdentity | undefined;
}

export interface SharedIdentity {
  readonly since: Millis;
  /** The control plane's words. */
  readonly reason: string;
}

const defaultTimes: SyncTimes = {
  backoffLeastMs: 250,
  backoffMostMs: 30_000,
  connectMs: 10_000,
  silenceMs: 35_000,
  statusMs: 5_000,
};

const mostStretch = 3;
/** Who has not heard the last word by then does not hear it. */
const lastWordMs = 10_000;

type Stream = ClientDuplexStream<Uint8Array, Uint8Array>;
/** How one stream ended. */
type Ending =
  | {
      readonly kind: 'lost';
      readonly reason: string;
      readonly wasConnected: boolean;
      /** The control plane answered, and keeps this agent out. */
      readonly refusal?: 'refused' | 'unknown-here';
      /** The control plane's words, where another agent holds this identity. */
      readonly sharedWith?: string;
      /** The control plane has no room before. */
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'renewed' }
  /** Its own address went: the connection is of no use. */
  | { readonly kind: 'moved' }
  /** It goes to the first address of the control plane, from wherever it was. */
  | { readonly kind: 'left' };

/** The last rule set that the enforcer refused. */
interface Refusal {
  readonly revision: number;
  readonly digest: string;
  readonly reason: string;
  readonly atMs: number;
}

/** So long a refusal stands without a new try: what was wrong with the host then may be over. */
const refusalStandsMs = 5 * 60_000;

type RuleSetMessage = Extract<DownMessage, { kind: 'snapshot' | 'delta' }>;

/** What outlives a stream. */
interface Memory {
  refusal: Refusal | undefined;
  clockAheadMs: number | undefined;
}

/** Starts at once. */
export function createPolicySync(options: PolicySyncOptions): PolicySync {
  const times = { ...defaultTimes, ...options.times };
  const memory: Memory = { refusal: undefined, clockAheadMs: undefined };
  let standing: ConnectionStanding = {
    kind: 'not-connected',
    since: systemClock.wall(),
    reason: '',
    cause: 'unreached',
  };
  const { addresses } = options.identity;
  const onState = (state: SyncState, peer?: string): void => {
    const { kind, since } = standing;
    if (state === 'connected') addresses.connected();
    if (state === 'connected') standing = { kind: 'connected', since: systemClock.wall() };
    else if (kind === 'connected')
      standing = { kind: 'not-connected', since: systemClock.wall(), reason: '', cause: 'unreached' };
    else standing = { ...standing, since };
    options.onState(state, peer);
  };
  let session: StreamSession | undefined;
  let shared: SharedIdentity | undefined;
  let soon = new AbortController();

  async function run(): Promise<void> {
    const { signal, log } = options;
    let failures = 0;
    let lastReason = '';
    while (!signal.aborted) {
      onState('connecting');
      const inVain = Math.floor(failures / addresses.all().length);
      const connectMs = times.connectMs * Math.min(mostStretch, 1.5 ** inVain);
      session = new StreamSession({ ...options, onState }, { ...times, connectMs }, memory);
      const ending = await session.ended;
      session = undefined;
      if (signal.aborted) break;
      if (ending.kind === 'renewed') {
        shared = undefined;
        continue;
      }
      if (ending.kind === 'moved') {
        log.info('the address of the policy stream is gone from this host; opening another stream');
        options.identity.resetClient();
        failures = 0;
        continue;
      }
      if (ending.kind === 'left') {
        addresses.beginAnew();
        options.identity.resetClient();
        failures = 0;
        continue;
      }
      if (ending.sharedWith !== undefined)
        shared = { since: shared?.since ?? systemClock.wall(), reason: ending.sharedWith };
      else if (ending.wasConnected) shared = undefined;
      onState('disconnected');
      // Who says when to come back, or that another is there, has answered: that is where this agent comes back to.
      const hasAnswered = ending.retryAfterMs !== undefined || ending.sharedWith !== undefined;
      addresses.lost(hasAnswered ? 'answered' : ending.wasConnected ? 'connected' : 'tried', ending.reason);
      const cause = ending.sharedWith === undefined ? (ending.refusal ?? 'unreached') : 'shared';
      standing = { kind: 'not-connected', since: standing.since, reason: ending.reason, cause };
      soon = new AbortController();
      // The client waits by itself after a failure; a new one does not.
      options.identity.resetClient();
      failures = ending.wasConnected ? 1 : failures + 1;
      // A round over all addresses is one failure.
      const rounds = Math.ceil(failures / addresses.all().length);
      const backoff = { leastMs: times.backoffLeastMs, mostMs: times.backoffMostMs };
      const ownMs = backoffMs(backoff, rounds, Math.random());
      const delayMs = Math.max(ownMs, askedMs(ending.retryAfterMs ?? 0, Math.random()));
      // News once: a control plane that is back may say no for another reason than the one it was missed for.
      const level = failures === 1 || ending.reason !== lastReason ? 'warn' : 'debug';
      lastReason = ending.reason;
      log[level]({ reason: ending.reason, delayMs: Math.round(delayMs) }, 'no policy stream; what is in force stays');
      // However often addresses change, tries are at least so far apart.
      await systemClock.sleep(Math.min(delayMs, times.backoffLeastMs), signal);
      const until = ending.retryAfterMs === undefined ? [signal, soon.signal] : [signal];
      await systemClock.sleep(Math.max(0, delayMs - times.backoffLeastMs), ...until);
    }
    onState('disconnected');
  }

  return {
    done: run(),
    reportNow: () => session?.report(),
    ownAddressGone: () => session?.giveUp(),
    leave() {
      if (session === undefined) addresses.beginAnew();
      else session.leave();
    },
    tryNow: () => soon.abort(),
    connection: () => standing,
    clockAheadMs: () => memory.clockAheadMs,
    identityShared: () => (session?.isConnected() === true ? undefined : shared),
  };
}

/** One stream, from hello to its end. */
class StreamSession {
  readonly ended: Promise<Ending>;
  readonly #options: PolicySyncOptions;
  readonly #times: SyncTimes;
  readonly #memory: Memory;
  readonly #stream: Stream;
  readonly #reporting: Timer;
  readonly #stopListening: () => void;
  #watchdog: Timer;
  #settle: (ending: Ending) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  #isConnected = false;
  #isOver = false;
  #isLeaving = false;
  #takesEvents = false;
  #eventsOnTheWay = false;
  #waiting: RuleSetMessage | undefined;
  #applying: Promise<void> | undefined;
  #reportedHost = '';
  #lag: MessageLag | undefined;

  constructor(options: PolicySyncOptions, times: SyncTimes, memory: Memory) {
    this.#memory = memory;
    this.#options = options;
    this.#times = times;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    const { path, requestSerialize, responseDeserialize } = policySyncService.sync;
    this.#stream = options.identity
      .client()
      .makeBidiStreamRequest<Uint8Array, Uint8Array>(path, requestSerialize, responseDeserialize);
    this.#stream.on('data', (bytes: Uint8Array) => this.#received(bytes));
    this.#stream.on('error', (error: ServiceError) => {
      const retryAfterMs = pushbackOf(error.metadata);
      if (error.code === status.UNAUTHENTICATED) options.identity.refused();
      if (error.code === status.ALREADY_EXISTS) this.#lost(error.message, { sharedWith: error.details });
      else
        this.#lost(error.message, {
          ...refusalOf(error),
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        });
    });
    this.#stream.on('end', () => this.#lost('the control plane ended the stream'));
    this.#watchdog = this.#startWatchdog(times.connectMs);
    this.#reporting = systemClock.every(times.statusMs, () => this.report());
    const stopRenewal = options.identity.onRenewed(() => this.#end({ kind: 'renewed' }));
    const stop = () => this.#lost('stopped');
    options.signal.addEventListener('abort', stop, { once: true });
    this.#stopListening = () => {
      stopRenewal();
      options.signal.removeEventListener('abort', stop);
    };
    this.#greet();
  }

  isConnected(): boolean {
    return this.#isConnected;
  }

  giveUp(): void {
    this.#end({ kind: 'moved' });
  }

  /** Whoever hears the last word ends the stream: cancelled here, it would take with it what was not sent yet. */
  leave(): void {
    this.#isLeaving = true;
    const gone = () => this.#end({ kind: 'left' });
    if (this.#isConnected && !this.#isOver) {
      systemClock.after(lastWordMs, gone).unref();
      this.#send({ kind: 'status', status: this.#options.status() });
    } else gone();
  }

  /** Status, and the host report where it changed; nothing before the control plane has answered. */
  report(): void {
    if (!this.#isConnected || this.#isOver) return;
    const host = this.#options.hostReport();
    if (textOf(host) !== this.#reportedHost) {
      this.#reportedHost = textOf(host);
      this.#send({ kind: 'host-report', host });
    }
    this.#send({ kind: 'status', status: this.#options.status() });
    this.#sendEvents();
  }

  /** A control plane of an earlier version would take events for an error; a later one says in its heartbeat that it takes them. */
  #sendEvents(): void {
    if (!this.#takesEvents || this.#eventsOnTheWay || this.#isOver) return;
    const events = this.#options.events?.waiting().slice(0, limits.events) ?? [];
    if (events.length === 0) return;
    this.#eventsOnTheWay = true;
    this.#send({ kind: 'events', events });
  }

  #greet(): void {
    const host = this.#options.hostReport();
    const held = this.#options.enforcer.held();
    const { agentVersion } = this.#options;
    this.#reportedHost = textOf(host);
    const { standing, announced, heardTime, proof } = this.#options;
    const takes = {
      takesNextCa: true as const,
      ...(standing === undefined ? {} : { takesStanding: true as const }),
      ...(announced === undefined ? {} : { takesAnnouncement: true as const }),
      ...(proof === undefined ? {} : shownOf(proof.current(), held)),
      ...(heardTime === undefined ? {} : { takesSchedules: true as const }),
    };
    this.#send({ kind: 'hello', agentVersion, host, ...takes, ...(held === undefined ? {} : { held: heldOf(held) }) });
  }

  #received(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#options.onHeard?.();
    this.#watchdog.cancel();
    this.#watchdog = this.#startWatchdog(this.#times.silenceMs);
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#options.onState('connected', this.#stream.getPeer());
      this.report();
    }
    const message = decodeDownMessage(bytes);
    if (!message.ok) {
      const { revision, reason } = message.error;
      this.#options.log.error({ revision, reason }, 'message from the control plane refused');
      this.#send({ kind: 'nack', revision, reason, nack: 'refused' });
    } else if (message.value.kind === 'heartbeat') {
      const { sentAt } = message.value;
      this.#lag = lagAfter(this.#lag, { sentAt, atMs: systemClock.elapsedMs() });
      if (this.#lag.lateMs > this.#times.silenceMs) {
        const lateSeconds = Math.round(this.#lag.lateMs / 1000);
        this.#lost(`what the control plane sends comes ${lateSeconds} s late: something on the way holds it back`);
        return;
      }
      this.#takesEvents = message.value.takesEvents;
      this.#options.heardTime?.(sentAt);
      this.#memory.clockAheadMs = systemClock.wall() - message.value.sentAt;
      this.#sendEvents();
    } else if (message.value.kind === 'events-taken') {
      this.#options.events?.taken(message.value.ids);
      this.#eventsOnTheWay = false;
      this.#sendEvents();
    } else if (message.value.kind === 'address-standing') {
      this.#options.standing?.(message.value.standing);
    } else if (message.value.kind === 'announcement') {
      this.#options.announced?.(message.value.announcement);
    } else if (message.value.kind === 'revision-proof') {
      this.#options.proof?.take(message.value.proof);
    } else if (message.value.kind === 'next-ca') {
      this.#options.identity.takeNextCa(message.value.nextCa).catch((error: unknown) => {
        this.#close();
        this.#fail(error);
      });
    } else {
      // Newest wins: what has not begun is not worth applying once something newer is here.
      this.#waiting = message.value;
      this.#applying ??= this.#applyAll().catch((error: unknown) => {
        this.#close();
        this.#fail(error);
      });
    }
  }

  async #applyAll(): Promise<void> {
    for (let message = this.#waiting; message !== undefined && !this.#isOver; message = this.#waiting) {
      this.#waiting = undefined;
      await this.#applyOne(message);
    }
    this.#applying = undefined;
  }

  async #applyOne(message: RuleSetMessage): Promise<void> {
    const ruleSet = this.#ruleSetOf(message);
    if (ruleSet === undefined) return;
    const digest = ruleSetDigest(ruleSet);
    const earlier = this.#standingRefusal(ruleSet.revision, digest);
    const outcome = earlier ?? (await this.#options.enforcer.apply(ruleSet));
    if (outcome.kind === 'applied') {
      this.#memory.refusal = undefined;
      // Status first: whoever waits for the ACK must then know what it does not promise (not on disk, opened at the console).
      this.report();
      this.#send({ kind: 'ack', revision: outcome.revision });
    } else {
      const { revision, reason } = outcome;
      if (earlier === undefined) this.#memory.refusal = { revision, digest, reason, atMs: systemClock.elapsedMs() };
      this.#send({ kind: 'nack', revision, reason, nack: 'refused' });
      this.report();
    }
  }

  #standingRefusal(revision: number, digest: string): Extract<ApplyOutcome, { kind: 'refused' }> | undefined {
    const { refusal } = this.#memory;
    if (refusal?.revision !== revision || refusal.digest !== digest) return undefined;
    if (systemClock.elapsedMs() - refusal.atMs > refusalStandsMs) return undefined;
    return { kind: 'refused', revision, reason: refusal.reason };
  }

  #ruleSetOf(message: RuleSetMessage): HostRuleSet | undefined {
    if (message.kind === 'snapshot') return message.ruleSet;
    const next = applyWireDelta(this.#options.enforcer.held(), message.wire);
    if (next.ok) return next.value;
    const { revision } = message.wire.delta;
    this.#options.log.warn({ revision, reason: next.error }, 'delta does not fit; asking for a snapshot');
    this.#send({ kind: 'nack', revision, reason: next.error, nack: 'need-snapshot' });
    return undefined;
  }

  #send(message: UpMessage): void {
    if (!this.#isOver) this.#stream.write(encodeUpMessage(message));
  }

  #startWatchdog(afterMs: number): Timer {
    return systemClock.after(afterMs, () => this.#lost(`nothing heard from the control plane in ${afterMs} ms`));
  }

  #lost(
    reason: string,
    more: Pick<Extract<Ending, { kind: 'lost' }>, 'sharedWith' | 'retryAfterMs' | 'refusal'> = {},
  ): void {
    if (this.#isLeaving) this.#end({ kind: 'left' });
    else this.#end({ kind: 'lost', reason, wasConnected: this.#isConnected, ...more });
  }

  /** An apply under way is awaited: the next stream's hello must tell what it left in force. */
  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#close();
    Promise.resolve(this.#applying).then(() => this.#settle(ending));
  }

  #close(): void {
    this.#isOver = true;
    this.#watchdog.cancel();
    this.#reporting.cancel();
    this.#stopListening();
    this.#stream.cancel();
  }
}

/** What the control plane says to a certificate or a host that it does not let in. */
function refusalOf({ code, details }: ServiceError): { readonly refusal?: 'refused' | 'unknown-here' } {
  if (code !== status.UNAUTHENTICATED && code !== status.PERMISSION_DENIED) return {};
  return { refusal: /not enrolled here|earlier enrolment|not here/.test(details) ? 'unknown-here' : 'refused' };
}

function textOf({ addresses, facts, units, containers }: ReportedHost): string {
  return JSON.stringify([addresses, [...facts], units, containers]);
}

/** Quarantines are named by their workload; what is cut off says nothing without a proof that it was told so. */
function shownOf(proof: Uint8Array | undefined, held: HostRuleSet | undefined) {
  if (proof === undefined) return { takesProof: true as const };
  const cutOff = [...(held?.peerSets.values() ?? [])].flatMap(({ quarantine }) => quarantine ?? []);
  return { takesProof: true as const, proof, ...(cutOff.length === 0 ? {} : { cutOff }) };
}
