// Files made to hurt: each gives an error soon, and none is read on.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readInventoryFiles, readPolicyDirectory } from '#cli/input/read-directory.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { maxPolicyFileLength } from '#policy/source/yaml-documents.ts';
import { programPath } from '#test/support/programs.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';
import { noon, segment } from './world.ts';

const good = segment('shop', 'selector: all()').replace('---\n', '');

function codes(text: string): string[] {
  const { problems } = checkPolicy({ files: [{ path: 'p.yaml', text }], now: noon, mode: 'offline' });
  return [...new Set(problems.map(({ code }) => code))];
}

function bomb(): string {
  const levels = 'abcdefghijklmnopqrstuvwxyz'.split('');
  return levels
    .map((name, index) => `${name}: &${name} [${index === 0 ? '"lol"' : `*${levels[index - 1]}, `.repeat(10)}]\n`)
    .join('');
}

/** Of test/support/thread-time.ts. The slowest here comes to 45 beside other busy processes; what is quadratic comes to thousands. */
const mostReferences = 150;

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
    let found: readonly string[] = [];
    const cost = leastReferencesOf(() => {
      found = codes(text);
    }, mostReferences);
    expect(cost).toBeLessThan(mostReferences);
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

/** As large as a policy file may be. */
function filled(text: string, before = '', after = ''): string {
  return before + text.repeat(Math.floor((maxPolicyFileLength - before.length - after.length) / text.length)) + after;
}

/** As large as a policy file may be, of pieces that differ. */
function counted(piece: (at: number) => string, before = '', after = ''): string {
  let text = before;
  for (let at = 0; ; at += 1) {
    const next = piece(at);
    if (text.length + next.length + after.length > maxPolicyFileLength) return text + after;
    text += next;
  }
}

const rulesOf = (piece: (at: number) => string, after = ''): string =>
  counted(
    piece,
    'apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: s }\nspec:\n  selector: all()\n  rules:\n',
    after,
  );
const flowRule = (at: number) =>
  `  - { name: r-${at}, from: [{ workloads: role == "web" }], to: [{ workloads: all() }], services: [tcp/${(at % 65535) + 1}] }\n`;

const dense: readonly (readonly [name: string, text: string, code: string])[] = [
  ['nothing but dashes', filled('- a\n'), 'file-too-large'],
  ['nothing but brackets', filled('[],', '[', ']'), 'file-too-large'],
  ['nothing but braces', filled('{},', '[', ']'), 'file-too-large'],
  ['nothing but commas', filled('a,', '[', ']'), 'file-too-large'],
  ['nested brackets', filled('[[[[a]]]],', '[', ']'), 'file-too-large'],
  ['nothing but documents', filled('---\na\n'), 'wrong-type'],
  ['nothing but quotes', filled('"a"\n'), 'yaml-syntax'],
  ['quotes for half of it', filled('"a"\n').slice(0, maxPolicyFileLength / 2), 'yaml-syntax'],
  ['nothing but keys', filled('? a\n'), 'file-too-large'],
  ['nothing but colons', filled(': a\n'), 'file-too-large'],
  ['nothing but anchors', filled('- &a b\n'), 'file-too-large'],
  ['nothing but aliases', filled('- *a\n', '- &a b\n'), 'file-too-large'],
  ['nothing but tags', filled('- !a b\n'), 'file-too-large'],
  ['nothing but directives', filled('%YAML 1.2\n---\n'), 'file-too-large'],
  ['nothing but wrong directives', filled('%\n'), 'yaml-directive'],
  ['nothing but ends of documents', filled('...\n'), 'file-too-large'],
  ['a text over half a million lines', filled('a\n  ', 'a: b\n  '), 'unknown-key'],
  ['a text in quotes over a million lines', filled('a\n', '"', '"'), 'wrong-type'],
  ['texts under bars', filled('- |\n ab\n'), 'wrong-type'],
  ['escapes', filled('\\n', '"', '"'), 'wrong-type'],
  ['one key for every nine characters', counted((at) => `k${at}: a\n`), 'unknown-key'],
  ['the same in braces', counted((at) => `k${at}: a, `, '{', '}'), 'unknown-key'],
  ['the same, the last of them twice', counted((at) => `k${at}: a\n`, '', 'k1: a\n'), 'file-too-large'],
  ['objects a line', filled('{"a":"\\n"}\n'), 'unknown-key'],
  ['an alias bomb', bomb(), 'yaml-alias'],
  ['100,000 open brackets', '['.repeat(100_000), 'nested-too-deep'],
  ['a megabyte selector', segment('s', `selector: ${'a == "b" && '.repeat(90_000)}a == "b"`), 'bad-selector'],
  ['20,000 equal keys', segment('s', 'selector: all()\n'.repeat(20_000)), 'duplicate-key'],
  ['a NUL in two megabytes', `${filled('#\n')}\u0000`.slice(2), 'control-character'],
  ['a plain list of half a million', filled('- a\n').slice(0, maxPolicyFileLength / 4), 'wrong-type'],
  ['rules with an anchor at the end', rulesOf(flowRule, '  - &a b\n'), 'file-too-large'],
  ['rules with carriage returns', rulesOf((at) => flowRule(at).replace('\n', '\r\n')), 'carriage-return'],
  ['rules with numbers for ports', rulesOf((at) => flowRule(at).replace('tcp/', '')), 'wrong-type'],
];

