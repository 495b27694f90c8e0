// A page that code or a page names is in this repository: a reader can open it.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { listTrackedFiles, readText, root } from '#test/arch/sources.ts';

const folders = ['', 'docs', 'docs/decisions', 'docs/guides', 'docs/reference'];

/** Comments of code, all of a page. Code of tests names made-up pages. */
function proseOf(path: string, text: string): string {
  return path.endsWith('.md') ? text : (text.match(/^\s*(?:\/\/|\/\*|\*).*|\s\/\/ .*/gm) ?? []).join('\n');
}

function missingPages(path: string, text: string): readonly string[] {
  const pages = [...proseOf(path, text).matchAll(/(?<![\w/.:-])[\w./-]+\.md\b/g)].map(([name]) => name);
  const missing = pages.filter(
    (name) => ![dirname(path), ...folders].some((folder) => existsSync(join(root, folder, name))),
  );
  return [...missing, ...(text.match(/\b(?:DESIGN|HOUSE|POLICY) §\S*/g) ?? [])];
}

const files = (await listTrackedFiles()).filter((path) => /\.(ts|md|sh|proto)$/.test(path));

test('every page that is named is here', () => {
  const missing = files.flatMap((path) => missingPages(path, readText(path)).map((name) => `${path}: ${name}`));
  expect(missing).toEqual([]);
});

test('a page that is elsewhere is found', () => {
  const design = ['DESIGN', 'md'].join('.');
  expect(missingPages('agent/src/main.ts', `// As ${design} has it, and docs/architecture.md.`)).toEqual([design]);
  expect(missingPages('agent/src/main.ts', `const page = '${design}';`)).toEqual([]);
});
