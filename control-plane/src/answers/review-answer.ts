// What the API says of a policy that was reviewed: a good one goes on, any other is refused with all its problems.

import type { Review } from '#control-plane/publish/policy-review.ts';
import type { TestResult } from '#policy/judge/policy-tests.ts';
import type { Problem } from '#policy/source/problem.ts';
import { ApiError } from './api-error.ts';
import type { ApiProblem, ApiTestFailure } from './schemas.ts';

export function assertGood(review: Review): Extract<Review, { kind: 'good' }> {
  if (review.kind === 'good') return review;
  if (review.kind === 'invalid') {
    const errors = review.problems.filter((problem) => problem.severity === 'error').length;
    throw new ApiError(
      'policy-invalid',
      `the policy has ${errors} error${errors === 1 ? '' : 's'}; nothing was changed`,
      {
        problems: review.problems.map(problemView),
      },
    );
  }
  const { failures } = review;
  throw new ApiError(
    'policy-tests-failed',
    `${failures.length} of the policy's tests ${failures.length === 1 ? 'does' : 'do'} not hold against the live inventory; nothing was changed`,
    { failures: failures.map(failureView), testsPassed: review.testsPassed },
  );
}

export function failureView({ policyTest, assertion, title, why }: TestResult): ApiTestFailure {
  const { file, line, column } = assertion.position;
  return { policyTest, title, why, file, line, column };
}

export function problemView(problem: Problem): ApiProblem {
  return { ...problem };
}
