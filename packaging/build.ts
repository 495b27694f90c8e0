// `npm run package -- [FOLDER] [--sign KEY]`: makes dist/NAME_VERSION_ARCH.deb (or FOLDER's; it is emptied first) for this machine's
// processor, with the runtime inside, so that a host needs neither Node nor npm. Beside each stands what is in it (SPDX), and beside all
// of them SHA256SUMS, signed where a key is given. The same commit gives the same bytes (SOURCE_DATE_EPOCH; by default the commit's time).

import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { bundleProgram } from './bundle.ts';
import { sha256Of, signFile, writeChecksums } from './checksums.ts';
import { describeProgram } from './commands.ts';
import { shells } from './completions.ts';
import { buildDeb } from './deb.ts';
import { renderCopyright } from './licences.ts';
import { renderManPage } from './man-page.ts';
import { allPrograms, type Product, type Program, products } from './products.ts';
import { assertRuntimeDigest } from './runtime-digest.ts';
import { renderSbom, type SbomInput } from './sbom.ts';

const root = join(import.meta.dirname, '..');
const { outFolder, signingKey } = readArguments(process.argv.slice(2));
const dist = resolve(outFolder);

function readArguments(words: readonly string[]): { readonly outFolder: string; readonly signingKey?: string } {
  const { positionals, values } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { sign: { type: 'string' } },
  });
  const [folder = join(root, 'dist')] = positionals;
  return { outFolder: folder, ...(values.sign === undefined ? {} : { signingKey: values.sign }) };
}

interface Build {
  readonly version: string;
  readonly epochSeconds: number;
  readonly architecture: 'amd64' | 'arm64';
  /** Name of the npm package that holds the runtime. */
  readonly runtime: string;
  /** As Node names the processor. */
  readonly processor: string;
}

async function readEpochSeconds(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const git = await execa('git', ['-c', `safe.directory=${root}`, 'log', '-1', '--format=%ct'], {
    cwd: root,
    reject: false,
  });
  return git.failed ? 0 : Number(git.stdout);
}

async function planBuild(): Promise<Build> {
  const processor = process.arch;
  if (processor !== 'x64' && processor !== 'arm64') throw new Error(`no package is made for ${processor}`);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  return {
    version,
    epochSeconds: await readEpochSeconds(),
    architecture: processor === 'x64' ? 'amd64' : 'arm64',
    runtime: `node-linux-${processor}`,
    processor,
  };
}

async function put(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
}

/** The runtime without its symbols: 108 MB instead of 127. */
async function makeRuntime(build: Build): Promise<string> {
  const stripped = join(dist, 'node');
  await copyFile(join(root, 'node_modules', build.runtime, 'bin/node'), stripped);
  await execa('strip', [stripped]);
  await chmod(stripped, 0o755);
  return stripped;
}

/** koffi loads its native part by itself, from the package of this processor; the rest of its sources stays behind. */
async function copyKoffi(build: Build, home: string): Promise<void> {
  const from = join(root, 'node_modules');
  const to = join(home, 'node_modules');
  const native = `@koromix/koffi-linux-${build.processor}`;
  for (const path of [
    'koffi/package.json',
    'koffi/index.js',
    'koffi/src/koffi/index.js',
    'koffi/src/koffi/src/static.js',
    `${native}/package.json`,
    `${native}/index.js`,
    `${native}/linux_${build.processor}`,
  ]) {
    await cp(join(from, path), join(to, path), { recursive: true });
  }
}

function renderWrapper(home: string, program: Program): string {
  // node:sqlite still calls itself experimental in Node 24; an operator can do nothing with that remark.
  return `#!/bin/sh\nexec ${home}/node ${['--disable-warning=ExperimentalWarning', ...(program.runtimeFlags ?? [])].join(' ')} ${home}/${program.name}.js "$@"\n`;
}

