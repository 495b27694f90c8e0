// The live streams of agents: what was sent to each, what it acknowledged or refused, what it says of itself, and who waits to hear of
// it. One stream a host; a second one takes the first one's place.

import { systemClock } from '#clock/system-clock.ts';
import type { AgentSession, AgentStatus } from '#control-plane/agents/agent-backend.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';

export interface Nack {
  readonly revision: number;
  readonly reason: string;
}

/** One live stream. `sent` is the newest rule set handed to it; ACKs count only once something was sent. */
export interface LiveAgent {
  readonly host: string;
  readonly serial: string;
  /** The address and port it came from. */
  readonly connection?: string | undefined;
  readonly connectedAt: Millis;
  readonly session: AgentSession;
  sent: HostRuleSet | undefined;
  sentAt: Millis | undefined;
  /** What its hello said it holds, where this store knows of no such revision; never taken for one of our own. */
  readonly ahead?: number | undefined;
  /** How much of its last host report was beyond its bounds and left out. */
  cut?: number;
  acked: number;
  /** The newest acknowledged revision that it was given a proof of. */
  proven?: number;
  /** What it acknowledged last, where that was the newest sent to it by then. */
  inForce: HostRuleSet | undefined;
  nacked: Nack | undefined;
  status: AgentStatus | undefined;
}

export class AgentSessions {
  readonly #live = new Map<string, LiveAgent>();
  readonly #waiting = new Set<() => void>();
  /** As each host said last, also of those that are away. */
  readonly #unjudged = new Map<string, ReadonlySet<string>>();

  get size(): number {
    return this.#live.size;
  }

  all(): IterableIterator<LiveAgent> {
    return this.#live.values();
  }

  of(host: string): LiveAgent | undefined {
    return this.#live.get(host);
  }

  /** Whether the host said that a unit's processes use a network of their own, where no cgroup tells them. */
  isUnjudged(host: string, unit: string): boolean {
    return this.#unjudged.get(host)?.has(unit) === true;
  }

  /** The host is removed. */
  forget(host: string): void {
    this.#unjudged.delete(host);
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
    if (agent.sent?.revision === revision) agent.inForce = agent.sent;
    if (agent.nacked !== undefined && agent.nacked.revision <= revision) agent.nacked = undefined;
    this.#changed();
  }

  nacked(agent: LiveAgent, nack: Nack): void {
    agent.nacked = nack;
    this.#changed();
  }

  statusReported(agent: LiveAgent, status: AgentStatus): void {
    const before = agent.status;
    agent.status = status;
    if (this.#live.get(agent.host) === agent) {
      if (status.unjudgedUnits === undefined) this.#unjudged.delete(agent.host);
      else this.#unjudged.set(agent.host, new Set(status.unjudgedUnits));
    }
    const isNews =
      before?.enforcing !== status.enforcing || (before.panic === undefined) !== (status.panic === undefined);
    if (isNews) this.#changed();
  }

  /** Resolves when an agent came, went, answered or spoke of itself, at the time limit, or when aborted. */
  nextChange(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = systemClock.after(timeoutMs, done);
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
    });
  }

  #changed(): void {
    for (const done of [...this.#waiting]) done();
  }
}
