// How often a host's reports are taken: so many at once, then one a second. Who reports more often is heard with the newest of them when the
// time has come; nothing is refused. It counts per host, so that connecting anew does not begin anew.

/** In any monotonic milliseconds. */
interface Bucket {
  tokens: number;
  at: number;
}

const reportsAtOnce = 10;
const msPerReport = 1000;

export class ReportPace {
  readonly #buckets = new Map<string, Bucket>();

  /** 0: take it now. Otherwise ask again after so many milliseconds. */
  take(host: string, at: number): number {
    const bucket = this.#buckets.get(host) ?? { tokens: reportsAtOnce, at };
    this.#buckets.set(host, bucket);
    bucket.tokens = Math.min(reportsAtOnce, bucket.tokens + (at - bucket.at) / msPerReport);
    bucket.at = at;
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * msPerReport);
    bucket.tokens -= 1;
    return 0;
  }

  forget(host: string): void {
    this.#buckets.delete(host);
  }
}
