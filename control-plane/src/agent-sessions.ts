// The live streams of agents: what was sent to each, what it acknowledged or refused, and who waits to hear of it. One stream a
// host; a second one takes the first one's place.

import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';
import type { AgentSession, AgentStatus } from './agent-backend.ts';

export interface Nack {
  readonly revision: number;
  readonly reason: string;
}

/** One live stream. `sent` is the newest rule set handed to it; ACKs count only once something was sent. */
export interface LiveAgent {
  readonly host: string;
  readonly serial: string;
  readonly connectedAt: Millis;
  readonly session: AgentSession;
  sent: HostRuleSet | undefined;
  sentAt: Millis | undefined;
  acked: number;
  nacked: Nack | undefined;
  status: AgentStatus | undefined;
}

/** How far a revision has come among the agents it was sent to. */
export interface RevisionProgress {
  readonly acked: readonly string[];
  readonly nacked: readonly { readonly host: string; readonly reason: string }[];
  readonly pending: readonly string[];
}

export class AgentSessions {
  readonly #live = new Map<string, LiveAgent>();
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#live.size;
  }

  all(): IterableIterator<LiveAgent> {
    return this.#live.values();
  }

  of(host: string): LiveAgent | undefined {
    return this.#live.get(host);
  }

  /** The live ones of those hosts. */
  *among(hosts: Iterable<string>): Generator<LiveAgent> {
    for (const host of hosts) {
      const agent = this.#live.get(host);
      if (agent !== undefined) yield agent;
    }
  }

  /** The stream that had the host's place is closed. */
  add(agent: LiveAgent): void {
    const before = this.#live.get(agent.host);
    this.#live.set(agent.host, agent);
    before?.session.close('replaced by a newer connection of the same host');
    this.#changed();
  }

  /** Nothing happens for a stream that lost its place before. */
  remove(agent: LiveAgent): void {
    if (this.#live.get(agent.host) !== agent) return;
    this.#live.delete(agent.host);
    this.#changed();
  }

  send(agent: LiveAgent, next: HostRuleSet, at: Millis): void {
    agent.sent = next;
    agent.sentAt = at;
    agent.session.send(next);
  }

  acked(agent: LiveAgent, revision: number): void {
    agent.acked = Math.max(agent.acked, revision);
    if (agent.nacked !== undefined && agent.nacked.revision <= revision) agent.nacked = undefined;
    this.#changed();
  }

  nacked(agent: LiveAgent, nack: Nack): void {
    agent.nacked = nack;
    this.#changed();
  }

  /** Only newest rule sets count: an ACK of a later revision acknowledges this one. Agents that were sent nothing since are not named. */
  progressOf(revision: number): RevisionProgress {
    const acked: string[] = [];
    const nacked: { host: string; reason: string }[] = [];
    const pending: string[] = [];
    for (const agent of this.#live.values()) {
      if (agent.sent === undefined) pending.push(agent.host);
      else if (agent.sent.revision < revision) continue;
      else if (agent.acked >= revision) acked.push(agent.host);
      else if (agent.nacked !== undefined && agent.nacked.revision >= revision) {
        nacked.push({ host: agent.host, reason: agent.nacked.reason });
      } else pending.push(agent.host);
    }
    return { acked: acked.sort(), nacked: nacked.sort((a, b) => (a.host < b.host ? -1 : 1)), pending: pending.sort() };
  }

  /** Resolves when nothing is pending for the revision any more, or at the time limit, with how it then stands. */
  async waitFor(revision: number, timeoutMs: number): Promise<RevisionProgress> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const progress = this.progressOf(revision);
      const leftMs = deadline - performance.now();
      if (progress.pending.length === 0 || leftMs <= 0) return progress;
      await this.nextChange(leftMs);
    }
  }

  /** Resolves when an agent came, went or answered, at the time limit, or when aborted. */
  nextChange(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
    });
  }

  #changed(): void {
    for (const done of [...this.#waiting]) done();
  }
}
