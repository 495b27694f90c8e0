// One hostile file checked in a process of its own, so that its memory is its own: prints the codes, the processor time of the check as a
// multiple of the reference's, and the most memory the process ever held. Run by hostile-files.test.ts with the file's path as argument.

import { readFileSync } from 'node:fs';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import type { Problem } from '#policy/source/problem.ts';
import { referencesOf } from '#test/support/thread-time.ts';

const text = readFileSync(process.argv[2] ?? '', 'utf8');
let problems: readonly Problem[] = [];
const references = referencesOf(() => {
  problems = checkPolicy({ files: [{ path: 'p.yaml', text }], now: millis(0), mode: 'offline' }).problems;
});
process.stdout.write(
  JSON.stringify({
    codes: [...new Set(problems.map(({ code }) => code))],
    errors: problems.filter(({ severity }) => severity === 'error').length,
    references,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  }),
);
