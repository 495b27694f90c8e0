// Workload and Resolution documents: the inventory for offline work.

import type { Address } from '#model/address.ts';
import { domainName } from '#model/domain-name.ts';
import { factKeys, factPrefix, type Labels } from '#model/label.ts';
import type { Selector } from '#model/selector.ts';
import type { WorkloadKind } from '#policy/policy/policy.ts';
import { type DocumentNode, shortened } from '#policy/source/document-node.ts';
import type { Position } from '#policy/source/position.ts';
import {
  type Fields,
  type ReadContext,
  readFields,
  readMap,
  readText,
  readWord,
  report,
  requireField,
} from './fields.ts';
import { readAddresses, readLabelKey, readLabelValue, readSelector } from './values.ts';

/** A Workload document as it stands alone; a unit's `addresses` are only those it names itself. */
export interface WorkloadDraft {
  readonly name: string;
  readonly kind: WorkloadKind;
  readonly host?: string;
  readonly addresses: readonly Address[];
  /** The offset at which each of its own addresses stands in the file. */
  readonly addressPlaces: ReadonlyMap<Address, number>;
  readonly unit?: string;
  readonly holders?: Selector;
  readonly labels: Labels;
  readonly position: Position;
}

export const workloadKinds: readonly WorkloadKind[] = ['host', 'unit', 'container', 'external', 'virtual'];

export function readWorkload(
  context: ReadContext,
  {
    name,
    nameAt,
    labelsNode,
    spec,
  }: {
    readonly name: string;
    readonly nameAt: number;
    readonly labelsNode: DocumentNode | undefined;
    readonly spec: DocumentNode;
  },
): WorkloadDraft | undefined {
  const labels = new Map<string, string>();
  if (labelsNode !== undefined) readLabels(context, labelsNode, labels);
  const fields = readFields(context, spec, {
    what: "a Workload's spec",
    allowed: ['host', 'kind', 'addresses', 'unit', 'facts', 'holders'],
  });
  if (fields === undefined) return undefined;
  const facts = fields.get('facts');
  if (facts !== undefined) readFacts(context, facts, labels);
  const kindNode = requireField(context, fields, { key: 'kind', what: "a Workload's spec", example: 'kind: host' });
  const kind =
    kindNode === undefined
      ? undefined
      : readWord(context, kindNode, { what: "a Workload's kind", words: workloadKinds });
  if (kind === undefined) return undefined;
  const host = readHost(context, fields, kind);
  const unit = readUnit(context, fields, kind);
  const holders = readHolders(context, fields, kind);
  const addressPlaces = readOwnAddresses(context, fields, kind);
  return {
    name,
    kind,
    ...(host === undefined ? {} : { host }),
    addresses: [...addressPlaces.keys()],
    addressPlaces,
    ...(unit === undefined ? {} : { unit }),
    ...(holders === undefined ? {} : { holders }),
    labels: new Map([...labels].sort(([a], [b]) => (a < b ? -1 : 1))),
    position: context.file.position(nameAt),
  };
}

/** Labels of metadata: anything but facts, which only an agent reports. */
function readLabels(context: ReadContext, node: DocumentNode, labels: Map<string, string>): void {
  for (const entry of readMap(context, node, 'metadata.labels')?.entries ?? []) {
    if (entry.key.startsWith(factPrefix)) {
      const isFact = factKeys.some((fact) => `${factPrefix}${fact}` === entry.key);
      report(context, {
        code: 'reserved-label',
        at: entry.keyAt,
        message: `the label "${shortened(entry.key)}" is set; labels under ${factPrefix} are facts that an agent reports, and any other prefix is allowed`,
        suggestion: isFact
          ? `for offline work write it under spec.facts as ${entry.key.slice(factPrefix.length)}`
          : undefined,
      });
      continue;
    }
    const key = readLabelKey(context, { key: entry.key, at: entry.keyAt });
    const value = readLabelValue(context, entry.value, `the label "${shortened(entry.key)}"`);
    if (key !== undefined && value !== undefined) labels.set(key, value);
  }
}

function readFacts(context: ReadContext, node: DocumentNode, labels: Map<string, string>): void {
  const fields = readFields(context, node, { what: 'spec.facts', allowed: factKeys });
  for (const entry of fields?.node.entries ?? []) {
    const value = readLabelValue(context, entry.value, `the fact "${shortened(entry.key)}"`);
    if (value !== undefined) labels.set(`${factPrefix}${entry.key}`, value);
  }
}

