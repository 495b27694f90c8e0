// Where hosts find their control plane from now on, by an operator's word: told to each on its stream, and how far each is. A host follows by
// itself, and only where it would be served; nothing here takes its connection from it. What hosts said is of this life of the process.

import type { AgentSession } from '#control-plane/agents/agent-backend.ts';
import type { Announced } from '#control-plane/changes/operator-changes.ts';
import type { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import type { StoredAnnouncement } from '#control-plane/store/announcement.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import { controlPlaneText, parseControlPlaneAddresses } from '#wire/control-plane-address.ts';
import { limits } from '#wire/limits.ts';
import type { Announcement, Following } from '#wire/policy-sync-messages.ts';

export interface AnnouncementsOptions {
  readonly now: () => Millis;
  readonly sessions: Pick<AgentSessions, 'all' | 'of'>;
  /** In order; those that are revoked are no host of ours. */
  readonly hosts: () => readonly string[];
  /** The newest. */
  readonly announcement: () => StoredAnnouncement | undefined;
  /** It is stored when this resolves. */
  readonly change: (change: Announced) => Promise<unknown>;
  /** A host goes where it was announced. */
  readonly left: (host: string, details: Readonly<Record<string, unknown>>) => void;
}

/**
 * `moved`: its stream here comes by an announced address. `left`: that it goes there was its last word. `not-yet`: it tries, see `problem`.
 * `too-old`: its agent takes no announcement. `away`: it is not connected, and was not told, or stayed.
 */
export type HostFollowing = 'moved' | 'left' | 'not-yet' | 'too-old' | 'away';

export interface AnnouncementStanding {
  readonly announced?: StoredAnnouncement;
  /** Empty where nothing is announced. */
  readonly hosts: readonly { readonly host: string; readonly state: HostFollowing; readonly problem: string }[];
}

/** A host that says it followed an announcement of the far future must not push the next one there. */
const believedAheadMs = 86_400_000;

export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #following = new Map<string, Following>();

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  /** The error says what is wrong with the addresses (several with commas between). */
  async announce(text: string, actor: string): Promise<Result<StoredAnnouncement>> {
    const parsed = parseControlPlaneAddresses(text);
    if (!parsed.ok) return parsed;
    const most = limits.announcedControlPlanes;
    if (parsed.value.length > most)
      return err(
        `there are ${parsed.value.length} addresses; allowed are ${most}, since a host keeps the one in use beside them until another serves it`,
      );
    const addresses = parsed.value.map(controlPlaneText);
    return ok(await this.#save(addresses, actor));
  }

  /** Undefined: nothing is announced, and nothing was changed. */
  async withdraw(actor: string): Promise<StoredAnnouncement | undefined> {
    const before = this.#announced();
    if (before === undefined) return undefined;
    await this.#save([], actor);
    return before;
  }

  /** A new stream: also that nothing is announced any more is news to it. */
  greet({ announce }: AgentSession): void {
    announce?.(this.#told());
  }

  heard(host: string, following: Following | undefined): void {
    const before = this.#following.get(host);
    if (following === undefined) this.#following.delete(host);
    else this.#following.set(host, following);
    const announced = this.#announced();
    if (following?.state !== 'leaving' || following.announcement !== announced?.number) return;
    if (before?.state === 'leaving' && before.announcement === following.announcement) return;
    this.#options.left(host, { addresses: announced.addresses });
  }

  forget(host: string): void {
    this.#following.delete(host);
  }

  standing(): AnnouncementStanding {
    const announced = this.#announced();
    if (announced === undefined) return { hosts: [] };
    const hosts = this.#options.hosts().map((host) => ({ host, ...this.#standingOf(host, announced.number) }));
    return { announced, hosts };
  }

  #standingOf(host: string, number: number): { readonly state: HostFollowing; readonly problem: string } {
    const live = this.#options.sessions.of(host);
    const said = this.#following.get(host);
    const following = said?.announcement === number ? said : undefined;
    if (live === undefined) return { state: following?.state === 'leaving' ? 'left' : 'away', problem: '' };
    if (live.session.announce === undefined)
      return { state: 'too-old', problem: 'its agent takes no announcement: segwall-agent move on the host' };
    return { state: following?.state === 'followed' ? 'moved' : 'not-yet', problem: following?.problem ?? '' };
  }

  get #newest(): StoredAnnouncement | undefined {
    return this.#options.announcement();
  }

  #announced(): StoredAnnouncement | undefined {
    return this.#newest?.addresses.length === 0 ? undefined : this.#newest;
  }

  #told(): Announcement {
    return { number: this.#newest?.number ?? 0, addresses: this.#newest?.addresses ?? [] };
  }

  async #save(addresses: readonly string[], by: string): Promise<StoredAnnouncement> {
    const { change, now, sessions } = this.#options;
    const at = now();
    const heard = [...this.#following.values()].map(({ announcement }) => announcement);
    const believed = heard.filter((number) => number <= at + believedAheadMs);
    const number = believed.reduce(
      (most, one) => Math.max(most, one + 1),
      Math.max(at, (this.#newest?.number ?? 0) + 1),
    );
    const announcement = { number, at, by, addresses };
    const before = this.#newest?.addresses ?? [];
    await change({ kind: 'announced', announcement, before });
    for (const { session } of sessions.all()) session.announce?.(this.#told());
    return announcement;
  }
}
