// The small readers that every kind of document is read with: mappings with known keys, strings, lists, one of some words.
// Each gives the value, or reports what was found and what is allowed and gives undefined.

import { closestName } from '#model/closest-name.ts';
import {
  type DocumentNode,
  describeNode,
  type ListNode,
  type MapNode,
  type ScalarNode,
  shortened,
} from '#policy/source/document-node.ts';
import type { Position } from '#policy/source/position.ts';
import { mostProblemsNoted, type Problem } from '#policy/source/problem.ts';
import type { Finding, SourceFile } from '#policy/source/source-file.ts';

/** Where a document's readers report to. `problems` is filled as they go. */
export interface ReadContext {
  readonly file: SourceFile;
  readonly problems: Problem[];
}

export interface Fields {
  readonly node: MapNode;
  readonly at: number;
  get(key: string): DocumentNode | undefined;
  keyAt(key: string): number;
}

export function report(context: ReadContext, finding: Finding): undefined {
  if (context.problems.length < mostProblemsNoted) context.problems.push(context.file.problem(finding));
  return undefined;
}

export function positionOf(context: ReadContext, node: DocumentNode): Position {
  return context.file.position(node.at);
}

/** "a, b or c". */
export function alternatives(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** The mapping's fields; keys not among `allowed` are reported, and the rest is read all the same. */
export function readFields(
  context: ReadContext,
  node: DocumentNode,
  { what, allowed }: { readonly what: string; readonly allowed: readonly string[] },
): Fields | undefined {
  const map = readMap(context, node, what);
  if (map === undefined) return undefined;
  const fields = fieldsOf(map);
  for (const entry of map.entries) {
    if (allowed.includes(entry.key)) continue;
    const closest = closestName(entry.key, allowed);
    report(context, {
      code: 'unknown-key',
      at: entry.keyAt,
      message: `"${shortened(entry.key)}" is no key of ${what}; allowed are ${allowed.join(', ')}`,
      suggestion: closest === undefined ? undefined : `did you mean "${closest}"?`,
    });
  }
  return fields;
}

export function readMap(context: ReadContext, node: DocumentNode, what: string): MapNode | undefined {
  if (node.kind === 'map') return node;
  return wrongType(context, node, `${what} is a mapping`);
}

export function fieldsOf(node: MapNode): Fields {
  const byKey = new Map(node.entries.map((entry) => [entry.key, entry]));
  return {
    node,
    at: node.at,
    get: (key) => byKey.get(key)?.value,
    keyAt: (key) => byKey.get(key)?.keyAt ?? node.at,
  };
}

/** The field's node, or a report that it is missing. */
export function requireField(
  context: ReadContext,
  fields: Fields,
  { key, what, example }: { readonly key: string; readonly what: string; readonly example: string },
): DocumentNode | undefined {
  const node = fields.get(key);
  if (node !== undefined) return node;
  return report(context, {
    code: 'missing-field',
    at: fields.at,
    message: `${what} has no "${key}", which it must have`,
    suggestion: `add ${example}`,
  });
}

export function wrongType(context: ReadContext, node: DocumentNode, allowed: string, suggestion?: string): undefined {
  if (node.kind === 'refused') return undefined;
  return report(context, {
    code: 'wrong-type',
    at: node.at,
    message: `found ${describeNode(node)}; ${allowed}`,
    suggestion,
  });
}

export function readText(context: ReadContext, node: DocumentNode, what: string): TextNode | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'string') return { ...node, value: node.value };
  return wrongType(context, node, `${what} is a string`, quotesSuggestion(node));
}

export type TextNode = ScalarNode & { readonly value: string };

/** `"true"`, for a scalar that YAML reads as something else than a string. */
export function quotesSuggestion(node: DocumentNode): string | undefined {
  if (node.kind !== 'scalar' || node.value === null || typeof node.value === 'string') return undefined;
  return `put it in quotes: "${shortened(node.source)}"`;
}

/** A string for people to read: any text of up to 4,096 characters. */
export function readProse(context: ReadContext, node: DocumentNode | undefined, what: string): string | undefined {
  if (node === undefined) return undefined;
  const text = readText(context, node, what);
  if (text === undefined || text.value.length <= 4096) return text?.value;
  return report(context, {
    code: 'bad-value',
    at: node.at,
    message: `${what} has ${text.value.length} characters; at most 4096 are allowed`,
  });
}

export function readList(context: ReadContext, node: DocumentNode, what: string): ListNode | undefined {
  if (node.kind !== 'list') {
    const isOne = node.kind === 'map' || (node.kind === 'scalar' && node.value !== null);
    return wrongType(context, node, `${what} is a list`, isOne ? 'put it in brackets: […]' : undefined);
  }
  if (node.items.length > 0) return node;
  return report(context, {
    code: 'empty-list',
    at: node.at,
    message: `${what} is an empty list; it has at least one entry`,
    suggestion: 'name at least one entry, or remove the field if it is optional',
  });
}

/** Each entry of a list that is not empty, read; entries that failed are left out, after their reports. */
export function readEntries<T>(
  context: ReadContext,
  node: DocumentNode,
  { what, read }: { readonly what: string; readonly read: (item: DocumentNode, index: number) => T | undefined },
): readonly T[] {
  const values: T[] = [];
  for (const [index, item] of (readList(context, node, what)?.items ?? []).entries()) {
    const value = read(item, index);
    if (value !== undefined) values.push(value);
  }
  return values;
}

/** One of some words. */
export function readWord<T extends string>(
  context: ReadContext,
  node: DocumentNode,
  { what, words }: { readonly what: string; readonly words: readonly T[] },
): T | undefined {
  const isText = node.kind === 'scalar' && typeof node.value === 'string';
  const word = words.find((candidate) => isText && candidate === node.value);
  if (word !== undefined) return word;
  if (!isText) {
    const isWordUnquoted = node.kind === 'scalar' && words.some((candidate) => candidate === node.source);
    return wrongType(
      context,
      node,
      `${what} is ${alternatives(words)}`,
      isWordUnquoted ? quotesSuggestion(node) : undefined,
    );
  }
  const closest = closestName(String(node.value), words);
  return report(context, {
    code: 'bad-value',
    at: node.at,
    message: `found ${describeNode(node)}; ${what} is ${alternatives(words)}`,
    suggestion: closest === undefined ? undefined : `did you mean "${closest}"?`,
  });
}
