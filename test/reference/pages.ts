// The pages of docs/reference that are made from catalogues. `npm run pages` writes them; pages.test.ts holds them.

import { writeFileSync } from 'node:fs';
import { metricsPage } from './metrics-page.ts';

/** By the page's name in docs/reference. */
export const pages: Readonly<Record<string, () => string>> = {
  'metrics.md': metricsPage,
};

if (import.meta.main)
  for (const [name, page] of Object.entries(pages))
    writeFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), page());
