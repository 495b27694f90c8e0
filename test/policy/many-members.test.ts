// Thousands of segments about ten thousand workloads: every offline command answers, or says what is too much, soon and in bounded memory.
// Each run is a process of its own.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';
import { document, segment } from './world.ts';

const base = mkdtempSync(join(tmpdir(), `segwall-members-${process.pid}-`));
const inventory = join(base, 'inventory.json');
const queries = join(base, 'queries.ndjson');
afterAll(() => rmSync(base, { recursive: true }));

const addressOf = (at: number) => `10.0.${at >> 8}.${at & 255}`;

beforeAll(() => {
  const workload = (at: number) => ({
    apiVersion: 'segwall/v1',
    kind: 'Workload',
    metadata: { name: `w-${at}`, labels: { app: `a-${at % 100}`, n: String(at) } },
    spec: { kind: 'host', host: `h-${at}`, addresses: [addressOf(at)] },
  });
  writeFileSync(inventory, Array.from({ length: 10_000 }, (_, at) => JSON.stringify(workload(at))).join('\n'));
  const query = (at: number) => ({
    src: addressOf((at * 7) % 10_000),
    dst: addressOf((at * 13 + 1) % 10_000),
    proto: 'tcp',
    port: at % 2 === 0 ? 443 : 80,
  });
  writeFileSync(queries, Array.from({ length: 1000 }, (_, at) => `${JSON.stringify(query(at))}\n`).join(''));
});

const everyone = 'from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/443]';
const tests = document(
  'PolicyTest',
  'reach',
  'tests:\n  - { from: w-1, to: { labels: { app: a-7 } }, service: tcp/443, expect: allow }\n  - { from: w-1, to: w-2, service: tcp/80, expect: deny }',
);

interface Shape {
  readonly count: number;
  readonly selector: (at: number) => string;
  readonly each?: string;
  readonly rule?: (at: number) => string;
}

function directoryOf(name: string, { count, selector, each, rule }: Shape): string {
  const directory = join(base, name.replaceAll(' ', '-'));
  mkdirSync(directory);
  const texts = Array.from({ length: count }, (_, at) =>
    segment(
      `s-${at}`,
      `selector: '${selector(at)}'\ninbound: enforce\n${each === undefined ? '' : `each: [${each}]\n`}rules:\n  - { name: r, ${rule?.(at) ?? everyone} }`,
    ),
  );
  for (let at = 0; at * 3000 < count; at += 1)
    writeFileSync(join(directory, `p${at}.yaml`), texts.slice(at * 3000, (at + 1) * 3000).join(''));
  writeFileSync(join(directory, 'tests.yaml'), tests);
  return directory;
}

const program = programPath('segwall');
const usage = new URL('./command-usage.ts', import.meta.url).href;

const commands: Readonly<Record<string, readonly string[]>> = {
  check: [],
  render: ['--host', 'h-7'],
  explain: ['w-1', 'w-2', 'tcp/443'],
  eval: ['--queries', queries],
  test: [],
};

function run(command: string, directory: string) {
  const usageFile = join(base, 'usage.json');
  const args = [program, 'policy', command, directory, ...(commands[command] ?? []), '--inventory', inventory];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', usage, ...args], {
    encoding: 'utf8',
    env: { ...process.env, SEGWALL_TEST_USAGE: usageFile },
    maxBuffer: 1 << 28,
  });
  const spent = JSON.parse(readFileSync(usageFile, 'utf8')) as { references: number; peakMiB: number };
  return { status, stdout, stderr, ...spent };
}

/** Processor time of the command as a multiple of the reference of test/support/thread-time.ts; much of it is reading. */
const mostReferences = 1200;
const mostMiB = 1024;

const answered: readonly (readonly [name: string, shape: Shape, commands: readonly string[]])[] = [
  ['segments that all select all', { count: 6000, selector: () => 'all()' }, ['render', 'explain', 'eval', 'test']],
  [
    'segments of everyone that name each other',
    {
      count: 1500,
      selector: () => 'has(app)',
      rule: (at) => `from: [{ segment: s-${(at * 7) % 1500} }], to: [{ workloads: all() }], services: [tcp/443]`,
    },
    ['render'],
  ],
  ['segments with the same each', { count: 1500, selector: () => 'has(n)', each: 'app' }, ['eval']],
  [
    'segments of everyone with rules of a few each',
    {
      count: 3000,
      selector: () => 'all()',
      rule: (at) =>
        `from: [{ workloads: 'app in {"a-${at % 100}", "a-${(at * 7 + 1) % 100}"}' }], to: [{ workloads: app == "a-${(at * 3) % 100}" }], services: [tcp/443]`,
    },
    ['render', 'eval'],
  ],
];

describe.each(answered)('many %s are answered about', (name, shape, answering) => {
  let directory: string;
  beforeAll(() => {
    directory = directoryOf(name, shape);
  });

  test.each(answering)('by %s', (command) => {
    const { status, stdout, stderr, references, peakMiB } = run(command, directory);
    expect({ stderr: stderr.slice(0, 500), status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.length).toBeGreaterThan(100);
    expect(references).toBeLessThan(mostReferences);
    expect(peakMiB).toBeLessThan(mostMiB);
  });
});

const refused: readonly (readonly [name: string, shape: Shape, commands: readonly string[]])[] = [
  [
    'segments with a different negation each',
    { count: 600, selector: (at) => `n != "x${at}"` },
    ['check', 'render', 'explain', 'eval', 'test'],
  ],
  [
    'peers with a different negation each',
    {
      count: 600,
      selector: () => 'all()',
      rule: (at) => `from: [{ tenant: '!has(k${at})' }], to: [any], services: [any]`,
    },
    ['check'],
  ],
  ['segments with many combinations each', { count: 200, selector: () => 'all()', each: 'n' }, ['render']],
];

describe.each(refused)('many %s are refused', (name, shape, refusing) => {
  let directory: string;
  beforeAll(() => {
    directory = directoryOf(name, shape);
  });

  test.each(refusing)('by %s', (command) => {
    const { status, stdout, stderr, references, peakMiB } = run(command, directory);
    expect(status).toBe(1);
    expect(stdout + stderr).toContain('[too-many-memberships]');
    expect(references).toBeLessThan(mostReferences);
    expect(peakMiB).toBeLessThan(mostMiB);
  });
});
