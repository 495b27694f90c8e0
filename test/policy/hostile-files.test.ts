// Files made to hurt: each gives an error within a second, and none is read on.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readInventoryFiles, readPolicyDirectory } from '#cli/policy/read-directory.ts';
import { checkPolicy } from '#policy/check-policy.ts';
import { noon, segment } from './world.ts';

const good = segment('shop', 'selector: all()').replace('---\n', '');

function codes(text: string): string[] {
  const { problems } = checkPolicy({ files: [{ path: 'p.yaml', text }], now: noon, mode: 'offline' });
  return [...new Set(problems.map(({ code }) => code))];
}

/** Processor time of this thread: what a file costs, however busy the machine is. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function bomb(): string {
  const levels = 'abcdefghijklmnopqrstuvwxyz'.split('');
  return levels
    .map((name, index) => `${name}: &${name} [${index === 0 ? '"lol"' : `*${levels[index - 1]}, `.repeat(10)}]\n`)
    .join('');
}

const hostile: readonly (readonly [name: string, text: string, codes: readonly string[]])[] = [
  ['a byte order mark', `\uFEFF${good}`, ['byte-order-mark']],
  ['CRLF line ends', good.replaceAll('\n', '\r\n'), ['carriage-return']],
  ['a NUL', good.replace('all()', 'all\u0000()'), ['control-character']],
  ['an escape sequence', `# \u001b[2J\n${good}`, ['control-character']],
  ['an alias bomb', bomb(), ['yaml-alias', 'missing-field', 'unknown-key']],
  ['100,000 open brackets', '['.repeat(100_000), ['nested-too-deep']],
  ['100,000 closed brackets', `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`, ['nested-too-deep']],
  ['100,000 open braces', '{a: '.repeat(100_000), ['nested-too-deep']],
  ['100,000 nested dashes', '- '.repeat(100_000), ['nested-too-deep']],
  ['100,000 nested keys', '? '.repeat(100_000), ['nested-too-deep']],
  [
    '2,000 indented keys',
    Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    ['nested-too-deep'],
  ],
  ['a megabyte selector', segment('s', `selector: ${'a == "b" && '.repeat(90_000)}a == "b"`), ['bad-selector']],
  ['a megabyte in quotes', segment('s', `selector: "${'x'.repeat(1_000_000)}"`), ['bad-selector']],
  ['a megabyte key', segment('s', `selector: all()\n${'k'.repeat(1_000_000)}: 1`), ['yaml-syntax', 'unknown-key']],
  ['20,000 equal keys', segment('s', 'selector: all()\n'.repeat(20_000)), ['duplicate-key']],
  [
    '20,000 different keys',
    segment('s', Array.from({ length: 20_000 }, (_, at) => `k${at}: 1`).join('\n')),
    ['missing-field', 'unknown-key', 'too-many-problems'],
  ],
  ['a file of 3 MB', '#'.repeat(3_000_000), ['file-too-large']],
  ['20,000 quotes', '"'.repeat(20_000), ['yaml-syntax']],
  ['a key called __proto__', segment('s', 'selector: all()\n__proto__: { polluted: 1 }'), ['unknown-key']],
  ['a key called constructor', segment('s', 'selector: all()\nconstructor: 1'), ['unknown-key']],
];

describe('one file', () => {
  test.each(hostile)('%s', (_name, text, expected) => {
    const startedAt = threadMs();
    const found = codes(text);
    expect(threadMs() - startedAt).toBeLessThan(1000);
    expect(found.length).toBeGreaterThan(0);
    for (const code of found) expect(expected).toContain(code);
  });

  test('the file without any of these is good', () => {
    expect(codes(good)).toEqual([]);
  });

  test('names as members of objects have are names', () => {
    const text = ['constructor', 'tostring', 'valueof']
      .map((name) =>
        segment(
          name,
          `selector: all()\nrules:\n  - { name: ${name}, from: [{ segment: ${name} }], to: [any], services: [any] }`,
        ),
      )
      .join('');
    expect(codes(text)).toEqual([]);
    expect(
      codes(
        segment(
          's',
          'selector: all()\nrules:\n  - { name: r, from: [{ segment: constructor }], to: [any], services: [hasOwnProperty] }',
        ),
      ),
    ).toEqual(['dangling-reference', 'bad-service']);
  });
});

describe('a directory', () => {
  const base = mkdtempSync(join(tmpdir(), `segwall-policy-${process.pid}-`));
  afterAll(() => rmSync(base, { recursive: true }));
  const root = join(base, 'policy');
  mkdirSync(join(root, 'deep', 'deeper'), { recursive: true });
  mkdirSync(join(root, '.git'));
  writeFileSync(join(base, 'outside.yaml'), good);
  writeFileSync(join(root, 'b.yml'), good);
  writeFileSync(join(root, 'a.json'), '{}');
  writeFileSync(join(root, 'deep', 'deeper', 'c.yaml'), good);
  writeFileSync(join(root, 'README.md'), 'no policy');
  writeFileSync(join(root, '.hidden.yaml'), good);
  writeFileSync(join(root, '.git', 'd.yaml'), good);
  symlinkSync(join(base, 'outside.yaml'), join(root, 'out.yaml'));
  symlinkSync(base, join(root, 'out'));
  symlinkSync('b.yml', join(root, 'z-same.yaml'));
  symlinkSync('.hidden.yaml', join(root, 'mounted.yaml'));
  symlinkSync('..', join(root, 'deep', 'ring'));
  symlinkSync('nowhere', join(root, 'broken.yaml'));
  writeFileSync(join(root, 'latin1.yaml'), Buffer.from([0x23, 0xe9, 0x0a]));

  test('files are read at any depth, once each, dot files left out but where a link means them', async () => {
    const { files } = await readPolicyDirectory(root);
    expect(files.map(({ path }) => path)).toEqual(['a.json', 'b.yml', 'deep/deeper/c.yaml', 'mounted.yaml']);
  });

  test('links that leave it, links to nothing and bytes that are no text are errors', async () => {
    const { problems } = await readPolicyDirectory(root);
    expect(problems.map(({ file, code }) => `${file} ${code}`).sort()).toEqual([
      'broken.yaml file-unreadable',
      'latin1.yaml file-unreadable',
      'out link-leaves-directory',
      'out.yaml link-leaves-directory',
    ]);
  });

  test('an inventory file within it is not read twice', async () => {
    const inventory = await readInventoryFiles([join(root, 'b.yml')]);
    const { files } = await readPolicyDirectory(root, inventory.realPaths);
    expect(files.map(({ path }) => path)).not.toContain('b.yml');
  });

  test('a directory that is not there is wrong use', async () => {
    await expect(readPolicyDirectory(join(base, 'none'))).rejects.toMatchObject({ exit: 2, code: 'cannot-read' });
  });
});
