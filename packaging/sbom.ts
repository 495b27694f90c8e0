// The list of what is inside a Debian package, as an SPDX 2.3 document in JSON: Segwall itself, each npm package whose code was bundled,
// the runtime, and the libraries that the runtime says it was built with. The same commit gives the same bytes.
// Source: SPDX 2.3, clauses 6 (document), 7 (packages), 11 (relationships).

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from './runtime-digest.ts';

export interface SbomInput {
  readonly root: string;
  /** Of the Debian package. */
  readonly product: { readonly name: string; readonly version: string; readonly architecture: string };
  /** SHA-256 of the .deb file, hex. */
  readonly sha256: string;
  /** Folders of the npm packages inside, from the package root: "node_modules/NAME". */
  readonly packages: ReadonlySet<string>;
  readonly runtime: Runtime & {
    /** Library → version, as the runtime itself prints `process.versions`. */
    readonly components: Readonly<Record<string, string>>;
  };
  /** Seconds since 1970; when the document says it was made. */
  readonly epochSeconds: number;
}

interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly downloadLocation: 'NOASSERTION';
  readonly filesAnalyzed: false;
  readonly licenseConcluded: 'NOASSERTION';
  readonly licenseDeclared: string;
  readonly copyrightText: 'NOASSERTION';
  readonly supplier?: string;
  readonly checksums?: readonly { readonly algorithm: 'SHA256' | 'SHA512'; readonly checksumValue: string }[];
  readonly externalRefs?: readonly {
    readonly referenceCategory: 'PACKAGE-MANAGER';
    readonly referenceType: 'purl';
    readonly referenceLocator: string;
  }[];
}

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** What `process.versions` holds beside libraries: numbers of interfaces and of data files. */
const notLibraries: ReadonlySet<string> = new Set(['node', 'modules', 'napi', 'cldr', 'tz', 'unicode']);

const unasserted = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
} as const;

/** The document's text, with a final newline. */
export async function renderSbom(input: SbomInput): Promise<string> {
  const { root, product, sha256, packages, runtime, epochSeconds } = input;
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  const main: SpdxPackage = {
    SPDXID: idOf('deb', product.name),
    name: product.name,
    versionInfo: product.version,
    ...unasserted,
    licenseDeclared: 'Apache-2.0',
    checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }],
    externalRefs: [purl(`pkg:deb/${product.name}@${product.version}?arch=${product.architecture}`)],
  };
  const node: SpdxPackage = {
    SPDXID: idOf('runtime', 'node'),
    name: 'node',
    versionInfo: runtime.version,
    ...unasserted,
    licenseDeclared: 'MIT',
    // Of bin/node before its symbols were taken out: the digest that can be compared with Node's own.
    checksums: [{ algorithm: 'SHA256', checksumValue: runtime.sha256 }],
    externalRefs: [purl(`pkg:generic/node@${runtime.version}`)],
  };
  const bundled = await Promise.all([...packages].sort().map((folder) => npmPackage({ root, folder, lock })));
  const libraries = Object.entries(runtime.components)
    .filter(([name]) => !notLibraries.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, version]): SpdxPackage => ({
        SPDXID: idOf('runtime-library', name),
        name,
        versionInfo: version,
        ...unasserted,
        licenseDeclared: 'NOASSERTION',
        externalRefs: [purl(`pkg:generic/${name}@${encodeURIComponent(version)}`)],
      }),
    );
  const contains = (from: SpdxPackage) => (to: SpdxPackage) => ({
    spdxElementId: from.SPDXID,
    relationshipType: 'CONTAINS',
    relatedSpdxElement: to.SPDXID,
  });
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${product.name}_${product.version}_${product.architecture}`,
    documentNamespace: `urn:uuid:${uuidOf(sha256)}`,
    creationInfo: {
      created: new Date(epochSeconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: segwall-packaging-${product.version}`],
    },
    documentDescribes: [main.SPDXID],
    packages: [main, node, ...bundled, ...libraries],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: main.SPDXID },
      ...[node, ...bundled].map(contains(main)),
      ...libraries.map(contains(node)),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

async function npmPackage(input: {
  readonly root: string;
  readonly folder: string;
  readonly lock: LockFile;
}): Promise<SpdxPackage> {
  const { root, folder, lock } = input;
  const described = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: unknown;
  };
  const { name, version, license } = described;
  const integrity = /^sha512-(.+)$/.exec(lock.packages[folder]?.integrity ?? '')?.[1];
  if (integrity === undefined) throw new Error(`package-lock.json has no SHA-512 of ${folder}, which was bundled`);
  const isExpression =
    typeof license === 'string' && /^\(?[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*\)?$/.test(license);
  return {
    SPDXID: idOf('npm', folder.replaceAll(/(^|\/)node_modules\//g, '-')),
    name,
    versionInfo: version,
    ...unasserted,
    licenseDeclared: isExpression ? license : 'NOASSERTION',
    // Of the archive that the registry serves, as package-lock.json pins it.
    checksums: [{ algorithm: 'SHA512', checksumValue: Buffer.from(integrity, 'base64').toString('hex') }],
    externalRefs: [purl(`pkg:npm/${name.replace('@', '%40')}@${version}`)],
  };
}

function purl(referenceLocator: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator } as const;
}

/** Letters, digits, dots and hyphens are what SPDX allows. */
function idOf(kind: string, name: string): string {
  return `SPDXRef-${kind}-${name.replaceAll(/[^A-Za-z0-9.-]+/g, '-').replace(/^-/, '')}`;
}

/** A name for the document that no other build shares: version 8 of RFC 9562, made of the package's digest. */
function uuidOf(sha256: string): string {
  const hex = createHash('sha256').update(`spdx ${sha256}`).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join('-');
}
