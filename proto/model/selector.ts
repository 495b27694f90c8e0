// The label selector of docs/reference/policy.md: its tree, and what it matches. Reading one from text is
// parse-selector.ts.

import type { Labels } from './label.ts';

/** `==` is `in` with one value, `!=` is `not-in` with one; both negative forms also match where the key is absent. */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: 'in'; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly kind: 'not-in'; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly kind: 'not'; readonly term: Selector }
  | { readonly kind: 'and'; readonly terms: readonly Selector[] }
  | { readonly kind: 'or'; readonly terms: readonly Selector[] };

export function selectorMatches(selector: Selector, labels: Labels): boolean {
  switch (selector.kind) {
    case 'all':
      return true;
    case 'has':
      return labels.has(selector.key);
    case 'in': {
      const value = labels.get(selector.key);
      return value !== undefined && selector.values.has(value);
    }
    case 'not-in': {
      const value = labels.get(selector.key);
      return value === undefined || !selector.values.has(value);
    }
    case 'not':
      return !selectorMatches(selector.term, labels);
    case 'and':
      return selector.terms.every((term) => selectorMatches(term, labels));
    case 'or':
      return selector.terms.some((term) => selectorMatches(term, labels));
  }
}
