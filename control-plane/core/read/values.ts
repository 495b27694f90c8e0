// The values that documents hold: names, labels, addresses, ranges, service terms, selectors, instants and time windows.
// Read from nodes, reported where they stood.

import { type Address, parseAddress } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr, subtractRanges } from '#model/address-range.ts';
import { closestName } from '#model/closest-name.ts';
import { factPrefix, labelKeyPattern, labelValuePattern, namePattern, reservedKeys } from '#model/label.ts';
import { parseSelector } from '#model/parse-selector.ts';
import type { Selector } from '#model/selector.ts';
import { parseServiceTerm, type ServiceTerm } from '#model/service.ts';
import { type DocumentNode, shortened } from '#policy/source/document-node.ts';
import {
  type Fields,
  quotesSuggestion,
  type ReadContext,
  readEntries,
  readText,
  report,
  requireField,
  type TextNode,
  wrongType,
} from './fields.ts';

export const nameForm = '1 to 63 of a-z 0-9 and -, beginning and ending with a letter or digit';

export function readName(context: ReadContext, node: DocumentNode, what: string): string | undefined {
  const text = readText(context, node, what);
  if (text === undefined || namePattern.test(text.value)) return text?.value;
  const nearest = text.value
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return report(context, {
    code: 'bad-name',
    at: node.at,
    message: `"${shortened(text.value)}" is no name; ${what} is ${nameForm}`,
    suggestion: namePattern.test(nearest) ? `for example "${nearest}"` : undefined,
  });
}

export function readLabelKey(
  context: ReadContext,
  { key, at }: { readonly key: string; readonly at: number },
): string | undefined {
  if (reservedKeys.has(key)) {
    return report(context, {
      code: 'bad-label-key',
      at,
      message: `"${key}" is a word of the selector language and no label key; any other of that form is allowed`,
    });
  }
  if (labelKeyPattern.test(key)) return key;
  return report(context, {
    code: 'bad-label-key',
    at,
    message: `"${shortened(key)}" is no label key; one is 1 to 63 of A-Z a-z 0-9 . _ / - beginning with a letter or digit`,
  });
}

/** A label's or a fact's value: always a string, so that true and 1 are never told from "true" and "1" by accident. */
export function readLabelValue(context: ReadContext, node: DocumentNode, what: string): string | undefined {
  if (node.kind === 'refused') return undefined;
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    const found =
      node.kind === 'scalar'
        ? node.value === null
          ? 'nothing'
          : node.source
        : `a ${node.kind === 'map' ? 'mapping' : 'list'}`;
    return report(context, {
      code: 'label-not-string',
      at: node.at,
      message: `${what} is ${shortened(found)}, which YAML does not read as a string; label values are strings`,
      suggestion: quotesSuggestion(node) ?? (node.kind === 'scalar' ? 'write "" for the empty value' : undefined),
    });
  }
  if (labelValuePattern.test(node.value)) return node.value;
  return report(context, {
    code: 'bad-label-value',
    at: node.at,
    message: `"${shortened(node.value)}" is no label value; one is up to 63 of A-Z a-z 0-9 . _ : / @ + -`,
  });
}

export function readAddress(context: ReadContext, node: DocumentNode): Address | undefined {
  const text = readText(context, node, 'an address');
  if (text === undefined) return undefined;
  const address = parseAddress(text.value);
  if (address.ok) return address.value;
  const isCidr = text.value.includes('/') && parseAddress(text.value.split('/')[0] ?? '').ok;
  return report(context, {
    code: 'bad-address',
    at: node.at,
    message: shortenedMessage(address.error),
    suggestion: isCidr ? `an address has no prefix length: "${text.value.split('/')[0]}"` : undefined,
  });
}

/** Each address once, with the offset of its first mention in the file. */
export function readAddresses(context: ReadContext, node: DocumentNode, what: string): ReadonlyMap<Address, number> {
  const places = new Map<Address, number>();
  readEntries(context, node, {
    what,
    read: (item) => {
      const address = readAddress(context, item);
      if (address !== undefined && !places.has(address)) places.set(address, item.at);
      return address;
    },
  });
  return places;
}

