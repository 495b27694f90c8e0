// A process of its own inside a host's namespace, small as an agent is: loads the scripts whose paths it reads, as an agent would, and
// prints for each when nft was started and when it had ended (milliseconds of the wall clock).

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createNft } from '#agent/nft.ts';
import { assertOk } from '#model/result.ts';

const nft = createNft();
const now = () => performance.timeOrigin + performance.now();
for await (const line of createInterface({ input: process.stdin })) {
  const script = readFileSync(JSON.parse(line).path, 'utf8');
  const startedAt = now();
  assertOk(await nft.apply(script));
  process.stdout.write(`${JSON.stringify({ startedAt, endedAt: now() })}\n`);
}
