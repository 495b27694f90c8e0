// Imported before a command by tests of what it costs: when it ends, its processor time and the most memory it ever held, all of its
// threads included, go to the file that SEGWALL_TEST_USAGE names.

import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const usage = { ms: (userCPUTime + systemCPUTime) / 1000, peakMiB: maxRSS / 1024 };
  writeFileSync(process.env['SEGWALL_TEST_USAGE'] ?? '', JSON.stringify(usage));
});
