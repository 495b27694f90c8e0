// All of them: whatever in the repository reads what others wrote.

import type { FuzzTarget } from './target.ts';
import { httpTarget } from './targets/http.ts';
import { kernelTargets } from './targets/kernel.ts';
import { stateFileTargets } from './targets/state-files.ts';
import { textTargets } from './targets/texts.ts';
import { wireTargets } from './targets/wire.ts';

export const targets: readonly FuzzTarget[] = [
  ...wireTargets,
  ...kernelTargets,
  ...textTargets,
  ...stateFileTargets,
  httpTarget,
];
