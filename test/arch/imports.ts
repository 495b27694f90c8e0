// Reads the imports out of source text and finds those that the import table forbids. Takes the sources as values, so that a test can
// hand it a source that does not exist and see it found out.

import { posix } from 'node:path';
import { type Layer, layers, purePackages } from './import-table.ts';

/** Path from the package root → text. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly target:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'package'; readonly name: string }
    | { readonly kind: 'builtin'; readonly name: string };
}

export interface Violation {
  readonly file: string;
  readonly message: string;
}

const patterns: readonly RegExp[] = [
  /^\s*(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])(?<specifier>[^'"\n]+)\1/gm,
  /^\s*import\s*(['"])(?<specifier>[^'"\n]+)\1/gm,
  /\bimport\(\s*(['"`])(?<specifier>[^'"`\n]+)\1/g,
  /\bimport\.meta\.resolve\(\s*(['"`])(?<specifier>[^'"`\n]+)\1/g,
  /\bnew Worker\(\s*new URL\(\s*(['"`])(?<specifier>\.[^'"`\n]+\.[jt]s)\1/g,
];

export function layerOf(path: string): Layer {
  const holding = layers.filter((layer) => layer.folder === '' || path.startsWith(`${layer.folder}/`));
  return holding.reduce((best, layer) => (layer.folder.length > best.folder.length ? layer : best));
}

function resolveSpecifier(file: string, specifier: string, aliases: ReadonlyMap<string, string>): Import['target'] {
  if (specifier.startsWith('.')) return { kind: 'file', path: posix.join(posix.dirname(file), specifier) };
  if (specifier.startsWith('node:')) return { kind: 'builtin', name: specifier };
  for (const [prefix, folder] of aliases) {
    if (specifier.startsWith(prefix)) return { kind: 'file', path: posix.join(folder, specifier.slice(prefix.length)) };
  }
  return { kind: 'package', name: specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/') };
}

/** `aliases`: package.json `imports` without their stars, as `#model/` → `proto/model/`. */
export function listImports(sources: Sources, aliases: ReadonlyMap<string, string>): readonly Import[] {
  const found: Import[] = [];
  for (const [file, text] of sources) {
    for (const pattern of patterns) {
      for (const match of text.matchAll(pattern)) {
        const specifier = match.groups?.['specifier'];
        if (specifier === undefined) continue;
        // A template literal with a hole in it names no one file.
        if (!specifier.includes('${'))
          found.push({ file, specifier, target: resolveSpecifier(file, specifier, aliases) });
      }
    }
  }
  return found;
}

function hasAlias(path: string, aliases: ReadonlyMap<string, string>): boolean {
  return [...aliases.values()].some((folder) => path.startsWith(folder));
}

function judge(each: Import, sources: Sources, aliases: ReadonlyMap<string, string>): string | undefined {
  const from = layerOf(each.file);
  switch (each.target.kind) {
    case 'builtin':
      return from.kind === 'pure' ? `${from.folder} is pure and may not use ${each.target.name}` : undefined;
    case 'package':
      if (from.kind === 'edge' || purePackages[from.folder]?.[each.target.name] !== undefined) return undefined;
      return `${from.folder} is pure and may not use the package ${each.target.name}`;
    case 'file': {
      // The package's description (its version) is everyone's to read.
      if (each.target.path === 'package.json') return undefined;
      if (!sources.has(each.target.path)) return `"${each.specifier}" names no source file (${each.target.path})`;
      const to = layerOf(each.target.path);
      if (to.folder === from.folder) return undefined;
      if (from.imports[to.folder] === undefined)
        return `${from.folder} may not import ${to.folder} ("${each.specifier}")`;
      if (from.folder !== '' && each.specifier.startsWith('.') && hasAlias(each.target.path, aliases))
        return `"${each.specifier}" leaves ${from.folder}; go by the package's imports (#…)`;
      return undefined;
    }
  }
}

export function findViolations(
  imports: readonly Import[],
  sources: Sources,
  aliases: ReadonlyMap<string, string>,
): readonly Violation[] {
  return imports.flatMap((each) => {
    const message = judge(each, sources, aliases);
    return message === undefined ? [] : [{ file: each.file, message }];
  });
}

/** Each cycle of files once, as the path that closes it. Type-only imports count: two files that need each other are one. */
export function findCycles(imports: readonly Import[]): readonly (readonly string[])[] {
  const edges = new Map<string, string[]>();
  for (const { file, target } of imports) {
    if (target.kind === 'file' && target.path !== file) edges.set(file, [...(edges.get(file) ?? []), target.path]);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) cycles.push([...path.slice(at), file]);
    if (at !== -1 || done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return cycles;
}
