// One agent's stream, from its hello to its end: what it says becomes changes, in turns of hosts.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type {
  AgentConnection,
  AgentHello,
  AgentSession,
  AgentStatus,
  HostReport,
} from '#control-plane/agents/agent-backend.ts';
import { reportedEntry } from '#control-plane/inventory/host-entries.ts';
import { believedStatus } from '#control-plane/inventory/host-report.ts';
import type { AgentIdentity } from '#control-plane/pki/agent-identity.ts';
import type { LiveAgent } from '#control-plane/publish/agent-sessions.ts';
import type { RateBudget } from '#control-plane/rpc/rate-budget.ts';
import type { HostEvent } from '#model/host-event.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import type { JoinedParts } from './joined-parts.ts';

export interface StreamBeginning {
  readonly identity: AgentIdentity;
  readonly hello: AgentHello;
  readonly session: AgentSession;
  readonly reportPace: RateBudget;
}

export class AgentStream implements AgentConnection {
  readonly #parts: JoinedParts;
  readonly #hello: AgentHello;
  readonly #reportPace: RateBudget;
  readonly #agent: LiveAgent;
  /** By the clock that only goes forward. */
  readonly #beganAt: number;
  /** What could not be stored, on a full disk, is tried again with the agent's next status. */
  #untaken: HostReport | undefined;
  #reporting: Timer | undefined;

