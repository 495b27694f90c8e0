// A directory of a test's own, gone after it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export async function scratchDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'segwall-server-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
