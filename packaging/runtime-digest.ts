// The runtime that goes into every package is pinned by its bytes: runtime-digests.json holds the SHA-256 of `bin/node` for each
// processor, and packaging stops where the installed one differs. docs/guides/build-packages.md says how to compare the digests with
// what Node publishes, and how to renew them with a new version.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface RuntimeDigests {
  readonly version: string;
  /** Name of the npm package → SHA-256 of its bin/node, hex. */
  readonly sha256: Readonly<Record<string, string>>;
}

export interface Runtime {
  readonly version: string;
  /** SHA-256 of bin/node as installed, before its symbols go; hex. */
  readonly sha256: string;
}

/** Throws an Error for the packager where version or bytes of `node_modules/NAME/bin/node` are not those of runtime-digests.json. */
export async function assertRuntimeDigest(options: { readonly root: string; readonly name: string }): Promise<Runtime> {
  const { root, name } = options;
  const pinnedPath = join(root, 'packaging/runtime-digests.json');
  const pinned = JSON.parse(await readFile(pinnedPath, 'utf8')) as RuntimeDigests;
  const folder = join(root, 'node_modules', name);
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { readonly version: string };
  const sha256 = createHash('sha256')
    .update(await readFile(join(folder, 'bin/node')))
    .digest('hex');
  if (version === pinned.version && sha256 === pinned.sha256[name]) return { version, sha256 };
  throw new Error(
    [
      `${name} is not the runtime that packaging/runtime-digests.json names; nothing was packaged.`,
      `  found:  version ${version}, SHA-256 ${sha256}`,
      `  pinned: version ${pinned.version}, SHA-256 ${pinned.sha256[name] ?? 'none'}`,
      'If the version was raised on purpose, compare the new digest with what Node publishes (docs/guides/build-packages.md)',
      'and write it there. Otherwise delete node_modules and install again; if it still differs, the runtime was altered.',
    ].join('\n'),
  );
}
