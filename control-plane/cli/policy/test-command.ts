// `segwall policy test DIR --inventory F`: runs the PolicyTests. Exits 1 if one of them fails.

import { counted } from '#cli/output/counted.ts';
import { printJson } from '#cli/output/printing.ts';
import { runPolicyTests, type TestResult } from '#policy/judge/policy-tests.ts';
import { renderJunit } from './junit.ts';
import { loadPolicy, type PolicyOptions } from './load-policy.ts';

export interface TestOptions extends PolicyOptions {
  readonly format: 'text' | 'json' | 'junit';
  readonly json?: true;
}

export async function runTest(directory: string, options: TestOptions): Promise<void> {
  const loaded = await loadPolicy(directory, options);
  const results = runPolicyTests(loaded);
  const failed = results.filter(({ outcome }) => outcome === 'fails').length;
  const format = options.json === true ? 'json' : options.format;
  if (format === 'json')
    printJson({ ok: failed === 0, passed: results.length - failed, failed, tests: results.map(jsonOf) });
  else if (format === 'junit') process.stdout.write(`${renderJunit(results)}\n`);
  else process.stdout.write(renderText(results, failed));
  if (failed > 0) process.exitCode = 1;
}

function jsonOf({ policyTest, title, outcome, why, tried, counterexamples, assertion }: TestResult) {
  const { file, line, column } = assertion.position;
  return { policyTest, title, outcome, why, tried, file, line, column, counterexamples };
}

function renderText(results: readonly TestResult[], failed: number): string {
  const lines: string[] = [];
  for (const result of results) {
    const { file, line } = result.assertion.position;
    const isGood = result.outcome === 'holds';
    lines.push(
      `${isGood ? 'holds' : 'FAILS'}  ${result.policyTest}: ${result.title}${isGood ? '' : `  (${file}:${line})`}`,
    );
    if (isGood) continue;
    lines.push(`       ${result.why}${result.problem === undefined ? '' : ` [${result.problem.code}]`}`);
    for (const { src, dst, service, verdict } of result.counterexamples) {
      lines.push(
        `       ${src} → ${dst} ${service}: outbound ${endText(verdict.outbound)}, inbound ${endText(verdict.inbound)}`,
      );
    }
  }
  const summary =
    results.length === 0
      ? 'there are no PolicyTests'
      : `${counted(results.length - failed, 'test')} held, ${failed} failed`;
  return `${[...lines, summary].join('\n')}\n`;
}

function endText(end: TestResult['counterexamples'][number]['verdict']['outbound']): string {
  if (end.reason === 'unmanaged') return 'unmanaged';
  const named =
    end.reason === 'guardrail' ? end.guardrail : end.rule === undefined ? end.segment : `${end.segment}/${end.rule}`;
  return `${end.verdict} by ${end.reason}${named === undefined ? '' : ` ${named}`}`;
}
