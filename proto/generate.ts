// Turns proto/segwall/v1/*.proto into proto/wire/generated.js and its .d.ts: `npm run proto`. Only what the codecs use is
// generated (encode and decode), needs no network, and the same protos give the same bytes (test/contract holds that).

import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const here = dirname(fileURLToPath(import.meta.url));

/** Writes generated.js and generated.d.ts into the folder. */
export async function generateWire(folder: string): Promise<void> {
  await pbjs(join(folder, 'generated.js'), ['--no-comments']);
  // The types are made from the comments, which the module itself is better off without.
  const scratch = await mkdtemp(join(tmpdir(), 'segwall-proto-'));
  try {
    await pbjs(join(scratch, 'generated.js'), ['--dts']);
    await copyFile(join(scratch, 'generated.d.ts'), join(folder, 'generated.d.ts'));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function pbjs(out: string, options: readonly string[]): Promise<void> {
  const protoFolder = join(here, 'segwall', 'v1');
  const protos = (await readdir(protoFolder)).filter((name) => name.endsWith('.proto')).sort();
  const cli = createRequire(import.meta.url).resolve('protobufjs-cli/bin/pbjs');
  const unused = ['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-typeurl', '--no-service'];
  const shape = [
    '--target',
    'static-module',
    '--wrap',
    'esm',
    '--dependency',
    'protobufjs/minimal.js',
    '--root',
    'segwall',
  ];
  const sources = protos.map((name) => join(protoFolder, name));
  await execa(process.execPath, [cli, ...shape, ...unused, ...options, '--force-number', '--out', out, ...sources]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generateWire(join(here, 'wire'));
