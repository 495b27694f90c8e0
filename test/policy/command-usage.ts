// Imported before a command by tests of what it costs: when it ends, its processor time as a multiple of the reference's and the most memory
// it ever held, all of its threads included, go to the file that SEGWALL_TEST_USAGE names.

import { writeFileSync } from 'node:fs';
import { referenceMs } from '#test/support/thread-time.ts';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const references = (userCPUTime + systemCPUTime) / 1000 / referenceMs();
  const usage = { references, peakMiB: maxRSS / 1024 };
  writeFileSync(process.env['SEGWALL_TEST_USAGE'] ?? '', JSON.stringify(usage));
});
