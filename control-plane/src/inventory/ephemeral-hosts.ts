// Hosts that may go without a word: those of an autoscaled group, by the token they joined with. One that is silent for longer than its token
// says is removed, in time that the control plane was up. A control plane that nobody at all reaches removes nobody: then it is more
// likely that it is cut off than that every host is gone.

export interface EphemeralHostsOptions {
  /** Milliseconds that the control plane has been up in all. */
  readonly upMs: () => number;
  readonly isConnected: (host: string) => boolean;
  readonly connectedCount: () => number;
}

interface Ephemeral {
  readonly ms: number;
  silentSince: number;
}

export class EphemeralHosts {
  readonly #options: EphemeralHostsOptions;
  readonly #hosts = new Map<string, Ephemeral>();

  constructor(options: EphemeralHostsOptions) {
    this.#options = options;
  }

  /** `silentSince`, in up time: now, for a host that joined this moment or was connected when the process before ended. */
  add(host: string, ms: number | undefined, silentSince = this.#options.upMs()): void {
    if (ms === undefined) this.#hosts.delete(host);
    else this.#hosts.set(host, { ms, silentSince });
  }

  forget(host: string): void {
    this.#hosts.delete(host);
  }

  /** Called every few seconds; gives those whose time is over, with how long they were silent. */
  takeSilent(): readonly { readonly host: string; readonly silentMs: number }[] {
    const at = this.#options.upMs();
    const silent: { host: string; silentMs: number }[] = [];
    const isReached = this.#options.connectedCount() > 0;
    for (const [host, known] of this.#hosts) {
      if (this.#options.isConnected(host)) known.silentSince = at;
      else if (isReached && at - known.silentSince >= known.ms) silent.push({ host, silentMs: at - known.silentSince });
    }
    return silent;
  }
}
