// PolicyTest documents: assertions about who reaches whom.

import { parseAddress } from '#model/address.ts';
import { closestName } from '#model/closest-name.ts';
import type { Assertion, Judgement, PolicyTest, TestEnd } from '#policy/policy/policy.ts';
import { type DocumentNode, describeNode, shortened } from '#policy/source/document-node.ts';
import {
  positionOf,
  type ReadContext,
  readEntries,
  readFields,
  readMap,
  readText,
  readWord,
  report,
  requireField,
} from './fields.ts';
import { namesText, readReference } from './peers.ts';
import type { Envelope } from './segment.ts';
import { readAddress, readLabelKey, readLabelValue, readServiceTerm, type ServiceNames } from './values.ts';

/** `workloads` is undefined where the inventory is not known: then names of workloads are taken on trust. */
export interface TestNames {
  readonly services: ServiceNames;
  /** Segment names, each with the names of its rules. */
  readonly segments: ReadonlyMap<string, ReadonlySet<string>>;
  readonly workloads: ReadonlyMap<string, unknown> | undefined;
}

const judgements: readonly Judgement[] = ['as-written', 'as-enforced'];

const endForms = 'the name of a workload, { ip: ADDRESS } or { labels: { KEY: VALUE } }';

export function readPolicyTest(context: ReadContext, envelope: Envelope, names: TestNames): PolicyTest | undefined {
  const fields = readFields(context, envelope.spec, { what: "a PolicyTest's spec", allowed: ['judge', 'tests'] });
  if (fields === undefined) return undefined;
  const node = requireField(context, fields, {
    key: 'tests',
    what: "a PolicyTest's spec",
    example: 'tests: [{ from: …, to: …, service: …, expect: … }]',
  });
  const tests =
    node === undefined
      ? []
      : readEntries(context, node, { what: 'tests', read: (item) => readAssertion(context, item, names) });
  const judgeNode = fields.get('judge');
  const judge =
    judgeNode === undefined ? 'as-written' : readWord(context, judgeNode, { what: 'judge', words: judgements });
  if (judge === undefined) return undefined;
  return { name: envelope.name, judge, tests, position: context.file.position(envelope.nameAt) };
}

function readAssertion(context: ReadContext, node: DocumentNode, names: TestNames): Assertion | undefined {
  const fields = readFields(context, node, { what: 'a test', allowed: ['from', 'to', 'service', 'expect', 'via'] });
  if (fields === undefined) return undefined;
  const required = (key: string, example: string) => requireField(context, fields, { key, what: 'a test', example });
  const fromNode = required('from', 'from: web-1');
  const toNode = required('to', 'to: api-1');
  const serviceNode = required('service', 'service: tcp/443');
  const expectNode = required('expect', 'expect: allow');
  const viaNode = fields.get('via');
  const from = fromNode === undefined ? undefined : readEnd(context, fromNode, { what: 'from', names });
  const to = toNode === undefined ? undefined : readEnd(context, toNode, { what: 'to', names });
  const services = serviceNode === undefined ? undefined : readServiceTerm(context, serviceNode, names.services);
  const expect =
    expectNode === undefined
      ? undefined
      : readWord(context, expectNode, { what: 'expect', words: ['allow', 'deny'] as const });
  const via = viaNode === undefined ? undefined : readVia(context, viaNode, names);
  if (viaNode !== undefined && expect === 'deny') {
    report(context, {
      code: 'field-not-allowed',
      at: fields.keyAt('via'),
      message: '"via" stands in a test that expects deny; no rule denies, so it is allowed with expect: allow only',
      suggestion: 'remove it',
    });
  }
  if (from?.kind === 'address' && to?.kind === 'address' && from.address.includes(':') !== to.address.includes(':')) {
    report(context, {
      code: 'bad-value',
      at: node.at,
      message: 'the test goes from one address family to the other; both ends are IPv4 or both are IPv6',
    });
  }
  if (from === undefined || to === undefined || services === undefined || expect === undefined) return undefined;
  if (viaNode !== undefined && via === undefined) return undefined;
  const serviceText = serviceNode?.kind === 'scalar' ? String(serviceNode.value) : '';
  return {
    from,
    to,
    services,
    serviceText,
    expect,
    ...(via === undefined ? {} : { via }),
    position: positionOf(context, node),
  };
}

function readEnd(
  context: ReadContext,
  node: DocumentNode,
  { what, names }: { readonly what: 'from' | 'to'; readonly names: TestNames },
): TestEnd | undefined {
  if (node.kind === 'map') return readEndForm(context, node, what);
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    if (node.kind === 'refused') return undefined;
    return report(context, {
      code: 'wrong-type',
      at: node.at,
      message: `found ${describeNode(node)}; ${what} is ${endForms}`,
    });
  }
  const name = node.value;
  if (names.workloads === undefined || names.workloads.has(name)) return { kind: 'workload', workload: name };
  const isAddress = parseAddress(name).ok;
  const closest = closestName(name, names.workloads.keys());
  return report(context, {
    code: 'dangling-reference',
    at: node.at,
    message: `there is no Workload "${shortened(name)}"; ${what} is ${endForms}`,
    suggestion: isAddress
      ? `did you mean { ip: "${name}" }?`
      : closest === undefined
        ? undefined
        : `did you mean "${closest}"?`,
  });
}

function readEndForm(context: ReadContext, node: DocumentNode, what: 'from' | 'to'): TestEnd | undefined {
  const fields = readFields(context, node, { what: `${what} of a test`, allowed: ['ip', 'labels'] });
  const ip = fields?.get('ip');
  const labels = fields?.get('labels');
  if ((ip === undefined) === (labels === undefined)) {
    return report(context, {
      code: 'bad-value',
      at: node.at,
      message: `found a mapping with ${ip === undefined ? 'neither ip nor labels' : 'both ip and labels'}; ${what} is ${endForms}`,
    });
  }
  if (ip !== undefined) {
    const address = readAddress(context, ip);
    return address === undefined ? undefined : { kind: 'address', address };
  }
  const map = labels === undefined ? undefined : readMap(context, labels, 'labels');
  if (map === undefined) return undefined;
  const wanted = new Map<string, string>();
  for (const entry of map.entries) {
    const key = readLabelKey(context, { key: entry.key, at: entry.keyAt });
    const value = readLabelValue(context, entry.value, `the label "${shortened(entry.key)}"`);
    if (key !== undefined && value !== undefined) wanted.set(key, value);
  }
  return { kind: 'labels', labels: wanted };
}

function readVia(context: ReadContext, node: DocumentNode, names: TestNames): Assertion['via'] {
  const text = readText(context, node, 'via');
  if (text === undefined) return undefined;
  const [segment = '', rule, ...rest] = text.value.split('/');
  if (rule === undefined || rest.length > 0) {
    return report(context, {
      code: 'bad-value',
      at: node.at,
      message: `"${shortened(text.value)}" is no rule's address; via is as SEGMENT/RULE`,
    });
  }
  const rules = names.segments.get(segment);
  if (rules === undefined) {
    readReference(context, { ...text, value: segment }, { kind: 'Segment', names: names.segments });
    return undefined;
  }
  if (rules.has(rule)) return { segment, rule };
  const byName = new Map([...rules].map((name) => [name, name]));
  const closest = closestName(rule, rules);
  return report(context, {
    code: 'dangling-reference',
    at: node.at,
    message: `the segment "${segment}" has no rule "${shortened(rule)}"; allowed are its rules${namesText(byName)}`,
    suggestion: closest === undefined ? undefined : `did you mean "${segment}/${closest}"?`,
  });
}
