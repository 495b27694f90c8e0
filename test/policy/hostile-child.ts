// One hostile file checked in a process of its own, so that its memory is its own: prints the codes, the processor time of the check
// and the most memory the process ever held. Run by hostile-files.test.ts with the file's path as argument.

import { readFileSync } from 'node:fs';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check-policy.ts';

const text = readFileSync(process.argv[2] ?? '', 'utf8');
const startedAt = process.threadCpuUsage();
const { problems } = checkPolicy({ files: [{ path: 'p.yaml', text }], now: millis(0), mode: 'offline' });
const { user, system } = process.threadCpuUsage(startedAt);
process.stdout.write(
  JSON.stringify({
    codes: [...new Set(problems.map(({ code }) => code))],
    errors: problems.filter(({ severity }) => severity === 'error').length,
    ms: (user + system) / 1000,
    peakMiB: process.resourceUsage().maxRSS / 1024,
  }),
);
