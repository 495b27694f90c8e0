// Hosts that may go without a word: those of an autoscaled group, by the token they joined with. One that is silent for longer than its token
// says is removed, in time that the control plane was up. A control plane that nobody at all reaches removes nobody: then it is more
// likely that it is cut off than that every host is gone.

export interface EphemeralHostsOptions {
  /** How long each of them may be silent. */
  readonly silenceMs: ReadonlyMap<string, number>;
  /** Milliseconds that the control plane has been up in all. */
  readonly upMs: () => number;
  readonly isConnected: (host: string) => boolean;
  readonly connectedCount: () => number;
}

export class EphemeralHosts {
  readonly #options: EphemeralHostsOptions;
  /** In up time. */
  readonly #silentSince = new Map<string, number>();

  constructor(options: EphemeralHostsOptions) {
    this.#options = options;
  }

  /** `silentSince`, in up time: now, for a host that joined this moment or was connected when the process before ended. */
  add(host: string, silentSince = this.#options.upMs()): void {
    if (this.#options.silenceMs.has(host)) this.#silentSince.set(host, silentSince);
  }

  forget(host: string): void {
    this.#silentSince.delete(host);
  }

  /** Called every few seconds; gives those whose time is over, with how long they were silent. */
  takeSilent(): readonly { readonly host: string; readonly silentMs: number }[] {
    const at = this.#options.upMs();
    const silent: { host: string; silentMs: number }[] = [];
    const isReached = this.#options.connectedCount() > 0;
    for (const [host, mostMs] of this.#options.silenceMs) {
      if (this.#options.isConnected(host)) this.#silentSince.set(host, at);
      const silentMs = at - (this.#silentSince.get(host) ?? at);
      if (isReached && silentMs >= mostMs) silent.push({ host, silentMs });
    }
    return silent;
  }
}
