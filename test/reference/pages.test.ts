// Pages that are made from catalogues are those of the tree.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';
import { pages } from './pages.ts';

test.each(Object.entries(pages))('docs/reference/%s is what npm run pages writes', (name, page) => {
  const path = `docs/reference/${name}`;
  expect(existsSync(join(root, path)) ? readText(path) : '').toBe(page());
});
