// The peers of rules and guardrails, in each of the forms of docs/reference/policy.md.

import type { AddressRange } from '#model/address-range.ts';
import { closestName } from '#model/closest-name.ts';
import { domainName } from '#model/domain-name.ts';
import type { Peer } from '#policy/policy/policy.ts';
import { type DocumentNode, describeNode, type MapNode, shortened } from '#policy/source/document-node.ts';
import { fieldsOf, type ReadContext, readEntries, readFields, readText, report } from './fields.ts';
import { readRanges, readSelector } from './values.ts';

/** What a peer may refer to. */
export interface PeerNames {
  readonly segments: ReadonlyMap<string, unknown>;
  readonly ipLists: ReadonlyMap<string, readonly AddressRange[]>;
}

export type RuleSide = 'from' | 'to';

const forms =
  'any, { workloads: SELECTOR }, { segment: NAME, workloads: SELECTOR }, { tenant: SELECTOR }, { ipList: NAME }, { cidr: CIDR, except: [CIDR] } and, in to only, { fqdn: NAME }';
const mainKeys = ['segment', 'tenant', 'ipList', 'cidr', 'fqdn', 'workloads'] as const;
type MainKey = (typeof mainKeys)[number];
const keysBeside: Record<MainKey, readonly string[]> = {
  segment: ['segment', 'workloads'],
  tenant: ['tenant'],
  ipList: ['ipList'],
  cidr: ['cidr', 'except'],
  fqdn: ['fqdn'],
  workloads: ['workloads'],
};

export function readPeers(
  context: ReadContext,
  node: DocumentNode,
  { side, names }: { readonly side: RuleSide; readonly names: PeerNames },
): readonly Peer[] {
  if (node.kind === 'scalar' && node.value === 'any') {
    report(context, {
      code: 'wrong-type',
      at: node.at,
      message: `found the text "any"; ${side} is a list of peers`,
      suggestion: `write ${side}: [any]`,
    });
    return [];
  }
  return readEntries(context, node, { what: side, read: (item) => readPeer(context, item, { side, names }) });
}

function readPeer(
  context: ReadContext,
  node: DocumentNode,
  { side, names }: { readonly side: RuleSide; readonly names: PeerNames },
): Peer | undefined {
  if (node.kind === 'scalar' && node.value === 'any') return { kind: 'any' };
  if (node.kind === 'refused') return undefined;
  if (node.kind !== 'map') return badPeer(context, node, `found ${describeNode(node)}; a peer is ${forms}`);
  const key = mainKeys.find((candidate) => node.entries.some((entry) => entry.key === candidate));
  if (key === undefined) {
    const [first] = node.entries;
    const closest = first === undefined ? undefined : closestName(first.key, mainKeys);
    return report(context, {
      code: first === undefined ? 'bad-peer' : 'unknown-key',
      at: first?.keyAt ?? node.at,
      message:
        first === undefined
          ? `found an empty mapping; a peer is ${forms}`
          : `"${shortened(first.key)}" is no form of peer; a peer is ${forms}`,
      suggestion: closest === undefined ? undefined : `did you mean "${closest}"?`,
    });
  }
  if (!hasOneForm(context, node, key)) return undefined;
  return readForm(context, { node, key, side, names });
}

/** Reports a second form beside the first, or a key that belongs to none. */
function hasOneForm(context: ReadContext, node: MapNode, key: MainKey): boolean {
  const second = node.entries.find(
    (entry) => !keysBeside[key].includes(entry.key) && mainKeys.some((candidate) => candidate === entry.key),
  );
  if (second !== undefined) {
    report(context, {
      code: 'bad-peer',
      at: second.keyAt,
      message: `"${key}" and "${second.key}" stand in one peer; a peer has one form: ${forms}`,
      suggestion: 'make them two entries of the list; one match suffices',
    });
    return false;
  }
  readFields(context, node, { what: `a peer with "${key}"`, allowed: keysBeside[key] });
  return true;
}

