// One agent's policy stream, from hello to its end. At most one rule set is under way; while it is, only the newest of those
// that follow is kept. What the agent acknowledged last is what deltas build on.
//
// States: `awaiting-hello` (nothing else is taken) → `open` (backend knows it) → `closed` (last; the backend was told once).
// Within `open`: idle, or one rule set in flight until its ACK or NACK. ACK: it becomes the base. NACK refused: the base stays.
// NACK need-snapshot to a delta: the base is forgotten and the newest rule set goes out whole.

import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Clock } from '#clock/clock.ts';
import type { AgentCertificate } from '#control-plane/pki/agent-identity.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import { type CallStatus, violation } from '#control-plane/rpc/call-status.ts';
import type { StreamCall } from '#control-plane/rpc/rpc-call.ts';
import type { HostEvent } from '#model/host-event.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { rulesAt } from '#model/rules-at.ts';
import type { Millis } from '#model/time.ts';
import { limits } from '#wire/limits.ts';
import {
  type AddressStanding,
  type Announcement,
  decodeUpMessage,
  encodeAddressStanding,
  encodeAnnouncement,
  encodeDeltaMessage,
  encodeEventsTaken,
  encodeHeartbeat,
  encodeNextCa,
  encodeRevisionProof,
  encodeSnapshotMessage,
  type HeldRuleSet,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import type { AgentBackend, AgentConnection, ConnectRefusal } from './agent-backend.ts';
import { certificateProblem } from './caller.ts';
import type { SendQueue } from './send-queue.ts';

export interface StreamTimes {
  /** Default 10,000; sensible 1,000 to 60,000. An agent takes three missed ones for a lost connection. */
  readonly heartbeatMs: number;
  /** Default 60,000: an agent that has said nothing for so long is gone. */
  readonly silenceMs: number;
  /** Default 10,000: from opening the stream to hello. */
  readonly helloMs: number;
}

/** Each event holds back its answer so long: nobody can fill the audit log faster than twenty entries a second. */
const eventPaceMs = 50;

export interface PolicyStreamOptions {
  readonly call: StreamCall;
  readonly certificate: AgentCertificate;
  readonly backend: AgentBackend;
  readonly pki: Pick<Pki, 'cas' | 'nextCa'>;
  readonly queue: SendQueue;
  readonly times: StreamTimes;
  readonly now: () => Millis;
  /** By which rules end and windows turn. */
  readonly policyTime: () => Millis;
  /** Milliseconds of a clock that only goes forward: silence is measured by it, not by a clock that somebody sets. */
  readonly elapsedMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The first rule set is answered, or there is none to send; may be called again. */
  readonly greeted: () => void;
  /** Called once, when the stream is closed. */
  readonly closed: () => void;
}

interface InFlight {
  readonly ruleSet: HostRuleSet;
  readonly sentAs: 'snapshot' | 'delta';
}

export class PolicyStream {
  readonly #options: PolicyStreamOptions;
  readonly #log: Logger;
  /** In elapsed milliseconds, as the other two. */
  readonly #openedAt: number;
  #state: 'awaiting-hello' | 'open' | 'closed' = 'awaiting-hello';
  #connection: AgentConnection | undefined;
  /** What hello said is in force, until this stream's first ACK knows better. */
  #held: HeldRuleSet | undefined;
  #base: HostRuleSet | undefined;
  #inFlight: InFlight | undefined;
  #next: HostRuleSet | undefined;
  /** Of an agent that judges no schedules: what was offered last, and when time alone makes it another. */
  #timed: { readonly ruleSet: HostRuleSet; readonly turnsAt: Millis } | undefined;
  #takesSchedules = false;
  #takesNextCa = false;
  #isDraining = false;
  #isTakingEvents = false;
  /** Waits for the pipe to drain. */
  #untoldStanding: AddressStanding | undefined;
  #untoldAnnouncement: Announcement | undefined;
  #heardAt: number;
  #heartbeatAt: number;

  constructor(options: PolicyStreamOptions) {
    this.#options = options;
    const { call, certificate, elapsedMs } = options;
    this.#log = options.log.child({ host: certificate.identity.host });
    this.#openedAt = elapsedMs();
    this.#heardAt = this.#openedAt;
    this.#heartbeatAt = this.#openedAt;
    call.listen({
      message: (bytes) => {
        if (this.#state !== 'closed') this.#closeIf(this.#received(bytes));
      },
      ended: () => this.#finish(),
      drained: () => {
        this.#isDraining = false;
        if (this.#untoldStanding !== undefined) this.#tellStanding(this.#untoldStanding);
        if (this.#untoldAnnouncement !== undefined) this.#tellAnnouncement(this.#untoldAnnouncement);
        this.#pump();
      },
    });
  }

  /** Called about once a second, `at` in elapsed milliseconds, with a heartbeat that all streams share. */
  tick(at: number, heartbeat: Uint8Array): void {
    const { times } = this.#options;
    if (this.#state === 'closed') return;
    if (this.#state === 'open' && this.#inFlight === undefined && this.#next === undefined) this.#options.greeted();
    const problem = this.#certificateProblem();
    if (problem !== undefined) {
      this.close(problem);
    } else if (this.#state === 'awaiting-hello') {
      const isLate = at - this.#openedAt > times.helloMs;
      if (isLate) this.close({ code: status.DEADLINE_EXCEEDED, details: `no hello in ${times.helloMs} ms` });
    } else if (at - this.#heardAt > times.silenceMs) {
      this.close({
        code: status.DEADLINE_EXCEEDED,
        details: `nothing heard from the agent in ${times.silenceMs} ms`,
      });
    } else if (at - this.#heartbeatAt >= times.heartbeatMs) {
      this.#heartbeatAt = at;
      this.#write(heartbeat);
    }
    const { policyTime } = this.#options;
    if (this.#timed !== undefined && policyTime() >= this.#timed.turnsAt) this.#offered(this.#timed.ruleSet);
  }

  /** Ends the stream; the agent is told. */
  close(reason: CallStatus): void {
    if (this.#state === 'closed') return;
    this.#log.info({ code: status[reason.code], reason: reason.details }, 'policy stream closed');
    this.#finish();
    this.#options.call.end(reason);
  }

  #closeIf(problem: CallStatus | undefined): void {
    if (problem !== undefined) this.close(problem);
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#next = undefined;
    this.#timed = undefined;
    this.#inFlight = undefined;
    this.#base = undefined;
    this.#connection?.disconnected();
    this.#connection = undefined;
    this.#options.closed();
  }

  #certificateProblem(): CallStatus | undefined {
    return certificateProblem(this.#options.certificate, this.#options);
  }

  // ---- up; each answers with the status to close the stream with, or undefined

  #received(bytes: Uint8Array): CallStatus | undefined {
    const problem = this.#certificateProblem();
    if (problem !== undefined) return problem;
    this.#heardAt = this.#options.elapsedMs();
    const message = decodeUpMessage(bytes);
    if (!message.ok) return violation(message.error);
    if (message.value.kind === 'hello') return this.#greeted(message.value);
    const connection = this.#connection;
    if (connection === undefined) return violation(`found ${message.value.kind} before hello; allowed: hello first`);
    return this.#heard(message.value, connection);
  }

  #greeted(hello: Extract<UpMessage, { kind: 'hello' }>): CallStatus | undefined {
    if (this.#state !== 'awaiting-hello') return violation('found a second hello; allowed: one');
    if (hello.asksOnly === true) return this.#asked(hello);
    this.#held = hello.held;
    this.#state = 'open';
    this.#takesSchedules = hello.takesSchedules === true;
    this.#takesNextCa = hello.takesNextCa === true;
    const connection = this.#options.backend.connect(
      { ...this.#options.certificate.identity, connection: this.#options.call.peer.connection },
      { ...hello.host, agentVersion: hello.agentVersion, revision: hello.held?.revision ?? 0, ...shownIn(hello) },
      {
        send: (ruleSet) => this.#offered(ruleSet),
        close: (reason) => this.close({ code: status.ABORTED, details: reason }),
        seenFrom: this.#options.call.peer.address,
        ...(hello.takesProof === true ? { prove: (proof: Uint8Array) => this.#tellProof(proof) } : {}),
        ...(hello.takesAnnouncement === true
          ? { announce: (announcement: Announcement) => this.#tellAnnouncement(announcement) }
          : {}),
        ...(hello.takesStanding === true ? { standing: (standing) => this.#tellStanding(standing) } : {}),
      },
    );
    if (!connection.ok) return { code: refusalCodes[connection.error.kind], details: connection.error.text };
    if (this.#isClosed()) {
      // The backend closed the stream while it connected it.
      connection.value.disconnected();
      return undefined;
    }
    this.#connection = connection.value;
    // The agent takes the first message for "connected": do not let it wait for a rule set that may not come.
    this.#write(encodeHeartbeat(this.#options.policyTime()));
    this.tellNextCa();
    if (this.#inFlight === undefined && this.#next === undefined) this.#options.greeted();
    this.#log.info({ revision: hello.held?.revision ?? 0, agentVersion: hello.agentVersion }, 'agent connected');
    return undefined;
  }

  /** The host is somewhere else, and is told whether it could be here. */
  #asked(hello: Extract<UpMessage, { kind: 'hello' }>): CallStatus {
    const { backend, certificate, policyTime } = this.#options;
    const { agentVersion } = hello;
    const asking = { ...hello.host, agentVersion, revision: hello.held?.revision ?? 0, ...shownIn(hello) };
    const refusal = backend.refusalOfAsking?.(certificate.identity, asking);
    if (refusal !== undefined) return { code: refusalCodes[refusal.kind], details: refusal.text };
    this.#write(encodeHeartbeat(policyTime()));
    return { code: status.OK, details: '' };
  }

  /** A call, so that the compiler does not think it knows. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #heard(message: Exclude<UpMessage, { kind: 'hello' }>, connection: AgentConnection): CallStatus | undefined {
    switch (message.kind) {
      case 'ack':
        return this.#acked(message.revision, connection);
      case 'nack':
        return this.#nacked(message, connection);
      case 'status':
        connection.statusReported(message.status);
        // Its last word here: that it was heard is what it waits for.
        if (message.status.following?.state === 'leaving')
          return { code: status.OK, details: 'the host goes where it was announced' };
        return undefined;
      case 'host-report':
        connection.hostReported(message.host);
        return undefined;
      case 'events':
        if (this.#isTakingEvents)
          return violation('found events before the answer to those before; allowed: one message');
        this.#isTakingEvents = true;
        void this.#takeEvents(message.events, connection);
        return undefined;
    }
  }

  async #takeEvents(events: readonly HostEvent[], connection: AgentConnection): Promise<void> {
    try {
      await connection.eventsReported(events);
    } catch (error) {
      this.#log.error({ err: error, events: events.length }, 'events of a host could not be stored');
      this.close({
        code: status.UNAVAILABLE,
        details: 'the control plane could not store the events; send them again',
      });
      return;
    }
    this.#options.clock
      .after(events.length * eventPaceMs, () => {
        this.#isTakingEvents = false;
        if (this.#state === 'open') this.#options.call.write(encodeEventsTaken(events.map(({ id }) => id)));
      })
      .unref();
  }

  #acked(revision: number, connection: AgentConnection): CallStatus | undefined {
    const flown = this.#inFlight?.ruleSet;
    if (flown === undefined || flown.revision !== revision) {
      return violation(`found ACK(${revision}); in flight is ${flown?.revision ?? 'nothing'}`);
    }
    this.#base = flown;
    this.#held = undefined;
    this.#inFlight = undefined;
    this.#options.greeted();
    connection.acked(revision);
    this.#pump();
    return undefined;
  }

  #nacked(message: Extract<UpMessage, { kind: 'nack' }>, connection: AgentConnection): CallStatus | undefined {
    const { revision, reason, nack } = message;
    const flown = this.#inFlight;
    // Revision 0: the agent could not even read which one it was.
    if (flown === undefined || (revision !== flown.ruleSet.revision && revision !== 0)) {
      return violation(`found NACK(${revision}); in flight is ${flown?.ruleSet.revision ?? 'nothing'}`);
    }
    this.#inFlight = undefined;
    this.#options.greeted();
    if (nack === 'need-snapshot' && flown.sentAs === 'delta') {
      this.#log.warn({ revision: flown.ruleSet.revision, reason }, 'delta did not fit; sending a snapshot');
      this.#base = undefined;
      this.#held = undefined;
      this.#next ??= flown.ruleSet;
    } else {
      this.#log.warn({ revision: flown.ruleSet.revision, reason }, 'rule set refused by the agent');
      connection.nacked(flown.ruleSet.revision, reason);
    }
    this.#pump();
    return undefined;
  }

  // ---- down

  #offered(ruleSet: HostRuleSet): void {
    if (this.#state === 'closed') return;
    this.#next = this.#takesSchedules ? ruleSet : this.#resolved(ruleSet);
    this.#options.queue.add(this.#pump);
  }

  /** What grants now, for an agent of before schedules travelled; it is offered again when that turns. */
  #resolved(offered: HostRuleSet): HostRuleSet {
    const { ruleSet, nextTurnAt } = rulesAt(offered, this.#options.policyTime());
    this.#timed = nextTurnAt === undefined ? undefined : { ruleSet: offered, turnsAt: nextTurnAt };
    return ruleSet;
  }

  /** One that finds the pipe full is made anew: it is told again until a newer one is due. */
  #tellProof(proof: Uint8Array): void {
    if (this.#state === 'open') this.#write(encodeRevisionProof(proof));
  }

  /** That another CA takes the place of the one that this host's connection rests on. One that finds the pipe full is told with the next stream. */
  tellNextCa(): void {
    const { pki, call } = this.#options;
    const nextCa = pki.nextCa();
    if (this.#state !== 'open' || !this.#takesNextCa || nextCa === undefined) return;
    if (call.peer.trusts === pki.cas().present.id) this.#write(encodeNextCa(nextCa));
  }

  #tellStanding(standing: AddressStanding): void {
    if (this.#state !== 'open') return;
    this.#untoldStanding = this.#isDraining ? standing : undefined;
    this.#write(encodeAddressStanding(standing));
  }

  #tellAnnouncement(announcement: Announcement): void {
    if (this.#state !== 'open') return;
    this.#untoldAnnouncement = this.#isDraining ? announcement : undefined;
    this.#write(encodeAnnouncement(announcement));
  }

  /** A field and not a method: the queue knows it by identity. */
  readonly #pump = (): void => {
    const ruleSet = this.#next;
    const connection = this.#connection;
    if (connection === undefined || ruleSet === undefined || this.#inFlight !== undefined || this.#isDraining) return;
    const problem = this.#certificateProblem();
    if (problem !== undefined) {
      this.close(problem);
      return;
    }
    this.#next = undefined;
    // The agent would refuse it, but only after thousands of streams had a message of tens of megabytes each to hold.
    const addresses = addressCount(ruleSet);
    if (addresses > limits.addresses) {
      connection.nacked(
        ruleSet.revision,
        `the rule set has ${addresses} addresses in ${ruleSet.peerSets.size} peer sets; allowed are ${limits.addresses}; use narrower selectors, or the same ones in more rules`,
      );
      return;
    }
    const { bytes, sentAs } = this.#messageFor(ruleSet);
    if (bytes.length > limits.controlPlaneMessageBytes) {
      const allowed = `allowed are ${limits.controlPlaneMessageBytes}`;
      connection.nacked(
        ruleSet.revision,
        `the rule set takes ${bytes.length} bytes; ${allowed}; use narrower selectors`,
      );
      return;
    }
    this.#inFlight = { ruleSet, sentAs };
    this.#write(bytes);
  };

  #messageFor(ruleSet: HostRuleSet): { readonly bytes: Uint8Array; readonly sentAs: InFlight['sentAs'] } {
    const base = this.#baseFor(ruleSet);
    // A control plane restored from a backup counts from a lower revision: that is no change to what is held, but a new start.
    if (base === undefined || base.revision > ruleSet.revision) {
      return { bytes: encodeSnapshotMessage(ruleSet), sentAs: 'snapshot' };
    }
    return { bytes: encodeDeltaMessage(base, ruleSet), sentAs: 'delta' };
  }

  /** What the agent is known to hold: the last it acknowledged here, or, by digest, just this content under another revision. */
  #baseFor(ruleSet: HostRuleSet): HostRuleSet | undefined {
    if (this.#base !== undefined) return this.#base;
    if (this.#held === undefined || this.#held.digest !== ruleSetDigest(ruleSet)) return undefined;
    return { ...ruleSet, revision: this.#held.revision };
  }

  /** Nothing is written over a full pipe: a heartbeat is then not needed, and a rule set waits for `drain`. */
  #write(bytes: Uint8Array): void {
    if (this.#isDraining) return;
    this.#isDraining = !this.#options.call.write(bytes);
  }
}

/** The agent tells its operator of a shared identity by the code. */
export const refusalCodes: Readonly<Record<ConnectRefusal['kind'], status>> = {
  'not-admitted': status.PERMISSION_DENIED,
  'identity-shared': status.ALREADY_EXISTS,
};

function addressCount({ peerSets }: HostRuleSet): number {
  let count = 0;
  for (const { addresses } of peerSets.values()) count += addresses.length;
  return count;
}

function shownIn({ held, proof, cutOff }: Extract<UpMessage, { kind: 'hello' }>) {
  const digest = held === undefined ? {} : { digest: held.digest };
  return { ...digest, ...(proof === undefined ? {} : { proof }), ...(cutOff === undefined ? {} : { cutOff }) };
}
