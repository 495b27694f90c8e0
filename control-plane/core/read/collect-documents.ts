// The outer part of every document: apiVersion, kind, metadata and spec. Collects all documents by kind and name, before any
// spec is read, so that references can be told from slips.

import { closestName } from '#model/closest-name.ts';
import { inHost, isDiscovered } from '#policy/claims/managed-workload.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { type DocumentNode, shortened } from '#policy/source/document-node.ts';
import type { Problem } from '#policy/source/problem.ts';
import type { SourceFile } from '#policy/source/source-file.ts';
import type { SourceDocument } from '#policy/source/yaml-documents.ts';
import { type Fields, type ReadContext, readFields, readProse, report, requireField, wrongType } from './fields.ts';
import { readName } from './values.ts';

export const documentKinds = [
  'Workload',
  'Service',
  'IPList',
  'Segment',
  'Guardrail',
  'PolicyTest',
  'Resolution',
] as const;
export type DocumentKind = (typeof documentKinds)[number];
type DocumentPlace = 'policy' | 'inventory';

/** In `server` mode workloads of managed kinds and resolutions are refused: live agents register themselves. */
export type CheckMode = 'offline' | 'server';

export interface EnvelopedDocument {
  readonly place: DocumentPlace;
  readonly file: SourceFile;
  readonly kind: DocumentKind;
  readonly naming: 'named' | 'misnamed';
  /** As written, where it is misnamed; empty where there is none. */
  readonly name: string;
  readonly nameAt: number;
  readonly description: string | undefined;
  readonly labelsNode: DocumentNode | undefined;
  readonly spec: DocumentNode;
}

const reservedServiceNames = ['any', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'proto'];
const policyKinds = 'Workload, Service, IPList, Segment, Guardrail or PolicyTest';

export interface CollectInput {
  readonly policy: readonly SourceDocument[];
  readonly inventory: readonly SourceDocument[];
  readonly mode: CheckMode;
  readonly problems: Problem[];
  /** Live workloads that agents enforce. */
  readonly live: ReadonlyMap<string, Workload>;
  /** Of hosts: whether a document that takes one is refused, or was accepted before the host came. */
  readonly hostNames: 'refused' | 'told';
}

/**
 * `documents` have each name once per kind: the first in order of file and line. `spare` are those without a name of their own,
 * nameless, misnamed or second of a name: an error each, read only so that their other errors are told in the same run.
 */
export interface CollectedDocuments {
  readonly documents: readonly EnvelopedDocument[];
  readonly spare: readonly EnvelopedDocument[];
}

export function collectDocuments(input: CollectInput): CollectedDocuments {
  const documents: EnvelopedDocument[] = [];
  const spare: EnvelopedDocument[] = [];
  const first = new Map<string, EnvelopedDocument>();
  for (const place of ['policy', 'inventory'] as const) {
    for (const source of input[place]) {
      const document = readEnvelope(source, { place, input });
      if (document === undefined) continue;
      if (document.naming === 'misnamed') {
        spare.push(document);
        continue;
      }
      const address = `${document.kind}/${document.name}`;
      const other = first.get(address);
      const context = { file: document.file, problems: input.problems };
      if (other !== undefined) {
        const { file, line } = other.file.position(other.nameAt);
        report(context, {
          code: 'duplicate-name',
          at: document.nameAt,
          message: `there is a second ${document.kind} "${document.name}" (the first is at ${file}:${line}); names are unique per kind`,
        });
        spare.push(document);
        continue;
      }
      if (document.kind === 'Workload') compareWithLive(document, input);
      first.set(address, document);
      documents.push(document);
    }
  }
  return { documents, spare };
}

/** An operator named the hosts; what is inside of them is called as they report it, and yields. */
function compareWithLive(document: EnvelopedDocument, { live, hostNames, problems }: CollectInput): void {
  const { file, name, nameAt } = document;
  const workload = live.get(name);
  if (workload === undefined) return;
  const context = { file, problems };
  if (isDiscovered(workload)) {
    report(context, {
      code: 'name-yielded',
      at: nameAt,
      message: `"${name}" is the name of ${inHost(workload)}, which gives it up for one that ends in a digest`,
    });
  } else if (hostNames === 'told')
    report(context, {
      code: 'name-of-host',
      at: nameAt,
      message: `"${name}" is the name of a host by now: the policy's workload of that name stands for nothing`,
      suggestion: 'give one of them another name',
    });
  else
    report(context, {
      code: 'duplicate-name',
      at: nameAt,
      message: `"${name}" is the name of a live workload; a workload of the policy has a name of its own`,
    });
}

function readEnvelope(
  { file, root }: SourceDocument,
  { place, input }: { readonly place: DocumentPlace; readonly input: CollectInput },
): EnvelopedDocument | undefined {
  const context = { file, problems: input.problems };
  const fields = readFields(context, root, { what: 'a document', allowed: ['apiVersion', 'kind', 'metadata', 'spec'] });
  if (fields === undefined) return undefined;
  readApiVersion(context, fields);
  const kind = readKind(context, fields);
  const metadata = requireField(context, fields, {
    key: 'metadata',
    what: 'a document',
    example: 'metadata: { name: NAME }',
  });
  const spec = requireField(context, fields, { key: 'spec', what: 'a document', example: 'spec: …' });
  if (kind === undefined) return undefined;
  checkPlace(context, { fields, kind, place, mode: input.mode, spec });
  const own = metadata === undefined ? undefined : readMetadata(context, metadata, kind);
  if (spec === undefined) return undefined;
  return { place, file, kind, ...(own ?? nameless(fields.at)), spec };
}

