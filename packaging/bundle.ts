// Bundles one program to plain JavaScript: its entry point, and each worker thread file as a bundle of its own beside it.
// Source that starts a worker names its file by a URL relative to `import.meta.url`; here that becomes the name of the worker's bundle.

import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Packages with native code cannot be bundled; build.ts copies them beside the bundle. */
export const nativePackages: readonly string[] = ['koffi'];

const workerUrl = /new Worker\(\s*new URL\(\s*'(\.[^']+)\.ts'\s*,\s*import\.meta\.url\s*\)/g;

// Bundled CommonJS packages ask for Node's own modules with require().
const banner =
  "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);";

/** The source with each worker thread that it starts named by the bundle of that worker, at `urlOf`; `found` hears of each one's source. */
export function nameBundledWorkers(
  source: { readonly root: string; readonly path: string; readonly text: string },
  urlOf: (bundle: string) => string,
  found: (worker: string) => void = () => undefined,
): string {
  return source.text.replaceAll(workerUrl, (_, file: string) => {
    const worker = resolve(dirname(source.path), `${file}.ts`);
    found(worker);
    return `new Worker(${urlOf(`${nameWorker(source.root, worker)}.js`)}`;
  });
}

function nameWorker(root: string, path: string): string {
  return relative(root, path).replace(/\.ts$/, '').replaceAll('/', '-');
}

/** Notes the workers that the bundled source starts and points at their bundles. */
function findWorkers(root: string, found: Set<string>): Plugin {
  return {
    name: 'find-workers',
    setup(plugin) {
      plugin.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const beside = (bundle: string) => `new URL('./${bundle}', import.meta.url)`;
        const contents = nameBundledWorkers({ root, path, text }, beside, (worker) => found.add(worker));
        return { contents, loader: 'ts' };
      });
    },
  };
}

export interface BundleOptions {
  readonly root: string;
  readonly entry: string;
  /** Name of the bundle, without `.js`. */
  readonly name: string;
  readonly outFolder: string;
}

/** Writes NAME.js, its parts and its workers; gives the folders, from the root, of the npm packages whose code went in. */
export async function bundleProgram(options: BundleOptions): Promise<ReadonlySet<string>> {
  const { root, entry, name, outFolder } = options;
  const packages = new Set<string>();
  const written = new Set<string>();
  const waiting = [{ source: resolve(root, entry), out: name }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (written.has(next.out)) continue;
    written.add(next.out);
    const workers = new Set<string>();
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: { [next.out]: next.source },
      outdir: outFolder,
      bundle: true,
      // What a program imports only when it needs it stays out of its memory until then.
      splitting: true,
      chunkNames: `${name}-[hash]`,
      minify: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      external: [...nativePackages],
      banner: { js: banner },
      legalComments: 'none',
      metafile: true,
      logLevel: 'warning',
      plugins: [findWorkers(root, workers)],
    });
    for (const input of Object.keys(metafile.inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];
      if (folder !== undefined) packages.add(folder);
    }
    for (const worker of workers) waiting.push({ source: worker, out: nameWorker(root, worker) });
  }
  return packages;
}
