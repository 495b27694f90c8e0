// Segment and Guardrail documents, with names already collected: every reference is resolved here.

import type { ServiceTerm } from '#model/service.ts';
import type { DenyAction, EnforcementMode } from '#model/verdict.ts';
import { enforcementModes } from '#model/verdict.ts';
import type { Guardrail, GuardrailEntry, Peer, Rule, Segment } from '#policy/policy/policy.ts';
import type { DocumentNode } from '#policy/source/document-node.ts';
import {
  type Fields,
  positionOf,
  type ReadContext,
  readEntries,
  readFields,
  readProse,
  readText,
  readWord,
  report,
  requireField,
  wrongType,
} from './fields.ts';
import { type PeerNames, type RuleSide, readPeers } from './peers.ts';
import { readInstant, readWindow } from './time.ts';
import { readLabelKey, readName, readServices, requireSelector, type ServiceNames } from './values.ts';

/** All that documents may refer to by name. */
export interface PolicyNames extends PeerNames {
  readonly services: ServiceNames;
}

/** What stands around a spec. */
export interface Envelope {
  readonly name: string;
  readonly nameAt: number;
  readonly description: string | undefined;
  readonly spec: DocumentNode;
}

const segmentKeys = ['selector', 'inbound', 'outbound', 'selective', 'onDeny', 'each', 'rules'];
const ruleKeys = ['name', 'from', 'to', 'services', 'reason', 'owner', 'expires', 'when'];
const denyActions: readonly DenyAction[] = ['drop', 'reject'];

export function readSegment(context: ReadContext, envelope: Envelope, names: PolicyNames): Segment | undefined {
  const fields = readFields(context, envelope.spec, { what: "a Segment's spec", allowed: segmentKeys });
  if (fields === undefined) return undefined;
  const selector = requireSelector(context, fields, "a Segment's spec");
  const selectiveNode = fields.get('selective');
  const segment = {
    name: envelope.name,
    ...(envelope.description === undefined ? {} : { description: envelope.description }),
    inbound: readMode(context, fields, 'inbound'),
    outbound: readMode(context, fields, 'outbound'),
    selective:
      selectiveNode === undefined
        ? []
        : readServices(context, selectiveNode, { what: 'selective', names: names.services }),
    onDeny: readOnDeny(context, fields),
    each: readEach(context, fields),
    rules: readRules(context, fields, names),
    position: context.file.position(envelope.nameAt),
  };
  if (selector === undefined) return undefined;
  return { ...segment, selector: selector.selector, selectorText: selector.text };
}

function readMode(context: ReadContext, fields: Fields, direction: 'inbound' | 'outbound'): EnforcementMode {
  const node = fields.get(direction);
  if (node === undefined) return 'observe';
  return readWord(context, node, { what: direction, words: enforcementModes }) ?? 'observe';
}

function readOnDeny(context: ReadContext, fields: Fields): Segment['onDeny'] {
  const defaults = { inbound: 'drop', outbound: 'reject' } as const;
  const node = fields.get('onDeny');
  const own =
    node === undefined ? undefined : readFields(context, node, { what: 'onDeny', allowed: ['inbound', 'outbound'] });
  const read = (direction: 'inbound' | 'outbound'): DenyAction => {
    const action = own?.get(direction);
    if (action === undefined) return defaults[direction];
    return readWord(context, action, { what: `onDeny.${direction}`, words: denyActions }) ?? defaults[direction];
  };
  return { inbound: read('inbound'), outbound: read('outbound') };
}

function readEach(context: ReadContext, fields: Fields): readonly string[] {
  const node = fields.get('each');
  if (node === undefined) return [];
  const seen = new Set<string>();
  return readEntries(context, node, {
    what: 'each',
    read: (item) => {
      const text = readText(context, item, 'a label key in each');
      const key = text === undefined ? undefined : readLabelKey(context, { key: text.value, at: item.at });
      if (key === undefined) return undefined;
      if (seen.has(key)) {
        return report(context, {
          code: 'duplicate-entry',
          at: item.at,
          message: `each names "${key}" twice; it names each label key once`,
        });
      }
      seen.add(key);
      return key;
    },
  });
}

