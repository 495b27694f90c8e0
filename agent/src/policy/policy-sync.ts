// Keeps the policy stream: the shell around the machine that decides (agent/core/sync). It opens gRPC streams, reads and writes messages,
// hands rule sets to the enforcer and sets one timer; what is to be done, and when, the machine says.
//
// Events are taken one after the other: what an effect leads to (a report asked for while a state is told) comes after the effects of its cause.

import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Identity } from '#agent/link/identity.ts';
import { pushbackOf } from '#agent/link/pushback.ts';
import type { Enforcer, SyncState } from '#agent/table/apply-outcome.ts';
import type { ConnectionStanding } from '#agent-core/host/host-problems.ts';
import {
  defaultSyncTimes,
  dueAtMs,
  type HeardMessage,
  type SharedIdentity,
  type SyncEffect,
  type SyncEvent,
  type SyncStep,
  type SyncTimes,
  sharedIdentity,
  startAgentSync,
  stepAgentSync,
} from '#agent-core/sync/agent-sync.ts';
import type { Clock, Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { HostEvent } from '#model/host-event.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';
import { applyWireDelta, type WireDelta } from '#wire/delta.ts';
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
  type UnreadableDown,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import { policySyncService } from '#wire/services.ts';
import type { RevisionProof } from './revision-proof.ts';

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
  readonly clock?: Clock;
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

type Stream = ClientDuplexStream<Uint8Array, Uint8Array>;
type Event = SyncEvent<WireDelta>;

/** Starts at once. */
export function createPolicySync(options: PolicySyncOptions): PolicySync {
  const { identity, enforcer, signal, log, clock = systemClock } = options;
  const { addresses } = identity;
  const parts = {
    times: { ...defaultSyncTimes, ...options.times },
    digestOf: ruleSetDigest,
    patched: applyWireDelta,
  };
  const { promise: done, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  const reading = () => ({
    elapsedMs: clock.elapsedMs(),
    wall: clock.wall(),
    chance: Math.random(),
    ways: addresses.all().length,
    held: enforcer.held(),
    hasEvents: (options.events?.waiting().length ?? 0) > 0,
  });

  const first = startAgentSync(parts, reading());
  let state = first.state;
  let stream: Stream | undefined;
  let reportedHost = '';
  let hasFailed = false;
  let timer: { readonly dueMs: number; readonly timer: Timer } | undefined;
  const waiting: Event[] = [];
  let isTelling = false;

  function tell(event: Event): void {
    waiting.push(event);
    if (isTelling) return;
    isTelling = true;
    try {
      for (let next = waiting.shift(); next !== undefined && !hasFailed; next = waiting.shift())
        follow(stepAgentSync(parts, state, next, reading()));
    } finally {
      isTelling = false;
    }
    setTimer();
  }

  function follow(step: SyncStep<WireDelta>): void {
    state = step.state;
    for (const effect of step.effects) perform(effect);
  }

  /** One that comes too early finds nothing to do, and is set anew: cheaper than setting it at every message. */
  function setTimer(): void {
    const dueMs = hasFailed ? undefined : dueAtMs(state);
    if (dueMs !== undefined && timer !== undefined && timer.dueMs <= dueMs) return;
    timer?.timer.cancel();
    timer = undefined;
    if (dueMs === undefined) {
      if (state.phase.kind === 'stopped') finish();
      return;
    }
    // Never before its time: a timer of the runtime may come a fraction of a millisecond early.
    const came = () => {
      timer = undefined;
      tell({ kind: 'time' });
    };
    timer = { dueMs, timer: clock.after(Math.max(1, Math.ceil(dueMs - clock.elapsedMs())), came) };
  }

  function broke(error: unknown): void {
    hasFailed = true;
    close();
    setTimer();
    fail(error);
  }

  const performers: { readonly [K in SyncEffect['kind']]: (effect: Extract<SyncEffect, { kind: K }>) => void } = {
    state({ state: next }) {
      if (next === 'connected') addresses.connected();
      options.onState(next, next === 'connected' ? stream?.getPeer() : undefined);
    },
    open,
    close,
    'way-lost': ({ how, reason }) => addresses.lost(how, reason),
    'begin-anew': () => addresses.beginAnew(),
    'reset-client': () => identity.resetClient(),
    enforce: ({ ruleSet }) => void enforce(ruleSet).catch(broke),
    ack: ({ revision }) => send({ kind: 'ack', revision }),
    nack: send,
    report,
    status: () => send({ kind: 'status', status: options.status() }),
    'send-events': () => send({ kind: 'events', events: options.events?.waiting().slice(0, limits.events) ?? [] }),
    'events-taken'({ ids }) {
      options.events?.taken(ids);
      tell({ kind: 'events-forgotten' });
    },
    'time-heard': ({ sentAt }) => options.heardTime?.(sentAt),
    log: ({ level, fields, text }) => log[level](fields, text),
  };

  function perform<K extends SyncEffect['kind']>(effect: Extract<SyncEffect, { kind: K }>): void {
    const performer = performers[effect.kind] as (effect: SyncEffect) => void;
    performer(effect);
  }

  async function enforce(ruleSet: HostRuleSet): Promise<void> {
    const outcome = await enforcer.apply(ruleSet);
    const { revision } = outcome;
    if (outcome.kind === 'applied') tell({ kind: 'applied', revision });
    else tell({ kind: 'refused', revision, reason: outcome.reason });
  }

  function open(): void {
    const { path, requestSerialize, responseDeserialize } = policySyncService.sync;
    const opened = identity
      .client()
      .makeBidiStreamRequest<Uint8Array, Uint8Array>(path, requestSerialize, responseDeserialize);
    stream = opened;
    // Of a stream that was given up nothing is heard.
    const tellOf = (event: () => Event) => {
      if (stream === opened) tell(event());
    };
    opened.on('data', (bytes: Uint8Array) => {
      if (stream === opened) received(bytes);
    });
    opened.on('error', (error: ServiceError) => {
      if (stream === opened && error.code === status.UNAUTHENTICATED) identity.refused();
      tellOf(() => ({ kind: 'lost', reason: error.message, ...answerOf(error) }));
    });
    opened.on('end', () => tellOf(() => ({ kind: 'lost', reason: 'the control plane ended the stream' })));
    greet();
  }

  function close(): void {
    const closed = stream;
    stream = undefined;
    closed?.cancel();
  }

  function received(bytes: Uint8Array): void {
    options.onHeard?.();
    const message = decodeDownMessage(bytes);
    tell({ kind: 'heard', message: heardOf(message) });
    if (message.ok) handOn(message.value);
  }

  /** What others on the host are told. */
  function handOn(message: DownMessage): void {
    if (message.kind === 'address-standing') options.standing?.(message.standing);
    else if (message.kind === 'announcement') options.announced?.(message.announcement);
    else if (message.kind === 'revision-proof') options.proof?.take(message.proof);
    else if (message.kind === 'next-ca') identity.takeNextCa(message.nextCa).catch(broke);
  }

  function greet(): void {
    const host = options.hostReport();
    const held = enforcer.held();
    const { agentVersion, standing, announced, heardTime, proof } = options;
    reportedHost = textOf(host);
    const takes = {
      takesNextCa: true as const,
      ...(standing === undefined ? {} : { takesStanding: true as const }),
      ...(announced === undefined ? {} : { takesAnnouncement: true as const }),
      ...(proof === undefined ? {} : shownOf(proof.current(), held)),
      ...(heardTime === undefined ? {} : { takesSchedules: true as const }),
    };
    send({ kind: 'hello', agentVersion, host, ...takes, ...(held === undefined ? {} : { held: heldOf(held) }) });
  }

  function report(): void {
    const host = options.hostReport();
    if (textOf(host) !== reportedHost) {
      reportedHost = textOf(host);
      send({ kind: 'host-report', host });
    }
    send({ kind: 'status', status: options.status() });
  }

  function send(message: UpMessage): void {
    stream?.write(encodeUpMessage(message));
  }

  const stopRenewal = identity.onRenewed(() => tell({ kind: 'renewed' }));
  const stop = () => tell({ kind: 'stop' });
  if (signal.aborted) {
    options.onState('disconnected');
    finish();
  } else {
    signal.addEventListener('abort', stop, { once: true });
    isTelling = true;
    follow(first);
    isTelling = false;
    setTimer();
    for (const event of waiting.splice(0)) tell(event);
  }

  return {
    done: done.finally(() => {
      stopRenewal();
      signal.removeEventListener('abort', stop);
    }),
    reportNow: () => tell({ kind: 'report' }),
    ownAddressGone: () => tell({ kind: 'address-gone' }),
    leave: () => tell({ kind: 'leave' }),
    tryNow: () => tell({ kind: 'try-now' }),
    connection: () => state.standing,
    clockAheadMs: () => state.clockAheadMs,
    identityShared: () => sharedIdentity(state),
  };
}

/** What the machine hears of it. */
export function heardOf(message: Result<DownMessage, UnreadableDown>): HeardMessage<WireDelta> {
  if (!message.ok) return { kind: 'unreadable', ...message.error };
  const { value } = message;
  if (value.kind === 'snapshot' || value.kind === 'heartbeat' || value.kind === 'events-taken') return value;
  if (value.kind === 'delta') return { kind: 'delta', revision: value.wire.delta.revision, delta: value.wire };
  return { kind: 'other' };
}

/** What the control plane says with the end of a stream. */
function answerOf(error: ServiceError) {
  if (error.code === status.ALREADY_EXISTS) return { sharedWith: error.details };
  const retryAfterMs = pushbackOf(error.metadata);
  return { ...refusalOf(error), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
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
