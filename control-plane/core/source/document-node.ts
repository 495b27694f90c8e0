// A document's tree as the policy reader sees it: mappings, lists and scalars, each with its offset in the file. Made by
// yaml-documents.ts; keys are strings and unique, aliases are gone.

export type ScalarValue = string | number | bigint | boolean | null;

export interface MapEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: DocumentNode;
  /** In { … } a key that stands alone, without a colon: most often the second half of a text with a comma. */
  readonly isBare?: true;
}

export interface MapNode {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly MapEntry[];
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly DocumentNode[];
}

/** `source` is the scalar as written. `textAt` is where a string's characters stand one to one in the file, if they do. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: number;
  readonly value: ScalarValue;
  readonly source: string;
  readonly textAt?: number;
}

/** What was refused already, and is passed over in silence from then on. */
export interface RefusedNode {
  readonly kind: 'refused';
  readonly at: number;
}

export type DocumentNode = MapNode | ListNode | ScalarNode | RefusedNode;

/** "the number 1", "true", "a list", for messages. */
export function describeNode(node: DocumentNode): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'refused') return 'a refused value';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'boolean') return String(node.value);
  if (typeof node.value === 'string') return `the text "${shortened(node.value)}"`;
  return `the number ${shortened(node.source)}`;
}

export function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
