import { describe, expect, test } from 'vitest';
import { dependencyReasons, developmentReasons } from './dependency-table.ts';
import { layerOf, listImports } from './imports.ts';
import { readAliases, readPackageJson, readSources, readText } from './sources.ts';

const { dependencies, devDependencies, optionalDependencies } = readPackageJson();
const imports = listImports(await readSources(), readAliases());

interface Use {
  readonly name: string;
  readonly layer: string;
  readonly file: string;
}

const uses: readonly Use[] = imports.flatMap(({ file, target }) =>
  target.kind === 'package' ? [{ name: target.name, layer: layerOf(file).folder, file }] : [],
);
const shipped = uses.filter((use) => use.layer !== 'test' && use.layer !== '');

describe('dependencies', () => {
  test('each has its reason, and each reason its dependency', () => {
    expect(Object.keys(dependencyReasons).sort()).toEqual(Object.keys(dependencies).sort());
    expect(Object.keys(developmentReasons).sort()).toEqual(Object.keys(devDependencies).sort());
  });

  test.each([
    ...Object.entries(dependencyReasons).map(([name, { decision }]) => [name, decision]),
    ...Object.entries(developmentReasons),
    ...Object.keys(optionalDependencies).map((name) => [name, 'one-package.md']),
  ])('%s is argued for in docs/decisions/%s', (name, decision) => {
    expect(readText(`docs/decisions/${decision}`)).toContain(`\`${name}\``);
  });

  test('are pinned to exact versions', () => {
    const versions = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test.each(Object.keys(dependencyReasons))('%s is used by something that is shipped', (name) => {
    expect(shipped.map((use) => use.name)).toContain(name);
  });

  test('are used only where the table says', () => {
    const elsewhere = shipped.filter(({ name, layer }) => {
      const development = layer === 'packaging' || layer === 'proto' ? developmentReasons[name] : undefined;
      return development === undefined && !dependencyReasons[name]?.layers.includes(layer);
    });
    expect(elsewhere.map(({ file, name }) => `${file} uses ${name}`)).toEqual([]);
  });

  test('of tests are declared', () => {
    const declared = new Set(Object.keys({ ...dependencies, ...devDependencies }));
    expect(uses.filter(({ name }) => !declared.has(name)).map(({ file, name }) => `${file} uses ${name}`)).toEqual([]);
  });
});

describe('docs/decisions', () => {
  test('its first page leads to every page', () => {
    const index = readText('docs/decisions/README.md');
    const pages = new Set([
      ...Object.values(dependencyReasons).map((reason) => reason.decision),
      'one-table.md',
      'connection-epochs.md',
    ]);
    expect([...pages].filter((page) => !index.includes(`(${page})`))).toEqual([]);
  });
});
