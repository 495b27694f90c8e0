// One more try to reach the control plane, watched on its way through this host: whether our own table denied its packets. Others may ask
// for the same address and port and be denied it, so a denial counts only where packets of the agent's user died between the counters
// (agent/core/table/try-witness.ts), and no fewer than died are new in our denied sets.

import type { Nft } from '#agent/nft/nft.ts';
import { denialsSince, type LockOutEvidence, type WayDenials } from '#agent-core/table/lock-out.ts';
import type { OwnWay } from '#agent-core/table/own-way.ts';
import { witnessPause, witnessRemoval, witnessScript, witnessTable } from '#agent-core/table/try-witness.ts';
import { deathsBetween } from '#agent-core/table/witness-listing.ts';
import type { Result } from '#model/result.ts';

export interface WatchedTry {
  readonly tried: Result<void>;
  readonly denials: LockOutEvidence['denials'];
}

/** What cannot be read counts as no denial: the policy stays. */
export async function tryWatched(given: {
  readonly nft: Pick<Nft, 'apply' | 'list'>;
  readonly way: Pick<OwnWay, 'port' | 'addresses'>;
  /** Whose sockets the tries are. */
  readonly uid: number;
  readonly tryConnect: (signal: AbortSignal) => Promise<Result<void>>;
  readonly denials: () => Promise<Result<WayDenials>>;
  readonly signal: AbortSignal;
}): Promise<WatchedTry> {
  const { nft, way, uid, tryConnect, denials, signal } = given;
  const before = await denials();
  const watching = await nft.apply(witnessScript({ uid, port: way.port, addresses: way.addresses }));
  try {
    const tried = await tryConnect(signal);
    if (tried.ok || !watching.ok) return { tried, denials: 'none' };
    await nft.apply(witnessPause);
    const [seen, after] = [await nft.list(['list', 'counters', 'table', ...witnessTable.split(' ')]), await denials()];
    const deaths = seen.ok ? deathsBetween(seen.value) : 0;
    const isOurs = deaths > 0 && before.ok && after.ok && denialsSince(before.value, after.value) >= deaths;
    return { tried, denials: isOurs ? 'some' : 'none' };
  } finally {
    if (watching.ok) await nft.apply(witnessRemoval);
  }
}
