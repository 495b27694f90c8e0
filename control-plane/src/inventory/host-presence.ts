// Since when hosts are gone, why they were turned away last, and how often they come back: what an operator asks of a host that is not
// there. In memory: after a restart it is known since when a host is gone, as the store tells, and nothing else of before. Bounded by the hosts
// that are enrolled.

import { type Millis, millis } from '#model/time.ts';

export interface HostPresence {
  /** When its stream ended; absent while it has one. Of before this process began: no earlier than it was. */
  readonly goneSince?: Millis;
  /** The newest refusal since it was connected last. */
  readonly turnedAway?: { readonly at: Millis; readonly reason: string };
  /** Streams opened within the last ten minutes. */
  readonly recentConnects: number;
}

export interface PresenceCounts {
  readonly startingOver: number;
  /** Of hosts that are away. */
  readonly turnedAway: number;
  /** Since when the host is gone that is gone for longest. */
  readonly goneSince?: Millis;
}

const windowMs = 10 * 60_000;
/** An agent connects once; twice on a bad line, and again after its own and the control plane's upgrade. */
const manyConnects = 5;
/** More are no news. */
const connectsKept = 100;

interface Kept {
  goneSince: Millis | undefined;
  turnedAway: HostPresence['turnedAway'] | undefined;
  /** By the clock that only goes forward. */
  connects: readonly number[];
}

export class HostPresences {
  readonly #byHost = new Map<string, Kept>();

  connected(host: string, elapsedMs: number): void {
    const kept = this.#of(host);
    kept.goneSince = undefined;
    kept.turnedAway = undefined;
    kept.connects = [...kept.connects.filter((one) => elapsedMs - one < windowMs), elapsedMs].slice(-connectsKept);
  }

  disconnected(host: string, at: Millis): void {
    this.#of(host).goneSince = at;
  }

  /** Of a host that was gone for so long, of what an earlier process knows. */
  remember(
    host: string,
    given: { readonly lastConnectedAt: Millis; readonly goneMs: number; readonly now: Millis },
  ): void {
    const { lastConnectedAt, goneMs, now } = given;
    this.disconnected(host, millis(Math.max(lastConnectedAt, now - Math.max(0, goneMs))));
  }

  /** Call it for enrolled hosts only. */
  turnedAway(host: string, at: Millis, reason: string): void {
    this.#of(host).turnedAway = { at, reason };
  }

  forget(host: string): void {
    this.#byHost.delete(host);
  }

  of(host: string, elapsedMs: number): HostPresence {
    const kept = this.#byHost.get(host);
    if (kept === undefined) return { recentConnects: 0 };
    const { goneSince, turnedAway, connects } = kept;
    return {
      ...(goneSince === undefined ? {} : { goneSince }),
      ...(turnedAway === undefined ? {} : { turnedAway }),
      recentConnects: connects.filter((one) => elapsedMs - one < windowMs).length,
    };
  }

  counts(elapsedMs: number): PresenceCounts {
    let startingOver = 0;
    let turnedAway = 0;
    const gone: Millis[] = [];
    for (const [host, kept] of this.#byHost) {
      if (this.of(host, elapsedMs).recentConnects >= manyConnects) startingOver += 1;
      const isHere = kept.goneSince === undefined && kept.connects.length > 0;
      if (!isHere && kept.turnedAway !== undefined) turnedAway += 1;
      if (kept.goneSince !== undefined) gone.push(kept.goneSince);
    }
    const [goneSince] = gone.sort((a, b) => a - b);
    return { startingOver, turnedAway, ...(goneSince === undefined ? {} : { goneSince }) };
  }

  #of(host: string): Kept {
    const kept = this.#byHost.get(host) ?? { goneSince: undefined, turnedAway: undefined, connects: [] };
    this.#byHost.set(host, kept);
    return kept;
  }
}

/** Empty where there is nothing to tell. A host that is there was turned away as a copy at most, which is told elsewhere. */
export function presenceProblem({ turnedAway, recentConnects }: HostPresence, state: 'connected' | 'away'): string {
  const troubles: string[] = [];
  if (recentConnects >= manyConnects)
    troubles.push(
      `its agent connected ${recentConnects} times in ten minutes: does it end and start over? See its journal`,
    );
  if (state === 'away' && turnedAway !== undefined)
    troubles.push(`turned away at ${new Date(turnedAway.at).toISOString()}: ${turnedAway.reason}`);
  return troubles.join('; ');
}