function readCidr(context: ReadContext, node: DocumentNode): AddressRange | undefined {
  const text = readText(context, node, 'a CIDR');
  if (text === undefined) return undefined;
  const range = parseCidr(text.value);
  if (range.ok) return range.value;
  const write = /; write ([a-z0-9.:/-]+)$/.exec(range.error)?.[1];
  return report(context, {
    code: 'bad-cidr',
    at: node.at,
    message: shortenedMessage(range.error),
    suggestion:
      write === undefined ? 'a CIDR is as 10.0.0.0/8, fd00::/8 or a bare address' : `did you mean "${write}"?`,
  });
}

export interface RangeFields {
  readonly cidrs: DocumentNode;
  readonly except: DocumentNode | undefined;
  readonly what: string;
  /** Whether `cidrs` is a list of CIDRs or one of them. */
  readonly form: 'list' | 'one';
}

/** `cidrs` less `except`, normalised; a warning where nothing is left. */
export function readRanges(context: ReadContext, { cidrs, except, what, form }: RangeFields): readonly AddressRange[] {
  const read = (item: DocumentNode) => readCidr(context, item);
  const ranges =
    form === 'list'
      ? readEntries(context, cidrs, { what, read })
      : [read(cidrs)].filter((range) => range !== undefined);
  const holes = except === undefined ? [] : readEntries(context, except, { what: 'except', read });
  const left = holes.length === 0 ? normaliseRanges(ranges) : subtractRanges(ranges, holes);
  if (ranges.length > 0 && left.length === 0) {
    report(context, {
      code: 'range-empty',
      at: except?.at ?? cidrs.at,
      message: 'the exceptions take out all of the range, so nothing is ever in it',
    });
  }
  return left;
}

/** What Service names stand for, where terms are read. */
export type ServiceNames = ReadonlyMap<string, readonly ServiceTerm[]>;

/** One term, or all terms of the Service that it names. */
export function readServiceTerm(
  context: ReadContext,
  node: DocumentNode,
  names: ServiceNames,
): readonly ServiceTerm[] | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'number') {
    return wrongType(context, node, 'a service is a string as tcp/443', `did you mean tcp/${shortened(node.source)}?`);
  }
  const text = readText(context, node, 'a service');
  if (text === undefined) return undefined;
  const named = names.get(text.value);
  if (named !== undefined) return named;
  const term = parseServiceTerm(text.value);
  if (term.ok) return [term.value];
  if (namePattern.test(text.value)) {
    const bare = /^(tcp|udp|sctp)$/.test(text.value);
    const closest = closestName(text.value, [...names.keys(), 'any', 'icmp', 'icmpv6']);
    return report(context, {
      code: bare || text.value === 'proto' ? 'bad-service' : 'dangling-reference',
      at: node.at,
      message:
        bare || text.value === 'proto'
          ? `"${text.value}" alone is no service; allowed are ${text.value}/${bare ? 'PORT and' : 'NUMBER'}${bare ? ` ${text.value}/LOW-HIGH` : ''}`
          : `there is no Service "${text.value}"; allowed are the Services of this policy, any, PROTO/PORT, PROTO/LOW-HIGH, icmp, icmp/TYPE, icmpv6, icmpv6/TYPE and proto/NUMBER`,
      suggestion: bare
        ? `all of ${text.value} is ${text.value}/1-65535`
        : closest === undefined
          ? undefined
          : `did you mean "${closest}"?`,
    });
  }
  const write = /; write ([a-z0-9.:/-]+)$/.exec(term.error)?.[1];
  return report(context, {
    code: 'bad-service',
    at: node.at,
    message: shortenedMessage(term.error),
    suggestion: write === undefined ? undefined : `did you mean "${write}"?`,
  });
}

export function readServices(
  context: ReadContext,
  node: DocumentNode,
  { what, names }: { readonly what: string; readonly names: ServiceNames },
): readonly ServiceTerm[] {
  return readEntries(context, node, { what, read: (item) => readServiceTerm(context, item, names) }).flat();
}