function readApiVersion(context: ReadContext, fields: Fields): void {
  const node = requireField(context, fields, {
    key: 'apiVersion',
    what: 'a document',
    example: 'apiVersion: segwall/v1',
  });
  if (node === undefined || (node.kind === 'scalar' && node.value === 'segwall/v1')) return;
  const found = node.kind === 'scalar' ? `"${shortened(String(node.value))}"` : 'no string';
  report(context, { code: 'bad-value', at: node.at, message: `found ${found}; apiVersion is segwall/v1` });
}

function readKind(context: ReadContext, fields: Fields): DocumentKind | undefined {
  const node = requireField(context, fields, { key: 'kind', what: 'a document', example: `kind: ${policyKinds}` });
  if (node === undefined) return undefined;
  if (node.kind !== 'scalar' || typeof node.value !== 'string')
    return wrongType(context, node, `kind is ${policyKinds}`);
  const kind = documentKinds.find((candidate) => candidate === node.value);
  if (kind !== undefined) return kind;
  const closest = closestName(node.value, documentKinds);
  return report(context, {
    code: 'unknown-kind',
    at: node.at,
    message: `there is no kind "${shortened(node.value)}"; kind is ${policyKinds}`,
    suggestion: closest === undefined ? undefined : `did you mean "${closest}"?`,
  });
}

interface PlacedDocument {
  readonly fields: Fields;
  readonly kind: DocumentKind;
  readonly place: DocumentPlace;
  readonly mode: CheckMode;
  readonly spec: DocumentNode | undefined;
}

/** Policy stays out of the inventory, and what agents say of themselves out of what is applied. */
function checkPlace(context: ReadContext, { fields, kind, place, mode, spec }: PlacedDocument): void {
  const at = fields.get('kind')?.at ?? fields.at;
  const isInventoryKind = kind === 'Workload' || kind === 'Resolution';
  if (place === 'inventory' && !isInventoryKind) {
    report(context, {
      code: 'kind-not-here',
      at,
      message: `${withArticle(kind)} stands in an inventory file; allowed there are Workload and Resolution`,
      suggestion: 'move it to the policy directory',
    });
  }
  if (mode === 'offline' || place === 'inventory' || !isInventoryKind) return;
  if (kind === 'Resolution') {
    report(context, {
      code: 'kind-not-here',
      at,
      message:
        'a Resolution stands in a directory that is applied; it is for offline work only, since each host resolves names itself',
      suggestion: 'move it to an inventory file',
    });
    return;
  }
  const own = spec?.kind === 'map' ? spec.entries.find((entry) => entry.key === 'kind')?.value : undefined;
  if (own?.kind === 'scalar' && typeof own.value === 'string' && ['host', 'unit', 'container'].includes(own.value)) {
    report(context, {
      code: 'kind-not-here',
      at: own.at,
      message: `a Workload of kind ${own.value} stands in a directory that is applied; live agents register themselves, and only kinds external and virtual are allowed`,
      suggestion: 'move it to an inventory file, which offline commands take with --inventory',
    });
  }
}

interface Metadata {
  readonly naming: 'named' | 'misnamed';
  readonly name: string;
  readonly nameAt: number;
  readonly description: string | undefined;
  readonly labelsNode: DocumentNode | undefined;
}

function readMetadata(context: ReadContext, node: DocumentNode, kind: DocumentKind): Metadata | undefined {
  const allowed = kind === 'Workload' ? ['name', 'labels', 'description'] : ['name', 'description'];
  const fields = readFields(context, descriptionJoined(context, node), {
    what: `${withArticle(kind)}'s metadata`,
    allowed,
  });
  if (fields === undefined) return undefined;
  const description = readProse(context, fields.get('description'), 'metadata.description');
  const nameNode = requireField(context, fields, {
    key: 'name',
    what: `${withArticle(kind)}'s metadata`,
    example: 'name: NAME',
  });
  const name = nameNode === undefined ? undefined : readName(context, nameNode, 'metadata.name');
  const labelsNode = fields.get('labels');
  if (name === undefined || nameNode === undefined) {
    const written = nameNode?.kind === 'scalar' ? String(nameNode.value) : '';
    return { ...nameless(nameNode?.at ?? node.at), name: written, description, labelsNode };
  }
  if (kind === 'Service' && reservedServiceNames.includes(name)) {
    report(context, {
      code: 'reserved-name',
      at: nameNode.at,
      message: `a Service may not be called "${name}"; any name but ${reservedServiceNames.join(', ')} is allowed`,
    });
  }
  return { naming: 'named', name, nameAt: nameNode.at, description, labelsNode };
}

function nameless(at: number): Metadata {
  return { naming: 'misnamed', name: '', nameAt: at, description: undefined, labelsNode: undefined };
}

function withArticle(kind: DocumentKind): string {
  return kind === 'IPList' ? `an ${kind}` : `a ${kind}`;
}

/** `{ name: shop, description: Web shop, production }` is YAML for a key "production" that nobody meant: the text goes on there. */
function descriptionJoined(context: ReadContext, node: DocumentNode): DocumentNode {
  if (node.kind !== 'map') return node;
  const start = node.entries.findIndex((entry) => entry.key === 'description' && entry.isBare === undefined);
  const rest = start < 0 ? [] : node.entries.slice(start + 1);
  const end = rest.findIndex((entry) => entry.isBare === undefined);
  const bare = end < 0 ? rest : rest.slice(0, end);
  const [first] = bare;
  if (first === undefined) return node;
  report(context, {
    code: 'description-split',
    at: first.keyAt,
    message: `the comma before "${shortened(first.key)}" ends the description for YAML; it is read as one text here`,
    suggestion: 'put the description in quotes',
  });
  return { ...node, entries: node.entries.filter((entry) => !bare.includes(entry)) };
}
