// What stands between a directory of policy files and their activation: the check that every command shares, and the directory's own
// tests against the live inventory. Gives a policy only when both hold.

import type { Millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check-policy.ts';
import { isManaged, withVirtualAddressesApart } from '#policy/managed-workload.ts';
import type { Inventory, Policy } from '#policy/policy.ts';
import { runPolicyTests, type TestResult } from '#policy/policy-tests.ts';
import type { Problem } from '#policy/problem.ts';
import type { PolicyFile } from './store/policies.ts';

export interface ReviewRequest {
  readonly files: readonly PolicyFile[];
  /** The live fleet, external workloads of the active policy included. */
  readonly inventory: Inventory;
  readonly now: Millis;
  readonly tests: 'run' | 'skip';
  /** The active policy: one that is over the limits, and no more so than this, is good. `itself`: this is the one. */
  readonly inForce?: Policy | 'itself';
}

export type Review =
  | {
      readonly kind: 'good';
      readonly policy: Policy;
      readonly warnings: readonly Problem[];
      readonly testsPassed: number;
    }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }
  | { readonly kind: 'tests-failed'; readonly failures: readonly TestResult[]; readonly testsPassed: number };

export function reviewPolicy({ files, inventory, now, tests, inForce }: ReviewRequest): Review {
  const managed = new Map([...inventory.workloads].filter(([, workload]) => isManaged(workload)));
  const { problems, policy } = checkPolicy({ files, now, mode: 'server', knownWorkloads: managed, inForce });
  if (policy === undefined) return { kind: 'invalid', problems };
  if (tests === 'skip') return { kind: 'good', policy, warnings: problems, testsPassed: 0 };
  const results = runPolicyTests({ policy, inventory: inventoryUnder(policy, inventory), now });
  const failures = results.filter((result) => result.outcome !== 'holds');
  const testsPassed = results.length - failures.length;
  if (failures.length > 0) return { kind: 'tests-failed', failures, testsPassed };
  return { kind: 'good', policy, warnings: problems, testsPassed };
}

/** The live fleet as it would be under the policy: its external and virtual workloads in place of the active policy's. */
export function inventoryUnder(policy: Policy, inventory: Inventory): Inventory {
  const workloads = new Map([...inventory.workloads].filter(([, workload]) => isManaged(workload)));
  for (const [name, workload] of policy.workloads) workloads.set(name, workload);
  return { ...inventory, workloads: withVirtualAddressesApart(workloads) };
}