function readHost(context: ReadContext, fields: Fields, kind: WorkloadKind): string | undefined {
  if (kind === 'external') {
    const node = fields.get('host');
    if (node !== undefined) {
      report(context, {
        code: 'host-ignored',
        at: fields.keyAt('host'),
        message: 'an external workload has no agent, so its "host" means nothing and is ignored',
        suggestion: 'remove it, or choose another kind',
      });
    }
    return undefined;
  }
  if (kind === 'virtual') {
    if (fields.get('host') === undefined) return undefined;
    return report(context, {
      code: 'field-not-allowed',
      at: fields.keyAt('host'),
      message: '"host" stands in a Workload of kind virtual, which belongs to no one host',
      suggestion: 'remove it, and select the hosts that may hold the addresses with holders: SELECTOR',
    });
  }
  const node = requireField(context, fields, {
    key: 'host',
    what: `a Workload of kind ${kind}`,
    example: 'host: NAME, the machine whose agent enforces it',
  });
  if (node === undefined) return undefined;
  const text = readText(context, node, "a Workload's host");
  if (text === undefined || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(text.value)) return text?.value;
  return report(context, {
    code: 'bad-name',
    at: node.at,
    message: `"${shortened(text.value)}" is no host name; one is of letters, digits, "-", "_" and "."`,
  });
}

function readUnit(context: ReadContext, fields: Fields, kind: WorkloadKind): string | undefined {
  const node = fieldOfKind(context, fields, { key: 'unit', kind, only: 'unit', example: 'unit: NAME.service' });
  if (node === undefined) return undefined;
  const text = readText(context, node, "a Workload's unit");
  if (text === undefined || /^[A-Za-z0-9:_.\\@-]{1,255}$/.test(text.value)) return text?.value;
  return report(context, {
    code: 'bad-name',
    at: node.at,
    message: `"${shortened(text.value)}" is no systemd unit; one is as nginx.service, of letters, digits and : - _ . \\ @`,
  });
}

/** Who may hold a virtual workload's addresses. */
function readHolders(context: ReadContext, fields: Fields, kind: WorkloadKind): Selector | undefined {
  const node = fieldOfKind(context, fields, {
    key: 'holders',
    kind,
    only: 'virtual',
    example: 'holders: role == "lb", which selects the hosts that may hold the addresses',
  });
  return node === undefined ? undefined : readSelector(context, node, 'holders')?.selector;
}

/** A field that one kind must have, and no other may. */
function fieldOfKind(
  context: ReadContext,
  fields: Fields,
  given: { readonly key: string; readonly kind: WorkloadKind; readonly only: WorkloadKind; readonly example: string },
): DocumentNode | undefined {
  const { key, kind, only, example } = given;
  if (kind === only) return requireField(context, fields, { key, what: `a Workload of kind ${only}`, example });
  if (fields.get(key) !== undefined) {
    report(context, {
      code: 'field-not-allowed',
      at: fields.keyAt(key),
      message: `"${key}" stands in a Workload of kind ${kind}; it is allowed for kind ${only} only`,
      suggestion: `remove it, or write kind: ${only}`,
    });
  }
  return undefined;
}

/** A unit shares its host's addresses and need not name any. */
function readOwnAddresses(context: ReadContext, fields: Fields, kind: WorkloadKind): ReadonlyMap<Address, number> {
  const node =
    kind === 'unit'
      ? fields.get('addresses')
      : requireField(context, fields, {
          key: 'addresses',
          what: `a Workload of kind ${kind}`,
          example: 'addresses: [10.0.0.1]',
        });
  return node === undefined ? new Map() : readAddresses(context, node, 'addresses');
}

/** NAME → addresses, names in lower case without the final dot. */
export function readResolution(context: ReadContext, spec: DocumentNode): ReadonlyMap<string, readonly Address[]> {
  const resolutions = new Map<string, readonly Address[]>();
  for (const entry of readMap(context, spec, "a Resolution's spec")?.entries ?? []) {
    const name = domainName(entry.key);
    if (name === undefined) {
      report(context, {
        code: 'bad-domain-name',
        at: entry.keyAt,
        message: `"${shortened(entry.key)}" is no domain name; one is as api.example.com`,
      });
      continue;
    }
    const addresses = readAddresses(context, entry.value, `the addresses of ${name}`);
    resolutions.set(name, [...new Set([...(resolutions.get(name) ?? []), ...addresses.keys()])]);
  }
  return resolutions;
}
