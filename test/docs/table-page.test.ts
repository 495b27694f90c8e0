// docs/reference/table.md shows what is really loaded: its lines come from the policy on the page, and it names every kind of chain, counter
// and set that this policy makes.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readText, root } from '#test/arch/sources.ts';

const page = readText('docs/reference/table.md');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);

let directory: string;
let script: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-table-page-'));
  const [segment = '', inventory = ''] = blocks('yaml');
  await mkdir(join(directory, 'policy'));
  await writeFile(join(directory, 'policy/shop.yaml'), segment);
  await writeFile(join(directory, 'inventory.yaml'), inventory);
  const args = ['policy', 'render', join(directory, 'policy'), '--inventory', join(directory, 'inventory.yaml')];
  const { stdout } = await execa(process.execPath, ['control-plane/cli/main.ts', ...args, '--host', 'api-1'], {
    cwd: root,
  });
  script = stdout;
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('its lines are loaded, in their order', () => {
  const loaded = script.split('\n');
  for (const block of blocks('nft')) {
    const lines = block.trimEnd().split('\n');
    const places = lines.map((line) => loaded.indexOf(line));
    expect(lines.filter((_line, at) => places[at] === -1)).toEqual([]);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
  }
});

test('it names every chain, counter, map and set', () => {
  const made = [...script.matchAll(/^add (?:chain|counter|map|set) inet segwall (\w+)/gm)].map(([, name = '']) => name);
  const named = new Set([...page.matchAll(/`(\w+?)(?:…)?`/g)].map(([, name = '']) => name));
  const isNamed = (name: string) =>
    named.has(name) ||
    named.has(name.replace(/_\d+$/, '_N')) ||
    [...named].some((prefix) => prefix.endsWith('_') && name.startsWith(prefix)) ||
    /^den_(?:in|out)[46][iof]?$/.test(name);
  expect(made.length).toBeGreaterThan(30);
  expect(made.filter((name) => !isNamed(name))).toEqual([]);
});
