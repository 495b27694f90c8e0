// Whether a policy's selectors match more workloads, all of them together, than are compiled. On a server whose fleet has grown under the
// policy in force, a policy that has no more than that one is let through all the same: a rule can always be changed, and a way back be taken.

import type { Policy, Workload } from '#policy/policy/policy.ts';
import type { Problem } from '#policy/source/problem.ts';
import {
  countMemberships,
  type MembershipExcess,
  type MembershipTotals,
  membershipLimits,
} from './membership-count.ts';

export interface MembershipCheck {
  readonly policy: Pick<Policy, 'segments' | 'guardrails'>;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Absent offline. `itself`: this policy is, and never refused for its size. */
  readonly inForce: Pick<Policy, 'segments' | 'guardrails'> | 'itself' | undefined;
}

/** So many times the limits are counted of the policy in force, and no more. */
const mostOver = 16;

export function membershipProblems({ policy, workloads, inForce }: MembershipCheck): readonly Problem[] {
  if (inForce === 'itself') return [];
  const count = countMemberships({ policy, workloads, limits: membershipLimits });
  if (count.kind === 'counted') return [];
  const over = inForce === undefined ? 'more' : compared({ policy, workloads, inForce });
  const { position, place, kind } = count.excess;
  const hint =
    'give segments and peers that mean the same workloads the same selector, or join their rules in one segment';
  if (over === 'more') {
    return [
      {
        severity: 'error',
        code: 'too-many-memberships',
        ...position,
        message: `${found(count.excess)}; ${allowed[kind]}`,
        suggestion: hint,
      },
    ];
  }
  return [
    {
      severity: 'warning',
      code: 'too-many-memberships',
      ...position,
      message: `${found(count.excess)}; ${allowed[kind]}. It is let through, since the policy in force has no fewer: the fleet has grown under it (${place} is where the limit is passed)`,
      suggestion: hint,
    },
  ];
}

function compared({
  policy,
  workloads,
  inForce,
}: MembershipCheck & { readonly inForce: MembershipCheck['policy'] }): 'more' | 'no-more' {
  const limits = {
    memberships: membershipLimits.memberships * mostOver,
    landings: membershipLimits.landings * mostOver,
    steps: membershipLimits.steps * mostOver,
  };
  const after = countMemberships({ policy, workloads, limits, totals: 'exact' });
  if (after.kind === 'exceeded') return 'more';
  const before = countMemberships({ policy: inForce, workloads, limits, totals: 'exact' });
  if (before.kind === 'exceeded') return 'no-more';
  return kinds.every((kind) => after.totals[kind] <= Math.max(before.totals[kind], membershipLimits[kind]))
    ? 'no-more'
    : 'more';
}

const kinds = ['memberships', 'landings', 'steps'] as const;

function found({ kind, place }: MembershipExcess): string {
  const what = {
    memberships: 'the selectors of segments and peers, each counted once, match too many workloads together',
    landings: 'the combinations of segments with "each" have too many rules together',
    steps: 'too many selectors have to be tried on too many workloads, since they name no label that these must have',
  }[kind];
  return `with ${place}, ${what}`;
}

const number = (value: number) => value.toLocaleString('en');

const allowed: Readonly<Record<keyof MembershipTotals, string>> = {
  memberships: `allowed are ${number(membershipLimits.memberships)} memberships`,
  landings: `allowed are ${number(membershipLimits.landings)} rules times combinations`,
  steps: `allowed are ${number(membershipLimits.steps)} comparisons`,
};
