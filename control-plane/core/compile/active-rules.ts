// Which rules of which segment grant at an instant, and when time alone next changes that. Only segments with rules that expire
// or have a `when` are looked at again when time passes. Where hosts judge schedules by themselves, a rule counts until it expires.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import { activityOf, earliest } from '#model/schedule.ts';
import type { Millis } from '#model/time.ts';
import type { Rule, Segment } from '#policy/policy/policy.ts';

const none: readonly Rule[] = [];

/** `resolved`: what grants now. `carried`: also what will, since it goes out with its schedule. */
export type Schedules = 'resolved' | 'carried';

interface Timed {
  readonly segment: Segment;
  readonly nextChangeAt: Millis | undefined;
}

export class RulesInForce {
  readonly #active = new Map<string, readonly Rule[]>();
  readonly #timed = new Map<string, Timed>();
  readonly #schedules: Schedules;
  #now: Millis;

  constructor(now: Millis, schedules: Schedules) {
    this.#now = now;
    this.#schedules = schedules;
  }

  /** In code-unit order of their names. */
  of(segment: string): readonly Rule[] {
    return this.#active.get(segment) ?? none;
  }

  get nextChangeAt(): Millis | undefined {
    return earliest([...this.#timed.values()].map(({ nextChangeAt }) => nextChangeAt));
  }

  /** Names of segments of which other rules grant now. Time may also go back. */
  timePassed(now: Millis): readonly string[] {
    const wentBack = now < this.#now;
    this.#now = now;
    const changed: string[] = [];
    for (const { segment, nextChangeAt } of [...this.#timed.values()]) {
      if (!wentBack && (nextChangeAt === undefined || now < nextChangeAt)) continue;
      const before = this.of(segment.name);
      this.set(segment);
      const after = this.of(segment.name);
      if (before.length !== after.length || before.some((rule, at) => rule !== after[at])) changed.push(segment.name);
    }
    return changed;
  }

  set(segment: Segment): void {
    const instants: Millis[] = [];
    let isTimed = false;
    const granting = segment.rules.filter((rule) => {
      if (rule.expiresAt === undefined && rule.when === undefined) return true;
      isTimed = true;
      const { expiresAt } = rule;
      const given = this.#schedules === 'resolved' ? rule : expiresAt === undefined ? {} : { expiresAt };
      const { grants, nextChangeAt } = activityOf(given, this.#now);
      if (nextChangeAt !== undefined) instants.push(nextChangeAt);
      return grants === 'now';
    });
    this.#active.set(
      segment.name,
      granting.sort((a, b) => compareCodeUnits(a.name, b.name)),
    );
    if (isTimed) this.#timed.set(segment.name, { segment, nextChangeAt: earliest(instants) });
    else this.#timed.delete(segment.name);
  }

  delete(segment: string): void {
    this.#active.delete(segment);
    this.#timed.delete(segment);
  }
}
