// Results of PolicyTests as JUnit XML: one suite per PolicyTest, one case per assertion.

import type { TestResult } from '#policy/judge/policy-tests.ts';

export function renderJunit(results: readonly TestResult[]): string {
  const suites = new Map<string, TestResult[]>();
  for (const result of results) suites.set(result.policyTest, [...(suites.get(result.policyTest) ?? []), result]);
  const failures = results.filter(({ outcome }) => outcome === 'fails').length;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="segwall policy test" tests="${results.length}" failures="${failures}">`,
  ];
  for (const [name, cases] of suites) {
    const failed = cases.filter(({ outcome }) => outcome === 'fails').length;
    lines.push(
      `  <testsuite name="${escaped(name)}" tests="${cases.length}" failures="${failed}" errors="0" skipped="0">`,
      ...cases.flatMap(caseLines),
      '  </testsuite>',
    );
  }
  return [...lines, '</testsuites>'].join('\n');
}

function caseLines(result: TestResult): string[] {
  const { file, line } = result.assertion.position;
  const open = `    <testcase classname="${escaped(result.policyTest)}" name="${escaped(result.title)}" file="${escaped(file)}" line="${line}"`;
  if (result.outcome === 'holds') return [`${open}/>`];
  const details = result.counterexamples
    .map(({ src, dst, service, why }) => `${src} → ${dst} ${service}: ${why}`)
    .join('\n');
  return [
    `${open}>`,
    `      <failure message="${escaped(result.why)}">${escaped(details)}</failure>`,
    '    </testcase>',
  ];
}

/** Names and messages hold no control characters: those were refused when the files were read. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