/** A Service's own list, which names no other Service. */
export function readOwnServiceTerms(
  context: ReadContext,
  node: DocumentNode,
  names: ReadonlySet<string>,
): readonly ServiceTerm[] {
  function read(item: DocumentNode): readonly ServiceTerm[] | undefined {
    if (
      item.kind === 'scalar' &&
      typeof item.value === 'string' &&
      names.has(item.value) &&
      !parseServiceTerm(item.value).ok
    ) {
      return report(context, {
        code: 'bad-service',
        at: item.at,
        message: `"${item.value}" is a Service; a Service lists terms as tcp/443, not other Services`,
        suggestion: `write out the terms of "${item.value}"`,
      });
    }
    return readServiceTerm(context, item, new Map());
  }
  return readEntries(context, node, { what: 'spec.ports', read }).flat();
}

export interface SelectorText {
  readonly selector: Selector;
  readonly text: string;
}

export function readSelector(context: ReadContext, node: DocumentNode, what: string): SelectorText | undefined {
  const text = readText(context, node, what);
  if (text === undefined) return undefined;
  const selector = parseSelector(text.value);
  if (selector.ok) {
    for (const { key, value } of impossibleValues(selector.value))
      report(context, {
        code: 'impossible-label-value',
        at: offsetInText(text, Math.max(0, text.value.indexOf(value))),
        message: `${what}: ${key} is compared with "${shortened(value)}", which no label can hold: values are at most 63 of A-Z a-z 0-9 . _ : / @ + -`,
        suggestion: suggestedValue(value),
      });
    return { selector: selector.value, text: text.value };
  }
  return report(context, {
    code: 'bad-selector',
    at: offsetInText(text, selector.error.offset),
    message: `${what}: ${selector.error.message}`,
    suggestion: selectorSuggestion(text.value),
  });
}

/** What a host reports of itself may be any text; what people give is a label. */
function impossibleValues(selector: Selector): readonly { readonly key: string; readonly value: string }[] {
  switch (selector.kind) {
    case 'in':
    case 'not-in': {
      const { key, values } = selector;
      if (key.startsWith(factPrefix)) return [];
      return [...values].filter((value) => !labelValuePattern.test(value)).map((value) => ({ key, value }));
    }
    case 'not':
      return impossibleValues(selector.term);
    case 'and':
    case 'or':
      return selector.terms.flatMap(impossibleValues);
    default:
      return [];
  }
}

function suggestedValue(value: string): string | undefined {
  const nearest = value
    .trim()
    .replaceAll(/[^A-Za-z0-9._:/@+-]+/g, '-')
    .slice(0, 63);
  return nearest === '' || nearest === value ? undefined : `did you mean "${nearest}"?`;
}

/** A single "=", words for operators: what people bring from other languages. */
function selectorSuggestion(text: string): string | undefined {
  if (text.length > 200) return undefined;
  const nearest = text
    .replaceAll(/([^=!<>])=(?!=)/g, '$1==')
    .replaceAll(/\s(and|AND)\s/g, ' && ')
    .replaceAll(/\s(or|OR)\s/g, ' || ')
    .replaceAll(/(^|[^&])&(?!&)/g, '$1&&')
    .replaceAll(/(^|[^|])\|(?!\|)/g, '$1||')
    .replaceAll(/(==|!=)(\s*)([A-Za-z0-9._:/@+-]+)/g, '$1$2"$3"');
  return nearest !== text && parseSelector(nearest).ok ? `did you mean: ${nearest}` : undefined;
}

/** The place in the file of an offset in a string, where the string stands in it as it is; else the string's start. */
export function offsetInText(node: TextNode, offset: number): number {
  return node.textAt === undefined ? node.at : node.textAt + offset;
}

/** A required list field under its key, or undefined after a report. */
export function requireSelector(context: ReadContext, fields: Fields, what: string): SelectorText | undefined {
  const node = requireField(context, fields, { key: 'selector', what, example: 'selector: app == "shop"' });
  return node === undefined ? undefined : readSelector(context, node, 'selector');
}

function shortenedMessage(message: string): string {
  return message.length <= 400 ? message : `${message.slice(0, 60)}…${message.slice(-120)}`;
}
