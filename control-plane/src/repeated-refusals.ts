// Who was refused, at enrolment or by the operator API, for the audit log, without letting strangers fill it: the first refusal of one
// source for one reason is told at once, those after it as one entry with their number when the window ends. A window tells of so many
// sources at most; what comes from others is counted by reason alone. A source is an IPv4 address, or an IPv6 network of 64 bits, since whoever
// has one address of it has all of them. Counts not yet told are told when the process stops in order.

import { addressFromValue, addressValue, familyOf, parseAddress } from '#model/address.ts';
import { namePattern } from '#model/label.ts';
import { type Millis, millis } from '#model/time.ts';

export interface Refused<Reason extends string> {
  /** Of the other end of the connection. */
  readonly address: string;
  /** The host or operator that was claimed; absent where the caller named none. */
  readonly name?: string;
  readonly reason: Reason;
}

/** `target`: the name that was claimed, `-` where it is no name. */
export interface RefusalNote<Reason extends string> {
  readonly target: string;
  readonly details: {
    readonly address: string;
    readonly reason: Reason;
    readonly times: number;
    /** ISO 8601, of the first that is counted here. */
    readonly since?: string;
    /** Some of the names that were claimed. */
    readonly names?: readonly string[];
  };
}

export interface RepeatedRefusalsOptions<Reason extends string> {
  readonly now: () => Millis;
  readonly tell: (note: RefusalNote<Reason>) => void;
  /** Default ten minutes: at most 40 entries in that time, whoever tries. */
  readonly windowMs?: number;
}

interface Repeats<Reason extends string> {
  readonly source: string;
  readonly reason: Reason;
  times: number;
  since: Millis;
  readonly names: Set<string>;
}

/** Pairs of source and reason that a window tells apart. */
const sourcesMost = 16;
const namesTold = 5;
const noName = '-';
const otherSources = 'others';
const ipv6NetworkBits = 64n;

export class RepeatedRefusals<Reason extends string> {
  readonly #options: RepeatedRefusalsOptions<Reason>;
  /** Told of once; what has come since is counted. */
  #told = new Map<string, Repeats<Reason>>();
  readonly #others = new Map<string, Repeats<Reason>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RepeatedRefusalsOptions<Reason>) {
    this.#options = options;
  }

  take({ address, name, reason }: Refused<Reason>): void {
    const source = sourceOf(address);
    const key = `${source} ${reason}`;
    const target = name !== undefined && namePattern.test(name) ? name : noName;
    const told = this.#told.get(key);
    if (told !== undefined) this.#count(told, target);
    else if (this.#told.size < sourcesMost) {
      this.#told.set(key, repeatsOf(source, reason));
      this.#options.tell({ target, details: { address, reason, times: 1 } });
    } else {
      const others = this.#others.get(reason) ?? repeatsOf(otherSources, reason);
      this.#others.set(reason, others);
      this.#count(others, target);
    }
    this.#timer ??= this.#windowEnd();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#tellCounts();
  }

  #count(repeats: Repeats<Reason>, target: string): void {
    if (repeats.times === 0) repeats.since = this.#options.now();
    repeats.times += 1;
    if (repeats.names.size < namesTold) repeats.names.add(target);
  }

  #windowEnd(): NodeJS.Timeout {
    const end = () => {
      this.#tellCounts();
      this.#timer = this.#told.size > 0 ? this.#windowEnd() : undefined;
    };
    return setTimeout(end, this.#options.windowMs ?? 600_000).unref();
  }

  /** Who goes on is counted on, and told of once a window; who has stopped is new when he comes again. */
  #tellCounts(): void {
    const goingOn = new Map<string, Repeats<Reason>>();
    for (const [key, repeats] of this.#told) {
      if (repeats.times === 0) continue;
      this.#tellOf(repeats);
      goingOn.set(key, repeatsOf(repeats.source, repeats.reason));
    }
    for (const repeats of this.#others.values()) this.#tellOf(repeats);
    this.#told = goingOn;
    this.#others.clear();
  }

  #tellOf({ source, reason, times, since, names }: Repeats<Reason>): void {
    const [target = noName] = names;
    this.#options.tell({
      target,
      details: { address: source, reason, times, since: new Date(since).toISOString(), names: [...names] },
    });
  }
}

function repeatsOf<Reason extends string>(source: string, reason: Reason): Repeats<Reason> {
  return { source, reason, times: 0, since: millis(0), names: new Set() };
}

/** The IPv4 address, or the IPv6 network of 64 bits: whoever has one address of that has all of them. */
export function sourceOf(text: string): string {
  const address = parseAddress(text);
  if (!address.ok || familyOf(address.value) === 'ipv4') return text;
  const network = (addressValue(address.value) >> ipv6NetworkBits) << ipv6NetworkBits;
  return `${addressFromValue('ipv6', network)}/${ipv6NetworkBits}`;
}
