// What a test and the probe process inside a host say to each other: one JSON object a line on standard input and output.

export type Transport = 'tcp' | 'udp';

/** A service that answers: everything sent to it comes back. On every address of both families. */
export interface Listener {
  readonly transport: Transport;
  readonly port: number;
}

/** One cell of a connectivity matrix, as the client's side tries it. */
export interface ProbeTarget {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
}

/**
 * `refused` is what a host without a listener answers: policy let the connection through. `broken` is a probe that could not
 * be made; it says nothing about policy. `detail` is the system's error code, where there was one.
 */
export interface ProbeOutcome {
  readonly kind: 'allowed' | 'dropped' | 'rejected' | 'refused' | 'broken';
  readonly detail?: string;
  readonly tookMs: number;
}

/** An open connection on which both ends send a tick every `intervalMs`, each on its own account. */
export interface HoldTarget extends ProbeTarget {
  readonly id: string;
  readonly intervalMs: number;
}

/** What one end of a held connection has seen; times are Unix milliseconds, 0 for never. */
export interface HoldProgress {
  readonly state: 'opening' | 'open' | 'closed';
  readonly received: number;
  readonly lastReceivedAt: number;
  readonly longestGapMs: number;
  readonly error?: string;
}

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Times are Unix milliseconds with fractions: just before the request was written, and when the answer was whole. */
export interface HttpResponse {
  readonly status: number;
  /** The Link header, or ''. */
  readonly link: string;
  readonly body: string;
  readonly sentAt: number;
  readonly receivedAt: number;
}

export type Request =
  | { readonly op: 'listen'; readonly listeners: readonly Listener[] }
  | { readonly op: 'unlisten'; readonly listeners: readonly Listener[] }
  /** `timeoutMs` of silence, counted from the last outcome of the batch, make the rest dropped. */
  | { readonly op: 'probe'; readonly targets: readonly ProbeTarget[]; readonly timeoutMs: number }
  /** Tries again and again, one attempt every `intervalMs`, until one is answered or the time is up. */
  | {
      readonly op: 'until-allowed';
      readonly target: ProbeTarget;
      readonly intervalMs: number;
      readonly timeoutMs: number;
    }
  | { readonly op: 'hold'; readonly target: HoldTarget }
  | { readonly op: 'release'; readonly id: string }
  /** Plain HTTP, from inside the host. */
  | { readonly op: 'http'; readonly request: HttpRequest }
  /** Of every connection this process holds as client, or answers as server, by id. */
  | { readonly op: 'held'; readonly side: 'client' | 'server' };

export type Reply =
  | { readonly kind: 'done' }
  | { readonly kind: 'outcomes'; readonly outcomes: readonly ProbeOutcome[] }
  /** Unix milliseconds, with fractions, of the answer; absent: never. */
  | { readonly kind: 'allowed-at'; readonly at?: number }
  | { readonly kind: 'held'; readonly held: Readonly<Record<string, HoldProgress>> }
  | { readonly kind: 'http'; readonly response: HttpResponse }
  | { readonly kind: 'failed'; readonly message: string };

export interface Message<Body> {
  readonly id: number;
  readonly body: Body;
}
