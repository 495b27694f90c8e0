// The copyright file of a Debian package: our licence, then that of each npm package whose code is inside, then the runtime's.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

async function readLicence(folder: string): Promise<string> {
  const files = await readdir(folder);
  const file = files.find((name) => /^(licen[cs]e|copying)/i.test(name));
  if (file !== undefined) return (await readFile(join(folder, file), 'utf8')).trim();
  const { license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { readonly license?: string };
  return `Licence: ${license ?? 'not stated'}`;
}

export async function renderCopyright(options: {
  readonly root: string;
  /** Folders from the root: "node_modules/NAME". */
  readonly packages: ReadonlySet<string>;
  readonly runtime: string;
}): Promise<string> {
  const { root, packages, runtime } = options;
  const parts = ['Segwall is licensed under the Apache License, version 2.0 (/usr/share/common-licenses/Apache-2.0).'];
  for (const folder of [...[...packages].sort(), `node_modules/${runtime}`]) {
    const name = folder.replace(/^node_modules\//, '');
    parts.push(`${'='.repeat(20)} ${name}\n\n${await readLicence(join(root, folder))}`);
  }
  return `${parts.join('\n\n')}\n`;
}