async function stageProgram(
  build: Build,
  product: Product,
  program: Program,
  tree: string,
): Promise<ReadonlySet<string>> {
  const home = `/usr/lib/${product.name}`;
  const packages = await bundleProgram({ root, entry: program.entry, name: program.name, outFolder: join(tree, home) });
  await put(join(tree, 'usr/bin', program.name), renderWrapper(home, program), 0o755);
  const described = describeProgram(program.commands());
  const others = allPrograms.filter(({ name }) => name !== program.name);
  const page = renderManPage({
    program: described,
    section: program.manSection,
    summary: program.summary,
    version: build.version,
    epochSeconds: build.epochSeconds,
    environment: program.environment ?? {},
    files: program.files ?? {},
    seeAlso: others.map((each) => `${each.name}(${each.manSection})`),
  });
  await put(
    join(tree, `usr/share/man/man${program.manSection}/${program.name}.${program.manSection}.gz`),
    gzipSync(page, { level: 9 }),
  );
  for (const shell of Object.values(shells)) await put(join(tree, shell.path(program.name)), shell.render(described));
  return packages;
}

interface BundledRuntime {
  /** The stripped program. */
  readonly path: string;
  readonly described: SbomInput['runtime'];
}

/** Gives the paths of the package and of the list of what is in it. */
async function buildProduct(build: Build, product: Product, runtime: BundledRuntime): Promise<readonly string[]> {
  const tree = join(dist, 'stage', product.name);
  const home = join(tree, 'usr/lib', product.name);
  const sources = join(root, 'packaging/debian', product.name);
  await mkdir(home, { recursive: true });
  await chmod(tree, 0o755);
  await copyFile(runtime.path, join(home, 'node'));
  await put(join(home, 'package.json'), '{ "type": "module" }\n');
  if (product.native === 'koffi') await copyKoffi(build, home);

  const native = ['node_modules/koffi', `node_modules/@koromix/koffi-linux-${build.processor}`];
  const packages = new Set<string>(product.native === 'koffi' ? native : []);
  for (const program of product.programs) {
    for (const name of await stageProgram(build, product, program, tree)) packages.add(name);
  }
  for (const unit of product.units) {
    await put(join(tree, 'usr/lib/systemd/system', unit), await readFile(join(root, 'packaging/systemd', unit)));
  }
  for (const [file, path] of Object.entries(product.files))
    await put(join(tree, path), await readFile(join(sources, file)));
  for (const path of product.directories) await mkdir(join(tree, path), { recursive: true });
  const documents = join(tree, 'usr/share/doc', product.name);
  await put(join(documents, 'copyright'), await renderCopyright({ root, packages, runtime: build.runtime }));
  await put(join(documents, 'changelog.gz'), gzipSync(await readFile(join(root, 'CHANGELOG.md')), { level: 9 }));

  const scripts = new Map<string, string>();
  for (const name of product.units.length === 0 ? [] : ['postinst', 'prerm', 'postrm'])
    scripts.set(name, await readFile(join(sources, name), 'utf8'));
  const target = join(dist, `${product.name}_${build.version}_${build.architecture}.deb`);
  await buildDeb({
    tree,
    target,
    deb: { name: product.name, version: build.version, architecture: build.architecture, ...product.deb, scripts },
    epochSeconds: build.epochSeconds,
  });
  const sbom = `${target}.spdx.json`;
  const { version, architecture, epochSeconds } = build;
  const described = { name: product.name, version, architecture };
  const sha256 = await sha256Of(target);
  await put(
    sbom,
    await renderSbom({ root, product: described, sha256, packages, runtime: runtime.described, epochSeconds }),
  );
  return [target, sbom];
}

process.umask(0o022);
const build = await planBuild();
await mkdir(dist, { recursive: true });
for (const old of await readdir(dist)) await rm(join(dist, old), { recursive: true });
const pinned = await assertRuntimeDigest({ root, name: build.runtime });
const path = await makeRuntime(build);
const versions = await execa(path, ['-p', 'JSON.stringify(process.versions)']);
const components = JSON.parse(versions.stdout) as Readonly<Record<string, string>>;
const made: string[] = [];
for (const product of products) {
  for (const file of await buildProduct(build, product, { path, described: { ...pinned, components } })) {
    made.push(file);
    console.log(file);
  }
}
await rm(join(dist, 'stage'), { recursive: true });
await rm(path);
const checksums = await writeChecksums(dist, made);
console.log(checksums);
if (signingKey !== undefined) console.log(await signFile(checksums, signingKey));
