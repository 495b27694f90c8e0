// What is made from catalogues is what stands in the tree.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { pages } from './pages.ts';

test.each(Object.entries(pages))('%s is what npm run pages writes', (path, page) => {
  expect(existsSync(join(root, path)) ? readText(path) : '').toBe(page());
});
