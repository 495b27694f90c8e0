// What YAML anchors stand for, in bounds: an alias is the very node of its anchor, and all that aliases of a file stand for is counted,
// so that a few lines cannot come to mean millions of values.

import type { DocumentNode } from './document-node.ts';

/** Values that all aliases of a file may stand for together. */
export const mostAliasedValues = 10_000;

export type Alias =
  | { readonly kind: 'known'; readonly node: DocumentNode }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-much' };

export interface Aliases {
  /** From here on the name stands for the node. */
  anchor(name: string, node: DocumentNode): void;
  resolve(name: string): Alias;
}

/** Of one document; `budget` is the file's. */
export function createAliases(budget: { aliasedLeft: number }, maxDepth: number): Aliases {
  const anchors = new Map<string, DocumentNode>();
  const sizes = new WeakMap<DocumentNode, { readonly values: number; readonly depth: number }>();

  /** Each node once: what an alias stands for has been measured at its anchor. */
  const measure = (node: DocumentNode): { readonly values: number; readonly depth: number } => {
    const known = sizes.get(node);
    if (known !== undefined) return known;
    const inside =
      node.kind === 'map' ? node.entries.map(({ value }) => value) : node.kind === 'list' ? node.items : [];
    let [values, depth] = [1, 1];
    for (const one of inside) {
      const size = measure(one);
      values += size.values;
      depth = Math.max(depth, size.depth + 1);
    }
    const size = { values, depth };
    if (inside.length > 0) sizes.set(node, size);
    return size;
  };

  return {
    anchor(name, node) {
      measure(node);
      anchors.set(name, node);
    },
    resolve(name) {
      const node = anchors.get(name);
      if (node === undefined) return { kind: 'unknown' };
      const { values, depth } = measure(node);
      budget.aliasedLeft -= values;
      return budget.aliasedLeft < 0 || depth > maxDepth ? { kind: 'too-much' } : { kind: 'known', node };
    },
  };
}
