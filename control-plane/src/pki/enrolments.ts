// Which certificates are good: those of a host's present enrolment, while it is not revoked, and of these the newest that was used. A
// certificate is judged by the enrolment that it names, never by a list of serials, so that one that was issued in the moment of a
// revocation, or that a backup knows nothing of, is judged right too. An older certificate dies a short while after a newer one is used
// for the first time: an agent killed before it had written the newer one down comes back with the older, however much later.

import { type Millis, millis } from '#model/time.ts';
import type { AgentCertificate } from './agent-identity.ts';

export interface Enrolment {
  /** Empty for hosts that enrolled before certificates named their enrolment. */
  readonly id: string;
  readonly revokedAt?: Millis;
  /** When the newest certificate that was used begins, and when it was used for the first time; 0 before any was. */
  readonly newest: Millis;
  readonly newestUsedAt: Millis;
  /** The CA of that one, by its key; empty where that is not known. */
  readonly usedCa: string;
  /** … and of the one that was issued last. */
  readonly issuedCa: string;
}

export interface StoredEnrolment extends Enrolment {
  readonly host: string;
  /** When the last of its certificates ends; absent where none is known. */
  readonly endsAt?: Millis;
}

export interface EnrolmentsOptions {
  readonly stored: readonly StoredEnrolment[];
  /** Of certificates that name no enrolment. */
  readonly revokedSerials: readonly string[];
  readonly now: () => Millis;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsedMs: () => number;
  /** Default a minute: for calls that are under way on the older certificate's connection. */
  readonly overlapMs?: number;
}

const defaultOverlapMs = 60_000;
const clockAheadMs = 86_400_000;

export class Enrolments {
  readonly #byHost = new Map<string, Enrolment>();
  readonly #endsAt = new Map<string, Millis>();
  readonly #revokedSerials: Set<string>;
  readonly #now: () => Millis;
  readonly #elapsedMs: () => number;
  /** When the newest certificate of a host was used for the first time; what is not here was so before the start, and its overlap is over. */
  readonly #usedAt = new Map<string, number>();
  readonly #overlapMs: number;

  constructor({ stored, revokedSerials, now, elapsedMs, overlapMs = defaultOverlapMs }: EnrolmentsOptions) {
    for (const { host, endsAt, ...enrolment } of stored) {
      this.#byHost.set(host, enrolment);
      if (endsAt !== undefined) this.#endsAt.set(host, endsAt);
    }
    this.#revokedSerials = new Set(revokedSerials);
    this.#now = now;
    this.#elapsedMs = elapsedMs;
    this.#overlapMs = overlapMs;
  }

  begin(host: string, id: string): void {
    this.#usedAt.delete(host);
    this.#endsAt.delete(host);
    this.#byHost.set(host, { id, newest: millis(0), newestUsedAt: millis(0), usedCa: '', issuedCa: '' });
  }

  /** What was issued and named no enrolment is remembered by its serial. */
  revoke(host: string, { at, serials }: { readonly at: Millis; readonly serials: readonly string[] }): void {
    const enrolment = this.#byHost.get(host);
    if (enrolment !== undefined) this.#byHost.set(host, { ...enrolment, revokedAt: at });
    for (const serial of serials) this.#revokedSerials.add(serial);
  }

  remove(host: string, serials: readonly string[]): void {
    this.#byHost.delete(host);
    this.#endsAt.delete(host);
    this.#usedAt.delete(host);
    for (const serial of serials) this.#revokedSerials.add(serial);
  }

  isRevoked(host: string): boolean {
    return this.#byHost.get(host)?.revokedAt !== undefined;
  }

  isPresent({ host, enrolment }: { readonly host: string; readonly enrolment: string }): boolean {
    const present = this.#byHost.get(host);
    return present !== undefined && present.revokedAt === undefined && present.id === enrolment;
  }

  /** Why the certificate is not good, for the host's operator; undefined where it is. Whether it has expired is not asked here. */
  refusalOf({ identity, enrolment, notBefore }: AgentCertificate): string | undefined {
    const { host, serial } = identity;
    const present = this.#byHost.get(host);
    if (present === undefined) return `host ${host} is not enrolled here; enrol it anew`;
    if (present.revokedAt !== undefined || this.#revokedSerials.has(serial))
      return `the certificate of ${host} (serial ${serial}) is revoked; enrol the host anew`;
    if (enrolment !== present.id)
      return `the certificate of ${host} (serial ${serial}) is of an earlier enrolment of that name; enrol the host anew`;
    const isOlder = notBefore < present.newest && !this.#isOfTheFuture(present.newest);
    const usedAt = this.#usedAt.get(host) ?? Number.NEGATIVE_INFINITY;
    if (isOlder && this.#elapsedMs() - usedAt >= this.#overlapMs)
      return `the certificate of ${host} (serial ${serial}) was renewed, and the newer one is in use; was the disk or state directory put back or copied? enrol the host anew`;
    return undefined;
  }

  /** Of one that is refused: whether nobody here ever ended it, so that it was issued by who knew more than is known here. */
  isUnknown({ identity: { host, serial }, enrolment }: AgentCertificate): boolean {
    return !this.#revokedSerials.has(serial) && this.#byHost.get(host)?.id !== enrolment;
  }

  /** One was issued to the host. */
  issued(host: string, { notAfter, authority }: Pick<AgentCertificate, 'notAfter' | 'authority'>): void {
    const present = this.#byHost.get(host);
    if (present === undefined) return;
    this.#byHost.set(host, { ...present, issuedCa: authority });
    this.#endsAt.set(host, millis(Math.max(notAfter, this.#endsAt.get(host) ?? 0)));
  }

  /** Of a host that is enrolled and not revoked. */
  casOf(host: string): Pick<Enrolment, 'usedCa' | 'issuedCa'> | undefined {
    const present = this.#byHost.get(host);
    return present?.revokedAt === undefined ? present : undefined;
  }

  /** When the last certificate of the host ends that is known. */
  endOf(host: string): Millis | undefined {
    return this.#endsAt.get(host);
  }

  /** Of a certificate that is good. Gives what is to be stored where it is the newest that was ever used. */
  used(certificate: AgentCertificate): StoredEnrolment | undefined {
    const enrolment = this.newlyUsed(certificate);
    if (enrolment !== undefined) this.take(enrolment);
    return enrolment;
  }

  /** As `used`, but that it is so is still to be said: to `take`. */
  newlyUsed({ identity, notBefore, authority }: AgentCertificate): StoredEnrolment | undefined {
    const { host } = identity;
    const present = this.#byHost.get(host);
    if (present === undefined || this.#isOfTheFuture(notBefore)) return undefined;
    const isOlder = notBefore < present.newest || (notBefore === present.newest && authority === present.usedCa);
    if (isOlder && !this.#isOfTheFuture(present.newest)) return undefined;
    return { host, ...present, newest: notBefore, newestUsedAt: this.#now(), usedCa: authority };
  }

  /** Nothing happens where the host has another enrolment by now. */
  take({ host, id, newest, newestUsedAt, usedCa }: StoredEnrolment): void {
    const present = this.#byHost.get(host);
    if (present?.id !== id) return;
    this.#byHost.set(host, { ...present, newest, newestUsedAt, usedCa });
    this.#usedAt.set(host, this.#elapsedMs());
  }

  /** Issued while this machine's clock was far ahead: it makes no other one older, or who renewed then would be lost once it is right. */
  #isOfTheFuture(notBefore: Millis): boolean {
    return notBefore > this.#now() + clockAheadMs;
  }
}
