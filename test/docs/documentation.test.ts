// What the pages say is tried: links lead somewhere, examples are right, and the first guide's commands run as they stand.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseSettings } from '#agent/settings/settings-reader.ts';
import { readSettings } from '#control-plane/settings/settings.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { listTrackedFiles, readText, root } from '#test/arch/sources.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';

const pages = (await listTrackedFiles()).filter((path) => path.endsWith('.md') && existsSync(join(root, path)));
const segwall = [process.execPath, programPath('segwall')];

function blocksOf(page: string, language: string): readonly string[] {
  const found = readText(page).matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'));
  return [...found].map((match) => match[1] ?? '');
}

function linksOf(page: string): readonly string[] {
  return [...readText(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^https?:/.test(link));
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-docs-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('links', () => {
  test.each(pages)('of %s lead to files', (page) => {
    const dead = linksOf(page).filter((link) => {
      const [path = ''] = link.split('#');
      return path !== '' && !existsSync(join(root, dirname(page), path));
    });
    expect(dead).toEqual([]);
  });
});

describe('commands of package.json', () => {
  const { scripts } = JSON.parse(readText('package.json')) as { readonly scripts: Readonly<Record<string, string>> };

  test.each(pages)('named in %s exist', (page) => {
    const named = [...readText(page).matchAll(/\bnpm run (?:-s )?([a-z-]+)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('policy examples', () => {
  const complete = pages.flatMap((page) =>
    blocksOf(page, 'yaml')
      .filter((text) => text.startsWith('apiVersion: segwall/v1') && page !== 'docs/reference/policy.md')
      .map((text, at) => ({ page, at, text })),
  );

  test('are found', () => {
    expect(complete.length).toBeGreaterThan(3);
  });

  // What holds nothing but workloads is an inventory; a page's tests name the hosts of the one beside them.
  const isInventory = (text: string) => !/^kind: (?!Workload$)/m.test(text);
  const errorsOf = (text: string, page: string) => {
    const beside = complete.filter((other) => other.page === page && isInventory(other.text)).map(({ text }) => text);
    const { problems } = checkPolicy({
      files: isInventory(text) ? [] : [{ path: 'example.yaml', text }],
      inventoryFiles: (isInventory(text) ? [text] : beside).map((text, at) => ({ path: `inventory-${at}.yaml`, text })),
      now: millis(Date.now()),
      mode: 'offline',
    });
    return problems.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code}: ${message}`);
  };

  test.each(complete)('$page, number $at, passes the check', ({ page, text }) => {
    expect(errorsOf(text, page)).toEqual([]);
  });

  test.each(complete.filter(({ text }) => text.includes('kind: PolicyTest')))(
    '$page, number $at, would not with a test of a host that is nowhere (mutant)',
    ({ page, text }) => {
      const mutant = text.replace(/ from: [a-z0-9-]+, to: /, ' from: nobody-1, to: ');
      expect(errorsOf(mutant, page).join('\n')).toMatch(/nobody-1/);
    },
  );
});

describe('guides with a policy and an inventory', () => {
  test.each([
    {
      guide: 'docs/guides/getting-started.md',
      says: [
        '2 tests held, 0 failed',
        'verdict: deny; outbound unmanaged; inbound deny by default/shop',
        'add table inet segwall',
      ],
    },
    {
      guide: 'docs/guides/virtual-addresses.md',
      says: [
        '2 tests held, 0 failed',
        'virtual shop-vip: judged as each that may hold it (lb-1, lb-2); lb-1 decides',
        'inbound allow by rule shop/web-to-vip',
      ],
    },
  ])('the offline commands of $guide run as they stand', async ({ guide, says }) => {
    const [policy = '', inventory = ''] = blocksOf(guide, 'yaml');
    const folder = await mkdtemp(join(directory, 'guide-'));
    await mkdir(join(folder, 'policy'), { recursive: true });
    await writeFile(join(folder, 'policy/shop.yaml'), policy);
    await writeFile(join(folder, 'inventory.yaml'), inventory);
    const commands = blocksOf(guide, 'sh').find((block) => block.includes('policy check')) ?? '';
    const [node = '', cli = ''] = segwall;
    const outcomes = [];
    for (const command of commands.trim().split('\n')) {
      const typed = command.replace(/npm run -s segwall --|^segwall(?= )/g, `'${node}' '${cli}'`);
      outcomes.push({ command, ...(await run(['sh', '-c', typed], { cwd: folder })) });
    }
    expect(outcomes.map(({ command, exitCode, stderr }) => ({ command, exitCode, stderr }))).toEqual(
      outcomes.map(({ command }) => ({ command, exitCode: 0, stderr: '' })),
    );
    const said = outcomes.map(({ stdout }) => stdout).join('');
    for (const words of says) expect(said).toContain(words);
  });
});

describe('settings', () => {
  test("the agent's example is accepted", () => {
    const example =
      blocksOf('docs/guides/install-on-servers.md', 'yaml').find((text) => text.startsWith('essential:')) ?? '';
    expect(parseSettings(parse(example))).toMatchObject({ ok: true });
  });

  test('the file that the package installs is accepted', async () => {
    const text = await readFile(join(root, 'packaging/debian/segwall-control-plane/control-plane.yaml'), 'utf8');
    expect(readSettings({}, parse(text) as Record<string, unknown>)).toMatchObject({ ok: true });
  });
});
