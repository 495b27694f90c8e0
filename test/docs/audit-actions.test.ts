// The table of audit actions: the page is made from the catalogue (test/reference/pages.test.ts), which has what the code writes, and the other way round.

import { expect, test } from 'vitest';
import { hostEventKinds } from '#model/host-event.ts';
import { auditActions } from '#policy/audit/audit-actions.ts';
import { listTrackedFiles, readText } from '#test/arch/sources.ts';

const catalogue = Object.keys(auditActions).sort();

test('has every action that is written, and no other', async () => {
  const sources = (await listTrackedFiles()).filter(
    (path) => path.startsWith('control-plane/') && path.endsWith('.ts') && !path.endsWith('/audit-actions.ts'),
  );
  const text = sources.map(readText).join('\n');
  const known = new Set<string>(catalogue);
  const written = [...text.matchAll(/\baction(?::| =)[^;,]*?'([a-z-]+)'(?: : '([a-z-]+)')?/g)]
    .flatMap(([, first, second]) => [first ?? '', second ?? ''])
    .filter((action) => action !== '' && action !== 'text');
  expect(written.filter((action) => !known.has(action))).toEqual([]);
  const named = new Set([...text.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name));
  const fromHosts = new Set<string>(hostEventKinds);
  expect(catalogue.filter((action) => !named.has(action) && !fromHosts.has(action))).toEqual([]);
});