/** `rules` may be absent or empty. */
function readRules(context: ReadContext, fields: Fields, names: PolicyNames): readonly Rule[] {
  const node = fields.get('rules');
  if (node === undefined) return [];
  if (node.kind !== 'list') {
    wrongType(
      context,
      node,
      'rules is a list of rules',
      node.kind === 'map' ? 'put a "-" before each rule' : undefined,
    );
    return [];
  }
  const rules: Rule[] = [];
  const byName = new Map<string, Rule>();
  for (const item of node.items) {
    const rule = readRule(context, item, names);
    if (rule === undefined) continue;
    rules.push(rule);
    const first = byName.get(rule.name);
    if (first === undefined) byName.set(rule.name, rule);
    else {
      report(context, {
        code: 'duplicate-name',
        at: nameOffset(item),
        message: `the segment has a second rule "${rule.name}" (the first is at line ${first.position.line}); rule names are unique in a segment`,
      });
    }
  }
  return rules;
}

function nameOffset(rule: DocumentNode): number {
  const entry = rule.kind === 'map' ? rule.entries.find((candidate) => candidate.key === 'name') : undefined;
  return entry?.value.at ?? rule.at;
}

function readRule(context: ReadContext, node: DocumentNode, names: PolicyNames): Rule | undefined {
  const fields = readFields(context, node, { what: 'a rule', allowed: ruleKeys });
  if (fields === undefined) return undefined;
  const nameNode = requireField(context, fields, {
    key: 'name',
    what: 'a rule',
    example: 'name: NAME, unique in the segment',
  });
  const name = nameNode === undefined ? undefined : readName(context, nameNode, "a rule's name");
  const match = readMatch(context, fields, { what: 'a rule', names });
  const expires = fields.get('expires');
  const expiresAt = expires === undefined ? undefined : readInstant(context, expires, 'expires');
  const windowNode = fields.get('when');
  const when = windowNode === undefined ? undefined : readWindow(context, windowNode);
  const reason = readProse(context, fields.get('reason'), 'reason');
  const owner = readProse(context, fields.get('owner'), 'owner');
  if (name === undefined) return undefined;
  return {
    name,
    ...match,
    ...(reason === undefined ? {} : { reason }),
    ...(owner === undefined ? {} : { owner }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(when === undefined ? {} : { when }),
    position: positionOf(context, nameNode ?? node),
  };
}

interface Match {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  readonly services: readonly ServiceTerm[];
}

/** `from`, `to` and `services`, which rules and guardrail entries share. */
function readMatch(
  context: ReadContext,
  fields: Fields,
  { what, names }: { readonly what: string; readonly names: PolicyNames },
): Match {
  const side = (key: RuleSide): readonly Peer[] => {
    const node = requireField(context, fields, { key, what, example: `${key}: [PEER, …]; [any] is every address` });
    return node === undefined ? [] : readPeers(context, node, { side: key, names });
  };
  const from = side('from');
  const to = side('to');
  const services = requireField(context, fields, {
    key: 'services',
    what,
    example: 'services: [tcp/443]; [any] is every service',
  });
  return {
    from,
    to,
    services:
      services === undefined ? [] : readServices(context, services, { what: 'services', names: names.services }),
  };
}

export function readGuardrail(context: ReadContext, envelope: Envelope, names: PolicyNames): Guardrail | undefined {
  const fields = readFields(context, envelope.spec, { what: "a Guardrail's spec", allowed: ['mode', 'deny'] });
  if (fields === undefined) return undefined;
  const modeNode = requireField(context, fields, { key: 'mode', what: "a Guardrail's spec", example: 'mode: observe' });
  const mode =
    modeNode === undefined
      ? undefined
      : readWord(context, modeNode, { what: "a Guardrail's mode", words: ['observe', 'enforce'] as const });
  const denyNode = requireField(context, fields, {
    key: 'deny',
    what: "a Guardrail's spec",
    example: 'deny: [{ from: […], to: […], services: […] }]',
  });
  const deny =
    denyNode === undefined
      ? []
      : readEntries(context, denyNode, { what: 'deny', read: (item) => readGuardrailEntry(context, item, names) });
  if (mode === undefined) return undefined;
  return { name: envelope.name, mode, deny, position: context.file.position(envelope.nameAt) };
}

function readGuardrailEntry(context: ReadContext, node: DocumentNode, names: PolicyNames): GuardrailEntry | undefined {
  const fields = readFields(context, node, {
    what: "a guardrail's entry",
    allowed: ['from', 'to', 'services', 'reason'],
  });
  if (fields === undefined) return undefined;
  const match = readMatch(context, fields, { what: "a guardrail's entry", names });
  const reason = readProse(context, fields.get('reason'), 'reason');
  return { ...match, ...(reason === undefined ? {} : { reason }), position: positionOf(context, node) };
}
