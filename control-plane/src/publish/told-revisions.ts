// What hosts were told, as they show it in their hellos and as it is signed for them. A hello that shows history which the store lacks begins
// a hold before anything is sent. One that says it holds a revision which its own proof does not cover (none yet, or the newest was lost on
// the way) may hold containment of such history unseen: for a while after a start, in which all others show theirs, it is left with
// what it has. Whoever shows its proof, or holds nothing, waits for nothing.
//
// Signed is what is acknowledged and stored: at once where it is the first of a stream or contains somebody, else with the next look.

import type { Logger } from 'pino';
import type { AgentHello } from '#control-plane/agents/agent-backend.ts';
import { cutOffSets } from '#model/cut-off.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import type { LiveAgent } from './agent-sessions.ts';
import { namesDigest, type RevisionProofs } from './revision-proofs.ts';
import type { StoreHolding } from './store-holding.ts';

export interface ToldRevisionsOptions {
  /** Absent: nobody can show what it was told. */
  readonly proofs: RevisionProofs | undefined;
  readonly holding: StoreHolding;
  readonly revision: () => number;
  /** Of a clock that only goes forward. */
  readonly elapsedMs: () => number;
  readonly log: Logger;
  /** A hold has begun: it is to be stored, and nothing more sent. */
  readonly began: () => void;
}

/** What may be sent to who says hello. `wait`: nothing while `isLooking`, unless it is what the host holds. */
export type Greeting = 'send' | 'wait';

/** As long as an agent waits at most between two tries to connect. */
const lookMs = 30_000;

export class ToldRevisions {
  readonly #options: ToldRevisionsOptions;
  readonly #startedAt: number;
  /** The newest revision that contained somebody. */
  #containedAt = 0;
  #named: { readonly sets: readonly PeerSet[]; readonly digest: string } = { sets: [], digest: namesDigest([]) };

  constructor(options: ToldRevisionsOptions) {
    this.#options = options;
    this.#startedAt = options.elapsedMs();
  }

  get isLooking(): boolean {
    return this.#options.elapsedMs() - this.#startedAt < lookMs;
  }

  look(host: string, { proof, cutOff = [], revision: held }: AgentHello): Greeting {
    const { proofs, holding, log } = this.#options;
    if (proofs === undefined) return 'send';
    const told = proofs.read(host, proof);
    const revision = this.#options.revision();
    if (told === undefined || !holding.lacks(told, revision))
      return this.isLooking && held > (told?.revision ?? 0) ? 'wait' : 'send';
    const where = told.revision > revision ? '' : ' in a history that this store does not have';
    const why = `${host} was told revision ${told.revision}${where}, and the store's newest is ${revision}`;
    if (holding.begin({ kind: 'behind', revision, why }) === 'began') {
      log.error({ host, told }, 'the store is older than what agents were told: they keep what they have');
      this.#options.began();
    }
    holding.noteAhead(host, told, cutOff);
    // The hold lets nothing out, and serves it when it ends.
    return 'send';
  }

  /** Why this is not the control plane that told the host what it has, nor a copy of it; undefined where it is, or the host shows nothing. */
  strangerText(host: string, proof: Uint8Array | undefined): string | undefined {
    const { proofs } = this.#options;
    if (proof === undefined || proofs === undefined || proofs.read(host, proof) !== undefined) return undefined;
    return `what ${host} was told was signed by another control plane, of which this is no copy`;
  }

  contained(revision: number): void {
    this.#containedAt = revision;
  }

  acked(agent: LiveAgent): void {
    const { acked, proven } = agent;
    if (proven === undefined || (proven < this.#containedAt && acked >= this.#containedAt)) this.prove([agent]);
  }

  prove(agents: Iterable<LiveAgent>): void {
    const { proofs, holding } = this.#options;
    const own = holding.ownRun;
    if (proofs === undefined || own === undefined || holding.isHeld) return;
    for (const agent of agents) {
      const { host, acked, proven = 0, session, inForce } = agent;
      if (session.prove === undefined || acked <= proven) continue;
      const cutOff = inForce?.revision === acked ? { cutOff: this.#cutOffBy(inForce) } : {};
      session.prove(proofs.issue(host, { ...own, revision: acked, ...cutOff }));
      agent.proven = acked;
    }
  }

  /** Hosts share the sets of quarantines: what was worked out for one serves the next. */
  #cutOffBy({ peerSets }: HostRuleSet): string {
    const sets = cutOffSets(peerSets);
    const { sets: last } = this.#named;
    if (sets.length !== last.length || sets.some((set, at) => set !== last[at]))
      this.#named = { sets, digest: namesDigest(sets.flatMap(({ quarantine }) => quarantine ?? [])) };
    return this.#named.digest;
  }
}
