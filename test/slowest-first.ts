// The order of the test files: the folders that boot machines or fleets first, so that the run does not end on one of them
// alone on two cores. Within that, Vitest's own order.

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Slowest first; what is not named comes last. */
const slowFolders: readonly string[] = ['test/systemd/', 'test/e2e/', 'test/truth/', 'test/agent/', 'test/property/'];

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const rank = (file: TestSpecification): number => {
      const path = relative(this.ctx.config.root, file.moduleId);
      const at = slowFolders.findIndex((folder) => path.startsWith(folder));
      return at === -1 ? slowFolders.length : at;
    };
    return usual.toSorted((a, b) => rank(a) - rank(b));
  }
}
