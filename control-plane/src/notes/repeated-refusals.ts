// Who was refused, at enrolment or by the operator API, for the audit log, without letting strangers fill it (repeated-notes.ts). A source
// is an IPv4 address, or an IPv6 network of 64 bits, since whoever has one address of it has all of them.

import { addressFromValue, addressValue, familyOf, parseAddress } from '#model/address.ts';
import { namePattern } from '#model/label.ts';
import type { Millis } from '#model/time.ts';
import { RepeatedNotes } from './repeated-notes.ts';

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

/** Pairs of source and reason that a window tells apart. */
const pairsMost = 16;
const noName = '-';
const ipv6NetworkBits = 64n;

export class RepeatedRefusals<Reason extends string> {
  readonly #notes: RepeatedNotes<Reason, { readonly address: string }>;

  constructor({ tell, ...options }: RepeatedRefusalsOptions<Reason>) {
    this.#notes = new RepeatedNotes({
      ...options,
      pairsMost,
      tell: ({ source, kind: reason, target, times, details, counted }) =>
        tell({
          target,
          details: { address: counted === undefined ? details.address : source, reason, times, ...counted },
        }),
    });
  }

  take({ address, name, reason }: Refused<Reason>): void {
    const target = name !== undefined && namePattern.test(name) ? name : noName;
    this.#notes.take({ source: sourceOf(address), kind: reason, target, details: { address } });
  }

  stop(): void {
    this.#notes.stop();
  }
}

/** The IPv4 address, or the IPv6 network of 64 bits: whoever has one address of that has all of them. */
export function sourceOf(text: string): string {
  const address = parseAddress(text);
  if (!address.ok || familyOf(address.value) === 'ipv4') return text;
  const network = (addressValue(address.value) >> ipv6NetworkBits) << ipv6NetworkBits;
  return `${addressFromValue('ipv6', network)}/${ipv6NetworkBits}`;
}
