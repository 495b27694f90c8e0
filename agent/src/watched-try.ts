// One more try to reach the control plane, watched on its way through this host: whether our own table denied its packets. Others may ask
// for the same address and port and be denied it, so a denial counts only where the try's own packets died between the counters.

import type { LockOutEvidence } from '#agent-core/lock-out.ts';
import {
  diedBetween,
  type WatchedTries,
  witnessRemoval,
  witnessScript,
  witnessTable,
} from '#agent-core/try-witness.ts';
import type { Result } from '#model/result.ts';
import type { ControlPlaneReach } from './control-plane-reach.ts';
import type { Nft } from './nft.ts';

export interface WatchedTry {
  readonly tried: Result<void>;
  readonly denials: LockOutEvidence['denials'];
}

/** Below the range from which Linux takes ports by itself, and above those that services have. */
const ports = { first: 20_000, last: 32_000 } as const;

/** What cannot be read counts as no denial: the policy stays. */
export async function tryWatched(given: {
  readonly nft: Pick<Nft, 'apply' | 'list'>;
  readonly reach: Pick<ControlPlaneReach, 'tryConnect' | 'way'>;
  /** Packets that our denied sets show on the way to the control plane so far. */
  readonly denials: () => Promise<Result<number>>;
  readonly signal: AbortSignal;
}): Promise<WatchedTry> {
  const { nft, reach, denials, signal } = given;
  const { port, addresses } = reach.way();
  const localPort = ports.first + Math.floor(Math.random() * (ports.last - ports.first));
  const before = await denials();
  const watching = await nft.apply(witnessScript({ localPort, port, addresses } satisfies WatchedTries));
  try {
    const tried = await reach.tryConnect(signal, localPort);
    if (tried.ok || !watching.ok) return { tried, denials: 'none' };
    const [seen, after] = [await nft.list(['list', 'counters', 'table', ...witnessTable.split(' ')]), await denials()];
    const isOurs = seen.ok && diedBetween(seen.value) === 'died' && before.ok && after.ok && after.value > before.value;
    return { tried, denials: isOurs ? 'some' : 'none' };
  } finally {
    if (watching.ok) await nft.apply(witnessRemoval);
  }
}
