import { describe, expect, test } from 'vitest';
import { findCycles, findViolations, layerOf, listImports, type Sources } from './imports.ts';
import { readAliases, readSources } from './sources.ts';

const aliases = readAliases();
const sources = await readSources();
const imports = listImports(sources, aliases);

describe('the import table', () => {
  test('the scan sees the code', () => {
    expect(sources.size).toBeGreaterThan(20);
    expect(imports.filter((each) => each.target.kind === 'file').length).toBeGreaterThan(20);
  });

  test('allows every import there is', () => {
    expect(findViolations(imports, sources, aliases)).toEqual([]);
  });

  test('has no cycle of files', () => {
    expect(findCycles(imports).map((cycle) => cycle.join(' → '))).toEqual([]);
  });

  test.each([
    ['proto/model/label.ts', 'proto/model'],
    ['proto/generate.ts', 'proto'],
    ['control-plane/cli/policy/check.ts', 'control-plane/cli'],
    ['vitest.config.ts', ''],
  ])('%s belongs to the layer "%s"', (path, folder) => {
    expect(layerOf(path).folder).toBe(folder);
  });
});

// Mutants: each bad line, put into a file of the real tree, must turn the check red.
describe('the import table goes red when', () => {
  const withLine = (file: string, line: string): Sources =>
    new Map([...sources, [file, `${sources.get(file) ?? ''}\n${line}\n`], ['agent/src/mutant-target.ts', '']]);

  test.each([
    [
      'an agent imports the control plane',
      'agent/src/mutant.ts',
      "import { x } from '#policy/policy/policy.ts';",
      /agent\/src may not import control-plane\/core/,
    ],
    [
      'the control plane imports the agent',
      'control-plane/src/mutant.ts',
      "import type { Enforcer } from '#agent/table/apply-outcome.ts';",
      /may not import agent\/src/,
    ],
    [
      'the cli reaches for the wire',
      'control-plane/cli/mutant.ts',
      "export * from '#wire/mutant.ts';",
      /names no source file/,
    ],
    [
      'the model imports upwards',
      'proto/model/label.ts',
      "import type { Enforcer } from '#agent/table/apply-outcome.ts';",
      /proto\/model may not import agent\/src/,
    ],
    [
      'anything imports a test',
      'agent/src/mutant.ts',
      "import { x } from '#test/tally.ts';",
      /agent\/src may not import test/,
    ],
    [
      'a pure folder uses Node',
      'agent/core/mutant.ts',
      "import { readFileSync } from 'node:fs';",
      /is pure and may not use node:fs/,
    ],
    [
      'a pure folder uses Node lazily',
      'agent/core/mutant.ts',
      "const fs = await import('node:fs');",
      /is pure and may not use node:fs/,
    ],
    [
      'a pure folder uses a package that is not listed',
      'control-plane/core/mutant.ts',
      "import pino from 'pino';",
      /may not use the package pino/,
    ],
    [
      'a test leaves its folder by dots',
      'test/arch/mutant.ts',
      "import type { Enforcer } from '../../agent/src/agent.ts';",
      /leaves test/,
    ],
    [
      'an import over several lines is forbidden',
      'agent/core/mutant.ts',
      "import {\n  type A,\n  b,\n} from '#agent/table/apply-outcome.ts';",
      /agent\/core may not import agent\/src/,
    ],
    [
      'a worker is taken from another layer',
      'agent/core/mutant.ts',
      ['new Wor', "ker(new URL('../src/agent.ts', import.meta.url))"].join(''),
      /agent\/core may not import agent\/src/,
    ],
  ])('%s', (_name, file, line, expected) => {
    const mutated = withLine(file, line);
    const messages = findViolations(listImports(mutated, aliases), mutated, aliases).map(
      (violation) => violation.message,
    );
    expect(messages.join('\n')).toMatch(expected);
  });

  test('two files import each other', () => {
    const mutated = new Map([
      ['agent/core/one.ts', "import { two } from './two.ts';"],
      ['agent/core/two.ts', "import type { One } from './one.ts';"],
    ]);
    expect(findCycles(listImports(mutated, aliases))).toEqual([
      ['agent/core/one.ts', 'agent/core/two.ts', 'agent/core/one.ts'],
    ]);
  });
});