function readForm(
  context: ReadContext,
  {
    node,
    key,
    side,
    names,
  }: { readonly node: MapNode; readonly key: MainKey; readonly side: RuleSide; readonly names: PeerNames },
): Peer | undefined {
  const fields = fieldsOf(node);
  const value = fields.get(key);
  if (value === undefined) return undefined;
  switch (key) {
    case 'workloads':
    case 'tenant': {
      const read = readSelector(context, value, key);
      return read === undefined ? undefined : { kind: key, selector: read.selector, text: read.text };
    }
    case 'segment':
      return readSegmentPeer(context, { value, workloads: fields.get('workloads'), names });
    case 'ipList': {
      const name = readReference(context, value, { kind: 'IPList', names: names.ipLists });
      return name === undefined
        ? undefined
        : { kind: 'ranges', ranges: names.ipLists.get(name) ?? [], source: `ipList ${name}` };
    }
    case 'cidr': {
      if (value.kind === 'list')
        return badPeer(context, value, 'found a list; "cidr" is one CIDR, and an IPList holds several');
      const ranges = readRanges(context, { cidrs: value, except: fields.get('except'), what: 'cidr', form: 'one' });
      return { kind: 'ranges', ranges, source: value.kind === 'scalar' ? String(value.value) : 'cidr' };
    }
    case 'fqdn':
      return readFqdn(context, { value, keyAt: fields.keyAt('fqdn'), side });
  }
}

function readSegmentPeer(
  context: ReadContext,
  {
    value,
    workloads,
    names,
  }: { readonly value: DocumentNode; readonly workloads: DocumentNode | undefined; readonly names: PeerNames },
): Peer | undefined {
  const segment = readReference(context, value, { kind: 'Segment', names: names.segments });
  const read = workloads === undefined ? undefined : readSelector(context, workloads, 'workloads');
  if (segment === undefined || (workloads !== undefined && read === undefined)) return undefined;
  return {
    kind: 'segment',
    segment,
    text: read?.text ?? 'all()',
    ...(read === undefined ? {} : { selector: read.selector }),
  };
}

/** A name that is among `names`, or a report that it refers to nothing. */
export function readReference(
  context: ReadContext,
  node: DocumentNode,
  { kind, names }: { readonly kind: string; readonly names: ReadonlyMap<string, unknown> },
): string | undefined {
  const text = readText(context, node, `the name of a ${kind}`);
  if (text === undefined || names.has(text.value)) return text?.value;
  const closest = closestName(text.value, names.keys());
  return report(context, {
    code: 'dangling-reference',
    at: node.at,
    message: `there is no ${kind} "${shortened(text.value)}"; allowed are the names of this policy's ${kind} documents${namesText(names)}`,
    suggestion: closest === undefined ? undefined : `did you mean "${closest}"?`,
  });
}

export function namesText(names: ReadonlyMap<string, unknown>): string {
  if (names.size === 0) return ', of which there are none';
  const sorted = [...names.keys()].sort().slice(0, 8);
  return `: ${sorted.join(', ')}${names.size > sorted.length ? ` and ${names.size - sorted.length} more` : ''}`;
}

function readFqdn(
  context: ReadContext,
  { value, keyAt, side }: { readonly value: DocumentNode; readonly keyAt: number; readonly side: RuleSide },
): Peer | undefined {
  if (side === 'from') {
    return report(context, {
      code: 'bad-peer',
      at: keyAt,
      message: '"fqdn" stands in from; it is allowed in to only, since a source shows an address and no name',
      suggestion: 'use cidr or ipList',
    });
  }
  const text = readText(context, value, 'fqdn');
  if (text === undefined) return undefined;
  const name = domainName(text.value);
  if (name !== undefined) return { kind: 'fqdn', name };
  return report(context, {
    code: 'bad-domain-name',
    at: value.at,
    message: `"${shortened(text.value)}" is no domain name; one is as api.example.com or *.example.com`,
  });
}

function badPeer(context: ReadContext, node: DocumentNode, message: string): undefined {
  return report(context, { code: 'bad-peer', at: node.at, message });
}
