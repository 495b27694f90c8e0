// Where a package comes from can be checked: the runtime by its digest, the contents by the SPDX list, the files by signed checksums.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '#test/support/run-command.ts';
import { signatureNamespace, signFile, writeChecksums } from '../../packaging/checksums.ts';
import { assertRuntimeDigest } from '../../packaging/runtime-digest.ts';
import { renderSbom } from '../../packaging/sbom.ts';

const root = join(import.meta.dirname, '../..');
const runtimeName = `node-linux-${process.arch}`;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'segwall-provenance-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true });
});

/** A checkout with nothing but a runtime and its pinned digests. */
async function checkout(
  name: string,
  runtime: { readonly version: string; readonly bytes: Uint8Array },
): Promise<string> {
  const copy = join(scratch, name);
  const folder = join(copy, 'node_modules', runtimeName);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(join(copy, 'packaging'));
  await cp(join(root, 'packaging/runtime-digests.json'), join(copy, 'packaging/runtime-digests.json'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ version: runtime.version }));
  await writeFile(join(folder, 'bin/node'), runtime.bytes);
  return copy;
}

describe('the runtime', () => {
  test('the installed one is the pinned one, for the version that package.json asks for', async () => {
    const { version } = await assertRuntimeDigest({ root, name: runtimeName });
    const { optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    const pinned = JSON.parse(await readFile(join(root, 'packaging/runtime-digests.json'), 'utf8')) as {
      readonly sha256: Readonly<Record<string, string>>;
    };
    expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([version]));
    expect(Object.keys(pinned.sha256)).toEqual(Object.keys(optionalDependencies));
  });

  test('one changed byte, or another version, stops packaging and says what to do', async () => {
    const { version } = await assertRuntimeDigest({ root, name: runtimeName });
    const bytes = await readFile(join(root, 'node_modules', runtimeName, 'bin/node'));
    const same = await checkout('same', { version, bytes });
    await expect(assertRuntimeDigest({ root: same, name: runtimeName })).resolves.toMatchObject({ version });
    const renamed = await checkout('renamed', { version: '24.99.0', bytes });
    await expect(assertRuntimeDigest({ root: renamed, name: runtimeName })).rejects.toThrow(
      /found: {2}version 24\.99\.0/,
    );
    bytes[4096] = (bytes[4096] ?? 0) ^ 1;
    const altered = await checkout('altered', { version, bytes });
    await expect(assertRuntimeDigest({ root: altered, name: runtimeName })).rejects.toThrow(/nothing was packaged/);
  });
});

describe('the list of contents', () => {
  const input = {
    root,
    product: { name: 'segwall-agent', version: '1.2.3', architecture: 'amd64' },
    sha256: 'ab'.repeat(32),
    packages: new Set(['node_modules/pino', 'node_modules/@grpc/grpc-js', 'node_modules/koffi']),
    runtime: {
      version: '24.0.0',
      sha256: 'cd'.repeat(32),
      components: { node: '24.0.0', openssl: '3.5.1', modules: '137' },
    },
    epochSeconds: 1_700_000_000,
  } as const;

  interface Document {
    readonly [field: string]: unknown;
    readonly packages: readonly Readonly<Record<string, unknown>>[];
    readonly relationships: readonly { readonly spdxElementId: string; readonly relatedSpdxElement: string }[];
  }

  test('has every field that SPDX 2.3 asks for, and no two packages of one id', async () => {
    const document = JSON.parse(await renderSbom(input)) as Document;
    for (const field of ['spdxVersion', 'dataLicense', 'SPDXID', 'name', 'documentNamespace', 'creationInfo'])
      expect(document[field], field).toBeTruthy();
    for (const field of ['SPDXID', 'name', 'downloadLocation', 'filesAnalyzed'])
      expect(document.packages.every((one) => one[field] !== undefined)).toBe(true);
    const ids = document.packages.map((one) => String(one['SPDXID']));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => /^SPDXRef-[A-Za-z0-9.-]+$/.test(id))).toBe(true);
    const related = document.relationships.flatMap((one) => [one.spdxElementId, one.relatedSpdxElement]);
    expect(related.filter((id) => id !== 'SPDXRef-DOCUMENT' && !ids.includes(id))).toEqual([]);
    expect(new Set(related.filter((id) => id !== 'SPDXRef-DOCUMENT'))).toEqual(new Set(ids));
  });

  test('names package, runtime, each npm package with its digest, and what the runtime was built with', async () => {
    const document = JSON.parse(await renderSbom(input)) as Document;
    expect(document.packages.map((one) => one['name'])).toEqual([
      ...['segwall-agent', 'node', '@grpc/grpc-js', 'koffi', 'pino', 'openssl'],
    ]);
    const pino = document.packages.find((one) => one['name'] === 'pino');
    expect(pino).toMatchObject({ licenseDeclared: 'MIT', checksums: [{ algorithm: 'SHA512' }] });
  });

  test('is the same text for the same input, and refuses a package that package-lock.json does not know', async () => {
    expect(await renderSbom(input)).toBe(await renderSbom(input));
    const packages = new Set(['node_modules/typescript/lib']);
    await expect(renderSbom({ ...input, packages })).rejects.toThrow();
  });
});

describe('checksums', () => {
  test('are read by sha256sum, and a signature by the packager’s key holds until a byte changes', async () => {
    const folder = join(scratch, 'dist');
    await mkdir(folder);
    await writeFile(join(folder, 'a.deb'), 'one');
    await writeFile(join(folder, 'b.deb'), 'two');
    const sums = await writeChecksums(folder, [join(folder, 'b.deb'), join(folder, 'a.deb')]);
    expect((await run(['sh', '-c', `cd ${folder} && sha256sum --check SHA256SUMS`])).stdout).toBe(
      'a.deb: OK\nb.deb: OK\n',
    );

    const key = join(scratch, 'key');
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
    const signature = await signFile(sums, key);
    await writeFile(join(scratch, 'signers'), `packager@example.org ${await readFile(`${key}.pub`, 'utf8')}`);
    const verify = (namespace: string) =>
      run([
        ...['sh', '-c'],
        `ssh-keygen -Y verify -f ${scratch}/signers -I packager@example.org -n ${namespace} -s ${signature} < ${sums}`,
      ]);
    expect((await verify(signatureNamespace)).exitCode).toBe(0);
    expect((await verify('git')).exitCode).not.toBe(0);
    await writeFile(sums, `${await readFile(sums, 'utf8')}\n`);
    expect((await verify(signatureNamespace)).exitCode).not.toBe(0);
    await expect(signFile(sums, join(scratch, 'no-key'))).rejects.toThrow(/could not be signed/);
  });
});
