// What is made from catalogues and stands in the tree. `npm run pages` writes it; pages.test.ts holds it.

import { writeFileSync } from 'node:fs';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';
import { auditPage, hostProblemsPage } from './page-tables.ts';
import { agentFile, agentSchema, controlPlaneFile, controlPlaneSchema, settingsPage } from './settings-pages.ts';
import { statusPage } from './status-page.ts';

/** By path from the root of the tree. */
export const pages: Readonly<Record<string, () => string>> = {
  'docs/reference/audit.md': auditPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/host-problems.md': hostProblemsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/settings.md': settingsPage,
  'docs/reference/status.md': statusPage,
  'packaging/debian/segwall-agent/agent.schema.json': agentSchema,
  'packaging/debian/segwall-agent/agent.yaml': agentFile,
  'packaging/debian/segwall-control-plane/control-plane.schema.json': controlPlaneSchema,
  'packaging/debian/segwall-control-plane/control-plane.yaml': controlPlaneFile,
};

if (import.meta.main)
  for (const [path, page] of Object.entries(pages)) writeFileSync(new URL(`../../${path}`, import.meta.url), page());
