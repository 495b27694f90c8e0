import type { Millis } from '#model/time.ts';
import type { Policy, Workload } from './policy.ts';
import type { Problem } from './problem.ts';
export function warnOfPolicy(_: {
  readonly policy: Policy;
  readonly workloads: ReadonlyMap<string, Workload> | undefined;
  readonly now: Millis;
}): readonly Problem[] {
  return [];
}
