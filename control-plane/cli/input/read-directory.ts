// Reads a policy directory, or inventory files, as texts: *.yaml, *.yml and *.json, at any depth, dot files left out. What
// cannot be taken as text (a link that leaves the directory, bytes that are not UTF-8) is a problem beside the others.

import type { Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { CommandFailure } from '#cli/output/failure.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Problem } from '#policy/source/problem.ts';
import type { ProblemCode } from '#policy/source/problem-catalogue.ts';
import type { InputFile } from '#policy/source/source-file.ts';
import { maxInventoryFileLength } from '#policy/source/yaml-documents.ts';

/** `realPaths` of what was read, links resolved; paths in `files` are relative to the directory. */
export interface ReadDirectory {
  readonly files: readonly InputFile[];
  readonly problems: readonly Problem[];
  readonly realPaths: ReadonlySet<string>;
}

const maxFiles = 100_000;
const policyFile = /\.(ya?ml|json)$/;

/** Throws a CommandFailure (exit 2) if the directory itself cannot be read. A file in its place stands for itself. */
export async function readPolicyDirectory(
  directory: string,
  leaveOut: ReadonlySet<string> = new Set(),
): Promise<ReadDirectory> {
  const root = await realDirectory(directory);
  const reading: Reading = { root, leaveOut, files: [], problems: [], realPaths: new Set() };
  const itself = await stat(root);
  if (itself.isFile()) await readOne(reading, { path: root, name: relativeName(join(root, '..'), root), real: root });
  else await readFolder(reading, { folder: root, names: await entriesOf(directory, root) }, new Set([root]));
  return {
    files: reading.files.sort((a, b) => compareCodeUnits(a.path, b.path)),
    problems: reading.problems,
    realPaths: reading.realPaths,
  };
}

/** Inventory files by the names the operator gave them; a directory among them is read as one, a pipe to its end. */
export async function readInventoryFiles(paths: readonly string[]): Promise<ReadDirectory> {
  const reading: Reading = { root: '/', leaveOut: new Set(), files: [], problems: [], realPaths: new Set() };
  for (const path of paths) {
    if (await isPipe(path)) {
      await readOne(reading, { path, name: path, real: path });
      continue;
    }
    const real = await realDirectory(path);
    if ((await stat(real)).isDirectory()) {
      const read = await readPolicyDirectory(path);
      reading.files.push(...read.files.map((file) => ({ ...file, path: join(path, file.path) })));
      reading.problems.push(...read.problems.map((problem) => ({ ...problem, file: join(path, problem.file) })));
      for (const one of read.realPaths) reading.realPaths.add(one);
    } else {
      await readOne(reading, { path: real, name: path, real });
    }
  }
  return reading;
}

/** `<(…)` of a shell, or /dev/stdin: it has no place that a link could lead to. */
async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFIFO() === true;
}

interface Reading {
  readonly root: string;
  readonly leaveOut: ReadonlySet<string>;
  readonly files: InputFile[];
  readonly problems: Problem[];
  readonly realPaths: Set<string>;
}

async function realDirectory(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new CommandFailure(2, 'cannot-read', `cannot read ${path}: ${systemMessage(cause)}; give a path that exists`);
  }
}

async function entriesOf(directory: string, root: string): Promise<readonly string[]> {
  try {
    return await readdir(root);
  } catch (cause) {
    throw new CommandFailure(2, 'cannot-read', `cannot read ${directory}: ${systemMessage(cause)}`);
  }
}

interface Folder {
  readonly folder: string;
  readonly names: readonly string[];
}

/** `entered` holds the real directories on the way here and before, so that links in a ring end. */
async function readFolder(reading: Reading, { folder, names }: Folder, entered: Set<string>): Promise<void> {
  for (const entry of names.toSorted(compareCodeUnits)) {
    if (entry.startsWith('.')) continue;
    const path = join(folder, entry);
    const found = await resolveEntry(reading, path);
    if (found === undefined) continue;
    if (found.stats.isDirectory()) {
      if (entered.has(found.real)) continue;
      entered.add(found.real);
      await readInnerFolder(reading, path, entered);
    } else if (policyFile.test(entry)) {
      if (found.stats.isFile())
        await readOne(reading, { path, name: relativeName(reading.root, path), real: found.real });
      else
        refuse(reading, path, {
          code: 'file-unreadable',
          message: 'this is no regular file; a policy is read from files only',
        });
    }
  }
}

/** What it may hold would be policy: one that cannot be opened is an error as a file is. */
async function readInnerFolder(reading: Reading, folder: string, entered: Set<string>): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    refuse(reading, folder, {
      code: 'file-unreadable',
      message: `this directory cannot be read: ${systemMessage(cause)}`,
    });
    return;
  }
  await readFolder(reading, { folder, names }, entered);
}

/** What an entry is, behind its link if it is one; undefined, after a problem, where the link leads out or nowhere. */
async function resolveEntry(
  reading: Reading,
  path: string,
): Promise<{ readonly real: string; readonly stats: Stats } | undefined> {
  const own = await lstat(path);
  if (!own.isSymbolicLink()) return { real: path, stats: own };
  try {
    const real = await realpath(path);
    if (real !== reading.root && !real.startsWith(`${reading.root}${sep}`)) {
      refuse(reading, path, {
        code: 'link-leaves-directory',
        message: `this symbolic link leads to ${real}, out of the directory; links within it are allowed`,
        suggestion: 'copy the file into the directory',
      });
      return undefined;
    }
    return { real, stats: await stat(real) };
  } catch (cause) {
    if (policyFile.test(path))
      refuse(reading, path, {
        code: 'file-unreadable',
        message: `this symbolic link cannot be followed: ${systemMessage(cause)}`,
      });
    return undefined;
  }
}

interface OneFile {
  readonly path: string;
  readonly name: string;
  readonly real: string;
}

/** A file that two links lead to is read once. */
async function readOne(reading: Reading, { path, name, real }: OneFile): Promise<void> {
  if (reading.realPaths.has(real) || reading.leaveOut.has(real)) return;
  reading.realPaths.add(real);
  if (reading.files.length >= maxFiles)
    throw new CommandFailure(
      2,
      'too-many-files',
      `there are more than ${maxFiles} policy files; at most that many are read`,
    );
  try {
    const { size } = await stat(path);
    if (size > maxInventoryFileLength) {
      reading.problems.push(
        problemOf(name, {
          code: 'file-too-large',
          message: `the file has ${size} bytes; at most ${maxInventoryFileLength} are allowed`,
        }),
      );
      return;
    }
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
    reading.files.push({ path: name, text });
  } catch (cause) {
    const isEncoding = cause instanceof TypeError;
    reading.problems.push(
      problemOf(name, {
        code: 'file-unreadable',
        message: isEncoding
          ? 'the file is not UTF-8, which policy files are'
          : `the file cannot be read: ${systemMessage(cause)}`,
        ...(isEncoding ? { suggestion: 'save it as UTF-8' } : {}),
      }),
    );
  }
}

type FileFinding = { readonly code: ProblemCode; readonly message: string; readonly suggestion?: string };

function refuse(reading: Reading, path: string, finding: FileFinding): void {
  reading.problems.push(problemOf(relativeName(reading.root, path), finding));
}

function problemOf(file: string, finding: FileFinding): Problem {
  return { severity: 'error', file, line: 1, column: 1, ...finding };
}

function relativeName(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

function systemMessage(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = 'code' in cause ? String(cause.code) : '';
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission denied',
    ELOOP: 'its links go in a circle',
    ENOTDIR: 'a part of the path is no directory',
  };
  return known[code] ?? cause.message;
}
