// What stands between a directory of policy files and their activation: the check that every command shares, and the directory's own
// tests against the live inventory. Gives a policy only when both hold. A fleet changes without its policy: a test of the policy in force
// that finds nothing to try any more, since its host was removed or lost its addresses, is told and blocks nothing.

import type { PolicyFile } from '#control-plane/store/policies.ts';
import type { Millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { besideDeclared, isManaged, withVirtualAddressesApart } from '#policy/claims/managed-workload.ts';
import { assertionTitle, runPolicyTests, type TestResult } from '#policy/judge/policy-tests.ts';
import type { Assertion, Inventory, Policy } from '#policy/policy/policy.ts';
import { compareProblems, type Problem } from '#policy/source/problem.ts';
import { severityOf } from '#policy/source/problem-catalogue.ts';

export interface ReviewRequest {
  readonly files: readonly PolicyFile[];
  /** The live fleet, external workloads of the active policy included. */
  readonly inventory: Inventory;
  readonly now: Millis;
  readonly tests: 'run' | 'skip';
  /** The active policy: one that is over the limits, and no more so than this, is good. `itself`: this is the one. */
  readonly inForce?: Policy | 'itself';
  /** `trusted`: what was accepted once is read again, and is not judged by which hosts there are now. */
  readonly testNames?: 'live' | 'trusted';
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

export function reviewPolicy({ files, inventory, now, tests, inForce, testNames = 'live' }: ReviewRequest): Review {
  const managed = new Map([...inventory.workloads].filter(([, workload]) => isManaged(workload)));
  const before = assertionsOf(inForce);
  const names = testNames === 'trusted' ? testNames : namesIn(before);
  const checked = checkPolicy({ files, now, mode: 'server', knownWorkloads: managed, testNames: names, inForce });
  const { problems, policy } = checked;
  if (policy === undefined) return { kind: 'invalid', problems };
  if (tests === 'skip') return { kind: 'good', policy, warnings: problems, testsPassed: 0 };
  const results = runPolicyTests({ policy, inventory: inventoryUnder(policy, inventory), now });
  const tooWide = results.flatMap(({ problem }) => problem ?? []);
  if (tooWide.length > 0) return { kind: 'invalid', problems: [...problems, ...tooWide].sort(compareProblems) };
  const known = new Set(before.map(assertionTitle));
  const isIdle = ({ outcome, tried, title }: TestResult) => outcome === 'fails' && tried === 0 && known.has(title);
  const failures = results.filter((result) => result.outcome !== 'holds' && !isIdle(result));
  const testsPassed = results.filter(({ outcome }) => outcome === 'holds').length;
  if (failures.length > 0) return { kind: 'tests-failed', failures, testsPassed };
  const warnings = [...problems, ...results.filter(isIdle).map(notRun)].sort(compareProblems);
  return { kind: 'good', policy, warnings, testsPassed };
}

/** What the store holds as accepted, read again: judged by nothing that lives in the fleet. */
export function reviewStored(files: readonly PolicyFile[], now: Millis): Review {
  const inventory: Inventory = { workloads: new Map(), resolutions: new Map() };
  return reviewPolicy({ files, inventory, now, tests: 'skip', inForce: 'itself', testNames: 'trusted' });
}

function assertionsOf(policy: ReviewRequest['inForce']): readonly Assertion[] {
  return typeof policy === 'object' ? [...policy.tests.values()].flatMap(({ tests }) => tests) : [];
}

function namesIn(assertions: readonly Assertion[]): ReadonlySet<string> {
  const ends = assertions.flatMap(({ from, to }) => [from, to]);
  return new Set(ends.flatMap((end) => (end.kind === 'workload' ? [end.workload] : [])));
}

function notRun({ policyTest, title, why, assertion }: TestResult): Problem {
  return {
    severity: severityOf('test-not-run'),
    code: 'test-not-run',
    ...assertion.position,
    message: `the test ${policyTest}: ${title} was not run: ${why}; the policy in force has it too`,
    suggestion: 'remove it, or name by labels what comes and goes',
  };
}

/** The live fleet as it would be under the policy: its external and virtual workloads in place of the active policy's. */
export function inventoryUnder(policy: Policy, inventory: Inventory): Inventory {
  const live = [...inventory.workloads].filter(([, workload]) => isManaged(workload));
  const workloads = besideDeclared(live, policy.workloads);
  return { ...inventory, workloads: withVirtualAddressesApart(workloads) };
}
