// Preloaded into a process (NODE_OPTIONS=--import=FILE), sets its wall clock ahead by what the file named by WOUND_CLOCK says, in
// milliseconds, at every look; the monotonic clock and the kernel's stay what they are. No file: not at all.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RealDate = Date;

function aheadMs(): number {
  try {
    return Number(readFileSync(process.env['WOUND_CLOCK'] ?? '', 'utf8'));
  } catch {
    return 0;
  }
}

class WoundDate extends RealDate {
  constructor(...given: readonly []) {
    if (given.length === 0) super(RealDate.now() + aheadMs());
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + aheadMs();
  }
}

if (process.env['WOUND_CLOCK'] !== undefined) globalThis.Date = WoundDate as DateConstructor;

/** The environment of a process that is to have its clock wound by that file. */
export function woundBy(file: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${fileURLToPath(import.meta.url)}`, WOUND_CLOCK: file };
}
