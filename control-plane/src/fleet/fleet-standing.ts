// Waiting for the fleet: until every connected host that a revision concerns has answered it, or until hosts enforce what they are to.
// Everything is asked anew after each change of a stream; nothing here waits for a host that is away longer than it is told to.

import { systemClock } from '#clock/system-clock.ts';
import type { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import { type HostStanding, type Protection, protectionOf } from '#control-plane/publish/protection.ts';
import { answerOf, progressOf, type RevisionProgress } from '#control-plane/publish/revision-progress.ts';

export interface FleetStandingOptions {
  readonly sessions: Pick<AgentSessions, 'of' | 'nextChange'>;
  /** Names of enrolled hosts. */
  readonly hosts: () => Iterable<string>;
  readonly isEnrolled: (host: string) => boolean;
  /** The newest revision that changed something for the host. */
  readonly dueOf: (host: string) => number;
}

export class FleetStanding {
  readonly #options: FleetStandingOptions;

  constructor(options: FleetStandingOptions) {
    this.#options = options;
  }

  of(host: string): HostStanding {
    return { host, live: this.#options.sessions.of(host), due: this.#options.dueOf(host) };
  }

  protectionOf(host: string): Protection {
    return protectionOf(this.of(host));
  }

  progressOf(revision: number): RevisionProgress {
    return progressOf(revision, this.#all());
  }

  /** Resolves when no connected host has yet to answer, or at the time limit, with how it then stands. */
  async waitFor(revision: number, timeoutMs: number): Promise<RevisionProgress> {
    const isAwaited = (host: string) =>
      this.#options.isEnrolled(host) && answerOf(revision, this.of(host)) === 'awaited';
    await this.#untilNone(isAwaited, { among: () => this.#options.hosts(), timeoutMs });
    return this.progressOf(revision);
  }

  /** Resolves when each of the hosts (none given: each enrolled one) has the newest that concerns it in force, or at the time limit. */
  async waitForProtection(hosts: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, Protection>> {
    const among = () => (hosts.length > 0 ? hosts : this.#options.hosts());
    const isShort = (host: string) => this.protectionOf(host) !== 'in-force';
    await this.#untilNone(isShort, { among, timeoutMs });
    return new Map([...among()].map((host) => [host, this.protectionOf(host)]));
  }

  /** The last one found is asked first: of thousands of answers, few are worth a look at all hosts. */
  async #untilNone(
    holds: (host: string) => boolean,
    { among, timeoutMs }: { readonly among: () => Iterable<string>; readonly timeoutMs: number },
  ): Promise<void> {
    const deadline = systemClock.elapsedMs() + timeoutMs;
    let found: string | undefined;
    for (;;) {
      if (found === undefined || !holds(found)) found = firstOf(among(), holds);
      const leftMs = deadline - systemClock.elapsedMs();
      if (found === undefined || leftMs <= 0) return;
      await this.#options.sessions.nextChange(leftMs);
    }
  }

  *#all(): Generator<HostStanding> {
    for (const host of this.#options.hosts()) yield this.of(host);
  }
}

function firstOf(names: Iterable<string>, holds: (name: string) => boolean): string | undefined {
  for (const name of names) if (holds(name)) return name;
  return undefined;
}