test('what a file is too large for is told where it stands', () => {
  const { problems } = checkPolicy({
    files: [{ path: 'p.yaml', text: rulesOf(flowRule, '  - &a b\n') }],
    now: noon,
    mode: 'offline',
  });
  expect(problems.map(({ code, excerpt }) => [code, excerpt])).toEqual([['file-too-large', '  - &a b']]);
});

test('a document that is not plain does not make the file of many too large', () => {
  const workload = (at: number) =>
    `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: w-${at} }\nspec: { kind: external, addresses: ["10.${at >> 16}.${(at >> 8) & 255}.${at & 255}"] }\n`;
  const odd = `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: &name odd, description: *name }\nspec: { kind: external, addresses: [192.0.2.1] }\n`;
  expect(codes(counted(workload, odd, odd.replace('&name odd', '&name odder').replace('.1]', '.2]')))).toEqual([]);
});

describe('in a process of its own', () => {
  const child = programPath('test-hostile-child');
  const folder = mkdtempSync(join(tmpdir(), `segwall-hostile-${process.pid}-`));
  afterAll(() => rmSync(folder, { recursive: true }));

  // A young process reads slower than its reference runs: the slowest here come to 140.
  const mostReferencesAlone = 450;
  const checkAlone = (file: string) => {
    const { stdout, stderr } = spawnSync(process.execPath, [child, file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return JSON.parse(stdout) as { codes: string[]; errors: number; references: number; peakMiB: number };
  };

  test.each(dense)('%s gives an error soon and within 700 MiB', (name, text, code) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.yaml`);
    writeFileSync(file, text);
    let found = checkAlone(file);
    for (let tries = 1; tries < 3 && found.references >= mostReferencesAlone; tries += 1) found = checkAlone(file);
    expect(found.codes).toContain(code);
    expect(found.errors).toBeGreaterThan(0);
    expect(found.references).toBeLessThan(mostReferencesAlone);
    expect(found.peakMiB).toBeLessThan(700);
  });

  test('two megabytes of rules as people write them are no such thing', () => {
    expect(codes(rulesOf(flowRule))).toEqual([]);
    expect(codes(`#\t\n${rulesOf(flowRule)}`.slice(0, maxPolicyFileLength).replace(/\n.*$/, '\n'))).toEqual([]);
    const minified = JSON.stringify({
      apiVersion: 'segwall/v1',
      kind: 'Segment',
      metadata: { name: 's' },
      spec: {
        selector: 'all()',
        rules: Array.from({ length: 20_000 }, (_, at) => ({
          name: `r-${at}`,
          from: [{ workloads: 'a == "b"' }],
          to: ['any'],
          services: [`tcp/${at + 1}`],
        })),
      },
    });
    expect(codes(minified)).toEqual([]);
  });

  test('a list of 200,000 documents is read, not fallen over', () => {
    const { problems } = checkPolicy({
      files: [],
      inventoryFiles: [{ path: 'i.json', text: `[${'{},'.repeat(200_000)}{}]` }],
      now: noon,
      mode: 'offline',
    });
    expect(problems.at(-1)?.message).toMatch(/there are more than 40000 problems; the first 10000 are listed/);
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