  constructor(parts: JoinedParts, { identity, hello, session, reportPace }: StreamBeginning) {
    const { now, elapsedMs, state } = parts;
    const { host, serial, connection } = identity;
    this.#parts = parts;
    this.#hello = hello;
    this.#untaken = hello;
    this.#reportPace = reportPace;
    this.#beganAt = elapsedMs();
    this.#agent = {
      ...{ host, serial, connection, connectedAt: now(), session },
      sent: undefined,
      sentAt: undefined,
      ahead: hello.revision > state.revision ? hello.revision : undefined,
      acked: 0,
      inForce: undefined,
      nacked: undefined,
      status: undefined,
    };
  }

  /** It has its host's place, and is sent what its host was to enforce; its report waits for its turn. */
  begin(): void {
    const { sessions, presences, happenings, announcements, told, holding, publication, turns } = this.#parts;
    const { host, serial, session } = this.#agent;
    const { agentVersion, revision } = this.#hello;
    sessions.add(this.#agent);
    presences.connected(host, this.#beganAt);
    happenings.take('agent-connected', host, { from: session.seenFrom, serial, agentVersion });
    announcements.greet(session);
    const greeting = told.look(host, this.#hello);
    const isLeft = greeting === 'wait' && !this.#holdsAlready();
    if (!holding.isHeld && !isLeft) publication.greet(this.#agent, revision);
    const isPaced = !this.#reportPace.take(host, this.#parts.elapsedMs());
    turns.soon(this.#presenceKey, () => this.#connected({ isLeft, isPaced }));
  }

  acked(revision: number): void {
    const { sessions, owed, told } = this.#parts;
    sessions.acked(this.#agent, revision);
    if (!owed.owesRevision) told.acked(this.#agent);
  }

  nacked(revision: number, reason: string): void {
    const { log, sessions, notes } = this.#parts;
    const { host } = this.#agent;
    log.warn({ host, revision, reason }, 'agent refused a revision');
    sessions.nacked(this.#agent, { revision, reason });
    const details = { revision, reason };
    notes.ofHost({ actor: `agent/${host}`, action: 'revision-refused', target: host, details });
  }

  statusReported(status: AgentStatus): void {
    const { sessions, now, announcements, addresses, turns, time } = this.#parts;
    const { host } = this.#agent;
    sessions.statusReported(this.#agent, believedStatus(status, now()));
    if (this.#isLive) announcements.heard(host, status.following);
    if (addresses.heard(host)) turns.soon('claims', () => time.claimsChanged());
    if (this.#untaken !== undefined && this.#reporting === undefined) this.#takeSoon();
  }

  hostReported(report: HostReport): void {
    this.#untaken = report;
    this.#takeSoon();
  }

  async eventsReported(events: readonly HostEvent[]): Promise<void> {
    const { turns } = this.#parts;
    const outcome = await turns.replaceable(`events/${this.#agent.host}`, () => this.#takeEvents(events));
    if (outcome === 'replaced') throw new Error('the host has sent other events on a newer stream');
  }

  disconnected(): void {
    const { sessions, hold, presences, now, elapsedMs, turns, time, happenings, log } = this.#parts;
    const { host, serial, session } = this.#agent;
    this.#reporting?.cancel();
    sessions.remove(this.#agent);
    hold.left(this.#agent);
    if (sessions.of(host) === undefined) presences.disconnected(host, now());
    // At a stop the store goes on taking it for connected: its absence begins when the next process does.
    if (!turns.isStopped) {
      turns.soon(this.#presenceKey, () => time.hostLeft(host));
      const connectedMs = Math.round(elapsedMs() - this.#beganAt);
      happenings.take('agent-disconnected', host, { from: session.seenFrom, serial, connectedMs });
    }
    log.debug({ host }, 'agent disconnected');
  }

  /** Of a host that comes and goes, one turn waits: what it finds when its time comes is what counts. */
  get #presenceKey(): string {
    return `presence/${this.#agent.host}`;
  }

  get #isLive(): boolean {
    return this.#parts.sessions.of(this.#agent.host) === this.#agent;
  }

  /** What it says it holds is what it would be sent: that takes nothing away. */
  #holdsAlready(): boolean {
    const { publication, state } = this.#parts;
    const { digest } = this.#hello;
    if (digest === undefined) return false;
    const ruleSet = publication.ruleSetOf(this.#agent.host, state.revision);
    return ruleSet !== undefined && ruleSetDigest(ruleSet) === digest;
  }

  async #connected(how: { readonly isLeft: boolean; readonly isPaced: boolean }): Promise<void> {
    const { addresses, time, told, hold, publication } = this.#parts;
    if (this.#isLive) addresses.connected(this.#agent.host, this.#agent.session.seenFrom);
    try {
      if (how.isPaced) this.#takeSoon();
      else await this.#takeReport();
      await time.keepAddresses();
    } finally {
      // Policy reaches it all the same: not welcomed, it would hear of nothing for as long as it stays connected.
      if (how.isLeft && told.isLooking) hold.wait(this.#agent);
      else publication.welcome(this.#agent);
    }
  }

  /** The newest report, as soon as its host's pace allows one. */
  #takeSoon(): void {
    const { turns, elapsedMs } = this.#parts;
    const { host } = this.#agent;
    const waitMs = this.#reportPace.takeMany(host, { at: elapsedMs(), count: 1 });
    if (waitMs === 0) turns.soon(`report/${host}`, () => this.#takeReport());
    else
      this.#reporting ??= systemClock
        .after(waitMs, () => {
          this.#reporting = undefined;
          if (this.#isLive) this.#takeSoon();
        })
        .unref();
  }

  async #takeReport(): Promise<void> {
    const report = this.#untaken;
    if (report === undefined || !this.#isLive) return;
    await this.#take(report);
    if (this.#untaken === report) this.#untaken = undefined;
  }

  async #take(report: HostReport): Promise<void> {
    const { state, names, runner, happenings, intake, elapsedMs, time, addresses } = this.#parts;
    const { host, connectedAt } = this.#agent;
    const { agentVersion } = this.#hello;
    this.#agent.cut = report.cut ?? 0;
    const before = state.inventory.host(host);
    if (before === undefined) return;
    const isTaken = (name: string) => names.isTaken(name);
    const { reported, forgotten } = reportedEntry({ before, report, agentVersion, isTaken });
    await runner.run({ kind: 'host-reported', host, ...reported, forgotten, agentVersion, connectedAt });
    const entry = state.inventory.host(host);
    if (reported.news === 'same' || entry === undefined) return;
    happenings.factsChanged(host, before.facts, entry.facts);
    intake.entryChanged(before, entry, elapsedMs());
    if (reported.news === 'claims') await time.keepAddresses();
    else {
      await addresses.keep();
      await time.advance('host-reported');
    }
  }

  async #takeEvents(events: readonly HostEvent[]): Promise<void> {
    const { isExpected, hostNotes, log, runner, now } = this.#parts;
    const { host } = this.#agent;
    // Its word counts for as long as it is one of the fleet.
    if (!isExpected(host)) return;
    const kept = events.filter(({ kind }) => hostNotes.take(host, kind));
    for (const { kind, details } of kept)
      log.warn({ host, kind, told: Object.fromEntries(details) }, 'told by an agent of its host');
    try {
      const tamperings = events.filter(({ kind }) => kind === 'table-tampered').length;
      await runner.run({ kind: 'host-told', host, tamperings, events: kept, at: now() });
    } catch (cause) {
      for (const { kind } of kept) hostNotes.giveBack(host, kind);
      throw cause;
    }
  }
}
