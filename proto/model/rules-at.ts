// A rule set as it is at an instant: grants that have ended, or whose window is closed, are out, and so are the peer sets that only they
// named. What the compiler gives for that instant is the same. Hosts judge so by themselves, with no control plane to ask.

import type { DirectionRules, Grant, HostRuleSet, PeerSet, PeerSetId, WorkloadRules } from './rule-set.ts';
import { peerSetIdsOf } from './rule-set-delta.ts';
import { activityOf, earliest, isKnownZone, type Schedule } from './schedule.ts';
import type { Millis } from './time.ts';

/** `nextTurnAt`: the first later instant at which it is another one; absent where time alone never makes it so. */
export interface RulesAt {
  readonly ruleSet: HostRuleSet;
  readonly nextTurnAt?: Millis;
}

/** The very same rule set where none of its grants has a schedule. Linear in the grants otherwise. */
export function rulesAt(ruleSet: HostRuleSet, at: Millis): RulesAt {
  if (!ruleSet.workloads.some(isTimed)) return { ruleSet };
  const turns: (Millis | undefined)[] = [];
  const workloads = ruleSet.workloads.map((rules) => {
    if (!isTimed(rules)) return rules;
    const [inbound, outbound] = [rules.inbound, rules.outbound].map((direction) => directionAt(direction, at, turns));
    return inbound === undefined || outbound === undefined ? rules : { ...rules, inbound, outbound };
  });
  const nextTurnAt = earliest(turns);
  return {
    ruleSet: { ...ruleSet, workloads, peerSets: namedOf(workloads, ruleSet.peerSets) },
    ...(nextTurnAt === undefined ? {} : { nextTurnAt }),
  };
}

/** The zone of some window whose wall clock this machine's tables do not tell; a window there never opens. */
export function unknownZoneIn(ruleSet: HostRuleSet): string | undefined {
  for (const { schedule } of timedGrantsOf(ruleSet)) {
    const zone = schedule?.when?.zone;
    if (zone !== undefined && !isKnownZone(zone)) return zone;
  }
  return undefined;
}

function* timedGrantsOf({ workloads }: HostRuleSet): Generator<Grant> {
  for (const rules of workloads) {
    if (!isTimed(rules)) continue;
    for (const { grants } of [rules.inbound, rules.outbound]) for (const grant of grants) yield grant;
  }
}

const timed = new WeakMap<WorkloadRules, boolean>();

/** Workloads are values that never change, and thousands of rules are looked through once. */
function isTimed(rules: WorkloadRules): boolean {
  const known = timed.get(rules);
  if (known !== undefined) return known;
  const found = [rules.inbound, rules.outbound].some(({ grants }) => grants.some(({ schedule }) => schedule));
  timed.set(rules, found);
  return found;
}

function directionAt(direction: DirectionRules, at: Millis, turns: (Millis | undefined)[]): DirectionRules {
  if (!direction.grants.some(({ schedule }) => schedule)) return direction;
  const grants = direction.grants.flatMap((grant): readonly Grant[] => {
    const { schedule, ...lasting } = grant;
    if (schedule === undefined) return [grant];
    const activity = activityHere(schedule, at);
    turns.push(activity.nextChangeAt);
    return activity.grants === 'now' ? [lasting] : [];
  });
  return { ...direction, grants };
}

function activityHere(schedule: Schedule, at: Millis): ReturnType<typeof activityOf> {
  if (schedule.when !== undefined && !isKnownZone(schedule.when.zone)) return { grants: 'not-now' };
  return activityOf(schedule, at);
}

/** Sets of quarantined workloads are named by no rule. */
function namedOf(
  workloads: readonly WorkloadRules[],
  peerSets: HostRuleSet['peerSets'],
): ReadonlyMap<PeerSetId, PeerSet> {
  const named = new Set(workloads.flatMap((rules) => [...peerSetIdsOf(rules)]));
  return new Map([...peerSets].filter(([id, { quarantine }]) => quarantine !== undefined || named.has(id)));
}
