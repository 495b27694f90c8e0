// What the processes of the benchmark "reach" say to each other.

export type HostsOrder =
  | {
      readonly kind: 'enrol';
      readonly directory: string;
      readonly first: number;
      readonly count: number;
      readonly port: number;
      /** From where the control plane sees them come. */
      readonly from: { readonly kind: 'own' } | { readonly kind: 'one'; readonly address: string };
      readonly caFingerprint: string;
      /** Taken in turn. */
      readonly tokens: readonly string[];
      readonly patienceMs: number;
    }
  /** Answered when all are connected. */
  | { readonly kind: 'run'; readonly directory: string; readonly first: number; readonly count: number }
  /** Who connects from now on counts for `all-back`. */
  | { readonly kind: 'mark' }
  /** The control plane is ready: tries count from now on, and how soon the first is served. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'all-back' };

export type HostsAnswer =
  | { readonly kind: 'enrolled'; readonly failures: readonly string[]; readonly tookMs: number }
  | { readonly kind: 'connected'; readonly tookMs: number }
  | { readonly kind: 'back'; readonly tries: number; readonly firstMs: number }
  | { readonly kind: 'marked' };

/** A connection to an address of this machine's own goes out from that address, so each host talks to the control plane at "its own". */
export function ownAddress(n: number): string {
  return `10.66.${n >> 8}.${n & 255}`;
}
