// Who tried to enrol and was refused, for the audit log, without letting strangers fill it: the first refusal of one source for one
// reason is told at once, those after it as one entry with their number when the window ends. A window tells of so many sources
// at most; what comes from others is counted by reason alone. A source is an IPv4 address, or an IPv6 network of 64 bits, since whoever
// has one address of it has all of them. Counts not yet told are told when the process stops in order.

import { addressFromValue, addressValue, familyOf, parseAddress } from '#model/address.ts';
import { namePattern } from '#model/label.ts';
import { type Millis, millis } from '#model/time.ts';
import type { RefusedEnrolment } from './agent-backend.ts';

/** `target`: the name that was claimed, `-` where it is no name. */
export interface RefusalNote {
  readonly target: string;
  readonly details: {
    readonly address: string;
    readonly reason: RefusedEnrolment['reason'];
    readonly times: number;
    /** ISO 8601, of the first that is counted here. */
    readonly since?: string;
    /** Some of the names that were claimed. */
    readonly hosts?: readonly string[];
  };
}

export interface EnrolmentRefusalsOptions {
  readonly now: () => Millis;
  readonly tell: (note: RefusalNote) => void;
  /** Default ten minutes: at most 40 entries in that time, whoever tries. */
  readonly windowMs?: number;
}

interface Repeats {
  readonly source: string;
  readonly reason: RefusedEnrolment['reason'];
  times: number;
  since: Millis;
  readonly hosts: Set<string>;
}

/** Pairs of source and reason that a window tells apart. */
const sourcesMost = 16;
const hostsTold = 5;
const noName = '-';
const otherSources = 'others';
const ipv6NetworkBits = 64n;

export class EnrolmentRefusals {
  readonly #options: EnrolmentRefusalsOptions;
  /** Told of once; what has come since is counted. */
  #told = new Map<string, Repeats>();
  readonly #others = new Map<string, Repeats>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EnrolmentRefusalsOptions) {
    this.#options = options;
  }

  take({ address, host, reason }: RefusedEnrolment): void {
    const source = sourceOf(address);
    const key = `${source} ${reason}`;
    const target = namePattern.test(host) ? host : noName;
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

  #count(repeats: Repeats, target: string): void {
    if (repeats.times === 0) repeats.since = this.#options.now();
    repeats.times += 1;
    if (repeats.hosts.size < hostsTold) repeats.hosts.add(target);
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
    const goingOn = new Map<string, Repeats>();
    for (const [key, repeats] of this.#told) {
      if (repeats.times === 0) continue;
      this.#tellOf(repeats);
      goingOn.set(key, repeatsOf(repeats.source, repeats.reason));
    }
    for (const repeats of this.#others.values()) this.#tellOf(repeats);
    this.#told = goingOn;
    this.#others.clear();
  }

  #tellOf({ source, reason, times, since, hosts }: Repeats): void {
    const [target = noName] = hosts;
    this.#options.tell({
      target,
      details: { address: source, reason, times, since: new Date(since).toISOString(), hosts: [...hosts] },
    });
  }
}

function repeatsOf(source: string, reason: RefusedEnrolment['reason']): Repeats {
  return { source, reason, times: 0, since: millis(0), hosts: new Set() };
}

function sourceOf(text: string): string {
  const address = parseAddress(text);
  if (!address.ok || familyOf(address.value) === 'ipv4') return text;
  const network = (addressValue(address.value) >> ipv6NetworkBits) << ipv6NetworkBits;
  return `${addressFromValue('ipv6', network)}/${ipv6NetworkBits}`;
}
